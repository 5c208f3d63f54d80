/* SPDX-License-Identifier: MIT */
/* Pools of every kind: made, used, drained, and gone; from threads of every kind. */
#include <pthread.h>

#include "in_pool.h"

static weft_kind kind;

static weft_pool *pool_of(unsigned workers)
{
	return make_pool(&(weft_pool_options){ .kind = kind, .workers = workers });
}

static void every_task_runs_once(void **state)
{
	enum { TASKS = 10000 };
	weft_pool *pool = pool_of(2);
	long count = 0;

	(void)state;
	for (int i = 0; i < TASKS; i++)
		assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, NULL), 0);
	assert_int_equal(weft_pool_drain(pool), 0);
	assert_int_equal(count, TASKS);
	assert_int_equal(weft_pool_destroy(pool), 0);
}

static void a_destroyed_pool_has_run_everything(void **state)
{
	long count = 0;

	(void)state;
	for (int round = 0; round < 50; round++) {
		weft_pool *pool = pool_of(3);

		for (int i = 0; i < 100; i++)
			assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, NULL), 0);
		assert_int_equal(weft_pool_destroy(pool), 0);
		assert_int_equal(count, (round + 1) * 100);
	}
}

static void a_handle_brings_the_result(void **state)
{
	weft_pool *pool = pool_of(2);
	weft_task *task;
	int result = 0;

	(void)state;
	for (intptr_t i = -50; i < 50; i++) {
		assert_int_equal(weft_pool_submit(pool, return_it, (void *)i, NULL, &task), 0);
		assert_int_equal(weft_task_wait(task, &result), 0);
		assert_int_equal(result, i);
	}
	weft_pool_destroy(pool);
}

struct tree {
	weft_pool *pool;
	int depth, fan;
};

/* The number of leaves, by tasks that wait for tasks. */
static int count_leaves(void *arg)
{
	struct tree *tree = arg, below = { tree->pool, tree->depth - 1, tree->fan };
	weft_task *task[8];
	int sum = 0, result;

	if (tree->depth == 0)
		return 1;
	for (int i = 0; i < tree->fan; i++)
		if (weft_pool_submit(tree->pool, count_leaves, &below, NULL, &task[i]) != 0)
			return -1;
	for (int i = 0; i < tree->fan; i++) {
		if (weft_task_wait(task[i], &result) != 0)
			return -1;
		sum += result;
	}
	return sum;
}

static int leaves(unsigned workers, int depth, int fan)
{
	weft_pool *pool = pool_of(workers);
	struct tree tree = { pool, depth, fan };
	weft_task *task;
	int result = 0;

	assert_int_equal(weft_pool_submit(pool, count_leaves, &tree, NULL, &task), 0);
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(weft_pool_destroy(pool), 0);
	return result;
}

static void one_worker_climbs_a_thousand_deep(void **state)
{
	(void)state;
	assert_int_equal(leaves(1, 1000, 1), 1);
}

static void trees_of_waiting_tasks_end(void **state)
{
	(void)state;
	assert_int_equal(leaves(1, 4, 5), 625);
	assert_int_equal(leaves(2, 4, 5), 625);
	assert_int_equal(leaves(3, 10, 2), 1024);
}

struct spread {
	weft_pool *pool;
	long *count;
	int depth;
};

static int spread_out(void *arg)
{
	struct spread *spread = arg;

	atomic_add_acq_rel(spread->count, 1);
	for (int i = 0; spread->depth > 0 && i < 10; i++)
		if (weft_pool_submit(spread->pool, spread_out, spread + 1, NULL, NULL) != 0)
			return -1;
	return 0;
}

static void a_drain_waits_for_what_tasks_submit(void **state)
{
	weft_pool *pool = pool_of(2);
	long count = 0;
	struct spread spread[5];

	(void)state;
	for (int i = 0; i < 5; i++)
		spread[i] = (struct spread){ pool, &count, 4 - i };
	assert_int_equal(weft_pool_submit(pool, spread_out, spread, NULL, NULL), 0);
	assert_int_equal(weft_pool_drain(pool), 0);
	assert_int_equal(count, 11111);
	/* and takes tasks again */
	assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, NULL), 0);
	assert_int_equal(weft_pool_drain(pool), 0);
	assert_int_equal(count, 11112);
	weft_pool_destroy(pool);
}

