/* SPDX-License-Identifier: MIT */
/* Which worker does what. */
#include <stdlib.h>
#include <string.h>

#include "in_pool.h"

#define WORKERS 4

/* Who ran how many, by thread. */
struct tally {
	weft_mutex lock;
	struct {
		weft_thread *thread;
		int count;
	} by[WORKERS + 1];
};

static int note_thread(void *arg)
{
	struct tally *tally = arg;
	weft_thread *self = weft_thread_self();
	int i = 0;

	weft_mutex_lock(&tally->lock);
	while (tally->by[i].thread != NULL && tally->by[i].thread != self)
		i++;
	tally->by[i].thread = self;
	tally->by[i].count++;
	weft_mutex_unlock(&tally->lock);
	return i;
}

static weft_pool *pool_by(weft_route route)
{
	return make_pool(&(weft_pool_options){ .workers = WORKERS, .route = route });
}

static void round_robin_gives_each_the_same(void **state)
{
	weft_pool *pool = pool_by(WEFT_ROUTE_ROUND_ROBIN);
	struct tally tally = { 0 };

	(void)state;
	for (int i = 0; i < WORKERS * 250; i++)
		assert_int_equal(weft_pool_submit(pool, note_thread, &tally, NULL, NULL), 0);
	weft_pool_drain(pool);
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(tally.by[i].count, 250);
	assert_null(tally.by[WORKERS].thread);
	weft_pool_destroy(pool);
}

static void round_robin_goes_round_while_all_idle(void **state)
{
	weft_pool *pool = pool_by(WEFT_ROUTE_ROUND_ROBIN);
	struct tally tally = { 0 };

	(void)state;
	for (int i = 0; i < WORKERS * 50; i++) {
		assert_int_equal(weft_pool_submit(pool, note_thread, &tally, NULL, NULL), 0);
		weft_pool_drain(pool);
	}
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(tally.by[i].count, 50);
	weft_pool_destroy(pool);
}

static void least_loaded_passes_over_the_busy(void **state)
{
	weft_pool *pool = pool_by(WEFT_ROUTE_LEAST_LOADED);
	struct gate gate = { 0 }, second = { 0 };
	struct tally tally = { 0 };
	weft_task *task;
	int first, i;

	(void)state;
	hold_workers(pool, &gate, WORKERS - 1);
	/* One is left: all go to it, one after the other. */
	for (i = 0; i < 20; i++) {
		assert_int_equal(weft_pool_submit(pool, note_thread, &tally, NULL, &task), 0);
		assert_int_equal(weft_task_wait(task, &first), 0);
		assert_int_equal(first, 0);
	}
	assert_int_equal(tally.by[0].count, 20);
	/* It too is held: the next ones lie behind different ones. */
	hold_workers(pool, &gate, 1);
	for (i = 0; i < WORKERS; i++)
		assert_int_equal(weft_pool_submit(pool, wait_at_gate, &second, NULL, NULL), 0);
	wake(&gate.open, WORKERS);
	await(&second.come, WORKERS); /* each of the held ones had one behind it */
	wake(&second.open, WORKERS);
	weft_pool_destroy(pool);
}

static unsigned by_key(void *arg, uint64_t key, unsigned workers)
{
	atomic_add_acq_rel((long *)arg, 1);
	assert_int_equal(workers, WORKERS);
	return (unsigned)key;
}

static void the_program_routes_by_its_function(void **state)
{
	long asked = 0;
	weft_pool *pool = make_pool(&(weft_pool_options){ .workers = WORKERS,
							  .route = WEFT_ROUTE_FUNCTION,
							  .route_function = by_key,
							  .route_arg = &asked });
	int who[2 * WORKERS], result;
	struct tally tally = { 0 };
	weft_task *task;

	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		weft_task_options options = { .key = i % (2 * WORKERS) };

		assert_int_equal(weft_pool_submit(pool, note_thread, &tally, &options, &task), 0);
		assert_int_equal(weft_task_wait(task, &result), 0);
		if (i < 2 * WORKERS)
			who[i] = result;
		assert_int_equal(result, who[i % (2 * WORKERS)]);
		assert_int_equal(result, who[i % WORKERS]); /* modulo the number of workers */
	}
	assert_int_equal(asked, 400);
	assert_null(tally.by[WORKERS].thread);
	assert_non_null(tally.by[WORKERS - 1].thread);
	weft_pool_destroy(pool);
}

struct lock_route {
	weft_mutex lock;
	weft_pool *pool;
};

/* Waits for a lock whose holder submits, and submits itself. */
static unsigned by_lock(void *arg, uint64_t key, unsigned workers)
{
	struct lock_route *route = arg;
	long unused = 0;

	(void)workers;
	weft_mutex_lock(&route->lock);
	weft_mutex_unlock(&route->lock);
	if (key == 7)
		assert_int_equal(weft_pool_submit(route->pool, return_it, &unused, NULL, NULL), 0);
	return 0;
}

