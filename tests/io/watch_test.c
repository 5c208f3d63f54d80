/* SPDX-License-Identifier: MIT */
/* Watches: what they are told, and that nothing is told after their end. */
#include "rig.h"

#include <sched.h>

#include "io/watch.h"
#include "sched/park.h"
#include "sched/thread.h"

struct counter {
	struct weft__watch watch;
	int fd;
	int calls;       /* atomic */
	int inside;      /* atomic: how many are in the function now */
	int most_inside; /* atomic */
	uint32_t ready;  /* atomic: bits seen */
	bool over;       /* atomic: a call from now on is one too many */
	weft_sem *told;
};

static void count(struct weft__watch *watch, uint32_t ready)
{
	struct counter *counter = container_of(watch, struct counter, watch);

	if (atomic_add_acq_rel(&counter->inside, 1) != 0)
		atomic_store_relaxed(&counter->most_inside, 2);
	check(!atomic_load_acquire(&counter->over));
	atomic_or_acq_rel(&counter->ready, ready);
	if (atomic_add_acq_rel(&counter->calls, 1) % 64 == 0)
		sched_yield(); /* time for another to come in */
	if (counter->told != NULL)
		weft_sem_wake(counter->told);
	atomic_sub_acq_rel(&counter->inside, 1);
}

static int in_two_processors(weft_function *body, void *arg)
{
	int before = open_fds();
	int result;

	rig_failures = 0;
	rig_setting = "two processors";
	result = weft_run(body, arg, &(weft_sched_options){ .processors = 2 });
	assert_int_equal(result, 0);
	assert_int_equal(rig_failures, 0);
	assert_int_equal(open_fds(), before);
	return result;
}

/* Until it has been told of that; then it has been told of nothing. */
static void await_told(struct counter *counter, uint32_t what)
{
	while ((atomic_load_acquire(&counter->ready) & what) == 0)
		check_equal(weft_sem_wait_until(counter->told, weft_now() + 20 * WEFT_SECOND), 0);
	atomic_store_relaxed(&counter->ready, 0);
}

static int told_body(void *arg)
{
	weft_sem told = WEFT_SEM_INIT(0);
	struct counter counter = { .watch = { count }, .told = &told };
	char byte;
	int fds[2];

	(void)arg;
	make_pair(fds);
	check_equal(weft__watch(fds[0], &counter.watch), 0);
	check_equal(weft__watch(fds[0], &counter.watch), -EEXIST);
	for (int i = 0; i < 100; i++) {
		check_equal(weft_write(fds[1], "t", 1), 1);
		await_told(&counter, WEFT__POLL_READ);
		check_equal(weft_read(fds[0], &byte, 1), 1);
	}
	/* A waiting thread is woken beside it. */
	check_equal(weft_read_until(fds[0], &byte, 1, weft_now() + WEFT_MS), -ETIMEDOUT);
	weft__unwatch(fds[0]);
	atomic_store_relaxed(&counter.over, true);
	check_equal(weft_write(fds[1], "t", 1), 1);
	check_equal(weft_read(fds[0], &byte, 1), 1);
	weft__unwatch(fds[0]);
	/* It can be watched again. */
	atomic_store_relaxed(&counter.over, false);
	check_equal(weft__watch(fds[0], &counter.watch), 0);
	check_equal(weft_write(fds[1], "t", 1), 1);
	await_told(&counter, WEFT__POLL_READ);
	/* Closing ends it. */
	check_equal(weft_close(fds[0]), 0);
	atomic_store_relaxed(&counter.over, true);
	check_equal(weft__watch(fds[0], &counter.watch), -EINVAL);
	check_equal(weft_close(fds[1]), 0);
	return 0;
}

static void a_watch_is_told_of_every_change(void **state)
{
	(void)state;
	in_two_processors(told_body, NULL);
}

static int write_often(void *arg)
{
	int fd = *(int *)arg;

	while (weft_write_until(fd, "o", 1, 0) != -EBADF)
		weft_yield();
	return 0;
}

