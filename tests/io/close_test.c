/* SPDX-License-Identifier: MIT */
/* Closing: who waits is woken, and the number is not given out while anybody uses it. */
#include "rig.h"

#include "sched/poller.h"

/* ---- who waits is woken */

static int read_it(void *arg)
{
	char byte;

	return (int)weft_read(*(int *)arg, &byte, 1);
}

static int write_it(void *arg)
{
	return (int)weft_write(*(int *)arg, "w", 1);
}

static int accept_it(void *arg)
{
	return weft_accept(*(int *)arg);
}

static int wait_for_it(void *arg)
{
	return weft_fd_wait(*(int *)arg, WEFT_READABLE);
}

static void close_under(int fd, weft_function *function, uint32_t wanted, int count)
{
	weft_thread *threads[4];

	for (int i = 0; i < count; i++)
		threads[i] = start(function, &fd);
	await_waiters(fd, wanted, count);
	check_equal(weft_close(fd), 0);
	for (int i = 0; i < count; i++)
		check_equal(finish(threads[i]), -EBADF);
	check_equal(weft_close(fd), -EBADF);
	check_equal(weft_read(fd, (char[1]){ 0 }, 1), -EBADF);
}

static int readers_and_writers_body(void *arg)
{
	weft_thread *reader, *writer, *waiter;
	int fds[2];

	(void)arg;
	check_equal(weft_pipe(fds), 0);
	close_under(fds[0], read_it, WEFT__POLL_READ, 3);
	check_equal(weft_close(fds[1]), 0);
	check_equal(weft_pipe(fds), 0);
	fill(fds[1]);
	close_under(fds[1], write_it, WEFT__POLL_WRITE, 3);
	check_equal(weft_close(fds[0]), 0);
	/* Both directions of one descriptor at once. */
	make_pair(fds);
	fill(fds[1]);
	reader = start(read_it, &fds[1]);
	waiter = start(wait_for_it, &fds[1]);
	writer = start(write_it, &fds[1]);
	await_waiters(fds[1], WEFT__POLL_READ, 2);
	await_waiters(fds[1], WEFT__POLL_WRITE, 1);
	check_equal(weft_close(fds[1]), 0);
	check_equal(finish(reader), -EBADF);
	check_equal(finish(waiter), -EBADF);
	check_equal(finish(writer), -EBADF);
	check_equal(weft_close(fds[0]), 0);
	return 0;
}

static void closing_wakes_readers_and_writers(void **state)
{
	(void)state;
	in_each_setting(readers_and_writers_body, NULL);
}

static int acceptors_body(void *arg)
{
	int fd = weft_listen("127.0.0.1:0", 0);

	(void)arg;
	check(fd >= 0);
	close_under(fd, accept_it, WEFT__POLL_READ, 3);
	return 0;
}

static void closing_wakes_acceptors(void **state)
{
	(void)state;
	in_each_setting(acceptors_body, NULL);
}

struct connector {
	int fd;
	struct sockaddr_storage address;
	int bytes;
};

static int connect_it(void *arg)
{
	struct connector *connector = arg;

	return weft_socket_connect_until(connector->fd, (struct sockaddr *)&connector->address,
					 (socklen_t)connector->bytes, WEFT_FOREVER);
}

/* A listener of whose queue there is nothing left: who connects now waits for long. Returns the
 * connections in it. */
#define QUEUE_MAX 16
static int fill_queue(int listener, struct sockaddr_storage *out_address, int *out_bytes, int *fds)
{
	char text[64];
	int count = 0;

	check(weft_socket_address(listener, text, sizeof text) > 0);
	*out_bytes = weft_address_parse(text, out_address);
	while (count < QUEUE_MAX) {
		fds[count] = weft_connect_until(text, weft_now() + 50 * WEFT_MS);
		if (fds[count] >= 0)
			count++;
		else if (is_full(listener))
			break;
	}
	check(count > 0 && count < QUEUE_MAX);
	return count;
}

static int connector_body(void *arg)
{
	struct connector connector;
	int fds[QUEUE_MAX];
	int listener = weft_listen("127.0.0.1:0", 1);
	int count;
	weft_thread *thread;

	(void)arg;
	check(listener >= 0);
	count = fill_queue(listener, &connector.address, &connector.bytes, fds);
	check_equal(fds[count], -ETIMEDOUT);
	connector.fd = weft_socket(AF_INET, SOCK_STREAM, 0);
	thread = start(connect_it, &connector);
	await_waiters(connector.fd, WEFT__POLL_WRITE, 1);
	check_equal(weft_close(connector.fd), 0);
	check_equal(finish(thread), -EBADF);
	for (int i = 0; i < count; i++)
		check_equal(weft_close(fds[i]), 0);
	check_equal(weft_close(listener), 0);
	return 0;
}

