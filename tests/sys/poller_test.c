/* SPDX-License-Identifier: MIT */
/* Pollers, bells, and the wait on one descriptor. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <weft/time.h>

#include "sys/linux/force.h"
#include "sys/sys.h"

#define AT_ONCE INT64_C(0)

static int poller, bell, ends[2];

static int open_all(void **state)
{
	(void)state;
	memset(&weft__sys_force, 0, sizeof weft__sys_force);
	poller = weft__sys_poller_open();
	bell = weft__sys_bell_open();
	return poller >= 0 && bell >= 0 && weft__sys_pipe(ends) == 0 ? 0 : -1;
}

static int close_all(void **state)
{
	(void)state;
	weft__sys_close(poller);
	weft__sys_close(bell);
	weft__sys_close(ends[0]);
	weft__sys_close(ends[1]);
	return 0;
}

/* One event at most; its ready bits, 0: none. */
static uint32_t next_event(uint64_t *out_tag)
{
	struct weft__sys_event events[8];
	int count = weft__sys_poller_wait(poller, events, 8, AT_ONCE);

	assert_in_range(count, 0, 1);
	if (count == 0)
		return 0;
	*out_tag = events[0].tag;
	return events[0].ready;
}

static void assert_event(uint64_t tag, uint32_t ready)
{
	uint64_t seen_tag = 0;

	assert_int_equal(next_event(&seen_tag), ready);
	assert_int_equal(seen_tag, tag);
}

static void assert_no_event(void)
{
	uint64_t tag;

	assert_int_equal(next_event(&tag), 0);
}

static void each_edge_is_reported_once(void **state)
{
	(void)state;
	assert_int_equal(weft__sys_poller_add(poller, ends[0], 7), 0);
	assert_no_event();
	assert_int_equal(weft__sys_write(ends[1], "a", 1), 1);
	assert_event(7, WEFT__POLL_READ);
	assert_no_event();
	assert_int_equal(weft__sys_write(ends[1], "b", 1), 1);
	assert_event(7, WEFT__POLL_READ);
}

static void what_is_ready_when_it_is_added_is_an_edge(void **state)
{
	(void)state;
	assert_int_equal(weft__sys_write(ends[1], "a", 1), 1);
	assert_int_equal(weft__sys_poller_add(poller, ends[0], 1), 0);
	assert_event(1, WEFT__POLL_READ);
	assert_int_equal(weft__sys_poller_add(poller, ends[1], UINT64_MAX), 0);
	assert_event(UINT64_MAX, WEFT__POLL_WRITE);
}

static void an_end_is_both(void **state)
{
	(void)state;
	assert_int_equal(weft__sys_poller_add(poller, ends[1], 5), 0);
	assert_event(5, WEFT__POLL_WRITE);
	close(ends[0]);
	assert_event(5, WEFT__POLL_READ | WEFT__POLL_WRITE | WEFT__POLL_END);
}

static void a_peer_that_writes_no_more_is_an_end(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(weft__sys_poller_add(poller, pair[0], 3), 0);
	assert_event(3, WEFT__POLL_WRITE);
	assert_int_equal(weft__sys_send(pair[1], "x", 1), 1);
	assert_event(3, WEFT__POLL_READ | WEFT__POLL_WRITE);
	assert_int_equal(weft__sys_shutdown(pair[1], SHUT_WR), 0);
	assert_event(3, WEFT__POLL_READ | WEFT__POLL_WRITE | WEFT__POLL_END);
	close(pair[0]);
	close(pair[1]);
}

static void the_kernel_s_refusals_come_through(void **state)
{
	int file = weft__sys_open("/proc/self/exe", 0, 0);

	(void)state;
	assert_int_equal(weft__sys_poller_add(poller, ends[0], 1), 0);
	assert_int_equal(weft__sys_poller_add(poller, ends[0], 2), -EEXIST);
	assert_int_equal(weft__sys_poller_add(poller, file, 1), -EPERM);
	assert_int_equal(weft__sys_poller_add(poller, -1, 1), -EBADF);
	assert_int_equal(weft__sys_poller_remove(poller, ends[1]), -ENOENT);
	assert_int_equal(weft__sys_poller_remove(poller, ends[0]), 0);
	assert_int_equal(weft__sys_write(ends[1], "a", 1), 1);
	assert_no_event();
	weft__sys_close(file);
}

