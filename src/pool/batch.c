/* SPDX-License-Identifier: MIT */
/*
 * Batch: tasks that are waited for together. Every task of a batch has a record, and is in one of
 * two lists until it ends: `begun` once somebody looked and saw it begun, `queued` otherwise. So
 * whoever waits inside a worker finds the tasks that nobody has begun and runs them, and no others.
 *
 * The count, the lists, the error and the queue of waiters have one lock: whoever is let go on
 * looks at it once more before he returns, as he may then give the memory away, while the last
 * task's end is still in its section.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "pool/frame.h"

int weft_batch_create(weft_batch **out_batch)
{
	weft_batch *batch = calloc(1, sizeof *batch);

	if (batch == NULL)
		return -ENOMEM;
	weft__list_init(&batch->queued);
	weft__list_init(&batch->begun);
	*out_batch = batch;
	return 0;
}

void weft__batch_add(weft_batch *batch, struct weft_task *task)
{
	weft__waitq_lock(&batch->waiters);
	if (batch->pending++ == 0 && batch->reported) {
		batch->reported = false;
		batch->error = 0;
	}
	weft__list_push(&batch->queued, &task->in_batch);
	weft__waitq_unlock(&batch->waiters);
}

void weft__batch_end(weft_batch *batch, struct weft_task *task, int result)
{
	struct weft__wakes wakes = { NULL, NULL };

	weft__waitq_lock(&batch->waiters);
	weft__list_remove(&task->in_batch);
	if (result < 0 && batch->error == 0)
		batch->error = result;
	if (--batch->pending == 0)
		weft__waitq_wake_all(&batch->waiters, 0, &wakes);
	weft__waitq_unlock(&batch->waiters); /* the batch may be gone from here on */
	weft__wakes_ready(&wakes);
}

void weft__batch_undo(weft_batch *batch, struct weft_task *task)
{
	weft__batch_end(batch, task, 0);
}

static uint64_t count_pending(weft_batch *batch)
{
	uint64_t pending;

	weft__waitq_lock(&batch->waiters);
	pending = batch->pending;
	weft__waitq_unlock(&batch->waiters);
	return pending;
}

/* A task that nobody has begun, held; another one at the next call. NULL: none. pool NULL: of
 * any. */
static struct weft_task *find_queued(weft_batch *batch, const weft_pool *pool)
{
	struct weft_task *found = NULL;
	struct weft__list *item;

	weft__waitq_lock(&batch->waiters);
	for (item = batch->queued.next; item != &batch->queued && found == NULL;) {
		struct weft_task *task = container_of(item, struct weft_task, in_batch);

		item = item->next;
		if (WEFT__TASK_STATE(atomic_load_relaxed(&task->state)) != WEFT__TASK_QUEUED) {
			weft__list_remove(&task->in_batch);
			weft__list_push(&batch->begun, &task->in_batch);
		} else if (pool == NULL || task->pool == pool) {
			weft__list_remove(&task->in_batch);
			weft__list_push(&batch->queued, &task->in_batch);
			weft__task_hold(task);
			found = task;
		}
	}
	weft__waitq_unlock(&batch->waiters);
	return found;
}

/*
 * Runs what nobody has begun. What it cannot run (another task of that key runs) others will, as
 * soon as it can be run, for the seat is given up next; save those of a key that the worker itself
 * is in the middle of: they can be run here, so one look at each is enough.
 */
static void help(struct weft__worker *worker, weft_batch *batch)
{
	struct weft_task *task;
	uint64_t failures = 0, most = count_pending(batch);

	while (failures <= most && (worker == NULL || weft__worker_has_stack(worker)) &&
	       (task = find_queued(batch, worker != NULL ? worker->pool : NULL)) != NULL) {
		bool helped = false;

		/* No worker: but he may be in the middle of a task that he submitted, and of its
		 * key. */
		if (worker == NULL && !task->has_key) {
			weft__task_drop(task);
			return;
		}

		/* By key: what must run before it, one after the other, and then the task
		 * itself. */
		while (weft__task_help(worker, task))
			helped = true;
		failures += !helped;
		weft__task_drop(task);
	}
}