static void closing_wakes_a_connector(void **state)
{
	(void)state;
	in_each_setting(connector_body, NULL);
}

static int unowned_body(void *arg)
{
	int fds[2];
	weft_thread *reader;

	(void)arg;
	check_equal(pipe(fds), 0);
	reader = start(read_it, &fds[0]);
	await_waiters(fds[0], WEFT__POLL_READ, 1);
	check_equal(weft_close(fds[0]), 0);
	check_equal(finish(reader), -EBADF);
	check_equal(weft_close(fds[1]), 0);
	check_equal(weft_close(fds[1]), -EBADF);
	return 0;
}

static void closing_wakes_who_waits_for_a_strangers_descriptor(void **state)
{
	(void)state;
	in_each_setting(unowned_body, NULL);
}

/* A reader may be at any point of its wait, or before or after it. */
static int reader_until_closed(void *arg)
{
	int fd = *(int *)arg;
	char byte;
	ssize_t n;

	do
		n = weft_read(fd, &byte, 1);
	while (n == 1 && byte == 'd');
	return (int)n;
}

static int closing_at_any_moment_body(void *arg)
{
	uint64_t random = *(uint64_t *)arg;

	for (int i = 0; i < 3000; i++) {
		weft_thread *readers[2];
		struct weft__use use;
		int fds[2];

		check_equal(weft_pipe(fds), 0);
		/* Kept from being given out again: a reader may come when it is long closed. */
		check_equal(weft__fd_begin(fds[0], &use), 0);
		for (int j = 0; j < 2; j++)
			readers[j] = start(reader_until_closed, &fds[0]);
		for (unsigned n = choose(&random, 4); n > 0; n--) {
			check_equal(weft_write(fds[1], "d", 1), 1);
			if (choose(&random, 2) == 0)
				weft_yield();
		}
		check_equal(weft_close(fds[0]), 0);
		for (int j = 0; j < 2; j++)
			check_equal(finish(readers[j]), -EBADF);
		check_equal(weft__fd_end(&use), 0);
		check_equal(weft_close(fds[1]), 0);
	}
	return 0;
}

static void a_close_at_any_moment_reaches_every_reader(void **state)
{
	uint64_t seed = rig_seed() | 1;

	(void)state;
	in_each_setting(closing_at_any_moment_body, &seed);
}

/* ---- the number */

static int number_body(void *arg)
{
	struct weft__use use;
	int fds[2], others[40];
	int number;

	(void)arg;
	check_equal(weft_pipe(fds), 0);
	number = fds[0];
	check_equal(weft__fd_begin(number, &use), 0); /* a call in progress */
	check_equal(weft_close(number), 0);
	check_equal(weft_close(number), -EBADF);
	check_equal(weft_read(number, (char[1]){ 0 }, 1), -EBADF);
	check_equal(weft_fd_adopt(number), -EBADF);
	for (int i = 0; i < 20; i++) {
		check_equal(weft_pipe(&others[2 * i]), 0);
		check(others[2 * i] != number && others[2 * i + 1] != number);
	}
	check(fcntl(number, F_GETFD) >= 0);
	check_equal(weft__fd_end(&use), 0); /* it ends, and closes */
	check_equal(fcntl(number, F_GETFD), -1);
	for (int i = 0; i < 40; i++)
		check_equal(weft_close(others[i]), 0);
	check_equal(weft_close(fds[1]), 0);
	return 0;
}

static void a_number_is_kept_until_its_last_user_has_left(void **state)
{
	(void)state;
	in_each_quiet_setting(number_body, NULL);
}

/* Strangers come and go on the lowest free numbers, and whatever is read from them is 's'. */
static bool strangers_stop; /* atomic */

static int be_strangers(void *arg)
{
	(void)arg;
	while (!atomic_load_relaxed(&strangers_stop)) {
		int fds[2];

		check_equal(weft_pipe(fds), 0);
		check_equal(weft_write(fds[1], "ssssssss", 8), 8);
		weft_yield();
		close_pair(fds);
	}
	return 0;
}

