/* SPDX-License-Identifier: MIT */
/* Pool: made, and made larger or smaller. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pool/pool.h"
#include "sched/user.h"

#define IDLE_NS WEFT_SECOND
#define QUEUE_MAX ((size_t)65536)
#define CREDIT_BLOCK_MAX 256
#define CREDIT_ENDLESS (INT64_MAX / 2)
#define PROCESSORS_MAX 1024u

static int check(const weft_pool_options *options)
{
	if ((unsigned)options->kind > WEFT_LIGHT ||
	    (unsigned)options->route > WEFT_ROUTE_FUNCTION ||
	    (unsigned)options->when_full > WEFT_POOL_RUN)
		return -EINVAL;
	if (options->workers > WEFT__POOL_WORKERS_MAX ||
	    options->workers_max > WEFT__POOL_WORKERS_MAX || options->processors > PROCESSORS_MAX ||
	    options->idle_ns < 0)
		return -EINVAL;
	if (options->workers_max != 0 && options->workers_max < options->workers)
		return -EINVAL;
	if ((options->route == WEFT_ROUTE_FUNCTION) != (options->route_function != NULL))
		return -EINVAL;
	return options->kind == WEFT_USER ? weft__user_init() : 0;
}

static void set_options(weft_pool *pool, const weft_pool_options *options)
{
	size_t queue_max = options->queue_max != 0 ? options->queue_max : QUEUE_MAX;
	int64_t block;

	pool->workers = options->workers != 0 ? options->workers : weft__sys_cpu_count();
	if (pool->workers > WEFT__POOL_WORKERS_MAX)
		pool->workers = WEFT__POOL_WORKERS_MAX;
	pool->limit = options->workers_max > pool->workers ? options->workers_max : pool->workers;
	pool->width = pool->workers;
	pool->is_elastic = pool->limit > pool->workers;
	pool->kind = options->kind == WEFT_KIND_DEFAULT ? WEFT_KERNEL : options->kind;
	pool->route = options->route;
	pool->route_function = options->route_function;
	pool->route_arg = options->route_arg;
	pool->when_full = options->when_full;
	pool->idle_ns = options->idle_ns != 0 ? options->idle_ns : IDLE_NS;
	pool->stack_bytes = options->stack_bytes;
	pool->limited = queue_max <= INT64_MAX;
	pool->room = pool->limited ? (int64_t)queue_max : 0;
	block = pool->room / (8 * (int64_t)pool->limit);
	pool->credit_block = block < 1 ? 1 : block > CREDIT_BLOCK_MAX ? CREDIT_BLOCK_MAX : block;
	pool->credit_max = !pool->limited            ? INT64_MAX
			   : pool->credit_block == 1 ? 1
						     : 2 * pool->credit_block;
	weft__thread_name_copy(pool->name, options->name != NULL ? options->name : "pool", NULL);
}

static int make_seats(weft_pool *pool, unsigned count)
{
	for (unsigned i = pool->seat_count; i < count; i++) {
		struct weft__seat *seat = aligned_alloc(WEFT__CACHE_LINE, sizeof *seat);

		if (seat == NULL)
			return -ENOMEM;
		memset(seat, 0, sizeof *seat);
		seat->index = i;
		seat->credit = pool->limited ? 0 : CREDIT_ENDLESS;
		weft__jobs_init(&seat->own, &pool->chunks, true);
		weft__jobs_init(&seat->inbox, &pool->chunks, false);
		weft__list_init(&seat->idle);
		for (unsigned level = 0; level < WEFT_PRIORITY_COUNT; level++)
			weft__list_init(&seat->lanes[level]);
		pool->seats[i] = seat;
		atomic_store_release(&pool->seat_count, i + 1);
	}
	return 0;
}

/* At home in the seats below `end` that have nobody. */
static int start_workers(weft_pool *pool, unsigned count, unsigned end)
{
	unsigned index = 0;
	int error = 0;

	while (count-- > 0 && error == 0) {
		weft__spin_lock(&pool->lock);
		pool->threads++;
		pool->starting++;
		while (index < end && pool->seats[index]->home != NULL)
			index++;
		weft__spin_unlock(&pool->lock);
		error = weft__worker_start(pool, NULL, index < end ? pool->seats[index] : NULL,
					   false);
		if (error < 0) {
			weft__spin_lock(&pool->lock);
			pool->threads--;
			pool->starting--;
			weft__spin_unlock(&pool->lock);
		}
	}
	return error;
}

static int choose_sched(weft_pool *pool, const weft_pool_options *options)
{
	weft_sched_options sched_options = { .name = pool->name,
					     .processors = options->processors };
	int error = 0;

	if (pool->kind == WEFT_KERNEL)
		return 0;
	pool->sched = weft_sched_self();
	if (pool->sched != NULL)
		return 0;
	if (sched_options.processors == 0)
		sched_options.processors = weft__sys_cpu_count();
	if (options->processors == 0 && sched_options.processors > pool->limit)
		sched_options.processors = pool->limit;
	error = weft_sched_create(&sched_options, &pool->own_sched);
	pool->sched = pool->own_sched;
	return error;
}