static int block_at_gate(void *arg)
{
	weft_blocking_begin();
	wait_at_gate(arg);
	weft_blocking_end();
	return 0;
}

static void blocked_workers_are_replaced(void **state)
{
	weft_pool *pool = pool_of(2);
	struct gate gate = { 0 };
	weft_task *task;
	int result;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(weft_pool_submit(pool, block_at_gate, &gate, NULL, NULL), 0);
	await(&gate.come, 2);
	assert_int_equal(stats_of(pool).blocked, 2);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(weft_pool_submit(pool, return_it, (void *)7, NULL, &task), 0);
		assert_int_equal(weft_task_wait_until(task, weft_now() + SECONDS_MAX, &result), 0);
		assert_int_equal(result, 7);
	}
	wake(&gate.open, 2);
	assert_int_equal(weft_pool_drain(pool), 0);
	assert_int_equal(stats_of(pool).blocked, 0);
	assert_true(stats_of(pool).replaced >= 1);
	weft_pool_destroy(pool);
}

struct crowd {
	weft_pool *pool;
	long count;
	int tasks;
};

static int submit_many(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < crowd->tasks; i++)
		if (weft_pool_submit(crowd->pool, count_one, &crowd->count, NULL, NULL) != 0)
			return -1;
	return 0;
}

static void *submit_foreign(void *arg)
{
	return submit_many(arg) == 0 ? arg : NULL;
}

static int submit_from_kinds(void *arg)
{
	weft_thread *threads[2];
	int failed = 0, result;

	if (weft_thread_spawn(submit_many, arg, &(weft_thread_options){ .kind = WEFT_LIGHT },
			      &threads[0]) < 0 ||
	    weft_thread_spawn(submit_many, arg, &(weft_thread_options){ .kind = WEFT_KERNEL },
			      &threads[1]) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		weft_thread_join(threads[i], &result);
		failed |= result;
	}
	return failed;
}

static void threads_of_every_kind_submit(void **state)
{
	struct crowd crowd = { .pool = pool_of(2), .tasks = 5000 };
	pthread_t foreign;
	void *ok;

	(void)state;
	assert_int_equal(pthread_create(&foreign, NULL, submit_foreign, &crowd), 0);
	assert_int_equal(weft_run(submit_from_kinds, &crowd, NULL), 0);
	assert_int_equal(pthread_join(foreign, &ok), 0);
	assert_non_null(ok);
	assert_int_equal(weft_pool_drain(crowd.pool), 0);
	assert_int_equal(crowd.count, 15000);
	weft_pool_destroy(crowd.pool);
}

static int use_pool_inside(void *arg)
{
	weft_pool *pool;
	long count = 0;

	(void)arg;
	if (weft_pool_create(&(weft_pool_options){ .kind = kind, .workers = 2 }, &pool) < 0)
		return -1;
	for (int i = 0; i < 1000; i++)
		if (weft_pool_submit(pool, count_one, &count, NULL, NULL) < 0)
			return -2;
	if (weft_pool_drain(pool) != 0 || count != 1000)
		return -3;
	return weft_pool_destroy(pool);
}

static void a_pool_lives_in_a_scheduler(void **state)
{
	(void)state;
	assert_int_equal(weft_run(use_pool_inside, NULL, &(weft_sched_options){ .processors = 2 }),
			 0);
	assert_int_equal(weft_run(use_pool_inside, NULL, &(weft_sched_options){ .strict = true }),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_task_runs_once),
		cmocka_unit_test(a_destroyed_pool_has_run_everything),
		cmocka_unit_test(a_handle_brings_the_result),
		cmocka_unit_test(one_worker_climbs_a_thousand_deep),
		cmocka_unit_test(trees_of_waiting_tasks_end),
		cmocka_unit_test(a_drain_waits_for_what_tasks_submit),
		cmocka_unit_test(blocked_workers_are_replaced),
		cmocka_unit_test(threads_of_every_kind_submit),
		cmocka_unit_test(a_pool_lives_in_a_scheduler),
	};

	return RUN_FOR_EVERY_KIND(kind, tests);
}
