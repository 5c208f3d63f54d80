/* SPDX-License-Identifier: MIT */
/* The counters, summed when asked for: what workers count for themselves, and what nobody else
 * counted. A snapshot while tasks run is not of one instant. */
#include <string.h>

#include "pool/pool.h"

static void add_worker(weft_pool_stats *stats, const struct weft__worker *worker)
{
	stats->submitted += atomic_load_relaxed(&worker->submitted);
	stats->completed += atomic_load_relaxed(&worker->completed);
	stats->run_by_submitter += atomic_load_relaxed(&worker->run_here);
	stats->stolen += atomic_load_relaxed(&worker->stolen);
	stats->running += atomic_load_relaxed(&worker->depth);
}

static size_t count_queued(weft_pool *pool)
{
	size_t queued = weft__jobs_count(&pool->shared) + atomic_load_relaxed(&pool->keys.count);

	for (unsigned i = 0; i < atomic_load_acquire(&pool->seat_count); i++)
		queued += (size_t)weft__jobs_count(&pool->seats[i]->own) +
			  weft__jobs_count(&pool->seats[i]->inbox);
	return queued;
}

static size_t list_length(const struct weft__list *list)
{
	size_t length = 0;

	weft__list_for(item, list)
		length++;
	return length;
}

/* Workers, as the user counts them: those beside who stand in for others do not show. */
static unsigned count_workers(const weft_pool *pool)
{
	unsigned threads = pool->threads - pool->starting;
	unsigned present = threads > pool->away ? threads - pool->away : 0;

	if (present > pool->limit)
		present = pool->limit;
	return present < pool->workers ? pool->workers : present;
}

void weft_pool_stats_get(weft_pool *pool, weft_pool_stats *out_stats)
{
	weft_pool_stats stats = { 0 };

	weft__spin_lock(&pool->lock);
	stats.submitted = pool->past_submitted;
	stats.completed = pool->past_completed;
	stats.run_by_submitter = pool->past_run_here;
	stats.stolen = pool->past_stolen;
	stats.replaced = pool->replaced;
	weft__list_for(item, &pool->workers_all)
		add_worker(&stats, container_of(item, struct weft__worker, all));
	stats.running += list_length(&pool->outside);
	stats.workers = count_workers(pool);
	stats.blocked = pool->away;
	stats.idle = pool->busy < pool->away + stats.workers
			     ? pool->away + stats.workers - pool->busy
			     : 0;
	if (stats.idle > stats.workers)
		stats.idle = stats.workers;
	weft__spin_unlock(&pool->lock);
	weft__jobs_lock(&pool->shared);
	stats.submitted += pool->submitted;
	stats.refused = pool->refused;
	weft__jobs_unlock(&pool->shared);
	stats.completed += atomic_load_relaxed(&pool->done_outside);
	stats.run_by_submitter += atomic_load_relaxed(&pool->run_outside);
	stats.cancelled += atomic_load_relaxed(&pool->cancelled);
	stats.queued = count_queued(pool);
	*out_stats = stats;
}