static int submit_seven(void *arg)
{
	struct lock_route *route = arg;

	return weft_pool_submit(route->pool, return_it, NULL, &(weft_task_options){ .key = 7 },
				NULL);
}

static void the_programs_function_may_wait_and_submit(void **state)
{
	struct lock_route route = { .lock = WEFT_MUTEX_INIT };
	weft_thread *thread;
	int result = -1;

	(void)state;
	route.pool = make_pool(&(weft_pool_options){ .workers = 1,
						     .route = WEFT_ROUTE_FUNCTION,
						     .route_function = by_lock,
						     .route_arg = &route });
	weft_mutex_lock(&route.lock);
	assert_int_equal(weft_thread_spawn(submit_seven, &route, NULL, &thread), 0);
	weft_sleep(WEFT_MS); /* likely it waits in the function now: nothing of the pool is held */
	assert_int_equal(stats_of(route.pool).submitted, 0);
	weft_mutex_unlock(&route.lock);
	assert_int_equal(weft_thread_join(thread, &result), 0);
	assert_int_equal(result, 0);
	assert_int_equal(weft_pool_destroy(route.pool), 0);
}

/* ---- by key */

#define KEYS 16

struct stream {
	weft_pool *pool;
	uint64_t key;
	int running, next, broken;
};

struct item {
	struct stream *stream;
	int number;
};

static int run_item(void *arg)
{
	struct item *item = arg;
	struct stream *stream = item->stream;

	if (atomic_add_acq_rel(&stream->running, 1) != 0 || stream->next != item->number)
		atomic_store_relaxed(&stream->broken, 1);
	stream->next = item->number + 1;
	if (item->number % 7 == 0)
		weft_yield();
	atomic_sub_acq_rel(&stream->running, 1);
	free(item);
	return 0;
}

static void submit_item(struct stream *stream, int number, weft_task **out_task)
{
	struct item *item = malloc(sizeof *item);

	*item = (struct item){ stream, number };
	assert_int_equal(weft_pool_submit(stream->pool, run_item, item,
					  &(weft_task_options){ .key = stream->key }, out_task),
			 0);
}

static void keys_in_order(weft_kind kind)
{
	weft_pool *pool = make_pool(
		&(weft_pool_options){ .kind = kind, .workers = WORKERS, .route = WEFT_ROUTE_KEY });
	struct stream streams[KEYS] = { 0 };

	for (int i = 0; i < 500; i++)
		for (int k = 0; k < KEYS; k++) {
			streams[k].pool = pool;
			streams[k].key = (uint64_t)k * UINT64_C(0x100000001);
			submit_item(&streams[k], i, NULL);
			if (i == 250 && k == 0)
				assert_int_equal(weft_pool_resize(pool, 2), 0);
			if (i == 400 && k == 3)
				assert_int_equal(weft_pool_resize(pool, WORKERS + 1), 0);
		}
	weft_pool_drain(pool);
	for (int k = 0; k < KEYS; k++) {
		assert_int_equal(streams[k].next, 500);
		assert_int_equal(streams[k].broken, 0);
	}
	weft_pool_destroy(pool);
}

static void tasks_of_a_key_run_in_order_and_alone(void **state)
{
	(void)state;
	for (unsigned i = 0; i < worker_kind_count(); i++)
		keys_in_order(worker_kinds[i].kind);
}

static void a_key_stays_with_its_worker(void **state)
{
	weft_pool *pool = pool_by(WEFT_ROUTE_KEY);
	struct tally tally[KEYS];

	(void)state;
	memset(tally, 0, sizeof tally);
	for (int i = 0; i < 100; i++)
		for (unsigned k = 0; k < KEYS; k++)
			assert_int_equal(weft_pool_submit(pool, note_thread, &tally[k],
							  &(weft_task_options){ .key = k }, NULL),
					 0);
	weft_pool_drain(pool);
	for (unsigned k = 0; k < KEYS; k++) {
		assert_int_equal(tally[k].by[0].count, 100);
		assert_null(tally[k].by[1].thread);
	}
	weft_pool_destroy(pool);
}

static int block_at_gate(void *arg)
{
	weft_blocking_begin();
	wait_at_gate(arg);
	weft_blocking_end();
	return 0;
}

