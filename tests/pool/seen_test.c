/* SPDX-License-Identifier: MIT */
/*
 * Workers that block in calls that nobody declared, and are seen to: here the test is who sees
 * them. (stress_test.c and the simulator see them at any moment.)
 */
#include <unistd.h>

#include "in_pool.h"
#include "pool/pool.h"

#define WORKERS 2

static weft_kind kind;

/* A task that blocks in the kernel until something is written, and says who runs it. */
struct block {
	int ends[2];
	weft_sem come;
	struct weft__worker *workers[WORKERS];
	uint32_t count; /* atomic */
};

static int read_one(void *arg)
{
	struct block *block = arg;
	char byte;

	block->workers[atomic_add_acq_rel(&block->count, 1)] = weft__worker_self();
	weft_sem_wake(&block->come);
	return (int)read(block->ends[0], &byte, 1);
}

static weft_pool *blocked_pool(struct block *block, weft_route route)
{
	weft_pool *pool = make_pool(&(weft_pool_options){
		.kind = kind, .workers = WORKERS, .processors = 2 * WORKERS, .route = route });

	*block = (struct block){ .count = 0 };
	assert_int_equal(pipe(block->ends), 0);
	for (uint64_t i = 0; i < WORKERS; i++)
		assert_int_equal(weft_pool_submit(pool, read_one, block,
						  &(weft_task_options){ .key = i }, NULL),
				 0);
	await(&block->come, WORKERS);
	return pool;
}

static void unblock(struct block *block)
{
	assert_int_equal(write(block->ends[1], "ab", WORKERS), WORKERS);
}

static void close_block(struct block *block)
{
	close(block->ends[0]);
	close(block->ends[1]);
}

static void see(struct block *block)
{
	for (int i = 0; i < WORKERS; i++)
		weft__pool_blocking_table.seen(block->workers[i]);
}

/* The monitor may be in the middle of seeing one itself. */
static void await_blocked(weft_pool *pool, unsigned count)
{
	int64_t end_ns = weft_now() + SECONDS_MAX;

	while (stats_of(pool).blocked != count) {
		assert_true(weft_now() < end_ns);
		weft_yield();
	}
}

static void expect_answers(weft_pool *pool, int count)
{
	weft_task *task;
	int result;

	for (intptr_t i = 0; i < count; i++) {
		assert_int_equal(weft_pool_submit(pool, return_it, (void *)i, NULL, &task), 0);
		assert_int_equal(weft_task_wait_until(task, weft_now() + SECONDS_MAX, &result), 0);
		assert_int_equal(result, i);
	}
}

static void workers_that_are_seen_to_block_are_replaced(void **state)
{
	static const weft_route routes[] = { WEFT_ROUTE_SHARED, WEFT_ROUTE_ROUND_ROBIN };
	struct block block;
	weft_pool *pool;

	(void)state;
	for (int i = 0; i < 2; i++) {
		pool = blocked_pool(&block, routes[i]);
		see(&block);
		await_blocked(pool, WORKERS);
		expect_answers(pool, 100);
		unblock(&block);
		assert_int_equal(weft_pool_drain_until(pool, weft_now() + SECONDS_MAX), 0);
		assert_int_equal(stats_of(pool).blocked, 0);
		assert_int_equal(stats_of(pool).completed, WORKERS + 100);
		assert_true(stats_of(pool).replaced >= 1);
		expect_answers(pool, 100);
		weft_pool_destroy(pool);
		close_block(&block);
	}
}

static void what_waits_already_is_run_too(void **state)
{
	struct block block;
	weft_pool *pool = blocked_pool(&block, WEFT_ROUTE_SHARED);
	struct gate gate = { 0 };

	(void)state;
	assert_int_equal(weft_pool_submit(pool, wait_at_gate, &gate, NULL, NULL), 0);
	see(&block);
	await(&gate.come, 1);
	wake(&gate.open, 1);
	unblock(&block);
	weft_pool_destroy(pool);
	close_block(&block);
}

/* Blocks, then goes on to use the pool from within the same task. */
static int read_and_submit(void *arg)
{
	struct block *block = arg;
	weft_pool *pool = weft__worker_self()->pool;
	long count = 0;
	weft_batch *batch;

	if (read_one(block) != 1 || weft_batch_create(&batch) < 0)
		return -1;
	for (int i = 0; i < 100; i++)
		if (weft_pool_submit(pool, count_one, &count,
				     &(weft_task_options){ .batch = batch }, NULL) < 0)
			return -1;
	weft_batch_destroy(batch);
	return (int)count;
}

static void a_worker_that_comes_back_may_submit_and_wait(void **state)
{
	struct block block = { .count = 0 };
	weft_pool *pool =
		make_pool(&(weft_pool_options){ .kind = kind, .workers = 1, .processors = 2 });
	weft_task *task;
	int result = 0;

	(void)state;
	assert_int_equal(pipe(block.ends), 0);
	assert_int_equal(weft_pool_submit(pool, read_and_submit, &block, NULL, &task), 0);
	await(&block.come, 1);
	weft__pool_blocking_table.seen(block.workers[0]);
	weft__pool_blocking_table.seen(block.workers[0]); /* once more is nothing */
	await_blocked(pool, 1);
	expect_answers(pool, 10);
	unblock(&block);
	assert_int_equal(weft_task_wait_until(task, weft_now() + SECONDS_MAX, &result), 0);
	assert_int_equal(result, 100);
	weft_pool_destroy(pool);
	close_block(&block);
}

static void a_worker_that_declared_it_is_replaced_once(void **state)
{
	struct gate gate = { 0 };
	weft_pool *pool =
		make_pool(&(weft_pool_options){ .kind = kind, .workers = 1, .processors = 2 });
	struct weft__worker *worker;

	(void)state;
	hold_workers(pool, &gate, 1);
	weft__spin_lock(&pool->lock);
	worker = container_of(pool->workers_all.next, struct weft__worker, all);
	weft__spin_unlock(&pool->lock);
	weft__pool_blocking_table.seen(worker); /* it waits at the gate */
	assert_int_equal(stats_of(pool).blocked, 1);
	weft__pool_blocking_table.seen(worker);
	assert_int_equal(stats_of(pool).blocked, 1);
	wake(&gate.open, 1);
	weft_pool_destroy(pool);
	/* Late: whoever it was has ended. */
	weft__pool_blocking_table.seen(worker);
}

static void an_idle_worker_keeps_its_rest(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .kind = kind, .workers = 1 });
	struct weft__worker *worker;

	(void)state;
	expect_answers(pool, 1);
	weft__spin_lock(&pool->lock);
	worker = container_of(pool->workers_all.next, struct weft__worker, all);
	weft__spin_unlock(&pool->lock);
	weft__pool_blocking_table.seen(worker);
	assert_int_equal(stats_of(pool).blocked, 0);
	expect_answers(pool, 10);
	assert_int_equal(stats_of(pool).replaced, 0);
	weft_pool_destroy(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers_that_are_seen_to_block_are_replaced),
		cmocka_unit_test(what_waits_already_is_run_too),
		cmocka_unit_test(a_worker_that_comes_back_may_submit_and_wait),
		cmocka_unit_test(a_worker_that_declared_it_is_replaced_once),
		cmocka_unit_test(an_idle_worker_keeps_its_rest),
	};

	return RUN_FOR_EVERY_KIND(kind, tests);
}
