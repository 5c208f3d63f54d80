/* SPDX-License-Identifier: MIT */
/* The contract of sched/poller.h, on kernel threads that are no carriers. */
#include "sched/poller.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "in_sched.h"
#include "sys/linux/force.h"
#include "sys/sys.h"

static bool wait_and_deliver(struct weft__poller *poller, int64_t deadline_ns)
{
	struct weft__poller_batch batch;

	weft__poller_wait(poller, deadline_ns, &batch);
	return weft__poller_deliver(&batch);
}

/* ---- rings */

#define WAITERS 4

struct waiters {
	struct weft__poller poller;
	uint32_t present; /* atomic */
	uint32_t rung;    /* atomic: how many have been told of a ring */
};

static void *wait_for_ring(void *arg)
{
	struct waiters *waiters = arg;

	__atomic_fetch_add(&waiters->present, 1, __ATOMIC_ACQ_REL);
	while (!wait_and_deliver(&waiters->poller, WEFT_FOREVER))
		;
	__atomic_fetch_add(&waiters->rung, 1, __ATOMIC_ACQ_REL);
	return NULL;
}

static void await(const uint32_t *word, uint32_t value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) < value)
		weft__sys_thread_yield();
}

/*
 * As many rings as waiters, each when the one before has arrived. If one told two of them, a later
 * one would be left over.
 */
static void a_ring_wakes_one_of_several(void **state)
{
	for (int round = 0; round < 200; round++) {
		struct waiters waiters = { .present = 0 };
		pthread_t threads[WAITERS];

		assert_int_equal(weft__poller_open(&waiters.poller), 0);
		for (int i = 0; i < WAITERS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, wait_for_ring, &waiters),
					 0);
		await(&waiters.present, WAITERS);
		for (uint32_t i = 0; i < WAITERS; i++) {
			weft__poller_ring(&waiters.poller);
			await(&waiters.rung, i + 1);
		}
		for (int i = 0; i < WAITERS; i++)
			pthread_join(threads[i], NULL);
		assert_int_equal(waiters.rung, WAITERS);
		assert_false(wait_and_deliver(&waiters.poller, 0));
		weft__poller_close(&waiters.poller);
	}
}

static void a_ring_with_nobody_there_is_kept_and_rings_do_not_add_up(void **state)
{
	struct weft__poller poller;

	assert_int_equal(weft__poller_open(&poller), 0);
	assert_false(wait_and_deliver(&poller, 0)); /* new, it holds none */
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i <= round; i++)
			weft__poller_ring(&poller);
		assert_true(wait_and_deliver(&poller, round % 2 ? WEFT_FOREVER : 0));
		assert_false(wait_and_deliver(&poller, 0));
	}
	weft__poller_close(&poller);
}

static void a_wait_ends_at_its_deadline_and_never_before(void **state)
{
	struct weft__poller poller;

	assert_int_equal(weft__poller_open(&poller), 0);
	for (int i = 0; i < 20; i++) {
		int64_t deadline_ns = weft_now() + i * 100 * WEFT_US;

		assert_false(wait_and_deliver(&poller, deadline_ns));
		assert_true(weft_now() >= deadline_ns);
	}
	assert_false(wait_and_deliver(&poller, 1)); /* long past */
	assert_int_equal(poller.waits, 21);
	weft__poller_close(&poller);
}

/* ---- events */

static struct {
	int count;
	uint64_t tag;
	uint32_t ready;
	int closed;
	const struct weft__poller *closing;
} noted;

static void note_event(uint64_t tag, uint32_t ready)
{
	noted.count++;
	noted.tag = tag;
	noted.ready = ready;
}

static void note_closing(struct weft__poller *poller)
{
	noted.closed++;
	noted.closing = poller;
}

static const struct weft__poller_events events = { .event = note_event, .closing = note_closing };

static int fasten(void **state)
{
	memset(&noted, 0, sizeof noted);
	weft__poller_events = &events;
	return 0;
}

static int unfasten(void **state)
{
	weft__poller_events = NULL;
	return 0;
}

