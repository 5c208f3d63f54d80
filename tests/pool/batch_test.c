/* SPDX-License-Identifier: MIT */
/* Batches: waited for together, again and again, from outside and inside. */
#include "in_pool.h"

static weft_batch *make_batch(void)
{
	weft_batch *batch = NULL;

	assert_int_equal(weft_batch_create(&batch), 0);
	return batch;
}

static void submit(weft_pool *pool, weft_function *function, void *arg, weft_batch *batch)
{
	assert_int_equal(weft_pool_submit(pool, function, arg,
					  &(weft_task_options){ .batch = batch }, NULL),
			 0);
}

static void a_batch_is_waited_for_again_and_again(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .workers = 2 });
	weft_batch *batch = make_batch();
	long count = 0;

	(void)state;
	assert_int_equal(weft_batch_wait(batch), 0); /* of none */
	for (int round = 1; round <= 100; round++) {
		for (int i = 0; i < 50; i++)
			submit(pool, count_one, &count, batch);
		assert_int_equal(weft_batch_wait(batch), 0);
		assert_int_equal(count, round * 50);
	}
	weft_batch_destroy(batch);
	weft_pool_destroy(pool);
}

static void a_wait_for_one_batch_is_not_for_another(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .workers = 2 });
	weft_batch *held = make_batch(), *batch = make_batch();
	struct gate gate = { 0 };
	long count = 0;

	(void)state;
	submit(pool, wait_at_gate, &gate, held);
	await(&gate.come, 1);
	for (int i = 0; i < 20; i++)
		submit(pool, count_one, &count, batch);
	assert_int_equal(weft_batch_wait(batch), 0);
	assert_int_equal(count, 20);
	assert_int_equal(weft_batch_wait_until(held, weft_now() + WEFT_MS), -ETIMEDOUT);
	assert_int_equal(weft_batch_wait_until(held, weft_now() - 1), -ETIMEDOUT);
	wake(&gate.open, 1);
	assert_int_equal(weft_batch_wait_until(held, weft_now() + SECONDS_MAX), 0);
	weft_batch_destroy(held);
	weft_batch_destroy(batch);
	weft_pool_destroy(pool);
}

static void the_first_error_is_returned_once(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .workers = 1 });
	weft_batch *batch = make_batch();

	(void)state;
	submit(pool, return_it, (void *)3, batch);
	submit(pool, return_it, (void *)-5, batch);
	submit(pool, return_it, (void *)-6, batch);
	assert_int_equal(weft_batch_wait(batch), -5);
	assert_int_equal(weft_batch_wait(batch), -5); /* still the same round */
	submit(pool, return_it, (void *)0, batch);
	assert_int_equal(weft_batch_wait(batch), 0);
	weft_batch_destroy(batch);
	weft_pool_destroy(pool);
}

static int until_told(void *arg)
{
	weft_sem_wake(arg);
	while (!weft_task_is_cancelled())
		weft_yield();
	return 0;
}

static void a_cancelled_batch_ends(void **state)
{
	(void)state;
	for (weft_route route = WEFT_ROUTE_SHARED; route <= WEFT_ROUTE_KEY; route++) {
		weft_pool *pool = make_pool(&(weft_pool_options){ .workers = 1, .route = route });
		weft_batch *batch = make_batch();
		weft_sem about = WEFT_SEM_INIT(0);
		weft_task *kept;
		long count = 0;
		int result;

		submit(pool, until_told, &about, batch);
		await(&about, 1);
		for (int i = 0; i < 30; i++)
			submit(pool, count_one, &count, batch);
		assert_int_equal(weft_pool_submit(pool, return_it, (void *)8, NULL, &kept), 0);
		assert_int_equal(weft_batch_cancel(batch), 30);
		assert_int_equal(weft_batch_wait(batch), -ECANCELED);
		assert_int_equal(count, 0);
		assert_int_equal(weft_task_wait(kept, &result), 0); /* what was not in it goes on */
		assert_int_equal(result, 8);
		assert_int_equal(stats_of(pool).cancelled, 30);
		weft_batch_destroy(batch);
		weft_pool_destroy(pool);
	}
}

struct nest {
	weft_pool *pool;
	int depth, fan;
	long *count;
};

static int nested(void *arg)
{
	struct nest *nest = arg, below = { nest->pool, nest->depth - 1, nest->fan, nest->count };
	weft_batch *batch;
	int error = 0;

	atomic_add_acq_rel(nest->count, 1);
	if (nest->depth == 0)
		return 0;
	if (weft_batch_create(&batch) < 0)
		return -1;
	for (int i = 0; i < nest->fan; i++)
		error |= weft_pool_submit(
			nest->pool, nested, &below,
			&(weft_task_options){ .batch = batch, .key = (uint64_t)i }, NULL);
	error |= weft_batch_wait(batch);
	weft_batch_destroy(batch);
	return error;
}

