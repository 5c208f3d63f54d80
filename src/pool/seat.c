/* SPDX-License-Identifier: MIT */
/*
 * Who holds which seat, and how a worker goes to rest without missing a task.
 *
 * `idle` counts the seats that nobody holds. `searching` counts the workers that look through
 * others' queues, and the one wake that is under way: so at most one is.
 *
 * The two orders that must be read together (IDLE):
 *
 *	who submits			who goes to rest
 *	1 put the job into a queue	1 idle++, searching--, among the resting
 *	  light barrier			  heavy barrier
 *	2 read idle, searching		2 look at every queue once more
 *
 * Failing without the barriers: the submitter's store waits in its store buffer, it reads idle == 0
 * and wakes nobody; the look at the queues is early and finds nothing; the worker rests and the job
 * lies there. With them either the submitter sees the idle seat (or somebody who searches, and has
 * yet to come to this same point), or the look sees the job. Who finds work in that look wakes as a
 * submitter would; mostly he wakes himself, for he is among the resting already.
 *
 * A searcher that finds a job and was the last one looks whether more is there, behind a heavy
 * barrier, and wakes another in his place: a submitter may have relied on him. A wake that comes to
 * nothing (no idle seat; nobody rests, but somebody is about to) takes its `searching` back under
 * pool->lock, under which everybody who goes to rest counts himself: he looks after that.
 *
 * Where tasks are routed to a certain seat nobody searches: after the same light barrier the
 * submitter looks whether that seat is idle.
 *
 * A seat has a home: the worker that gets it if that one rests, so that what a worker has in its
 * caches is of use and round robin goes round among threads. Seats given up by a worker that waits
 * are taken last, as their home will not come.
 */
#include "base/panic.h"
#include "pool/pool.h"

#define HOMELESS_LOOK 8

/* ---- with pool->lock held */

void weft__seat_add_idle(weft_pool *pool, struct weft__seat *seat)
{
	if (seat->is_vacated)
		weft__list_push(&pool->idle_seats, &seat->idle);
	else
		weft__list_push_front(&pool->idle_seats, &seat->idle);
	seat->is_held = false;
	atomic_store_relaxed(&seat->is_idle, 1);
	atomic_store_relaxed(&pool->idle, pool->idle + 1);
}

void weft__seat_remove_idle(weft_pool *pool, struct weft__seat *seat)
{
	weft__list_remove(&seat->idle);
	seat->is_held = true;
	atomic_store_relaxed(&seat->is_idle, 0);
	atomic_store_relaxed(&pool->idle, pool->idle - 1);
}

void weft__seat_drop(weft_pool *pool, struct weft__seat *seat)
{
	if (seat->index < pool->limit)
		weft__seat_add_idle(pool, seat);
	else
		seat->is_held = false;
}

/* The worker at home there; one without a home; anyone. NULL: nobody rests. */
static struct weft__worker *choose_worker(weft_pool *pool, struct weft__seat *seat)
{
	unsigned looks = 0;

	if (seat->home != NULL && seat->home->resting)
		return seat->home;
	if (weft__list_is_empty(&pool->resting))
		return NULL;
	weft__list_for(item, &pool->resting) {
		struct weft__worker *worker = container_of(item, struct weft__worker, rest);

		if (worker->home == NULL)
			return worker;
		if (++looks == HOMELESS_LOOK)
			break;
	}
	return container_of(pool->resting.next, struct weft__worker, rest);
}

void weft__seat_settle(struct weft__seat *seat, struct weft__worker *worker)
{
	if (seat->home == NULL && worker->home == NULL) {
		seat->home = worker;
		worker->home = seat;
	}
}

/* Gives a seat to a worker that rests. False: none does. */
static bool give_seat(weft_pool *pool, struct weft__seat *seat, bool searching,
		      struct weft__wakes *wakes)
{
	struct weft__worker *worker;

