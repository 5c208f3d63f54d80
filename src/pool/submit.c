/* SPDX-License-Identifier: MIT */
/*
 * Submitting: into the seat's own queue when a task of a shared pool submits another of normal
 * priority, otherwise through the shared queue's lock, under which the pool is closed too.
 */
#include <errno.h>

#include "base/panic.h"
#include "pool/lane.h"
#include "pool/own.h"
#include "pool/submit.h"

static inline struct weft__worker *worker_of(weft_pool *pool)
{
	struct weft__worker *worker = weft__worker_self();

	return worker != NULL && worker->pool == pool ? worker : NULL;
}

/* ---- the seat's own queue */

/* True: there is some now. */
static bool fetch_credit(weft_pool *pool, struct weft__seat *seat)
{
	int64_t count;

	weft__jobs_lock(&pool->shared);
	count = weft__room_take_block(pool);
	weft__jobs_enter(&seat->own);
	atomic_store_relaxed(&seat->credit, seat->credit + count);
	weft__jobs_leave(&seat->own);
	weft__jobs_unlock(&pool->shared);
	return count != 0;
}

/* -EAGAIN: full, or as good as full for one who would then run the task himself. */
static int push_own(weft_pool *pool, struct weft__worker *worker, weft_function *function,
		    void *arg, weft_batch *batch, bool runs_here)
{
	struct weft__seat *seat = worker->seat;
	int error;

	weft__jobs_enter(&seat->own);
	while (unlikely(seat->credit == 0)) {
		weft__jobs_leave(&seat->own);
		if ((runs_here && atomic_load_relaxed(&pool->room) == 0) ||
		    !fetch_credit(pool, seat))
			return -EAGAIN;
		weft__jobs_enter(&seat->own);
	}
	/* In the same section as the push: a stop sweeps this queue before it or after it. */
	if (unlikely(weft__pool_is_stopped(pool))) {
		weft__jobs_leave(&seat->own);
		return -ESHUTDOWN;
	}
	if (unlikely(batch != NULL))
		weft__batch_add(batch, arg);
	error = weft__jobs_push(&seat->own, WEFT__LEVEL_NORMAL, function, arg);
	if (likely(error == 0))
		atomic_store_relaxed(&seat->credit, seat->credit - 1);
	weft__jobs_leave(&seat->own);
	if (unlikely(error < 0)) {
		if (batch != NULL)
			weft__batch_undo(batch, arg);
		return error;
	}
	atomic_bump(&worker->submitted, 1);
	weft__pool_wake(pool);
	return 0;
}

/* ---- through the shared lock */

/* With shared.lock held. *out_seat: where it went; NULL: into the shared queue. */
static int push_locked(struct weft__submission *submission, struct weft__seat **out_seat)
{
	weft_pool *pool = submission->pool;
	struct weft__jobs *queue = &pool->shared;
	struct weft__seat *seat = NULL;
	int error;

	if (submission->batch != NULL)
		weft__batch_add(submission->batch, submission->task);
	if (pool->route != WEFT_ROUTE_SHARED) {
		seat = weft__route(pool, submission->key);
		queue = &seat->inbox;
		*out_seat = seat;
		if (pool->route == WEFT_ROUTE_KEY) {
			weft__assert(submission->task != NULL); /* by key every task has a record */
			submission->task->level = (uint8_t)submission->level;
			weft__lane_push(pool, seat, submission->task, submission->key);
			return 0;
		}
		weft__jobs_lock(queue);
	}
	error = weft__jobs_push(queue, submission->level, submission->function, submission->arg);
	if (seat != NULL)
		weft__jobs_unlock(queue);
	else if (error == 0 && unlikely(submission->level == WEFT__LEVEL_HIGH))
		weft__pool_attention(pool, WEFT__ATTENTION_URGENT, 0);
	*out_seat = seat;
	return error;
}

