/* SPDX-License-Identifier: MIT */
/* Kernel threads. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

#include <weft/time.h>

#include "sys/linux/force.h"
#include "sys/sys.h"

struct seen {
	char name[16];
	int slack;
	int tid;
	void *stack_low;
	size_t stack_bytes;
	bool is_inside;
};

static void *look(void *arg)
{
	struct seen *seen = arg;

	prctl(PR_GET_NAME, seen->name);
	seen->slack = prctl(PR_GET_TIMERSLACK);
	seen->tid = weft__sys_thread_tid();
	weft__sys_thread_stack(&seen->stack_low, &seen->stack_bytes);
	seen->is_inside = (char *)__builtin_frame_address(0) > (char *)seen->stack_low &&
			  (char *)__builtin_frame_address(0) <
				  (char *)seen->stack_low + seen->stack_bytes;
	return NULL;
}

static void start_and_join(void *(*function)(void *), void *arg, size_t stack_bytes,
			   const char *name)
{
	weft__sys_thread thread;

	assert_int_equal(weft__sys_thread_start(function, arg, stack_bytes, name, &thread), 0);
	weft__sys_thread_join(thread);
}

static void it_has_its_name_its_stack_and_no_slack(void **state)
{
	struct seen seen = { .slack = 0 };

	(void)state;
	start_and_join(look, &seen, (size_t)1 << 20, "a name that is too long");
	assert_string_equal(seen.name, "a name that is ");
	assert_int_equal(seen.slack, 1);
	assert_int_not_equal(seen.tid, getpid());
	assert_true(seen.is_inside);
	assert_true(seen.stack_bytes >= (size_t)1 << 20);
}

static void without_a_name_it_has_its_creator_s(void **state)
{
	struct seen seen = { .slack = 0 };

	(void)state;
	weft__sys_thread_name("creator");
	start_and_join(look, &seen, 0, NULL);
	assert_string_equal(seen.name, "creator");
	assert_true(seen.stack_bytes >= (size_t)64 << 10);
}

static void the_first_thread_has_a_stack_too(void **state)
{
	void *low;
	size_t bytes;

	(void)state;
	weft__sys_thread_stack(&low, &bytes);
	assert_true((char *)__builtin_frame_address(0) > (char *)low);
	assert_true((char *)__builtin_frame_address(0) < (char *)low + bytes);
	assert_int_equal(weft__sys_thread_tid(), getpid());
}

static void a_refused_start_leaves_nothing(void **state)
{
	weft__sys_thread thread = { .handle = 42 };

	(void)state;
	weft__sys_force.fail_thread = 1;
	assert_int_equal(weft__sys_thread_start(look, NULL, 0, "no", &thread), -EAGAIN);
	assert_int_equal(thread.handle, 42);
	/* More than there is address space for. */
	assert_true(weft__sys_thread_start(look, NULL, (size_t)1 << 60, "no", &thread) < 0);
	assert_int_equal(thread.handle, 42);
}

/* ---- at exit */

static struct {
	int first, second;
} runs;

static void count_second(void *arg)
{
	(void)arg;
	runs.second++;
}

static void count_first(void *arg)
{
	(void)arg;
	runs.first++;
	if (weft__sys_thread_at_exit(count_second, NULL) != 0)
		runs.second = -1;
}

static void *set_exits(void *arg)
{
	(void)arg;
	assert_int_equal(weft__sys_thread_at_exit(count_second, NULL), 0);
	assert_int_equal(weft__sys_thread_at_exit(count_first, NULL), 0);
	return NULL;
}

static void the_last_one_set_runs_at_exit_and_may_set_another(void **state)
{
	(void)state;
	start_and_join(set_exits, NULL, 0, "exits");
	assert_int_equal(runs.first, 1);
	assert_int_equal(runs.second, 1);
}

static uint32_t gone;

static void tell(void *arg)
{
	(void)arg;
	atomic_store_release(&gone, 1u);
	weft__sys_wake(&gone, 1);
}

static void *leave_early(void *arg)
{
	(void)arg;
	assert_int_equal(weft__sys_thread_at_exit(tell, NULL), 0);
	weft__sys_thread_exit();
}

static void a_detached_thread_that_exits_runs_it_too(void **state)
{
	weft__sys_thread thread;

	(void)state;
	assert_int_equal(weft__sys_thread_start(leave_early, NULL, 0, "early", &thread), 0);
	weft__sys_thread_detach(thread);
	while (atomic_load_acquire(&gone) == 0)
		weft__sys_wait(&gone, 0, WEFT_FOREVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_its_name_its_stack_and_no_slack),
		cmocka_unit_test(without_a_name_it_has_its_creator_s),
		cmocka_unit_test(the_first_thread_has_a_stack_too),
		cmocka_unit_test(a_refused_start_leaves_nothing),
		cmocka_unit_test(the_last_one_set_runs_at_exit_and_may_set_another),
		cmocka_unit_test(a_detached_thread_that_exits_runs_it_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
