/* SPDX-License-Identifier: MIT */
/* How a worker rests until it is given a seat, and ends when it is one too many. That it misses
 * nothing: seat.c. */
#include <errno.h>

#include "pool/pool.h"

/* With pool->lock held. */
static void lie_down(struct weft__worker *worker)
{
	weft_pool *pool = worker->pool;
	struct weft__seat *seat = worker->seat;

	if (seat != NULL) {
		worker->seat = NULL;
		seat->thin = 0;
		weft__seat_drop(pool, seat);
	}
	if (worker->searching) {
		worker->searching = false;
		atomic_sub_acq_rel(&pool->searching, 1);
	}
	worker->resting = true;
	weft__list_push_front(&pool->resting, &worker->rest);
	worker->ticket = weft__arm_firm(worker->self);
	pool->busy--;
}

void weft__worker_dismiss(struct weft__worker *worker, struct weft__wakes *wakes)
{
	weft__list_remove(&worker->rest);
	worker->resting = false;
	worker->end = true;
	if (weft__claim(worker->self, worker->ticket, 0) == WEFT__CLAIM_PARKED)
		weft__pool_wakes_add(wakes, worker->self);
}

/* With pool->lock held: an elastic pool loses a thread, and routes to fewer seats. A submitter may
 * widen it at the same time: either will do. */
static void narrow(weft_pool *pool)
{
	unsigned width = atomic_load_relaxed(&pool->width);

	if (width > pool->workers && width >= pool->threads)
		atomic_store_release(&pool->width, pool->threads > pool->workers ? pool->threads - 1
										 : pool->workers);
}

/* Its time is over. True: it is one too many, and ends. */
static bool get_up(struct weft__worker *worker)
{
	weft_pool *pool = worker->pool;
	bool surplus;

	weft__spin_lock(&pool->lock);
	if (worker->resting)
		weft__list_remove(&worker->rest);
	worker->resting = false;
	worker->seat = NULL;
	worker->searching = false;
	surplus = worker->end || pool->threads > pool->workers;
	if (!surplus)
		pool->busy++;
	else
		narrow(pool);
	weft__spin_unlock(&pool->lock);
	return surplus;
}

bool weft__worker_rest(struct weft__worker *worker)
{
	weft_pool *pool = worker->pool;
	struct weft__wakes wakes = { NULL, NULL };
	int64_t rest_ns = WEFT_FOREVER, until_ns = WEFT_FOREVER;
	bool ending;

	weft__spin_lock(&pool->lock);
	if (!worker->has_rested) {
		worker->has_rested = true;
		pool->starting -= worker->is_spare;
	}
	ending = pool->ending;
	if (ending) {
		pool->busy--;
		weft__spin_unlock(&pool->lock);
		return false;
	}
	if (pool->threads > pool->workers)
		rest_ns = worker->seat != NULL && worker->seat->index >= pool->limit
				  ? 0
				  : pool->idle_ns;
	lie_down(worker);
	if (pool->busy == 0)
		weft__pool_tell_idle(pool, &wakes);
	weft__spin_unlock(&pool->lock);
	weft__wakes_ready(&wakes);
	weft__pool_look(pool);
	if (rest_ns != WEFT_FOREVER)
		until_ns = weft__sys_now() + rest_ns;
	if (weft__park(worker->self, "task", until_ns) == -ETIMEDOUT)
		return !get_up(worker);
	return !worker->end;
}
