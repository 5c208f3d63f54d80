/* SPDX-License-Identifier: MIT */
/*
 * What a worker does with its seat's own queue, for every task that a task submits: a few nanoseconds each, without a locked
 * instruction, and inlined where that counts. Everything that is rare goes out of line.
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
static inline bool weft__own_take(weft_pool *pool, struct weft__seat *seat, struct weft__job *out_job)
{
	bool taken, flush = false;

	if (weft__jobs_count(&seat->own) == 0)
		return false;
	weft__jobs_enter(&seat->own);
	taken = weft__jobs_pop(&seat->own, WEFT__LEVEL_NORMAL, out_job);
	if (likely(taken)) {
		weft__job_begin(out_job);
		flush = weft__credit_add(pool, seat);
	}
	weft__jobs_leave(&seat->own);
	if (unlikely(flush))
		weft__room_flush(pool, seat);
	return taken;
}

/* A plain one, if nothing at all is in the way. False: nothing was done. */
static inline bool weft__own_push(weft_pool *pool, struct weft__worker *worker, struct weft__seat *seat,
				  weft_function *function, void *arg)
{
	struct weft__chunk *last;

	weft__jobs_enter(&seat->own);
	last = seat->own.levels[WEFT__LEVEL_NORMAL].last;
	if (unlikely(seat->credit == 0 || last == NULL || last->tail == WEFT__CHUNK_JOBS ||
		     (atomic_load_relaxed(&pool->attention) & WEFT__ATTENTION_STOP) != 0)) {
		weft__jobs_leave(&seat->own);
		return false;
	}
	atomic_store_relaxed(&seat->credit, seat->credit - 1);
	weft__jobs_push(&seat->own, WEFT__LEVEL_NORMAL, function, arg);
	weft__jobs_leave(&seat->own);
	atomic_bump(&worker->submitted, 1);
	return true;
}

#endif