/* With shared.lock held. */
bool weft__submit_is_closed(const struct weft__submission *submission)
{
	uint32_t attention = submission->pool->attention;

	if ((attention & WEFT__ATTENTION_STOP) != 0)
		return true;
	return submission->worker == NULL && (attention & WEFT__ATTENTION_CLOSED) != 0;
}

/* -EAGAIN: full. With the lock held, which it drops, unless it is full. */
int weft__submit_admit(struct weft__submission *submission)
{
	weft_pool *pool = submission->pool;
	struct weft__wakes wakes = { NULL, NULL };
	struct weft__seat *seat;
	int error;

	if (unlikely(weft__submit_is_closed(submission))) {
		weft__jobs_unlock(&pool->shared);
		return -ESHUTDOWN;
	}
	if (unlikely(!weft__room_take(pool)))
		return -EAGAIN;
	error = push_locked(submission, &seat);
	if (likely(error == 0))
		pool->submitted++;
	else
		weft__room_give(pool, 1, &wakes);
	weft__jobs_unlock(&pool->shared);
	if (unlikely(error < 0)) {
		weft__wakes_ready(&wakes);
		if (submission->batch != NULL)
			weft__batch_undo(submission->batch, submission->task);
		return error;
	}
	if (seat != NULL)
		weft__pool_wake_seat(pool, seat);
	else
		weft__pool_wake(pool);
	return 0;
}

/* ---- */

static int submit_inside_or_not(weft_pool *pool, struct weft__worker *worker,
				weft_function *function, void *arg,
				const weft_task_options *options, weft_pool_full when_full,
				int64_t deadline_ns, weft_task **out_task)
{
	struct weft__submission submission = {
		.pool = pool,
		.worker = worker,
		.function = function,
		.arg = arg,
		.level = WEFT__LEVEL_NORMAL,
		.when_full = when_full,
		.deadline_ns = deadline_ns,
	};
	int error = -EAGAIN;

	if (function == NULL)
		return -EINVAL;
	if (options != NULL) {
		if (options->priority < -1 || options->priority > 1)
			return -EINVAL;
		submission.level = (unsigned)(WEFT__LEVEL_NORMAL - options->priority);
		submission.key = options->key;
		submission.batch = options->batch;
	}
	if (pool->route == WEFT_ROUTE_FUNCTION)
		submission.key = weft__route_ask(pool, submission.key);
	if (out_task != NULL || submission.batch != NULL || pool->route == WEFT_ROUTE_KEY) {
		submission.task =
			weft__task_create(pool, function, arg, submission.batch, out_task != NULL);
		if (submission.task == NULL)
			return -ENOMEM;
		submission.function = weft__task_run;
		submission.arg = submission.task;
	}
	if (submission.worker != NULL && submission.worker->seat != NULL &&
	    pool->route == WEFT_ROUTE_SHARED && submission.level == WEFT__LEVEL_NORMAL) {
		bool here = weft__submit_runs_here(&submission);

		error = push_own(pool, submission.worker, submission.function, submission.arg,
				 submission.batch, here);
		if (error == -EAGAIN && here)
			error = weft__submit_run_here(&submission);
	}
	if (error == -EAGAIN)
		error = weft__submit_slow(&submission);
	if (error == 0) {
		if (out_task != NULL)
			*out_task = submission.task;
	} else if (submission.task != NULL) {
		/* for those who found it in the batch */
		weft__task_leave(submission.task, WEFT__TASK_CANCELLED);
		if (out_task != NULL)
			weft__task_drop(submission.task);
		weft__task_drop(submission.task);
	}
	return error;
}

static weft__noinline int submit(weft_pool *pool, weft_function *function, void *arg,
				 const weft_task_options *options, weft_pool_full when_full,
				 int64_t deadline_ns, weft_task **out_task)
{
	struct weft__worker *worker = worker_of(pool);
	uint32_t was_inside;
	int error;

	if (worker == NULL)
		return submit_inside_or_not(pool, NULL, function, arg, options, when_full,
					    deadline_ns, out_task);
	was_inside = weft__grip_enter(worker, &worker->grip);
	error = submit_inside_or_not(pool, worker, function, arg, options, when_full, deadline_ns,
				     out_task);
	weft__grip_leave(&worker->grip, was_inside);
	return error;
}

