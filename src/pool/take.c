/* SPDX-License-Identifier: MIT */
/*
 * Which task a worker takes next.
 *
 * In a shared pool: high priority first, wherever it is; then the seat's own queue, oldest first;
 * then all that lies in the shared queue, which goes into the seat's own, where others can still
 * take it; then half of another seat's queue; then low priority. Every 32nd take begins at the
 * lower end, so that neither a low priority nor the shared queue starves.
 * In the others: the seat's inbox.
 *
 * What moves from queue to queue does so with both locked, so a job is always in exactly one. A
 * thief that finds its own queue locked (by another thief) lets go: both waiting would be for ever.
 */
#include "arch/arch.h"
#include "pool/lane.h"
#include "pool/own.h"
#include "pool/pool.h"

#define THIN_TAKES 2
#define GATHER_JOBS 16u
#define GATHER_SPINS 32
#define SEARCH_ROUNDS 8
#define SEARCH_SPINS 32

bool weft__seat_has_work(const struct weft__seat *seat)
{
	return weft__jobs_count(&seat->own) != 0 || weft__jobs_count(&seat->inbox) != 0 ||
	       atomic_load_relaxed(&seat->lane_count) != 0;
}

bool weft__pool_has_work(weft_pool *pool)
{
	unsigned count = atomic_load_acquire(&pool->seat_count);

	if (weft__jobs_count(&pool->shared) != 0)
		return true;
	for (unsigned i = 0; i < count; i++)
		if (weft__seat_has_work(pool->seats[i]))
			return true;
	return false;
}

/* An estimate: the two are not read at one time. */
static uint32_t seats_held(weft_pool *pool)
{
	uint32_t limit = atomic_load_relaxed(&pool->limit), idle = atomic_load_relaxed(&pool->idle);

	return idle < limit ? limit - idle : 0;
}

/* Moves jobs, beside the first, to the seat's own queue, which is entered. How many. */
static uint32_t move(weft_pool *pool, struct weft__jobs *from, struct weft__seat *seat,
		     uint32_t count)
{
	if (count == 0 || weft__pool_is_stopped(pool))
		return 0;
	if (count > WEFT__POOL_MOVE_MAX)
		count = WEFT__POOL_MOVE_MAX;
	return weft__jobs_move(from, &seat->own, WEFT__LEVEL_NORMAL, count);
}

/*
 * A worker that keeps up with its submitters finds a few tasks each time, and takes the lock, and
 * the cache lines, from them for each few: all get slower, and it goes on so. After some such takes
 * in a row it stays away for a microsecond, without a look, so that more gather. One that found
 * nothing in between does not: then tasks come one by one, and none should wait for another.
 */
static void let_gather(struct weft__seat *seat, uint32_t count)
{
	if (likely(seat->thin < THIN_TAKES) || count >= GATHER_JOBS)
		return;
	for (unsigned spin = 0; spin < GATHER_SPINS; spin++)
		weft__arch_relax();
}

/* All there is of normal priority, in whole chunks: the lock is held for a moment only. Others may
 * steal from it. */
static bool refill(struct weft__worker *worker, struct weft__job *out_job)
{
	weft_pool *pool = worker->pool;
	struct weft__seat *seat = worker->seat;
	struct weft__jobs *shared = &pool->shared;
	uint32_t count = weft__jobs_count(shared);

	if (count == 0) {
		seat->thin = 0;
		return false;
	}
	let_gather(seat, count);
	weft__jobs_lock(shared);
	weft__jobs_enter(&seat->own);
	count = move(pool, shared, seat, WEFT__POOL_MOVE_MAX);
	weft__jobs_leave(&seat->own);
	weft__jobs_unlock(shared);
	if (count >= GATHER_JOBS)
		seat->thin = 0;
	else if (seat->thin < THIN_TAKES)
		seat->thin++;
	return count != 0 && weft__own_take(pool, seat, out_job);
}

#define FIRST_LEVEL WEFT_PRIORITY_COUNT

