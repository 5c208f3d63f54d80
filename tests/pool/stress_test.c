/* SPDX-License-Identifier: MIT */
/*
 * Everything at once, at random from a printed seed: threads of every kind submit to pools of every
 * shape, wait, cancel, batch, resize, drain; tasks submit, wait and block; workers are seen to
 * block whether they do or not. In the end every task
 * that was accepted has run exactly once, or was cancelled and has not.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "in_pool.h"
#include "pool/pool.h"

#include <weft/cancel.h>

#define SUBMITTERS 3

struct world {
	weft_pool *pool;
	uint64_t seed;
	uint32_t over;
	long accepted, ran, cancelled, failed;
	struct weft__worker *worker; /* atomic: one that ran a task lately */
};

struct random {
	uint64_t state;
	/* of the task that asks: it waits for no lower one, so that keys do not wait in a circle */
	unsigned key;
};

static unsigned below(struct random *random, unsigned n)
{
	random->state =
		random->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(random->state >> 33) % n;
}

static struct world world;
static unsigned kind_count; /* of worker_kinds */

/* The argument of a task is its seed, its key, and how deep it may submit: nothing to free, for it
 * may be cancelled. */
#define DEPTH_BITS 3
#define KEY_BITS 3
#define KEYS (1u << KEY_BITS)

static void submit_some(struct random *random, unsigned depth);

static int work(void *arg)
{
	struct random random = { (uintptr_t)arg >> (DEPTH_BITS + KEY_BITS),
				 (uintptr_t)arg >> DEPTH_BITS & (KEYS - 1) };
	unsigned depth = (uintptr_t)arg & ((1u << DEPTH_BITS) - 1);

	atomic_add_acq_rel(&world.ran, 1);
	atomic_store_release(&world.worker, weft__worker_self());
	switch (below(&random, 40)) {
	case 0:
		weft_blocking_begin();
		weft_yield();
		weft_blocking_end();
		break;
	case 1:
		weft_yield();
		break;
	case 2:
	case 3:
	case 4:
		if (depth > 0)
			submit_some(&random, depth - 1);
		break;
	default:
		break;
	}
	return 1;
}

/* True: accepted. */
static bool submit_one(struct random *random, unsigned depth, weft_batch *batch,
		       weft_task **out_task)
{
	weft_task_options options = {
		.priority = (int)below(random, 3) - 1,
		.key = random->key + below(random, KEYS - random->key),
		.batch = batch,
	};
	uintptr_t seed = below(random, UINT32_MAX);
	void *next = (void *)(seed << (DEPTH_BITS + KEY_BITS) |
			      (uintptr_t)options.key << DEPTH_BITS | depth);
	int error;

	if (below(random, 4) == 0)
		error = weft_pool_submit_try(world.pool, work, next, &options, out_task);
	else
		error = weft_pool_submit(world.pool, work, next, &options, out_task);
	if (error == 0) {
		atomic_add_acq_rel(&world.accepted, 1);
		return true;
	}
	if (error != -EAGAIN && error != -ESHUTDOWN)
		atomic_add_acq_rel(&world.failed, 1);
	return false;
}

/* The task that waits was itself cancelled while it ran. */
static bool is_told(int error)
{
	return error == -ECANCELED && weft_cancelled() == -ECANCELED;
}

/* With a handle: waits, cancels, or gives it up. */
static void submit_held(struct random *random, unsigned depth)
{
	weft_task *task;
	int result = 0, error;

	if (!submit_one(random, depth, NULL, &task))
		return;
	switch (below(random, 4)) {
	case 0:
		if (weft_task_cancel(task) == 0)
			atomic_add_acq_rel(&world.cancelled, 1);
		break;
	case 1:
		if (weft_task_wait_until(task, weft_now() + below(random, 50) * WEFT_US, &result) ==
		    0)
			return;
		break;
	case 2:
		break;
	default:
		error = weft_task_wait(task, &result);
		if (is_told(error))
			break;
		if (error != 0 || result != 1)
			atomic_add_acq_rel(&world.failed, 1);
		return;
	}
	weft_task_release(task);
}

static void submit_batch(struct random *random, unsigned depth)
{
	unsigned count = below(random, 8);
	weft_batch *batch;
	int64_t removed = 0;
	int error;

	if (weft_batch_create(&batch) < 0)
		return;
	while (count-- > 0)
		submit_one(random, depth, batch, NULL);
	if (below(random, 4) == 0) {
		removed = weft_batch_cancel(batch);
		atomic_add_acq_rel(&world.cancelled, removed);
	}
	error = weft_batch_wait(batch);
	if (!is_told(error) && error != (removed > 0 ? -ECANCELED : 0))
		atomic_add_acq_rel(&world.failed, 1);
	weft_batch_destroy(batch);
}