static void once_is_once_and_can_be_asked_again(void **state)
{
	(void)state;
	assert_int_equal(weft__sys_write(ends[1], "a", 1), 1);
	for (uint64_t tag = 1; tag < 4; tag++) {
		assert_int_equal(weft__sys_poller_once(poller, ends[0], WEFT__POLL_READ, tag), 0);
		assert_event(tag, WEFT__POLL_READ);
		assert_no_event();
	}
	assert_int_equal(weft__sys_poller_once(poller, ends[1], WEFT__POLL_READ, 4), 0);
	assert_no_event();
	assert_int_equal(weft__sys_poller_once(poller, ends[1], WEFT__POLL_WRITE, 5), 0);
	assert_event(5, WEFT__POLL_WRITE);
}

static void check_deadlines(void)
{
	struct weft__sys_event event;

	assert_int_equal(weft__sys_poller_wait(poller, &event, 1, INT64_MIN), 0);
	for (int64_t wait_ns = 1; wait_ns <= 10 * WEFT_MS; wait_ns *= 10) {
		int64_t deadline_ns = weft__sys_now() + wait_ns;
		int rc;

		do
			rc = weft__sys_poller_wait(poller, &event, 1, deadline_ns);
		while (rc == -EINTR);
		assert_int_equal(rc, 0);
		assert_true(weft__sys_now() >= deadline_ns);
	}
}

static void a_wait_ends_at_its_deadline_and_not_before(void **state)
{
	(void)state;
	check_deadlines();
	weft__sys_force.no_pwait2 = true;
	check_deadlines();
}

/* What a millisecond clock would make of 200 waits of 20 us is 200 ms at least. */
static void a_wait_is_shorter_than_a_millisecond(void **state)
{
	struct weft__sys_event event;
	int64_t least_ns = WEFT_SECOND;

	(void)state;
	for (int i = 0; i < 200; i++) {
		int64_t before_ns = weft__sys_now(), after_ns;

		weft__sys_poller_wait(poller, &event, 1, before_ns + 20 * WEFT_US);
		after_ns = weft__sys_now();
		if (after_ns - before_ns < least_ns)
			least_ns = after_ns - before_ns;
	}
	assert_in_range(least_ns, 20 * WEFT_US, WEFT_MS - 1);
}

static void every_ring_is_an_edge_without_reading(void **state)
{
	uint64_t tag;

	(void)state;
	assert_int_equal(weft__sys_poller_add(poller, bell, 9), 0);
	(void)next_event(&tag); /* that it can be written to */
	for (int i = 0; i < 3; i++) {
		uint32_t ready;

		assert_no_event();
		weft__sys_bell_ring(bell);
		ready = next_event(&tag);
		assert_true(ready & WEFT__POLL_READ);
		assert_int_equal(tag, 9);
	}
}

static void *wait_for_bell(void *arg)
{
	struct weft__sys_event event;
	int *out_count = arg;

	do
		*out_count = weft__sys_poller_wait(poller, &event, 1, WEFT_FOREVER);
	while (*out_count == -EINTR);
	return NULL;
}

static void check_bell_wakes_sleeper(void)
{
	weft__sys_thread thread;
	uint64_t tag;
	int count = 0;

	assert_int_equal(weft__sys_poller_add(poller, bell, 9), 0);
	(void)next_event(&tag);
	assert_int_equal(weft__sys_thread_start(wait_for_bell, &count, 0, "bell", &thread), 0);
	weft__sys_bell_ring(bell);
	weft__sys_thread_join(thread);
	assert_int_equal(count, 1);
	assert_int_equal(weft__sys_poller_remove(poller, bell), 0);
}

static void a_ring_ends_a_wait_without_end(void **state)
{
	(void)state;
	check_bell_wakes_sleeper();
	weft__sys_force.no_pwait2 = true;
	check_bell_wakes_sleeper();
}