/* One of that level, or of the first level that has one. */
static bool take_shared(struct weft__worker *worker, unsigned level, struct weft__job *out_job)
{
	weft_pool *pool = worker->pool;
	struct weft__jobs *shared = &pool->shared;
	struct weft__wakes wakes = { NULL, NULL };
	bool taken;

	if (weft__jobs_count(shared) == 0)
		return false;
	weft__jobs_lock(shared);
	if (level == FIRST_LEVEL)
		level = weft__jobs_first_level(shared);
	taken = level < WEFT_PRIORITY_COUNT && !weft__pool_is_stopped(pool) &&
		weft__jobs_pop(shared, level, out_job);
	if (taken) {
		weft__job_begin(out_job);
		weft__room_give(pool, 1, &wakes);
	}
	if (level == WEFT__LEVEL_HIGH && !weft__jobs_has(shared, WEFT__LEVEL_HIGH))
		weft__pool_attention(pool, 0, WEFT__ATTENTION_URGENT);
	weft__jobs_unlock(shared);
	weft__wakes_ready(&wakes);
	return taken;
}

/* One lower task in 32: of two lower levels each in turn. */
static bool take_lower(struct weft__worker *worker, uint32_t attention, struct weft__job *out_job)
{
	bool normal_first = (attention & WEFT__ATTENTION_URGENT) != 0 &&
			    worker->seat->tick / WEFT__POOL_FAIR_EVERY % 2 == 1;

	if (weft__jobs_count(&worker->pool->shared) == 0 && !normal_first)
		return false;
	if (normal_first && (weft__own_take(worker->pool, worker->seat, out_job) ||
			     take_shared(worker, WEFT__LEVEL_NORMAL, out_job)))
		return true;
	return take_shared(worker, WEFT__LEVEL_LOW, out_job) ||
	       take_shared(worker, WEFT__LEVEL_NORMAL, out_job);
}

static bool steal_from(struct weft__worker *worker, struct weft__seat *victim,
		       struct weft__job *out_job)
{
	weft_pool *pool = worker->pool;
	struct weft__seat *seat = worker->seat;
	bool taken, flush = false;
	uint32_t count;

	if (weft__jobs_count(&victim->own) == 0)
		return false;
	weft__jobs_lock(&victim->own);
	if (!weft__jobs_enter_try(&seat->own)) {
		weft__jobs_unlock(&victim->own);
		return false;
	}
	taken = !weft__pool_is_stopped(pool) &&
		weft__jobs_pop(&victim->own, WEFT__LEVEL_NORMAL, out_job);
	if (taken) {
		weft__job_begin(out_job);
		flush = weft__credit_add(pool, seat);
		count = move(pool, &victim->own, seat, weft__jobs_count(&victim->own) / 2);
		atomic_bump(&worker->stolen, count + 1);
	}
	weft__jobs_leave(&seat->own);
	weft__jobs_unlock(&victim->own);
	if (flush)
		weft__room_flush(pool, seat);
	return taken;
}

static bool steal(struct weft__worker *worker, struct weft__job *out_job)
{
	weft_pool *pool = worker->pool;
	unsigned count = atomic_load_acquire(&pool->seat_count);
	unsigned self = worker->seat->index;

	for (unsigned i = 1; i < count; i++)
		if (steal_from(worker, pool->seats[(self + i) % count], out_job))
			return true;
	return false;
}

unsigned weft__level_choose(unsigned tick, unsigned mask)
{
	unsigned first = (unsigned)__builtin_ctz(mask);
	unsigned lower = mask & ~(1u << first);

	if (tick % WEFT__POOL_FAIR_EVERY != 0 || lower == 0)
		return first;
	/* Of two lower levels each in turn. */
	if ((lower & (lower - 1)) != 0 && tick / WEFT__POOL_FAIR_EVERY % 2 == 0)
		return WEFT__LEVEL_LOW;
	return (unsigned)__builtin_ctz(lower);
}

static bool pop_inbox(weft_pool *pool, struct weft__jobs *inbox, unsigned tick,
		      struct weft__job *out_job)
{
	unsigned mask = 0;