	while ((worker = choose_worker(pool, seat)) != NULL) {
		enum weft__claim claim;

		weft__list_remove(&worker->rest);
		worker->resting = false;
		/* Before the claim: one that has not come to park yet goes on at once. One whose
		 * time to rest is over takes it back. */
		worker->seat = seat;
		worker->searching = searching;
		claim = weft__claim(worker->self, worker->ticket, 0);
		if (claim == WEFT__CLAIM_LOST)
			continue;
		weft__seat_settle(seat, worker);
		pool->busy++;
		if (claim == WEFT__CLAIM_PARKED)
			weft__pool_wakes_add(wakes, worker->self);
		return true;
	}
	return false;
}

static struct weft__seat *choose_seat(weft_pool *pool)
{
	struct weft__list *first = pool->idle_seats.next;

	if (pool->route != WEFT_ROUTE_SHARED)
		weft__list_for(item, &pool->idle_seats)
			if (weft__seat_has_work(container_of(item, struct weft__seat, idle)))
				return container_of(item, struct weft__seat, idle);
	return first != &pool->idle_seats ? container_of(first, struct weft__seat, idle) : NULL;
}

/* In a new pool: whose seat it is has yet to lie down for the first time, and looks at the queues
 * then. */
static bool waits_for_home(const weft_pool *pool, const struct weft__seat *seat)
{
	return pool->route != WEFT_ROUTE_SHARED && seat->home != NULL && !seat->home->has_rested;
}

/* Nobody takes a task any more. (Woken while a stop still sweeps the queues, workers would rest and
 * wake each other until it has.) */
static bool is_ending(const weft_pool *pool)
{
	return pool->ending || weft__pool_is_stopped(pool);
}

/* ---- wakes */

/* The seat is taken, and nobody rests who could get it: a new worker. */
static void start_with_seat(weft_pool *pool, struct weft__seat *seat, bool searching)
{
	if (weft__worker_start(pool, seat, seat, searching) == 0)
		return;
	/* Whoever runs looks at the queues before it rests, and whoever comes back from a wait
	 * takes an idle seat. */
	weft__spin_lock(&pool->lock);
	pool->threads--;
	pool->busy--;
	weft__seat_add_idle(pool, seat);
	if (searching)
		atomic_sub_acq_rel(&pool->searching, 1);
	weft__spin_unlock(&pool->lock);
}

/* seat NULL: any. */
static void activate(weft_pool *pool, struct weft__seat *seat, bool searching)
{
	struct weft__wakes wakes = { NULL, NULL };

	weft__spin_lock(&pool->lock);
	if (seat == NULL)
		seat = choose_seat(pool);
	if (seat == NULL || !seat->is_idle || is_ending(pool) || waits_for_home(pool, seat))
		goto nobody;
	weft__seat_remove_idle(pool, seat);
	if (give_seat(pool, seat, searching, &wakes)) {
		pool->replaced += seat->is_vacated;
		seat->is_vacated = false;
		weft__spin_unlock(&pool->lock);
		weft__wakes_ready(&wakes);
		return;
	}
	if (pool->starting == 0 && pool->threads < WEFT__POOL_THREADS_MAX) {
		pool->replaced += seat->is_vacated;
		seat->is_vacated = false;
		pool->threads++;
		pool->busy++;
		weft__spin_unlock(&pool->lock);
		start_with_seat(pool, seat, searching);
		return;
	}
	weft__seat_add_idle(pool, seat);
nobody:
	if (searching)
		atomic_sub_acq_rel(&pool->searching, 1);
	weft__spin_unlock(&pool->lock);
}

void weft__pool_wake_slow(weft_pool *pool)
{
	uint32_t none = 0;

	if (atomic_cas_acq_rel(&pool->searching, &none, 1))
		activate(pool, NULL, true);
}

void weft__pool_wake_seat(weft_pool *pool, struct weft__seat *seat)
{
	weft__sys_light_barrier(); /* IDLE */
	if (atomic_load_relaxed(&seat->is_idle))
		activate(pool, seat, false);
	else if (unlikely(seat->index >= atomic_load_relaxed(&pool->limit)))
		activate(pool, NULL, false); /* a smaller pool has left it behind: anyone */
}