static int read_no_stranger(void *arg)
{
	char byte = 0;
	ssize_t n = weft_read(*(int *)arg, &byte, 1);

	return n == 1 ? byte : (int)n;
}

static int strangers_body(void *arg)
{
	weft_thread *stranger;

	(void)arg;
	atomic_store_relaxed(&strangers_stop, false);
	stranger = start(be_strangers, NULL);
	for (int i = 0; i < 1000; i++) {
		weft_thread *readers[3];
		int fds[2];

		check_equal(weft_pipe(fds), 0);
		for (int j = 0; j < 3; j++)
			readers[j] = start(read_no_stranger, &fds[0]);
		await_waiters(fds[0], WEFT__POLL_READ, 3);
		check_equal(weft_close(fds[0]), 0);
		for (int j = 0; j < 3; j++)
			check_equal(finish(readers[j]), -EBADF);
		check_equal(weft_close(fds[1]), 0);
	}
	atomic_store_relaxed(&strangers_stop, true);
	check_equal(finish(stranger), 0);
	return 0;
}

static void a_waiter_never_touches_a_strangers_number(void **state)
{
	(void)state;
	in_each_setting(strangers_body, NULL);
}

static int close_it(void *arg)
{
	return weft_close(*(int *)arg);
}

/* Under the thread sanitizer each round takes twenty times as long. */
#ifdef __SANITIZE_THREAD__
#define CLOSED_TWICE 200
#else
#define CLOSED_TWICE 2000
#endif

static int one_of_two_body(void *arg)
{
	(void)arg;
	for (int i = 0; i < CLOSED_TWICE; i++) {
		struct weft__use use;
		weft_thread *closers[2];
		int fds[2];
		int first, second;

		check_equal(weft_pipe(fds), 0);
		/* Held, or the slower one would close a number that is free, or another's. */
		check_equal(weft__fd_begin(fds[0], &use), 0);
		for (int j = 0; j < 2; j++)
			closers[j] = start(close_it, &fds[0]);
		first = finish(closers[0]);
		second = finish(closers[1]);
		check_equal(first + second, -EBADF);
		check(first == 0 || second == 0);
		weft__fd_end(&use);
		check_equal(weft_close(fds[1]), 0);
	}
	return 0;
}

static void of_two_who_close_one_is_refused(void **state)
{
	(void)state;
	in_each_setting(one_of_two_body, NULL);
}

/* ---- between close(2) and the closer's last word */

/* As the table is then: the kernel may give the number out, and the entry is still closing. */
static uint64_t begin_last_word(int fd)
{
	struct weft__use use;
	uint64_t state;

	check_equal(weft__fd_begin(fd, &use), 0);
	check_equal(weft__fd_end(&use), 0);
	state = atomic_load_acquire(&use.entry->state) | WEFT__FD_CLOSING;
	check_equal(state & WEFT__FD_REFERENCES, 0);
	atomic_store_release(&use.entry->state, state);
	return state;
}

static int last_word_body(void *arg)
{
	static weft_function *const functions[] = { read_it, close_it, read_it, close_it };
	static const int expected[] = { 1, 0, -EBADF, -EBADF };

	(void)arg;
	for (int i = 0; i < 4; i++) {
		struct weft__fd *entry;
		weft_thread *thread;
		uint64_t state;
		int fds[2];

		/* A stranger has got the number. */
		check_equal(pipe(fds), 0);
		check_equal(write(fds[1], "l", 1), 1);
		state = begin_last_word(fds[0]);
		entry = weft__fd_find(fds[0]);
		thread = start(functions[i], &fds[0]);
		weft_yield();
		weft_yield();
		check_equal(entry->state, state); /* it waits */
		if (i < 2)
			check(atomic_cas_acq_rel(&entry->state, &state, ((state >> 32) + 1) << 32));
		else
			check_equal(weft__fd_open(fds[0], WEFT__FD_STREAM), fds[0]);
		check_equal(finish(thread), expected[i]);
		if (expected[i] != 0)
			check_equal(weft_close(fds[0]), 0);
		check_equal(weft_close(fds[1]), 0);
	}
	return 0;
}

static void a_number_is_good_before_its_last_closer_is_done(void **state)
{
	(void)state;
	rig_failures = 0;
	/* On one processor it is known how far the other thread has come. */
	assert_int_equal(weft_run(last_word_body, NULL, &(weft_sched_options){ .processors = 1 }),
			 0);
	assert_int_equal(rig_failures, 0);
}