	if (weft__jobs_count(inbox) == 0)
		return false;
	weft__jobs_lock(inbox);
	for (unsigned level = 0; level < WEFT_PRIORITY_COUNT && !weft__pool_is_stopped(pool);
	     level++)
		mask |= (unsigned)weft__jobs_has(inbox, level) << level;
	if (mask != 0) {
		weft__jobs_pop(inbox, weft__level_choose(tick, mask), out_job);
		weft__job_begin(out_job);
	}
	weft__jobs_unlock(inbox);
	return mask != 0;
}

/* The next of a seat's inbox, or of its lanes. */
static bool take_routed_to(struct weft__worker *worker, struct weft__seat *from,
			   struct weft__job *out_job)
{
	struct weft__seat *seat = worker->seat;
	struct weft_task *task;
	bool flush;

	if (worker->pool->route == WEFT_ROUTE_KEY) {
		task = weft__lane_take(worker, from);
		if (task == NULL)
			return false;
		*out_job = (struct weft__job){ weft__task_run, task };
	} else if (!pop_inbox(worker->pool, &from->inbox, seat->tick, out_job)) {
		return false;
	}
	weft__jobs_enter(&seat->own);
	flush = weft__credit_add(worker->pool, seat);
	weft__jobs_leave(&seat->own);
	if (flush)
		weft__room_flush(worker->pool, seat);
	return true;
}

/* Its own, then those of seats that a smaller pool has left behind. */
static bool take_routed(struct weft__worker *worker, struct weft__job *out_job)
{
	weft_pool *pool = worker->pool;

	worker->seat->tick++;
	if (take_routed_to(worker, worker->seat, out_job))
		return true;
	for (unsigned i = atomic_load_relaxed(&pool->limit);
	     i < atomic_load_acquire(&pool->seat_count); i++)
		if (take_routed_to(worker, pool->seats[i], out_job))
			return true;
	return false;
}

bool weft__take(struct weft__worker *worker, struct weft__job *out_job)
{
	weft_pool *pool = worker->pool;
	struct weft__seat *seat = worker->seat;
	uint32_t attention = atomic_load_relaxed(&pool->attention);

	if (unlikely(attention != 0)) {
		if ((attention & WEFT__ATTENTION_STOP) != 0 || /* a hint; each take below asks */
		    seat->index >= atomic_load_relaxed(&pool->limit))
			return false;
		if ((attention & WEFT__ATTENTION_ROOM) != 0)
			weft__room_flush(pool, seat);
	}
	if (pool->route != WEFT_ROUTE_SHARED)
		return take_routed(worker, out_job);
	if (unlikely(++seat->tick % WEFT__POOL_FAIR_EVERY == 0) &&
	    take_lower(worker, attention, out_job))
		return true;
	if (unlikely((attention & WEFT__ATTENTION_URGENT) != 0) &&
	    take_shared(worker, WEFT__LEVEL_HIGH, out_job))
		return true;
	/* At last what is first: there may be more now than when refill looked. */
	return weft__own_take(pool, seat, out_job) || refill(worker, out_job) ||
	       steal(worker, out_job) || take_shared(worker, FIRST_LEVEL, out_job);
}

static bool search_begin(struct weft__worker *worker)
{
	weft_pool *pool = worker->pool;

	if (worker->searching)
		return true;
	if (atomic_load_relaxed(&pool->limit) == 1 || pool->route != WEFT_ROUTE_SHARED)
		return false;
	/* Half of those that are awake at most; at least one. An estimate is enough. */
	if (2 * atomic_load_relaxed(&pool->searching) >= seats_held(pool))
		return false;
	atomic_add_acq_rel(&pool->searching, 1);
	worker->searching = true;
	return true;
}

/* Nothing was there: looks a few times more, for most sleeps would be short. */
bool weft__search(struct weft__worker *worker, struct weft__job *out_job)
{
	if (!search_begin(worker))
		return false;
	for (unsigned round = 0; round < SEARCH_ROUNDS; round++) {
		for (unsigned spin = 0; spin < SEARCH_SPINS; spin++)
			weft__arch_relax();
		if (weft__pool_has_work(worker->pool) && weft__take(worker, out_job))
			return true;
	}
	return false;
}
