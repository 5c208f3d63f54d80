/* SPDX-License-Identifier: MIT */
/*
 * What a worker does with its seat's own queue, for every task that a task submits: a few
 * nanoseconds each, without a locked instruction, and inlined where that counts. Everything that is
 * rare goes out of line.
 */
#ifndef WEFT_POOL_OWN_H
#define WEFT_POOL_OWN_H

#include "pool/pool.h"

static inline void weft__job_begin(const struct weft__job *job)
{
	struct weft_task *task = weft__job_task(job);

	if (task != NULL)
		weft__task_leave(task, WEFT__TASK_RUNNING);
}

/* The oldest. False: none. */
static inline bool weft__own_take(weft_pool *pool, struct weft__seat *seat,
				  struct weft__job *out_job)
{
	bool taken, flush = false;

	if (weft__jobs_count(&seat->own) == 0)
		return false;
	weft__jobs_enter(&seat->own);
	taken = !weft__pool_is_stopped(pool) &&
		weft__jobs_pop(&seat->own, WEFT__LEVEL_NORMAL, out_job);
	if (likely(taken)) {
		weft__job_begin(out_job);
		flush = weft__credit_add(pool, seat);
	}
	weft__jobs_leave(&seat->own);
	if (unlikely(flush))
		weft__room_flush(pool, seat);
	return taken;
}

/* With the worker inside its grip, and held. */
static weft__always_inline bool weft__own_push_inside(weft_pool *pool, struct weft__worker *worker,
						      weft_function *function, void *arg)
{
	struct weft__seat *seat = worker->seat;
	struct weft__jobs *own;
	struct weft__chunk *last;
	bool pushed = false;

	if (unlikely(seat == NULL))
		return false;
	own = &seat->own;
	atomic_store_relaxed(&own->inside, 1u);
	atomic_compiler_barrier(); /* BIAS */
	if (likely(atomic_load_acquire(&own->lock) == 0)) {
		last = own->levels[WEFT__LEVEL_NORMAL].last;
		if (likely(seat->credit != 0 && last != NULL && last->tail != WEFT__CHUNK_JOBS &&
			   !weft__pool_is_stopped(pool))) {
			atomic_store_relaxed(&seat->credit, seat->credit - 1);
			last->jobs[last->tail].function = function;
			last->jobs[last->tail].arg = arg;
			last->tail++;
			atomic_bump(&own->count, 1);
			atomic_bump(&worker->submitted, 1);
			pushed = true;
		}
	}
	atomic_store_release(&own->inside, 0u); /* BIAS */
	return pushed;
}

/* Enter, lock and push of a plain job by a task, which is outside, where nothing at all is in the
 * way: without a call, so that the caller saves no registers; he looks at the wish. False: nothing
 * was done, and the long way decides. */
static weft__always_inline bool weft__own_push(weft_pool *pool, struct weft__worker *worker,
					       weft_function *function, void *arg)
{
	struct weft__grip *grip = &worker->grip;
	struct weft__hold *hold = &worker->self->hold;
	bool pushed = false;

	if (unlikely(!weft__sys_has_heavy_barrier))
		return false;
	weft__hold_raise(hold);
	atomic_store_relaxed(&grip->inside, 1u);
	atomic_compiler_barrier(); /* GRIP */
	if (likely(WEFT__GRIP_STATE(atomic_load_acquire(&grip->word)) == WEFT__GRIP_FIRM))
		pushed = weft__own_push_inside(pool, worker, function, arg);
	weft__grip_leave(grip, 0);
	weft__hold_lower(hold);
	return pushed;
}

/* With the own queue entered: the same for the oldest job, if it is a plain one. */
static weft__always_inline bool weft__own_pop(struct weft__jobs *own, struct weft__job *out_job)
{
	struct weft__chunk *first = own->levels[WEFT__LEVEL_NORMAL].first;
	unsigned head;

	if (unlikely(first == NULL || first->head == first->tail || first->holes != 0))
		return false;
	head = first->head;
	/* Each half by itself: as one of 16 bytes the load would wait for two stores of 8. */
	out_job->function = atomic_load_relaxed(&first->jobs[head].function);
	out_job->arg = atomic_load_relaxed(&first->jobs[head].arg);
	if (unlikely(out_job->function == weft__task_run))
		return false;
	if (likely(head + 1u != first->tail)) {
		first->head = (uint16_t)(head + 1);
	} else {
		if (own->levels[WEFT__LEVEL_NORMAL].last != first)
			return false;
		first->head = 0;
		first->tail = 0;
		first->records = 0;
	}
	atomic_bump(&own->count, -1);
	return true;
}

/* False: nothing was done. */
static weft__always_inline bool weft__own_take_plain(struct weft__worker *worker,
						     struct weft__job *out_job)
{
	weft_pool *pool = worker->pool;
	struct weft__seat *seat = worker->seat;
	struct weft__hold *hold = &worker->self->hold;
	struct weft__jobs *own = &seat->own;
	bool taken = false;

	if (unlikely(weft__jobs_count(own) == 0 ||
		     seat->tick % WEFT__POOL_FAIR_EVERY == WEFT__POOL_FAIR_EVERY - 1 ||
		     !weft__sys_has_heavy_barrier))
		return false;
	weft__hold_raise(hold);
	atomic_store_relaxed(&own->inside, 1u);
	atomic_compiler_barrier(); /* BIAS */
	if (likely(atomic_load_acquire(&own->lock) == 0 &&
		   atomic_load_relaxed(&pool->attention) == 0 &&
		   seat->credit + 1 < pool->credit_max))
		taken = weft__own_pop(own, out_job);
	if (likely(taken)) {
		seat->tick++;
		atomic_store_relaxed(&seat->credit, seat->credit + 1);
		atomic_compiler_barrier(); /* ROOM */
	}
	atomic_store_release(&own->inside, 0u); /* BIAS */
	weft__hold_release(hold);
	if (taken && unlikely((atomic_load_relaxed(&pool->attention) & WEFT__ATTENTION_ROOM) != 0))
		weft__room_flush(pool, seat);
	return taken;
}

#endif