static void submit_some(struct random *random, unsigned depth)
{
	switch (below(random, 6)) {
	case 0:
		submit_held(random, depth);
		break;
	case 1:
		submit_batch(random, depth);
		break;
	default:
		for (unsigned i = below(random, 20); i > 0; i--)
			submit_one(random, depth, NULL, NULL);
	}
}

static int submitter(void *arg)
{
	struct random random = { atomic_add_acq_rel(&world.seed, UINT64_C(0x9e3779b97f4a7c15)), 0 };

	(void)arg;
	while (!atomic_load_acquire(&world.over))
		submit_some(&random, 4);
	return 0;
}

static void *submitter_foreign(void *arg)
{
	submitter(arg);
	return NULL;
}

static void *see_workers(void *arg)
{
	while (!atomic_load_acquire(&world.over)) {
		struct weft__worker *worker = atomic_load_acquire(&world.worker);

		if (worker != NULL)
			weft__pool_blocking_table.seen(worker);
		weft_sleep(20 * WEFT_US);
	}
	return arg;
}

static void disturb(struct random *random, int64_t until_ns)
{
	while (weft_now() < until_ns) {
		switch (below(random, 3)) {
		case 0:
			if (weft_pool_resize(world.pool, 1 + below(random, 4)) < 0)
				atomic_add_acq_rel(&world.failed, 1);
			break;
		case 1:
			weft_pool_drain_until(world.pool,
					      weft_now() + below(random, 2000) * WEFT_US);
			break;
		default:
			stats_of(world.pool);
		}
		weft_sleep(below(random, 2000) * WEFT_US);
	}
}

static void check_sums(void)
{
	weft_pool_stats stats = stats_of(world.pool);

	assert_int_equal(world.failed, 0);
	assert_int_equal(stats.queued, 0);
	assert_int_equal(stats.running, 0);
	assert_int_equal(stats.blocked, 0);
	assert_int_equal(stats.submitted, world.accepted);
	assert_int_equal(stats.cancelled, world.cancelled);
	assert_int_equal(stats.completed, world.ran);
	assert_int_equal(world.ran + world.cancelled, world.accepted);
}

static void run_world(uint64_t seed, int64_t duration_ns)
{
	static const size_t queue_max[] = { 1, 3, 50, 1000, SIZE_MAX };
	struct random random = { seed, 0 };
	weft_pool_options options = {
		.kind = worker_kinds[below(&random, kind_count)].kind,
		.workers = 1 + below(&random, 3),
		.queue_max = queue_max[below(&random, 5)],
		.when_full = (weft_pool_full)below(&random, 3),
		.route = (weft_route)below(&random, 4),
		.idle_ns = WEFT_MS,
	};
	weft_thread *threads[SUBMITTERS];
	pthread_t foreign, onlooker;
	bool watched;

	world = (struct world){ .seed = seed };
	if (below(&random, 2))
		options.workers_max = options.workers + 1 + below(&random, 3);
	watched = below(&random, 2) != 0;
	world.pool = make_pool(&options);
	for (int i = 0; i < SUBMITTERS; i++)
		assert_int_equal(weft_thread_spawn(submitter, NULL, NULL, &threads[i]), 0);
	assert_int_equal(pthread_create(&foreign, NULL, submitter_foreign, NULL), 0);
	if (watched)
		assert_int_equal(pthread_create(&onlooker, NULL, see_workers, NULL), 0);
	disturb(&random, weft_now() + duration_ns);
	atomic_store_release(&world.over, 1);
	for (int i = 0; i < SUBMITTERS; i++)
		assert_int_equal(weft_thread_join(threads[i], NULL), 0);
	pthread_join(foreign, NULL);
	if (watched)
		pthread_join(onlooker, NULL);
	assert_int_equal(weft_pool_drain_until(world.pool, weft_now() + SECONDS_MAX), 0);
	check_sums();
	assert_int_equal(weft_pool_destroy(world.pool), 0);
}

static void every_task_runs_once_or_is_cancelled(void **state)
{
	const char *seconds = getenv("WEFT_STRESS_SECONDS"), *first = getenv("WEFT_SEED");
	int64_t until_ns = weft_now() + (seconds != NULL ? strtoll(seconds, NULL, 0) * WEFT_SECOND
							 : 4 * WEFT_SECOND);
	uint64_t seed = first != NULL ? strtoull(first, NULL, 0) : (uint64_t)time(NULL);

	(void)state;
	kind_count = worker_kind_count();
	do {
		print_message("seed %llu (WEFT_SEED)\n", (unsigned long long)seed);
		run_world(seed++, 60 * WEFT_MS);
	} while (weft_now() < until_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_task_runs_once_or_is_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
