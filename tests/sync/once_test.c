/* SPDX-License-Identifier: MIT */
/* Once: it runs once, whoever comes first, and again only if it failed. */
#include "crowd.h"

static int count_up(void *arg)
{
	++*(int *)arg;
	return 0;
}

static int fail_with(void *arg)
{
	return *(int *)arg;
}

static void it_runs_once(void **state)
{
	weft_once once = WEFT_ONCE_INIT;
	int runs = 0;

	(void)state;
	assert_int_equal(weft_once_run(&once, count_up, &runs), 0);
	assert_int_equal(weft_once_run(&once, count_up, &runs), 0);
	assert_int_equal(weft_once_run_try(&once, count_up, &runs), 0);
	assert_int_equal(weft_once_run_until(&once, count_up, &runs, 0), 0);
	assert_int_equal(runs, 1);
}

static void what_failed_counts_as_not_run(void **state)
{
	weft_once once = WEFT_ONCE_INIT;
	int error = -EIO, positive = 5, runs = 0;

	(void)state;
	assert_int_equal(weft_once_run(&once, fail_with, &error), -EIO);
	assert_int_equal(weft_once_run_until(&once, fail_with, &error, 0), -EIO);
	/* what is not negative is success, and success is 0 */
	assert_int_equal(weft_once_run_try(&once, fail_with, &positive), 0);
	assert_int_equal(weft_once_run(&once, count_up, &runs), 0);
	assert_int_equal(runs, 0);
}

/* ---- one processor */
struct slow {
	weft_once once;
	bool may_end;
	int result, runs;
};

static int run_slowly(void *arg)
{
	struct slow *slow = arg;

	slow->runs++;
	while (!slow->may_end)
		weft_yield();
	return slow->result;
}

static int run_first(void *arg)
{
	struct slow *slow = arg;

	return weft_once_run(&slow->once, run_slowly, slow);
}

static int succeed(void *arg)
{
	((struct slow *)arg)->runs += 100;
	return 0;
}

static int run_second(void *arg)
{
	struct slow *slow = arg;

	return weft_once_run(&slow->once, succeed, slow);
}

static int give_up_soon(void *arg)
{
	struct slow *slow = arg;

	return weft_once_run_until(&slow->once, succeed, slow, weft_now() + WEFT_MS);
}

static int meet_a_runner(void *arg)
{
	struct slow *slow = arg;
	weft_thread *first, *second, *third;

	first = start(run_first, slow);
	weft_yield();
	second = start(run_second, slow);
	weft_yield();
	third = start(run_second, slow);
	weft_yield();
	check(slow->runs == 1);
	check(weft_once_run_try(&slow->once, succeed, slow) == -EBUSY);
	check(weft_once_run_until(&slow->once, succeed, slow, 0) == -ETIMEDOUT);
	check(finish(start(give_up_soon, slow)) == -ETIMEDOUT);
	slow->may_end = true;
	check(finish(first) == (slow->result < 0 ? slow->result : 0));
	check(finish(second) == 0 && finish(third) == 0);
	return 0;
}

static void others_wait_until_it_has_run(void **state)
{
	struct slow slow = { 0 };

	(void)state;
	scenario(meet_a_runner, &slow);
	assert_int_equal(slow.runs, 1);
}

static void one_of_those_who_waited_runs_its_own_after_a_failure(void **state)
{
	struct slow slow = { .result = -EIO };

	(void)state;
	scenario(meet_a_runner, &slow);
	assert_int_equal(slow.runs, 101);
}

/* The runner is followed by the longest waiter, and nobody comes between. */
static int fail_before_another(void *arg)
{
	struct slow *slow = arg;
	weft_thread *first, *second;

	first = start(run_first, slow);
	weft_yield();
	second = start(run_first, slow);
	await_waiters(&slow->once.waiters, 1);
	slow->may_end = true;
	check(finish(first) == slow->result);
	slow->may_end = false;
	check(weft_once_run_try(&slow->once, succeed, slow) == -EBUSY);
	slow->may_end = true;
	check(finish(second) == slow->result);
	check(slow->runs == 2);
	return 0;
}

static void after_a_failure_the_next_one_is_the_runner_alone(void **state)
{
	struct slow slow = { .result = -EIO };

	(void)state;
	scenario(fail_before_another, &slow);
}

/* ---- the crowd */
enum { TIMES = 20000 };

static struct {
	weft_once once;
	int tries, successes; /* of the runner alone */
} each[TIMES];

static int fail_at_first(void *arg)
{
	int i = *(int *)arg;

	if (++each[i].tries <= i % 4)
		return -EAGAIN;
	each[i].successes++;
	return 0;
}

static int run_each(struct member *self)
{
	for (int i = 0; i < TIMES; i++) {
		int result;

		do {
			if (member_choose(self, 4) == 0)
				result = weft_once_run_until(&each[i].once, fail_at_first, &i,
							     weft_now() + member_choose(self, 20) *
										  WEFT_US);
			else
				result = weft_once_run(&each[i].once, fail_at_first, &i);
			check(result == 0 || result == -EAGAIN || result == -ETIMEDOUT);
		} while (result != 0);
		check(each[i].successes == 1);
	}
	return 0;
}

static void exactly_one_of_a_crowd_succeeds(void **state)
{
	(void)state;
	memset(each, 0, sizeof each);
	crowd(run_each, NULL);
	for (int i = 0; i < TIMES; i++) {
		assert_int_equal(each[i].tries, i % 4 + 1);
		assert_int_equal(each[i].successes, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_runs_once),
		cmocka_unit_test(what_failed_counts_as_not_run),
		cmocka_unit_test(others_wait_until_it_has_run),
		cmocka_unit_test(one_of_those_who_waited_runs_its_own_after_a_failure),
		cmocka_unit_test(after_a_failure_the_next_one_is_the_runner_alone),
		cmocka_unit_test(exactly_one_of_a_crowd_succeeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