/* One kernel thread writes all the time; the watch comes and goes. */
static int ends_body(void *arg)
{
	weft_thread *writer;
	int fds[2];
	int calls = 0;

	(void)arg;
	make_pair(fds);
	check_equal(weft_thread_spawn(write_often, &fds[1],
				      &(weft_thread_options){ .kind = WEFT_KERNEL }, &writer),
		    0);
	for (int i = 0; i < 3000; i++) {
		struct counter *counter = calloc(1, sizeof *counter);
		char block[64];

		counter->watch.ready = count;
		check_equal(weft__watch(fds[0], &counter->watch), 0);
		/* Mostly for a moment; at times until it has been told something. */
		do {
			while (weft_read_until(fds[0], block, sizeof block, 0) > 0)
				;
			weft_yield();
		} while (i % 16 == 0 && atomic_load_acquire(&counter->calls) == 0);
		weft__unwatch(fds[0]);
		atomic_store_release(&counter->over, true);
		check_equal(atomic_load_relaxed(&counter->inside), 0);
		check_equal(atomic_load_relaxed(&counter->most_inside), 0);
		calls += counter->calls;
		free(counter); /* a call now would be seen by the address sanitizer, too */
	}
	check(calls > 0);
	check_equal(weft_close(fds[1]), 0);
	check_equal(finish(writer), 0);
	check_equal(weft_close(fds[0]), 0);
	return 0;
}

static void no_call_comes_after_the_end_of_a_watch(void **state)
{
	(void)state;
	in_two_processors(ends_body, NULL);
}

/* Events for one descriptor brought by two carriers at once: made directly, as pollers make
 * them. */
struct storm {
	struct weft__fd *entry;
	uint64_t seed;
};

static int bring_events(void *arg)
{
	struct storm *storm = arg;

	for (int i = 0; i < 20000; i++)
		weft__watch_event(storm->entry, i % 2 ? WEFT__POLL_READ : WEFT__POLL_WRITE);
	return 0;
}

static int storm_body(void *arg)
{
	struct counter counter = { .watch = { count } };
	struct storm storm;
	weft_thread *threads[2];
	int fds[2];

	(void)arg;
	make_pair(fds);
	check_equal(weft__watch(fds[0], &counter.watch), 0);
	storm.entry = weft__fd_find(fds[0]);
	for (int i = 0; i < 2; i++)
		check_equal(weft_thread_spawn(bring_events, &storm,
					      &(weft_thread_options){ .kind = WEFT_KERNEL },
					      &threads[i]),
			    0);
	for (int i = 0; i < 2; i++)
		check_equal(finish(threads[i]), 0);
	/* What came while a call went on is passed on by a further one. */
	while (atomic_load_acquire(&counter.ready) != WEFT__POLL_BOTH)
		weft_yield();
	weft__unwatch(fds[0]);
	check_equal(counter.most_inside, 0);
	check_equal(counter.inside, 0);
	check(counter.calls > 0 && counter.calls <= 40001);
	close_pair(fds);
	return 0;
}

static void calls_for_one_descriptor_never_overlap(void **state)
{
	(void)state;
	in_two_processors(storm_body, NULL);
}

static int refusals_body(void *arg)
{
	struct counter counter = { .watch = { count } };
	int fds[2];
	int fd;

	(void)arg;
	check_equal(pipe(fds), 0);
	check_equal(weft__watch(fds[0], &counter.watch), -EINVAL);
	check_equal(weft__watch(-1, &counter.watch), -EBADF);
	weft__unwatch(-1);
	weft__unwatch(fds[0]);
	close_pair(fds);
	fd = weft_open("/proc/self/exe", O_RDONLY, 0);
	check(fd >= 0);
	check_equal(weft__watch(fd, &counter.watch), -EPERM);
	check_equal(weft_close(fd), 0);
	return 0;
}

static void what_cannot_be_watched_is_refused(void **state)
{
	struct counter counter = { .watch = { count } };
	int fds[2];

	(void)state;
	in_two_processors(refusals_body, NULL);
	assert_int_equal(weft_pipe(fds), 0);
	assert_int_equal(weft__watch(fds[0], &counter.watch), -EINVAL); /* from a kernel thread */
	assert_int_equal(weft_close(fds[0]), 0);
	assert_int_equal(weft_close(fds[1]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_watch_is_told_of_every_change),
		cmocka_unit_test(no_call_comes_after_the_end_of_a_watch),
		cmocka_unit_test(calls_for_one_descriptor_never_overlap),
		cmocka_unit_test(what_cannot_be_watched_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