static long nest_in(weft_kind kind, weft_route route, unsigned workers, int depth, int fan)
{
	weft_pool *pool =
		make_pool(&(weft_pool_options){ .kind = kind, .workers = workers, .route = route });
	long count = 0;
	struct nest nest = { pool, depth, fan, &count };
	weft_task *task;
	int result = -1;

	assert_int_equal(weft_pool_submit(pool, nested, &nest, NULL, &task), 0);
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(result, 0);
	assert_int_equal(weft_pool_destroy(pool), 0);
	return count;
}

static void batches_nest(void **state)
{
	(void)state;
	for (unsigned i = 0; i < worker_kind_count(); i++)
		for (unsigned workers = 1; workers <= 2; workers++) {
			weft_kind kind = worker_kinds[i].kind;

			assert_int_equal(nest_in(kind, WEFT_ROUTE_SHARED, workers, 4, 5), 781);
			assert_int_equal(nest_in(kind, WEFT_ROUTE_ROUND_ROBIN, workers, 4, 4), 341);
			assert_int_equal(nest_in(kind, WEFT_ROUTE_SHARED, workers, 300, 1), 301);
		}
}

static void a_batch_spans_pools(void **state)
{
	weft_pool *one = make_pool(&(weft_pool_options){ .workers = 1 });
	weft_pool *two = make_pool(&(weft_pool_options){ .workers = 1, .kind = WEFT_LIGHT });
	weft_batch *batch = make_batch();
	long count = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		submit(i % 2 ? one : two, count_one, &count, batch);
	assert_int_equal(weft_batch_wait(batch), 0);
	assert_int_equal(count, 100);
	weft_batch_destroy(batch);
	weft_pool_destroy(one);
	weft_pool_destroy(two);
}

static int wait_for_it(void *arg)
{
	return weft_batch_wait(arg);
}

static void who_waits_for_his_own_batch_is_told(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .workers = 1 });
	weft_batch *batch = make_batch();
	weft_task *task;
	int result = 0;

	(void)state;
	assert_int_equal(weft_pool_submit(pool, wait_for_it, batch,
					  &(weft_task_options){ .batch = batch }, &task),
			 0);
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(result, -EDEADLK);
	assert_int_equal(weft_batch_wait(batch), -EDEADLK); /* its result is the batch's error */
	weft_batch_destroy(batch);
	weft_pool_destroy(pool);
}

struct own_key {
	weft_pool *pool;
	weft_batch *batch;
	long count;
};

/* Key 5: waits for one of key 6, which must wait itself, and for one of its own key, which only it
 * can run. */
static int wait_for_both(void *arg)
{
	struct own_key *own = arg;

	for (uint64_t key = 6; key >= 5; key--)
		if (weft_pool_submit(own->pool, count_one, &own->count,
				     &(weft_task_options){ .key = key, .batch = own->batch },
				     NULL) < 0)
			return -1;
	return weft_batch_wait(own->batch);
}

static void a_batch_with_tasks_of_the_own_key_ends(void **state)
{
	struct own_key own = { .pool = make_pool(&(weft_pool_options){ .workers = 2,
								       .route = WEFT_ROUTE_KEY }),
			       .batch = make_batch() };
	struct gate gate = { 0 };
	weft_task *task;
	int result = -1;

	(void)state;
	assert_int_equal(weft_pool_submit(own.pool, wait_at_gate, &gate,
					  &(weft_task_options){ .key = 6 }, NULL),
			 0);
	await(&gate.come, 1);
	assert_int_equal(weft_pool_submit(own.pool, wait_for_both, &own,
					  &(weft_task_options){ .key = 5 }, &task),
			 0);
	while (atomic_load_acquire(&own.count) != 1)
		weft_yield();
	wake(&gate.open, 1);
	assert_int_equal(weft_task_wait_until(task, weft_now() + SECONDS_MAX, &result), 0);
	assert_int_equal(result, 0);
	weft_batch_destroy(own.batch);
	weft_pool_destroy(own.pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_is_waited_for_again_and_again),
		cmocka_unit_test(a_wait_for_one_batch_is_not_for_another),
		cmocka_unit_test(the_first_error_is_returned_once),
		cmocka_unit_test(a_cancelled_batch_ends),
		cmocka_unit_test(batches_nest),
		cmocka_unit_test(a_batch_spans_pools),
		cmocka_unit_test(who_waits_for_his_own_batch_is_told),
		cmocka_unit_test(a_batch_with_tasks_of_the_own_key_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