/* ---- closed without weft */

static int read_twice(void *arg)
{
	char byte;
	int first = (int)weft_read(*(int *)arg, &byte, 1);

	return first == 1 ? (int)weft_read(*(int *)arg, &byte, 1) : 2;
}

static int behind_body(void *arg)
{
	char byte = 0;
	int fds[2], again[2];
	weft_thread *reader;

	(void)arg;
	check_equal(weft_pipe(fds), 0);
	/* Its first wait: what a kernel thread needs for waiting, it opens then. */
	reader = start(read_twice, &fds[0]);
	await_waiters(fds[0], WEFT__POLL_READ, 1);
	check_equal(weft_write(fds[1], "1", 1), 1);
	while (weft_fd_wait_try(fds[0], WEFT_READABLE) != 0)
		weft_yield();
	await_waiters(fds[0], WEFT__POLL_READ, 1);
	close(fds[0]);
	close(fds[1]);
	/* The kernel gives the same numbers out again, and the table is told. */
	check_equal(weft_pipe(again), 0);
	check_equal(again[0], fds[0]);
	check_equal(finish(reader), -EBADF);
	reader = start(read_it, &again[0]);
	await_waiters(again[0], WEFT__POLL_READ, 1);
	check_equal(weft_write(again[1], "xy", 2), 2);
	check_equal(finish(reader), 1);
	check_equal(weft_read(again[0], &byte, 1), 1);
	check_equal(byte, 'y');
	close_pair(again);
	check_equal(weft_close(again[0]), -EBADF);
	return 0;
}

static void a_number_closed_behind_wefts_back_is_taken_up_again(void **state)
{
	(void)state;
	in_each_quiet_setting(behind_body, NULL);
}

static void an_event_of_another_generation_is_ignored(void **state)
{
	const struct weft__poller_events *events = atomic_load_acquire(&weft__poller_events);
	struct weft__fd *entry;
	uint64_t generation;
	uint32_t before;
	int fds[2];

	(void)state;
	assert_int_equal(weft_pipe(fds), 0);
	entry = weft__fd_find(fds[0]);
	generation = WEFT__FD_GENERATION(atomic_load_acquire(&entry->state));
	before = entry->sides[0].sequence;
	events->event((generation - 1) << 31 | (uint64_t)fds[0], WEFT__POLL_BOTH);
	assert_int_equal(entry->sides[0].sequence, before);
	events->event(generation << 31 | (uint64_t)fds[0], WEFT__POLL_BOTH);
	assert_int_equal(entry->sides[0].sequence, before + 1);
	weft_close(fds[0]);
	weft_close(fds[1]);
}

/* ---- several schedulers */

struct meeting {
	int fds[2];
	int result;
};

static int leave_registered(void *arg)
{
	struct meeting *meeting = arg;
	char byte;

	return (int)weft_read_until(meeting->fds[0], &byte, 1, weft_now() + WEFT_MS);
}

static int read_and_tell(void *arg)
{
	struct meeting *meeting = arg;
	char byte;

	meeting->result = (int)weft_read(meeting->fds[0], &byte, 1);
	return 0;
}

