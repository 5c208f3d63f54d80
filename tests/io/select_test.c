/* SPDX-License-Identifier: MIT */
/* Select with descriptors among the cases, by each kind of thread. */
#include "rig.h"

static int write_one(void *arg)
{
	check_equal(weft_write(*(int *)arg, "x", 1), 1);
	return 0;
}

static int readiness(void *arg)
{
	int fds[2], spare[2], number = 5, got = 0;
	weft_chan *chan;
	char byte;

	(void)arg;
	make_pair(fds);
	make_pair(spare);
	check_equal(weft_chan_create(sizeof(int), 1, &chan), 0);
	weft_case cases[] = { WEFT_FD(fds[0], WEFT_READABLE), WEFT_RECV(chan, &got),
			      WEFT_FD(spare[0], WEFT_READABLE) };
	/* nothing */
	check_equal(weft_select(cases, 3, 0), -ETIMEDOUT);
	check_equal(weft_select(cases, 3, weft_now() + WEFT_MS), -ETIMEDOUT);
	check_equal(references(fds[0]), 1);
	/* at once */
	check_equal(weft_write(fds[1], "x", 1), 1);
	check_equal(weft_select(cases, 3, WEFT_FOREVER), 0);
	check_equal(cases[0].result, WEFT_READABLE);
	check_equal(weft_read(fds[0], &byte, 1), 1);
	cases[2].wanted = WEFT_READABLE | WEFT_WRITABLE;
	check_equal(weft_select(cases, 3, WEFT_FOREVER), 2);
	check_equal(cases[2].result, WEFT_WRITABLE);
	cases[2].wanted = WEFT_READABLE;
	/* after a wait: one of two descriptors, the only one, the channel */
	for (int i = 0; i < 3; i++) {
		weft_thread *writer;

		if (i == 1)
			cases[2] = (weft_case){ 0 };
		if (i == 2) {
			writer = NULL;
			check_equal(weft_chan_send(chan, &number), 0);
		} else {
			writer = start(write_one, &fds[1]);
		}
		check_equal(weft_select(cases, 3, WEFT_FOREVER), i == 2 ? 1 : 0);
		if (writer != NULL) {
			check_equal(finish(writer), 0);
			check_equal(weft_read(fds[0], &byte, 1), 1);
		}
	}
	check_equal(got, 5);
	check_equal(references(fds[0]), 1);
	weft_chan_destroy(chan);
	close_pair(fds);
	close_pair(spare);
	return 0;
}

static void a_descriptor_that_is_ready_is_a_case_that_happens(void **state)
{
	(void)state;
	in_each_setting(readiness, NULL);
}

struct two {
	int fds[2], spare[2];
	weft_chan *chan;
	int count; /* of the cases */
};

static int select_two(void *arg)
{
	struct two *two = arg;
	int got;
	weft_case cases[] = { WEFT_RECV(two->chan, &got), WEFT_FD(two->fds[0], WEFT_READABLE),
			      WEFT_FD(two->spare[0], WEFT_READABLE) };
	int index = weft_select(cases, two->count, WEFT_FOREVER);

	return index < 0 ? index : index * 1000 + cases[index].result;
}

static void begin_two(struct two *two, weft_thread **out_thread)
{
	*out_thread = start(select_two, two);
	await_waiters(two->fds[0], WEFT_READABLE, 1);
}

static void end_each_way(struct two *two)
{
	weft_thread *thread;
	char byte;

	make_pair(two->fds);
	make_pair(two->spare);
	begin_two(two, &thread);
	check_equal(weft_chan_send(two->chan, &two->count), 0);
	check_equal(finish(thread), 0);
	begin_two(two, &thread);
	weft_thread_cancel(thread);
	check_equal(finish(thread), -ECANCELED);
	begin_two(two, &thread);
	check_equal(weft_write(two->fds[1], "x", 1), 1);
	check_equal(finish(thread), 1000 + WEFT_READABLE);
	check_equal(weft_read(two->fds[0], &byte, 1), 1);
	begin_two(two, &thread);
	check_equal(weft_close(two->fds[0]), 0);
	check_equal(finish(thread), 1000 - EBADF);
	check_equal(weft_close(two->fds[1]), 0);
	close_pair(two->spare);
}

static int ends(void *arg)
{
	struct two two;

	(void)arg;
	check_equal(weft_chan_create(sizeof(int), 0, &two.chan), 0);
	for (two.count = 2; two.count <= 3; two.count++)
		end_each_way(&two);
	weft_chan_destroy(two.chan);
	return 0;
}

static void channel_data_close_and_cancellation_end_the_wait(void **state)
{
	(void)state;
	in_each_setting(ends, NULL);
}

static int odd_ones(void *arg)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), fds[2];
	weft_case cases[] = { WEFT_FD(fd, WEFT_READABLE) };
	weft_thread *writer;

	(void)arg;
	check_equal(weft_select(cases, 1, WEFT_FOREVER), 0);
	check_equal(cases[0].result, -EPERM);
	close(fd);
	check_equal(weft_select(cases, 1, WEFT_FOREVER), 0);
	check_equal(cases[0].result, -EBADF);
	cases[0].wanted = 0;
	check_equal(weft_select(cases, 1, WEFT_FOREVER), 0);
	check_equal(cases[0].result, -EINVAL);
	/* weft does not own it */
	check_equal(pipe2(fds, O_CLOEXEC), 0);
	cases[0] = (weft_case)WEFT_FD(fds[0], WEFT_READABLE);
	check_equal(weft_select(cases, 1, weft_now() + WEFT_MS), -ETIMEDOUT);
	writer = start(write_one, &fds[1]);
	check_equal(weft_select(cases, 1, WEFT_FOREVER), 0);
	check_equal(cases[0].result, WEFT_READABLE);
	check_equal(finish(writer), 0);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static void each_sort_of_descriptor_has_its_result(void **state)
{
	(void)state;
	in_each_setting(odd_ones, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_that_is_ready_is_a_case_that_happens),
		cmocka_unit_test(channel_data_close_and_cancellation_end_the_wait),
		cmocka_unit_test(each_sort_of_descriptor_has_its_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