static void many_events_come_in_portions(void **state)
{
	struct weft__sys_event events[200];
	int fds[100][2], seen = 0, count;

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(weft__sys_pipe(fds[i]), 0);
		assert_int_equal(weft__sys_poller_add(poller, fds[i][1], (uint64_t)i), 0);
	}
	while ((count = weft__sys_poller_wait(poller, events, 200, AT_ONCE)) > 0)
		seen += count;
	assert_int_equal(count, 0);
	assert_int_equal(seen, 100);
	for (int i = 0; i < 100; i++) {
		weft__sys_close(fds[i][0]);
		weft__sys_close(fds[i][1]);
	}
}

static void a_forced_failure_comes_once(void **state)
{
	int fd;

	(void)state;
	weft__sys_force.fail_poller = 1;
	assert_int_equal(weft__sys_poller_open(), -EMFILE);
	fd = weft__sys_poller_open();
	assert_true(fd >= 0);
	weft__sys_close(fd);
}

/* ---- one descriptor */

static void poll_tells_readiness_bell_and_deadline(void **state)
{
	const uint32_t both = WEFT__POLL_READ | WEFT__POLL_WRITE;

	(void)state;
	assert_int_equal(weft__sys_poll(ends[1], both, bell, WEFT_FOREVER), WEFT__POLL_WRITE);
	assert_int_equal(weft__sys_poll(ends[0], both, bell, weft__sys_now() + 1), -ETIMEDOUT);
	assert_int_equal(weft__sys_poll(ends[0], both, -1, INT64_MIN), -ETIMEDOUT);
	weft__sys_bell_ring(bell);
	assert_int_equal(weft__sys_poll(ends[0], both, bell, WEFT_FOREVER), 0);
	assert_int_equal(weft__sys_poll(ends[0], both, bell, WEFT_FOREVER), 0);
	assert_int_equal(weft__sys_poll(-1, 0, bell, WEFT_FOREVER), 0);
	assert_int_equal(weft__sys_poll(ends[1], both, bell, WEFT_FOREVER), WEFT__POLL_WRITE);
	weft__sys_bell_clear(bell);
	assert_int_equal(weft__sys_poll(ends[0], both, bell, AT_ONCE), -ETIMEDOUT);
	weft__sys_bell_clear(bell); /* does not wait */
	assert_int_equal(weft__sys_write(ends[1], "a", 1), 1);
	assert_int_equal(weft__sys_poll(ends[0], WEFT__POLL_READ, bell, WEFT_FOREVER),
			 WEFT__POLL_READ);
}

static void poll_knows_ends_and_closed_descriptors(void **state)
{
	(void)state;
	close(ends[1]);
	assert_int_equal(weft__sys_poll(ends[0], WEFT__POLL_READ, -1, AT_ONCE), WEFT__POLL_READ);
	assert_int_equal(weft__sys_poll(ends[1], WEFT__POLL_READ, -1, AT_ONCE), -EBADF);
}

int main(void)
{
#define WITH_ALL(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)
	const struct CMUnitTest tests[] = {
		WITH_ALL(each_edge_is_reported_once),
		WITH_ALL(what_is_ready_when_it_is_added_is_an_edge),
		WITH_ALL(an_end_is_both),
		WITH_ALL(a_peer_that_writes_no_more_is_an_end),
		WITH_ALL(the_kernel_s_refusals_come_through),
		WITH_ALL(once_is_once_and_can_be_asked_again),
		WITH_ALL(a_wait_ends_at_its_deadline_and_not_before),
		WITH_ALL(a_wait_is_shorter_than_a_millisecond),
		WITH_ALL(every_ring_is_an_edge_without_reading),
		WITH_ALL(a_ring_ends_a_wait_without_end),
		WITH_ALL(many_events_come_in_portions),
		WITH_ALL(a_forced_failure_comes_once),
		WITH_ALL(poll_tells_readiness_bell_and_deadline),
		WITH_ALL(poll_knows_ends_and_closed_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