static void a_descriptor_outlives_the_scheduler_that_polled_it(void **state)
{
	struct meeting meeting = { .result = 0 };
	weft_sched *one, *two;
	weft_thread *thread;

	(void)state;
	rig_failures = 0;
	assert_int_equal(weft_pipe(meeting.fds), 0);
	assert_int_equal(weft_run(leave_registered, &meeting, NULL), -ETIMEDOUT);
	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 1 }, &one), 0);
	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 1 }, &two), 0);
	for (int i = 0; i < 100; i++) {
		/* Registered with one, then waited for in the other. */
		assert_int_equal(
			weft_thread_spawn(leave_registered, &meeting,
					  &(weft_thread_options){ .kind = WEFT_LIGHT,
								  .sched = i % 2 ? one : two },
					  &thread),
			0);
		assert_int_equal(finish(thread), -ETIMEDOUT);
		assert_int_equal(
			weft_thread_spawn(read_and_tell, &meeting,
					  &(weft_thread_options){ .kind = WEFT_LIGHT,
								  .sched = i % 2 ? two : one },
					  &thread),
			0);
		await_waiters(meeting.fds[0], WEFT__POLL_READ, 1);
		assert_int_equal(weft_write(meeting.fds[1], "m", 1), 1);
		assert_int_equal(finish(thread), 0);
		assert_int_equal(meeting.result, 1);
	}
	/* One waits there while the scheduler that polls it ends. */
	assert_int_equal(
		weft_thread_spawn(leave_registered, &meeting,
				  &(weft_thread_options){ .kind = WEFT_LIGHT, .sched = one },
				  &thread),
		0);
	assert_int_equal(finish(thread), -ETIMEDOUT);
	assert_ptr_not_equal(atomic_load_acquire(&weft__fd_find(meeting.fds[0])->poller), NULL);
	assert_int_equal(weft_sched_destroy(one), 0);
	assert_ptr_equal(atomic_load_acquire(&weft__fd_find(meeting.fds[0])->poller), NULL);
	assert_int_equal(
		weft_thread_spawn(read_and_tell, &meeting,
				  &(weft_thread_options){ .kind = WEFT_LIGHT, .sched = two },
				  &thread),
		0);
	await_waiters(meeting.fds[0], WEFT__POLL_READ, 1);
	assert_int_equal(weft_write(meeting.fds[1], "m", 1), 1);
	assert_int_equal(finish(thread), 0);
	assert_int_equal(weft_sched_destroy(two), 0);
	assert_int_equal(weft_close(meeting.fds[0]), 0);
	assert_int_equal(weft_close(meeting.fds[1]), 0);
	assert_int_equal(rig_failures, 0);
}

/* A watcher, or a second waiter, keeps the descriptor where it is; when that poller goes, the one
 * who is left is told. */
static int read_until_cancelled(void *arg)
{
	struct meeting *meeting = arg;
	char byte;

	return (int)weft_read(meeting->fds[0], &byte, 1);
}

static void a_waiter_is_told_when_the_poller_goes_away(void **state)
{
	struct meeting meeting = { .result = 0 };
	weft_sched *one, *two;
	weft_thread *first, *second;

	(void)state;
	rig_failures = 0;
	assert_int_equal(weft_pipe(meeting.fds), 0);
	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 1 }, &one), 0);
	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 1 }, &two), 0);
	assert_int_equal(
		weft_thread_spawn(read_until_cancelled, &meeting,
				  &(weft_thread_options){ .kind = WEFT_LIGHT, .sched = one },
				  &first),
		0);
	await_waiters(meeting.fds[0], WEFT__POLL_READ, 1);
	assert_int_equal(
		weft_thread_spawn(read_and_tell, &meeting,
				  &(weft_thread_options){ .kind = WEFT_LIGHT, .sched = two },
				  &second),
		0);
	await_waiters(meeting.fds[0], WEFT__POLL_READ, 2);
	weft_thread_cancel(first);
	assert_int_equal(finish(first), -ECANCELED);
	await_waiters(meeting.fds[0], WEFT__POLL_READ, 1);
	assert_int_equal(weft_sched_destroy(one), 0);
	assert_int_equal(weft_write(meeting.fds[1], "m", 1), 1);
	assert_int_equal(finish(second), 0);
	assert_int_equal(meeting.result, 1);
	assert_int_equal(weft_sched_destroy(two), 0);
	assert_int_equal(weft_close(meeting.fds[0]), 0);
	assert_int_equal(weft_close(meeting.fds[1]), 0);
	assert_int_equal(rig_failures, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closing_wakes_readers_and_writers),
		cmocka_unit_test(closing_wakes_acceptors),
		cmocka_unit_test(closing_wakes_a_connector),
		cmocka_unit_test(closing_wakes_who_waits_for_a_strangers_descriptor),
		cmocka_unit_test(a_close_at_any_moment_reaches_every_reader),
		cmocka_unit_test(a_number_is_kept_until_its_last_user_has_left),
		cmocka_unit_test(a_waiter_never_touches_a_strangers_number),
		cmocka_unit_test(of_two_who_close_one_is_refused),
		cmocka_unit_test(a_number_is_good_before_its_last_closer_is_done),
		cmocka_unit_test(a_number_closed_behind_wefts_back_is_taken_up_again),
		cmocka_unit_test(an_event_of_another_generation_is_ignored),
		cmocka_unit_test(a_descriptor_outlives_the_scheduler_that_polled_it),
		cmocka_unit_test(a_waiter_is_told_when_the_poller_goes_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