static void an_edge_is_one_event_with_its_tag(void **state)
{
	const uint64_t tag = (UINT64_C(1) << 63) - 1;
	struct weft__poller poller;
	int ends[2];

	assert_int_equal(weft__sys_pipe(ends), 0);
	assert_int_equal(weft__poller_open(&poller), 0);
	assert_int_equal(poller.fds, 0);
	assert_int_equal(weft__poller_add(&poller, ends[0], tag), 0);
	assert_int_equal(poller.fds, 1);
	assert_int_equal(weft__poller_add(&poller, ends[0], tag), -EEXIST);
	assert_int_equal(poller.fds, 1);
	assert_false(wait_and_deliver(&poller, 0));
	assert_int_equal(noted.count, 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_false(wait_and_deliver(&poller, WEFT_FOREVER)); /* an event is no ring */
	assert_int_equal(noted.count, 1);
	assert_true(noted.tag == tag);
	assert_int_equal(noted.ready & WEFT__POLL_READ, WEFT__POLL_READ);
	assert_false(wait_and_deliver(&poller, 0)); /* though it can still be read */
	assert_int_equal(noted.count, 1);
	/* An event and a ring at once are both delivered. */
	assert_int_equal(write(ends[1], "x", 1), 1);
	weft__poller_ring(&poller);
	assert_true(wait_and_deliver(&poller, WEFT_FOREVER));
	assert_int_equal(noted.count, 2);
	weft__poller_remove(&poller, ends[0]);
	assert_int_equal(poller.fds, 0);
	weft__poller_remove(&poller, ends[0]); /* it is not there */
	assert_int_equal(poller.fds, 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_false(wait_and_deliver(&poller, 0));
	assert_int_equal(noted.count, 2);
	weft__poller_close(&poller);
	close(ends[0]);
	close(ends[1]);
}

/* Who slept first sees to his processor, then delivers. */
static void nothing_is_delivered_before_it_is_asked_for(void **state)
{
	struct weft__poller_batch batch;
	struct weft__poller poller;
	int ends[2];

	assert_int_equal(weft__sys_pipe(ends), 0);
	assert_int_equal(weft__poller_open(&poller), 0);
	assert_int_equal(weft__poller_add(&poller, ends[1], 5), 0);
	weft__poller_wait(&poller, WEFT_FOREVER, &batch);
	assert_int_equal(noted.count, 0);
	assert_int_equal(batch.count, 1);
	assert_false(weft__poller_deliver(&batch));
	assert_int_equal(noted.count, 1);
	assert_true(noted.tag == 5);
	batch.count = 0;
	assert_false(weft__poller_deliver(&batch));
	batch.count = -EINTR; /* the wait was disturbed */
	assert_false(weft__poller_deliver(&batch));
	assert_int_equal(noted.count, 1);
	weft__poller_close(&poller);
	close(ends[0]);
	close(ends[1]);
}

static void a_report_that_was_ordered_once_comes_once(void **state)
{
	struct weft__poller poller;
	int ends[2];

	assert_int_equal(weft__sys_pipe(ends), 0);
	assert_int_equal(weft__poller_open(&poller), 0);
	for (uint64_t round = 1; round <= 3; round++) {
		assert_int_equal(weft__poller_once(&poller, ends[1], WEFT__POLL_WRITE, round), 0);
		assert_true(poller.fds != 0);
		assert_false(wait_and_deliver(&poller, WEFT_FOREVER));
		assert_int_equal(noted.count, round);
		assert_true(noted.tag == round);
		assert_false(wait_and_deliver(&poller, 0));
		assert_int_equal(noted.count, round);
	}
	weft__poller_close(&poller);
	close(ends[0]);
	close(ends[1]);
}

static void a_regular_file_cannot_be_waited_for(void **state)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct weft__poller poller;

	assert_true(file >= 0);
	assert_int_equal(weft__poller_open(&poller), 0);
	assert_int_equal(weft__poller_add(&poller, file, 1), -EPERM);
	assert_int_equal(poller.fds, 0);
	weft__poller_close(&poller);
	close(file);
}

/* ---- opening and closing */

/* A descriptor that was left takes the place of one of the next two. */
static void assert_none_left(int next_fd)
{
	int one = dup(0), two = dup(0);

	assert_int_equal(one, next_fd);
	assert_int_equal(two, next_fd + 1);
	close(one);
	close(two);
}

static int next_descriptor(void)
{
	int fd = dup(0), next = fd;

	close(fd);
	return next;
}

static void closing_is_told_and_leaves_no_descriptor(void **state)
{
	int next_fd = next_descriptor();
	struct weft__poller one, two;

	assert_int_equal(weft__poller_open(&one), 0);
	assert_int_equal(weft__poller_open(&two), 0);
	assert_true(one.id >= 1 && two.id > one.id);
	weft__poller_close(&one);
	assert_int_equal(noted.closed, 1);
	assert_ptr_equal(noted.closing, &one);
	assert_none_left(next_fd);
	weft__poller_close(&two);
	assert_ptr_equal(noted.closing, &two);
	assert_none_left(next_fd);
}

static void without_descriptors_none_is_opened_and_none_left(void **state)
{
	int next_fd = next_descriptor();
	struct weft__poller poller = { .set = 77 };
	struct rlimit limit, few;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int spare = 0; spare < 2; spare++) {
		few = (struct rlimit){ (rlim_t)(next_fd + spare), limit.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		assert_int_equal(weft__poller_open(&poller), -EMFILE);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_int_equal(poller.set, 77);
		assert_none_left(next_fd);
	}
	weft__sys_force.fail_poller = 1;
	assert_int_equal(weft__poller_open(&poller), -EMFILE);
	assert_none_left(next_fd);
}

static int own_poller(void *arg)
{
	return weft__poller_self() != NULL && weft__poller_self()->id != 0 ? 0 : 1;
}

static void a_light_thread_has_its_scheduler_s_poller_and_others_none(void **state)
{
	assert_null(weft__poller_self());
	on_processors(own_poller, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_wakes_one_of_several),
		cmocka_unit_test(a_ring_with_nobody_there_is_kept_and_rings_do_not_add_up),
		cmocka_unit_test(a_wait_ends_at_its_deadline_and_never_before),
		cmocka_unit_test_setup_teardown(an_edge_is_one_event_with_its_tag, fasten,
						unfasten),
		cmocka_unit_test_setup_teardown(nothing_is_delivered_before_it_is_asked_for, fasten,
						unfasten),
		cmocka_unit_test_setup_teardown(a_report_that_was_ordered_once_comes_once, fasten,
						unfasten),
		cmocka_unit_test_setup_teardown(a_regular_file_cannot_be_waited_for, fasten,
						unfasten),
		cmocka_unit_test_setup_teardown(closing_is_told_and_leaves_no_descriptor, fasten,
						unfasten),
		cmocka_unit_test(without_descriptors_none_is_opened_and_none_left),
		cmocka_unit_test(a_light_thread_has_its_scheduler_s_poller_and_others_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
