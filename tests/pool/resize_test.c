/* SPDX-License-Identifier: MIT */
/* Another number of workers: asked for, or as an elastic pool sees fit. */
#include "in_pool.h"

static weft_kind kind;

/* How many tasks are at the gate at once. */
static unsigned at_once(weft_pool *pool, unsigned tasks, unsigned expected)
{
	struct gate gate = { 0 };
	unsigned come = 0;

	for (unsigned i = 0; i < tasks; i++)
		assert_int_equal(weft_pool_submit(pool, wait_at_gate, &gate, NULL, NULL), 0);
	await(&gate.come, expected);
	come = expected;
	while (weft_sem_wait_until(&gate.come, weft_now() + 5 * WEFT_MS) == 0)
		come++;
	wake(&gate.open, tasks);
	assert_int_equal(weft_pool_drain(pool), 0);
	return come;
}

static void a_pool_has_as_many_workers_as_asked_for(void **state)
{
	(void)state;
	for (weft_route route = WEFT_ROUTE_SHARED; route <= WEFT_ROUTE_LEAST_LOADED; route++) {
		static const unsigned sizes[] = { 5, 1, 3, 2, 8, 1 };
		weft_pool *pool = make_pool(
			&(weft_pool_options){ .kind = kind, .workers = 2, .route = route });

		assert_int_equal(at_once(pool, 20, 2), 2);
		for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			assert_int_equal(weft_pool_resize(pool, sizes[i]), 0);
			assert_int_equal(at_once(pool, 20, sizes[i]), sizes[i]);
			assert_int_equal(stats_of(pool).workers, sizes[i]);
		}
		assert_int_equal(weft_pool_resize(pool, 0), -EINVAL);
		assert_int_equal(weft_pool_resize(pool, 4097), -EINVAL);
		weft_pool_destroy(pool);
	}
}

static void what_waited_for_a_worker_that_goes_is_run_by_others(void **state)
{
	(void)state;
	for (weft_route route = WEFT_ROUTE_SHARED; route <= WEFT_ROUTE_KEY; route++) {
		weft_pool *pool = make_pool(
			&(weft_pool_options){ .kind = kind, .workers = 4, .route = route });
		struct gate gate = { 0 };
		long count = 0;

		for (uint64_t i = 0; i < 4; i++)
			assert_int_equal(weft_pool_submit(pool, wait_at_gate, &gate,
							  &(weft_task_options){ .key = i }, NULL),
					 0);
		await(&gate.come, route == WEFT_ROUTE_KEY ? 1 : 4); /* keys may share a worker */
		for (uint64_t i = 0; i < 400; i++)
			assert_int_equal(weft_pool_submit(pool, count_one, &count,
							  &(weft_task_options){ .key = 1000 + i },
							  NULL),
					 0);
		assert_int_equal(weft_pool_resize(pool, 1), 0);
		wake(&gate.open, 4);
		assert_int_equal(weft_pool_drain_until(pool, weft_now() + SECONDS_MAX), 0);
		assert_int_equal(count, 400);
		weft_pool_destroy(pool);
	}
}

static int resize_to(void *arg)
{
	void **what = arg;

	return weft_pool_resize(what[0], (unsigned)(intptr_t)what[1]);
}

static void a_task_may_resize_its_pool(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .kind = kind, .workers = 3 });
	void *what[] = { pool, (void *)(intptr_t)1 };
	weft_task *task;
	int result = -1;

	(void)state;
	assert_int_equal(weft_pool_submit(pool, resize_to, what, NULL, &task), 0);
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(result, 0);
	assert_int_equal(at_once(pool, 5, 1), 1);
	weft_pool_destroy(pool);
}

static void an_elastic_pool_grows_and_shrinks(void **state)
{
	(void)state;
	for (weft_route route = WEFT_ROUTE_SHARED; route <= WEFT_ROUTE_LEAST_LOADED; route++) {
		weft_pool *pool = make_pool(&(weft_pool_options){ .kind = kind,
								  .workers = 1,
								  .workers_max = 4,
								  .idle_ns = 5 * WEFT_MS,
								  .route = route });

		for (int round = 0; round < 3; round++) {
			int64_t until_ns = weft_now() + SECONDS_MAX;
			unsigned most;

			assert_int_equal(stats_of(pool).workers, 1);
			/* One that the monitor saw blocked has a substitute. */
			most = at_once(pool, 10, 4);
			assert_true(most >= 4);
			assert_true(most <= 4 + stats_of(pool).replaced);
			while (stats_of(pool).workers > 1 && weft_now() < until_ns)
				weft_sleep(WEFT_MS);
		}
		assert_int_equal(stats_of(pool).workers, 1);
		assert_int_equal(weft_pool_resize(pool, 2), 0);
		assert_int_equal(at_once(pool, 10, 4), 4);
		weft_pool_destroy(pool);
	}
}

static int block_at_gate(void *arg)
{
	weft_blocking_begin();
	wait_at_gate(arg);
	weft_blocking_end();
	return 0;
}

static unsigned by_key(void *arg, uint64_t key, unsigned workers)
{
	(void)arg;
	return (unsigned)key % workers;
}

/* The second worker comes to be for a task that blocks before it has ever rested. */
static void what_lies_behind_the_first_task_of_a_worker_is_run_while_that_blocks(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .kind = kind,
							  .workers = 1,
							  .workers_max = 2,
							  .route = WEFT_ROUTE_FUNCTION,
							  .route_function = by_key });
	const weft_task_options second = { .key = 1 };
	struct gate gate = { 0 };
	weft_task *behind;
	long count = 0;

	(void)state;
	hold_workers(pool, &gate, 1);
	assert_int_equal(weft_pool_submit(pool, block_at_gate, &gate, &second, NULL), 0);
	await(&gate.come, 1);
	while (stats_of(pool).blocked == 0)
		weft_yield();
	/* Each is alone, so that a replacement has gone to rest again before the last. */
	for (int i = 0; i < 20; i++) {
		assert_int_equal(weft_pool_submit(pool, count_one, &count, &second, &behind), 0);
		assert_int_equal(weft_task_wait_until(behind, weft_now() + SECONDS_MAX, NULL), 0);
	}
	assert_int_equal(count, 20);
	wake(&gate.open, 2);
	weft_pool_destroy(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_has_as_many_workers_as_asked_for),
		cmocka_unit_test(what_waited_for_a_worker_that_goes_is_run_by_others),
		cmocka_unit_test(a_task_may_resize_its_pool),
		cmocka_unit_test(an_elastic_pool_grows_and_shrinks),
		cmocka_unit_test(
			what_lies_behind_the_first_task_of_a_worker_is_run_while_that_blocks),
	};

	return RUN_FOR_EVERY_KIND(kind, tests);
}
