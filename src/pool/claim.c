/* SPDX-License-Identifier: MIT */
/*
 * Who takes a task out of its queue before its turn: whoever waits for it, to run it, or cancels
 * it.
 *
 * Who begins a task, removes it, or runs it because it waits for it, is decided under the lock of
 * the queue where it lies: it is there, and whoever takes it out has it. A task may move from queue
 * to queue, with both locked: so who looks for it reads which queue, locks that, and looks again.
 */
#include <errno.h>

#include "pool/lane.h"
#include "pool/pool.h"

/* One that was queued no longer waits. */
static void give_room(struct weft__worker *worker, weft_pool *pool)
{
	struct weft__wakes wakes = { NULL, NULL };

	if (!pool->limited)
		return;
	if (worker != NULL && worker->pool == pool && worker->seat != NULL) {
		struct weft__seat *seat = worker->seat;
		bool flush;

		weft__jobs_enter(&seat->own);
		flush = weft__credit_add(pool, seat);
		weft__jobs_leave(&seat->own);
		if (flush)
			weft__room_flush(pool, seat);
		return;
	}
	weft__jobs_lock(&pool->shared);
	weft__room_give(pool, 1, &wakes);
	weft__jobs_unlock(&pool->shared);
	weft__wakes_ready(&wakes);
}

/* With the queue locked. */
static bool take_locked(struct weft_task *task, struct weft__jobs *queue, uint32_t state)
{
	if (atomic_load_relaxed(&task->queue) != queue)
		return false;
	weft__jobs_remove(queue, task->level, task->chunk, task->index);
	weft__task_leave(task, state);
	return true;
}

static bool take_from(struct weft__jobs *queue, bool mine, struct weft_task *task, uint32_t state)
{
	bool taken;

	if (mine) {
		weft__jobs_enter(queue);
		taken = take_locked(task, queue, state);
		weft__jobs_leave(queue);
	} else {
		weft__jobs_lock(queue);
		taken = take_locked(task, queue, state);
		weft__jobs_unlock(queue);
	}
	return taken;
}

/* Out of its queue, wherever that is. False: somebody else was first. */
static bool take(struct weft__worker *worker, struct weft_task *task, uint32_t state)
{
	struct weft__seat *seat = worker != NULL ? worker->seat : NULL;

	/* weft_yield: whoever is about to put it there may be a thread of this very processor,
	 * which was switched away by force. */
	while (WEFT__TASK_STATE(atomic_load_acquire(&task->state)) == WEFT__TASK_QUEUED) {
		struct weft__jobs *queue = atomic_load_acquire(&task->queue);

		if (queue == NULL) { /* on its way into its queue, or just out of it */
			weft_yield();
		} else if (take_from(queue, seat != NULL && queue == &seat->own, task, state)) {
			give_room(worker, task->pool);
			return true;
		}
	}
	return false;
}

/* ---- running what waits */

void weft__task_run_outside(struct weft_task *task)
{
	int result = task->function(task->arg);

	if (task->lane != NULL)
		weft__lane_end(task);
	weft__task_end(task, WEFT__TASK_DONE, result);
}

void weft__task_run_queued(struct weft__worker *worker, struct weft_task *task)
{
	weft_pool *pool = task->pool;

	give_room(worker, pool);
	if (worker != NULL) {
		weft__worker_run(worker, weft__task_run, task);
	} else {
		weft__task_run_outside(task);
		atomic_add_relaxed(&pool->done_outside, 1);
	}
}

/* The pool of a task that was queued a moment ago: it may be drained and destroyed as soon as the
 * task has begun, so it is held by being busy. False: it ends. */
static bool hold_pool(struct weft_task *task)
{
	struct weft__task_store *store = task->store;
	bool held;

	weft__spin_lock(&store->lock);
	held = !store->closed;
	if (held) {
		weft__spin_lock(&task->pool->lock);
		task->pool->busy++;
		weft__spin_unlock(&task->pool->lock);
	}
	weft__spin_unlock(&store->lock);
	return held;
}

static bool help_outside(struct weft_task *task)
{
	weft_pool *pool = task->pool;
	struct weft_task *first;

	if (!task->has_key || !hold_pool(task))
		return false;
	first = weft__lane_help(NULL, task);
	if (first != NULL)
		weft__task_run_queued(NULL, first);
	weft__pool_let_go(pool);
	return first != NULL;
}

static bool help_inside(struct weft__worker *worker, struct weft_task *task)
{
	if (task->pool->route == WEFT_ROUTE_KEY) {
		task = weft__lane_help(worker, task);
		if (task != NULL)
			weft__task_run_queued(worker, task);
		return task != NULL;
	}
	if (!take(worker, task, WEFT__TASK_RUNNING))
		return false;
	weft__worker_run(worker, weft__task_run, task);
	return true;
}

bool weft__task_help(struct weft__worker *worker, struct weft_task *task)
{
	uint32_t was_inside;
	bool helped;

	if (worker == NULL || worker->pool != task->pool)
		return help_outside(task);
	if (!weft__worker_has_stack(worker))
		return false;
	was_inside = weft__grip_enter(worker, &worker->grip);
	helped = help_inside(worker, task);
	weft__grip_leave(&worker->grip, was_inside);
	return helped;
}

/* ---- cancelling */

static bool remove_inside(struct weft__worker *worker, struct weft_task *task)
{
	if (task->pool->route != WEFT_ROUTE_KEY)
		return take(worker, task, WEFT__TASK_CANCELLED);
	if (!weft__lane_cancel(task))
		return false;
	give_room(worker, task->pool);
	return true;
}

static bool remove_task(struct weft__worker *worker, struct weft_task *task)
{
	uint32_t was_inside;
	bool removed;

	if (worker == NULL)
		return remove_inside(NULL, task);
	was_inside = weft__grip_enter(worker, &worker->grip);
	removed = remove_inside(worker, task);
	weft__grip_leave(&worker->grip, was_inside);
	return removed;
}

static bool cancel_queued(struct weft_task *task)
{
	weft_pool *pool = task->pool;
	bool removed;

	if (WEFT__TASK_STATE(atomic_load_acquire(&task->state)) != WEFT__TASK_QUEUED ||
	    !hold_pool(task))
		return false;
	removed = remove_task(weft__worker_self(), task);
	if (removed)
		atomic_add_relaxed(&pool->cancelled, 1);
	weft__pool_let_go(pool);
	if (removed)
		weft__task_end(task, WEFT__TASK_CANCELLED, -ECANCELED);
	return removed;
}

int weft_task_cancel(weft_task *task)
{
	if (cancel_queued(task))
		return 0;
	return weft__task_tell(task) ? -EBUSY : -EALREADY;
}
