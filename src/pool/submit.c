/* SPDX-License-Identifier: MIT */
/*
 * Submitting: into the seat's own queue when a task of a shared pool submits another of normal
 * priority, otherwise through the shared queue's lock, under which the pool is closed too.
 */
#include <errno.h>

#include "base/panic.h"
#include "pool/lane.h"
#include "pool/own.h"
#include "pool/pool.h"

enum when_full { FULL_AS_POOL, FULL_REFUSE };

struct submission {
	weft_pool *pool;
	struct weft__worker *worker; /* NULL: from outside */
	weft_function *function;     /* as in a job */
	void *arg;
	struct weft_task *task; /* its record, or NULL */
	unsigned level;
	uint64_t key;
	weft_batch *batch;
	weft_pool_full when_full;
	int64_t deadline_ns;
};

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
	if (unlikely((atomic_load_relaxed(&pool->attention) & WEFT__ATTENTION_STOP) != 0)) {
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
static int push_locked(struct submission *submission, struct weft__seat **out_seat)
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
			return weft__lane_push(pool, seat, submission->task, submission->key);
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
static bool is_closed(const struct submission *submission)
{
	uint32_t attention = submission->pool->attention;

	if ((attention & WEFT__ATTENTION_STOP) != 0)
		return true;
	return submission->worker == NULL && (attention & WEFT__ATTENTION_CLOSED) != 0;
}

/* -EAGAIN: full. With the lock held, which it drops, unless it is full. */
static int admit(struct submission *submission)
{
	weft_pool *pool = submission->pool;
	struct weft__wakes wakes = { NULL, NULL };
	struct weft__seat *seat;
	int error;

	if (unlikely(is_closed(submission))) {
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

/* ---- when it is full */

/* In a submitter that is no worker of the pool, which a drain waits for all the same. With
 * shared.lock held, which it drops. */
static int run_outside(struct submission *submission)
{
	weft_pool *pool = submission->pool;
	struct weft_task *task = submission->task;
	struct weft__outside_run run = { .thread = weft__self() };
	struct weft__wakes wakes = { NULL, NULL };

	pool->submitted++;
	if (submission->batch != NULL)
		weft__batch_add(submission->batch, task);
	weft__spin_lock(&pool->lock);
	pool->busy++;
	weft__list_push(&pool->outside, &run.link);
	weft__spin_unlock(&pool->lock);
	weft__jobs_unlock(&pool->shared);
	atomic_add_relaxed(&pool->run_outside, 1);
	if (task != NULL) {
		if (task->lane == NULL) /* else it has begun */
			weft__task_leave(task, WEFT__TASK_RUNNING);
		weft__task_run_outside(task);
	} else {
		submission->function(submission->arg);
	}
	atomic_add_relaxed(&pool->done_outside, 1);
	weft__spin_lock(&pool->lock);
	weft__list_remove(&run.link);
	if (--pool->busy == 0)
		weft__pool_tell_idle(pool, &wakes);
	weft__spin_unlock(&pool->lock);
	weft__wakes_ready(&wakes);
	return 0;
}

/* Closed is what a drain has closed; a task of the pool may still, and no other comes here then. A
 * task that has begun its lane runs even if the pool is stopped now: it began before that, under
 * shared.lock. */
static int run_here(struct submission *submission)
{
	weft_pool *pool = submission->pool;
	struct weft_task *task = submission->task;
	bool has_begun = task != NULL && task->lane != NULL;

	if (!has_begun && (atomic_load_relaxed(&pool->attention) & WEFT__ATTENTION_STOP) != 0)
		return -ESHUTDOWN;
	if (submission->batch != NULL)
		weft__batch_add(submission->batch, task);
	if (task != NULL && !has_begun)
		weft__task_leave(task, WEFT__TASK_RUNNING);
	atomic_bump(&submission->worker->submitted, 1);
	atomic_bump(&submission->worker->run_here, 1);
	weft__worker_run(submission->worker, submission->function, submission->arg);
	return 0;
}

/* With shared.lock held, which it drops. 0: there may be room now. */
static int wait_for_room(struct submission *submission)
{
	struct weft__worker *worker = submission->worker;
	int code;

	if (worker == NULL)
		return weft__room_wait(submission->pool, submission->deadline_ns);
	weft__jobs_unlock(&submission->pool->shared);
	weft__seat_give_up(worker);
	weft__jobs_lock(&submission->pool->shared);
	if (is_closed(submission)) {
		weft__jobs_unlock(&submission->pool->shared);
		code = -ESHUTDOWN;
	} else {
		code = weft__room_wait(submission->pool, submission->deadline_ns);
	}
	weft__seat_regain(worker);
	return code;
}

static bool runs_here(const struct submission *submission)
{
	if (submission->worker == NULL)
		return false;
	if (submission->when_full == WEFT_POOL_RUN)
		return true;
	return submission->when_full == WEFT_POOL_WAIT && submission->deadline_ns == WEFT_FOREVER &&
	       weft__worker_has_stack(submission->worker);
}

/* By key, and full: with shared.lock held, which it drops. -EAGAIN: another of its key runs; 0 and
 * *out_again: there may be room now. */
static int run_in_lane(struct submission *submission, bool *out_again)
{
	weft_pool *pool = submission->pool;
	struct weft_task *first;
	int error =
		weft__lane_run(pool, submission->worker, submission->key, submission->task, &first);

	*out_again = false;
	if (error == 0 && submission->worker == NULL)
		return run_outside(submission);
	weft__jobs_unlock(&pool->shared);
	if (error == 0)
		return run_here(submission);
	if (first == NULL)
		return error;
	*out_again = true;
	weft__task_run_queued(submission->worker, first);
	return 0;
}

static int submit_slow(struct submission *submission)
{
	weft_pool *pool = submission->pool;
	struct weft__worker *worker = submission->worker;
	bool again;
	int error;

	for (;;) {
		weft__jobs_lock(&pool->shared);
		error = admit(submission);
		if (error != -EAGAIN)
			return error;
		if (submission->when_full == WEFT_POOL_REFUSE) {
			pool->refused++;
			weft__jobs_unlock(&pool->shared);
			return -EAGAIN;
		}
		if (pool->route == WEFT_ROUTE_KEY &&
		    (runs_here(submission) || submission->when_full == WEFT_POOL_RUN)) {
			error = run_in_lane(submission, &again);
			if (again)
				continue;
			/* Inside a task, and be it in a submitter: it may be what its key waits
			 * for, so it must not wait. */
			if (error != -EAGAIN || weft__pool_is_inside(pool))
				return error;
			/* The lock was dropped: there may be room, and it may have been stopped. */
			weft__jobs_lock(&pool->shared);
			error = admit(submission);
			if (error != -EAGAIN)
				return error;
		} else if (submission->when_full == WEFT_POOL_RUN && worker == NULL) {
			return run_outside(submission);
		} else if (runs_here(submission)) {
			weft__jobs_unlock(&pool->shared);
			return run_here(submission);
		}
		error = wait_for_room(submission);
		if (error < 0)
			return error;
	}
}

static weft__noinline int submit(weft_pool *pool, weft_function *function, void *arg,
				 const weft_task_options *options, weft_pool_full when_full,
				 int64_t deadline_ns, weft_task **out_task)
{
	struct submission submission = {
		.pool = pool,
		.worker = worker_of(pool),
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
		bool here = runs_here(&submission);

		error = push_own(pool, submission.worker, submission.function, submission.arg,
				 submission.batch, here);
		if (error == -EAGAIN && here)
			error = run_here(&submission);
	}
	if (error == -EAGAIN)
		error = submit_slow(&submission);
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

static weft__noinline int wake_slow(weft_pool *pool)
{
	weft__pool_wake_slow(pool);
	return 0;
}

/* A plain task from inside that finds no credit, or no room in the last chunk. */
static weft__noinline int submit_inside(weft_pool *pool, struct weft__worker *worker,
					weft_function *function, void *arg)
{
	struct submission submission = {
		.pool = pool,
		.worker = worker,
		.function = function,
		.arg = arg,
		.level = WEFT__LEVEL_NORMAL,
		.when_full = pool->when_full,
		.deadline_ns = WEFT_FOREVER,
	};
	bool here = runs_here(&submission);
	int error;

	if (here && worker->seat->credit == 0 && atomic_load_relaxed(&pool->room) == 0)
		return run_here(&submission);
	error = push_own(pool, worker, function, arg, NULL, here);
	if (error != -EAGAIN)
		return error;
	return here ? run_here(&submission) : submit_slow(&submission);
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
		     worker->seat == NULL || pool->route != WEFT_ROUTE_SHARED))
		return submit_any(pool, function, arg, options, out_task);
	if (unlikely(!weft__own_push(pool, worker, worker->seat, function, arg)))
		return submit_inside(pool, worker, function, arg);
	/* IDLE: as weft__pool_wake; only where there is a heavy barrier was it pushed */
	atomic_compiler_barrier();
	if (likely(atomic_load_relaxed(&pool->idle) == 0 ||
		   atomic_load_relaxed(&pool->searching) != 0))
		return 0;
	return wake_slow(pool);
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
