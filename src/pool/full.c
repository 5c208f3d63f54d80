/* SPDX-License-Identifier: MIT */
/* What a submitter does when the queue is full: waits, gives up, or runs the task itself. */
#include <errno.h>

#include "base/panic.h"
#include "pool/lane.h"
#include "pool/submit.h"

/* In a submitter that is no worker of the pool, which a drain waits for all the same. With
 * shared.lock held, which it drops. */
static int run_outside(struct weft__submission *submission)
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
int weft__submit_run_here(struct weft__submission *submission)
{
	weft_pool *pool = submission->pool;
	struct weft_task *task = submission->task;
	bool has_begun = task != NULL && task->lane != NULL;

	if (!has_begun && weft__pool_is_stopped(pool))
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
static int wait_for_room(struct weft__submission *submission)
{
	struct weft__worker *worker = submission->worker;
	int code;

	if (worker == NULL)
		return weft__room_wait(submission->pool, submission->deadline_ns);
	weft__jobs_unlock(&submission->pool->shared);
	weft__seat_give_up(worker);
	weft__jobs_lock(&submission->pool->shared);
	if (weft__submit_is_closed(submission)) {
		weft__jobs_unlock(&submission->pool->shared);
		code = -ESHUTDOWN;
	} else {
		code = weft__room_wait(submission->pool, submission->deadline_ns);
	}
	weft__seat_regain(worker);
	return code;
}

bool weft__submit_runs_here(const struct weft__submission *submission)
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
static int run_in_lane(struct weft__submission *submission, bool *out_again)
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
		return weft__submit_run_here(submission);
	if (first == NULL)
		return error;
	*out_again = true;
	weft__task_run_queued(submission->worker, first);
	return 0;
}

int weft__submit_slow(struct weft__submission *submission)
{
	weft_pool *pool = submission->pool;
	struct weft__worker *worker = submission->worker;
	bool again;
	int error;

	for (;;) {
		weft__jobs_lock(&pool->shared);
		error = weft__submit_admit(submission);
		if (error != -EAGAIN)
			return error;
		if (submission->when_full == WEFT_POOL_REFUSE) {
			pool->refused++;
			weft__jobs_unlock(&pool->shared);
			return -EAGAIN;
		}
		if (pool->route == WEFT_ROUTE_KEY && (weft__submit_runs_here(submission) ||
						      submission->when_full == WEFT_POOL_RUN)) {
			error = run_in_lane(submission, &again);
			if (again)
				continue;
			/* Inside a task, and be it in a submitter: it may be what its key waits
			 * for, so it must not wait. */
			if (error != -EAGAIN || weft__pool_is_inside(pool))
				return error;
			/* The lock was dropped: there may be room, and it may have been stopped. */
			weft__jobs_lock(&pool->shared);
			error = weft__submit_admit(submission);
			if (error != -EAGAIN)
				return error;
		} else if (submission->when_full == WEFT_POOL_RUN && worker == NULL) {
			return run_outside(submission);
		} else if (weft__submit_runs_here(submission)) {
			weft__jobs_unlock(&pool->shared);
			return weft__submit_run_here(submission);
		}
		error = wait_for_room(submission);
		if (error < 0)
			return error;
	}
}