/* After a push: somebody is to be woken, or to have the processor that we run on. */
static weft__noinline int follow_push(weft_pool *pool, struct weft__worker *worker)
{
	struct weft__hold *hold = &worker->self->hold;

	if (atomic_load_relaxed(&pool->idle) != 0 && atomic_load_relaxed(&pool->searching) == 0)
		weft__pool_wake_slow(pool);
	if (hold->wish != 0 && hold->depth == 0)
		weft__hold_fulfil(hold);
	return 0;
}

/* A plain task from inside that finds no credit, or no room in the last chunk. */
static int submit_to_own(weft_pool *pool, struct weft__worker *worker, weft_function *function,
			 void *arg)
{
	struct weft__submission submission = {
		.pool = pool,
		.worker = worker,
		.function = function,
		.arg = arg,
		.level = WEFT__LEVEL_NORMAL,
		.when_full = pool->when_full,
		.deadline_ns = WEFT_FOREVER,
	};
	bool here = weft__submit_runs_here(&submission);
	int error;

	if (here && worker->seat->credit == 0 && atomic_load_relaxed(&pool->room) == 0)
		return weft__submit_run_here(&submission);
	error = push_own(pool, worker, function, arg, NULL, here);
	if (error != -EAGAIN)
		return error;
	return here ? weft__submit_run_here(&submission) : weft__submit_slow(&submission);
}

static weft__noinline int submit_plain(weft_pool *pool, struct weft__worker *worker,
				       weft_function *function, void *arg)
{
	uint32_t was_inside = weft__grip_enter(worker, &worker->grip);
	int error;

	if (worker->seat != NULL)
		error = submit_to_own(pool, worker, function, arg);
	else
		error = submit_inside_or_not(pool, worker, function, arg, NULL, pool->when_full,
					     WEFT_FOREVER, NULL);
	weft__grip_leave(&worker->grip, was_inside);
	return error;
}

static weft__noinline int submit_any(weft_pool *pool, weft_function *function, void *arg,
				     const weft_task_options *options, weft_task **out_task)
{
	return submit(pool, function, arg, options, pool->when_full, WEFT_FOREVER, out_task);
}

/* What most tasks are that a task submits. Calls in tail position alone, so that it saves no
 * registers. */
int weft_pool_submit(weft_pool *pool, weft_function *function, void *arg,
		     const weft_task_options *options, weft_task **out_task)
{
	struct weft__worker *worker = worker_of(pool);

	if (unlikely(worker == NULL || options != NULL || out_task != NULL || function == NULL ||
		     pool->route != WEFT_ROUTE_SHARED))
		return submit_any(pool, function, arg, options, out_task);
	if (unlikely(!weft__own_push(pool, worker, function, arg)))
		return submit_plain(pool, worker, function, arg);
	/* IDLE: as weft__pool_wake; only where there is a heavy barrier was it pushed */
	atomic_compiler_barrier();
	if (likely((atomic_load_relaxed(&pool->idle) == 0 ||
		    atomic_load_relaxed(&pool->searching) != 0) &&
		   worker->self->hold.wish == 0))
		return 0;
	return follow_push(pool, worker);
}

int weft_pool_submit_try(weft_pool *pool, weft_function *function, void *arg,
			 const weft_task_options *options, weft_task **out_task)
{
	return submit(pool, function, arg, options, WEFT_POOL_REFUSE, WEFT_FOREVER, out_task);
}

int weft_pool_submit_until(weft_pool *pool, weft_function *function, void *arg,
			   const weft_task_options *options, int64_t deadline_ns,
			   weft_task **out_task)
{
	return submit(pool, function, arg, options, pool->when_full, deadline_ns, out_task);
}