static weft_pool *make_empty(bool has_keys)
{
	weft_pool *pool = aligned_alloc(WEFT__CACHE_LINE, sizeof *pool);

	if (pool == NULL)
		return NULL;
	memset(pool, 0, sizeof *pool);
	weft__list_init(&pool->idle_seats);
	weft__list_init(&pool->resting);
	weft__list_init(&pool->workers_all);
	weft__list_init(&pool->waiters);
	weft__list_init(&pool->outside);
	weft__chunk_store_init(&pool->chunks);
	weft__jobs_init(&pool->shared, &pool->chunks, false);
	pool->seats = calloc(WEFT__POOL_WORKERS_MAX, sizeof(struct weft__seat *));
	pool->store = weft__task_store_create(has_keys);
	pool->keys.buckets = calloc(WEFT__KEY_BUCKETS, sizeof(struct weft__lane *));
	if (pool->seats != NULL && pool->store != NULL && pool->keys.buckets != NULL)
		return pool;
	free(pool->keys.buckets);
	free(pool->seats);
	free(pool->store);
	free(pool);
	return NULL;
}

int weft_pool_create(const weft_pool_options *options, weft_pool **out_pool)
{
	static const weft_pool_options defaults;
	weft_pool *pool;
	int error;

	if (options == NULL)
		options = &defaults;
	error = check(options);
	if (error < 0)
		return error;
	pool = make_empty(options->route == WEFT_ROUTE_KEY);
	if (pool == NULL)
		return -ENOMEM;
	set_options(pool, options);
	error = make_seats(pool, pool->limit);
	for (unsigned i = pool->seat_count; i > 0; i--)
		weft__seat_add_idle(pool, pool->seats[i - 1]);
	if (error == 0)
		error = choose_sched(pool, options);
	if (error == 0)
		error = start_workers(pool, pool->workers, pool->workers);
	if (error < 0) {
		weft__pool_end(pool);
		return error;
	}
	*out_pool = pool;
	return 0;
}

/* ---- another number of workers */

/* One at a time. */
static void begin_resize(weft_pool *pool)
{
	for (;;) {
		bool mine;

		weft__spin_lock(&pool->lock);
		mine = !pool->resizing;
		pool->resizing = true;
		weft__spin_unlock(&pool->lock);
		if (mine)
			return;
		weft_yield();
	}
}

/* With pool->lock held: idle seats are those below the limit that nobody holds. */
static void set_limit(weft_pool *pool, unsigned limit)
{
	for (unsigned i = limit; i < pool->limit; i++)
		if (pool->seats[i]->is_idle) {
			weft__seat_remove_idle(pool, pool->seats[i]);
			pool->seats[i]->is_held = false;
		}
	for (unsigned i = pool->limit; i < limit; i++)
		if (!pool->seats[i]->is_held)
			weft__seat_add_idle(pool, pool->seats[i]);
	atomic_store_release(&pool->limit, limit);
}

/* With pool->lock held: as many of those that rest as are too many. */
static void end_surplus(weft_pool *pool, struct weft__wakes *wakes)
{
	unsigned count = pool->threads > pool->workers ? pool->threads - pool->workers : 0;

	while (count-- > 0 && !weft__list_is_empty(&pool->resting))
		weft__worker_dismiss(container_of(pool->resting.prev, struct weft__worker, rest),
				     wakes);
}

int weft_pool_resize(weft_pool *pool, unsigned workers)
{
	struct weft__wakes wakes = { NULL, NULL };
	unsigned limit, missing;
	int error;

	if (workers == 0 || workers > WEFT__POOL_WORKERS_MAX)
		return -EINVAL;
	begin_resize(pool);
	limit = pool->is_elastic && pool->limit > workers ? pool->limit : workers;
	error = make_seats(pool, limit);
	if (error == 0) {
		missing = workers > pool->workers ? workers - pool->workers : 0;
		error = start_workers(pool, missing, workers);
	}
	if (error == 0) {
		weft__jobs_lock(&pool->shared);
		weft__spin_lock(&pool->lock);
		atomic_store_relaxed(&pool->workers, workers);
		atomic_store_release(&pool->width, workers); /* after the seats it leads to */
		set_limit(pool, limit);
		end_surplus(pool, &wakes);
		weft__spin_unlock(&pool->lock);
		weft__pool_attention(pool, pool->seat_count > limit ? WEFT__ATTENTION_RESIZED : 0,
				     pool->seat_count > limit ? 0 : WEFT__ATTENTION_RESIZED);
		weft__jobs_unlock(&pool->shared);
		weft__wakes_ready(&wakes);
		weft__pool_look(pool);
	}
	weft__spin_lock(&pool->lock);
	pool->resizing = false;
	weft__spin_unlock(&pool->lock);
	return error;
}