static void a_key_stays_alone_while_its_task_blocks(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .workers = 1, .route = WEFT_ROUTE_KEY });
	struct gate gate = { 0 };
	weft_task *same, *other;

	(void)state;
	assert_int_equal(weft_pool_submit(pool, block_at_gate, &gate,
					  &(weft_task_options){ .key = 1 }, NULL),
			 0);
	await(&gate.come, 1);
	assert_int_equal(weft_pool_submit(pool, return_it, NULL, &(weft_task_options){ .key = 1 },
					  &same),
			 0);
	assert_int_equal(weft_pool_submit(pool, return_it, NULL, &(weft_task_options){ .key = 2 },
					  &other),
			 0);
	/* The other key goes on with a replacement, this one does not. */
	assert_int_equal(weft_task_wait_until(other, weft_now() + SECONDS_MAX, NULL), 0);
	assert_int_equal(weft_task_wait_try(same, NULL), -EBUSY);
	wake(&gate.open, 1);
	assert_int_equal(weft_task_wait(same, NULL), 0);
	weft_pool_destroy(pool);
}

struct chain {
	weft_pool *pool;
	struct stream *stream;
	int first;
};

/* Within a task of key 1: submits tasks of the same key and of another, and waits for the last of
 * each. */
static int wait_for_own_key(void *arg)
{
	struct chain *chain = arg;
	weft_task *task[2][5];

	for (int s = 0; s < 2; s++)
		for (int i = 0; i < 5; i++)
			submit_item(&chain->stream[s], i, &task[s][i]);
	for (int s = 0; s < 2; s++)
		for (int i = 4; i >= 0; i--)
			if (weft_task_wait(task[s][i], NULL) != 0)
				return -1;
	return chain->stream[0].next * 10 + chain->stream[1].next;
}

static void waiting_for_a_later_task_of_the_own_key_ends(void **state)
{
	(void)state;
	for (unsigned workers = 1; workers <= 3; workers++) {
		weft_pool *pool = make_pool(
			&(weft_pool_options){ .workers = workers, .route = WEFT_ROUTE_KEY });
		struct stream streams[2] = { { .pool = pool, .key = 1 },
					     { .pool = pool, .key = 2 } };
		struct chain chain = { pool, streams, 0 };
		weft_task *task;
		int result = 0;

		assert_int_equal(weft_pool_submit(pool, wait_for_own_key, &chain,
						  &(weft_task_options){ .key = 1 }, &task),
				 0);
		assert_int_equal(weft_task_wait(task, &result), 0);
		assert_int_equal(result, 55);
		assert_int_equal(streams[0].broken | streams[1].broken, 0);
		weft_pool_destroy(pool);
	}
}

struct errand {
	weft_pool *pool;
	struct gate *gate;
	weft_task *before; /* it has the only place in the queue */
};

/* In a submitter: when that one has ended there is room again, so its part is queued behind it. (A
 * task that is counted as queued no more may be about to begin, and has its place until then.) */
static int wait_for_part(void *arg)
{
	struct errand *errand = arg;
	weft_task *part;
	int result = -1;

	wake(&errand->gate->open, 1);
	if (weft_task_wait(errand->before, NULL) != 0 ||
	    weft_pool_submit(errand->pool, return_it, (void *)4, &(weft_task_options){ .key = 7 },
			     &part) != 0 ||
	    weft_task_wait(part, &result) != 0)
		return -1;
	return result;
}

static void a_submitter_that_runs_a_task_may_wait_for_its_own_key(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){
		.workers = 1, .queue_max = 1, .when_full = WEFT_POOL_RUN, .route = WEFT_ROUTE_KEY });
	struct gate gate = { 0 };
	struct errand errand = { pool, &gate, NULL };
	weft_pool_stats stats;
	weft_task *task;
	int result = 0;

	(void)state;
	hold_workers(pool, &gate, 1);
	assert_int_equal(weft_pool_submit(pool, return_it, NULL, &(weft_task_options){ .key = 6 },
					  &errand.before),
			 0);
	assert_int_equal(weft_pool_submit(pool, wait_for_part, &errand,
					  &(weft_task_options){ .key = 7 }, &task),
			 0);
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(result, 4);
	assert_int_equal(weft_pool_drain(pool), 0);
	stats = stats_of(pool);
	assert_int_equal(stats.completed, 4);
	assert_int_equal(stats.submitted, 4);
	assert_int_equal(stats.run_by_submitter, 1);
	weft_pool_destroy(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_robin_gives_each_the_same),
		cmocka_unit_test(round_robin_goes_round_while_all_idle),
		cmocka_unit_test(least_loaded_passes_over_the_busy),
		cmocka_unit_test(the_program_routes_by_its_function),
		cmocka_unit_test(the_programs_function_may_wait_and_submit),
		cmocka_unit_test(tasks_of_a_key_run_in_order_and_alone),
		cmocka_unit_test(a_key_stays_with_its_worker),
		cmocka_unit_test(a_key_stays_alone_while_its_task_blocks),
		cmocka_unit_test(waiting_for_a_later_task_of_the_own_key_ends),
		cmocka_unit_test(a_submitter_that_runs_a_task_may_wait_for_its_own_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