/* 0: it has ended; -ETIMEDOUT, -ECANCELED. */
static int wait_for_end(weft_batch *batch, bool firmly, int64_t deadline_ns)
{
	struct weft__worker *worker = weft__worker_self();
	struct weft_thread *self = weft__self();
	struct weft__waiter waiter;
	int code = 0;

	if (worker != NULL)
		weft__seat_give_up(worker);
	weft__waitq_lock(&batch->waiters);
	if (batch->pending != 0) {
		if (firmly)
			weft__waitq_add_firm(&batch->waiters, &waiter, self);
		else
			weft__waitq_add(&batch->waiters, &waiter, self);
		weft__waitq_unlock(&batch->waiters);
		code = weft__waitq_park(&batch->waiters, &waiter, "batch", deadline_ns);
	} else {
		weft__waitq_unlock(&batch->waiters);
	}
	if (worker != NULL)
		weft__seat_regain(worker);
	return code;
}

static int take_error(weft_batch *batch)
{
	int error;

	weft__waitq_lock(&batch->waiters);
	error = batch->error;
	batch->reported = true;
	weft__waitq_unlock(&batch->waiters);
	return error;
}

static bool runs_one_of(const struct weft__worker *worker, const weft_batch *batch)
{
	for (const struct weft__frame *frame = worker->frame; frame != NULL; frame = frame->outer)
		if (frame->task != NULL && frame->task->batch == batch)
			return true;
	return false;
}

static int wait(weft_batch *batch, bool firmly, int64_t deadline_ns)
{
	struct weft__worker *worker = weft__worker_self();
	int code;

	if (count_pending(batch) != 0) {
		if (worker != NULL && runs_one_of(worker, batch))
			return -EDEADLK;
		if (deadline_ns != WEFT_FOREVER && deadline_ns <= weft__sys_now())
			return -ETIMEDOUT;
		if (deadline_ns == WEFT_FOREVER && (firmly || weft_cancelled() == 0))
			help(worker, batch);
		code = wait_for_end(batch, firmly, deadline_ns);
		if (code < 0)
			return code;
	}
	return take_error(batch);
}

int weft_batch_wait_until(weft_batch *batch, int64_t deadline_ns)
{
	return wait(batch, false, deadline_ns);
}

int weft_batch_wait(weft_batch *batch)
{
	return wait(batch, false, WEFT_FOREVER);
}

/* One that was seen begun, held; another one at the next call. NULL: none. */
static struct weft_task *find_begun(weft_batch *batch)
{
	struct weft_task *found = NULL;
	struct weft__list *item;

	weft__waitq_lock(&batch->waiters);
	item = weft__list_pop(&batch->begun);
	if (item != NULL) {
		weft__list_push(&batch->begun, item);
		found = container_of(item, struct weft_task, in_batch);
		weft__task_hold(found);
	}
	weft__waitq_unlock(&batch->waiters);
	return found;
}

/* Each at least once: those that begin meanwhile come behind them. */
static void tell_begun(weft_batch *batch)
{
	struct weft_task *task;

	for (uint64_t most = count_pending(batch); most > 0 && (task = find_begun(batch)) != NULL;
	     most--) {
		weft__task_tell(task);
		weft__task_drop(task);
	}
}

int64_t weft_batch_cancel(weft_batch *batch)
{
	struct weft_task *task;
	int64_t removed = 0;

	while ((task = find_queued(batch, NULL)) != NULL) {
		removed += weft_task_cancel(task) == 0;
		weft__task_drop(task);
	}
	tell_begun(batch);
	return removed;
}

void weft_batch_destroy(weft_batch *batch)
{
	(void)wait(batch, true, WEFT_FOREVER);
	if (count_pending(batch) != 0)
		weft__panic("batch %p: destroyed by one of its own tasks", (void *)batch);
	free(batch);
}