void weft__search_done(struct weft__worker *worker)
{
	weft_pool *pool = worker->pool;

	worker->searching = false;
	if (atomic_sub_acq_rel(&pool->searching, 1) != 1)
		return;
	/* IDLE: searching before idle, as in sched's weft__search_end: a locked instruction alone
	 * does not order the two on aarch64. */
	weft__sys_full_barrier();
	if (atomic_load_relaxed(&pool->idle) == 0)
		return;
	weft__sys_heavy_barrier(); /* IDLE */
	if (weft__pool_has_work(pool))
		weft__pool_wake_slow(pool);
}

/* The second look, after the heavy barrier. */
void weft__pool_look(weft_pool *pool)
{
	weft__sys_heavy_barrier(); /* IDLE */
	if (pool->route == WEFT_ROUTE_SHARED) {
		if (atomic_load_acquire(&pool->searching) == 0 && weft__pool_has_work(pool))
			weft__pool_wake_slow(pool);
		return;
	}
	for (unsigned i = 0; i < atomic_load_acquire(&pool->seat_count); i++)
		if (weft__seat_has_work(pool->seats[i]))
			weft__pool_wake_seat(pool, pool->seats[i]);
}

/* ---- in the middle of a task */

/* A resting worker must be there before the seat goes, or one on its way. False: there can be
 * none. */
static bool ensure_spare(weft_pool *pool)
{
	bool ok = true;

	weft__spin_lock(&pool->lock);
	if (weft__list_is_empty(&pool->resting) && pool->starting == 0) {
		ok = pool->threads < WEFT__POOL_THREADS_MAX;
		if (ok) {
			pool->threads++;
			pool->starting++;
			weft__spin_unlock(&pool->lock);
			ok = weft__worker_start(pool, NULL, NULL, false) == 0;
			weft__spin_lock(&pool->lock);
			if (!ok) {
				pool->threads--;
				pool->starting--;
			}
		}
	}
	weft__spin_unlock(&pool->lock);
	return ok;
}

void weft__seat_vacate(struct weft__worker *worker)
{
	struct weft__seat *seat = worker->seat;

	atomic_store_relaxed(&seat->is_running, 0);
	worker->seat = NULL;
	seat->is_vacated = true;
	weft__seat_drop(worker->pool, seat);
}

void weft__seat_take_back(struct weft__worker *worker)
{
	weft_pool *pool = worker->pool;
	struct weft__seat *seat = worker->home;

	/* Another's seat only where that keeps nobody's tasks waiting. */
	if (seat == NULL || !seat->is_idle)
		seat = pool->route == WEFT_ROUTE_SHARED ? choose_seat(pool) : NULL;
	if (seat != NULL) {
		weft__seat_remove_idle(pool, seat);
		seat->is_vacated = false;
		worker->seat = seat;
		atomic_store_relaxed(&seat->is_running, 1);
	}
}

static void give_up(struct weft__worker *worker)
{
	weft_pool *pool = worker->pool;
	struct weft__seat *seat = worker->seat;

	/* Without a spare the seat stays: no worse than a call that nobody declared. */
	if (seat != NULL && !ensure_spare(pool))
		seat = NULL;
	weft__spin_lock(&pool->lock);
	pool->away++;
	if (seat != NULL)
		weft__seat_vacate(worker);
	weft__spin_unlock(&pool->lock);
	if (seat != NULL)
		weft__pool_look(pool);
}

void weft__seat_give_up(struct weft__worker *worker)
{
	uint32_t was_inside;

	if (worker->away++ > 0)
		return;
	was_inside = weft__grip_enter(worker, &worker->grip);
	give_up(worker);
	weft__grip_leave(&worker->grip, was_inside);
}

void weft__seat_regain(struct weft__worker *worker)
{
	weft_pool *pool = worker->pool;
	uint32_t was_inside;

	if (--worker->away > 0)
		return;
	was_inside = weft__grip_enter(worker, &worker->grip);
	weft__spin_lock(&pool->lock);
	pool->away--;
	if (worker->seat == NULL)
		weft__seat_take_back(worker);
	weft__spin_unlock(&pool->lock);
	weft__grip_leave(&worker->grip, was_inside);
}
