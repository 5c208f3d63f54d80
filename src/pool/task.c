/* SPDX-License-Identifier: MIT */
/*
 * Tasks that have a record: their states, and waiting for their end.
 *
 * The end against a waiter (TASK): both change `state` by read-modify-writes. The waiter sets
 * WAITED, under waiters.lock, and enters only if it has not ended; the end is a swap, and if that
 * finds WAITED it takes the lock and wakes all that are in. So either the waiter sees the end, or
 * the end sees the waiter.
 */
#include <errno.h>

#include "pool/frame.h"

struct weft_task *weft__task_create(weft_pool *pool, weft_function *function, void *arg,
				    weft_batch *batch, bool has_handle)
{
	struct weft_task *task = weft__task_store_take(pool->store);

	if (task == NULL)
		return NULL;
	task->pool = pool;
	task->function = function;
	task->arg = arg;
	task->has_key = pool->route == WEFT_ROUTE_KEY;
	task->batch = batch;
	atomic_store_relaxed(&task->worker, (struct weft__worker *)NULL);
	atomic_store_relaxed(&task->state, WEFT__TASK_QUEUED);
	atomic_store_relaxed(&task->references, has_handle ? 2u : 1u);
	atomic_store_relaxed(&task->queue, NULL);
	task->lane = NULL;
	task->result = 0;
	weft__list_init(&task->in_batch);
	weft__list_init(&task->in_lane);
	return task;
}

/* ---- states */

void weft__task_leave(struct weft_task *task, uint32_t state)
{
	atomic_store_relaxed(&task->queue, NULL);
	/* WAITED may be set beside it at any time. */
	atomic_add_acq_rel(&task->state, state - WEFT__TASK_QUEUED);
}

void weft__task_end(struct weft_task *task, uint32_t state, int result)
{
	weft_batch *batch = task->batch;
	uint32_t seen;

	task->result = result;
	seen = atomic_swap_acq_rel(&task->state, state); /* TASK */
	if ((seen & WEFT__TASK_WAITED) != 0) {
		struct weft__wakes wakes = { NULL, NULL };

		weft__waitq_lock(&task->waiters);
		weft__waitq_wake_all(&task->waiters, 0, &wakes);
		weft__waitq_unlock(&task->waiters);
		weft__wakes_ready(&wakes);
	}
	if (batch != NULL)
		weft__batch_end(batch, task, result);
	weft__task_drop(task);
}

/* ---- waiting */

static int take_result(struct weft_task *task, int *out_result)
{
	uint32_t state = WEFT__TASK_STATE(atomic_load_acquire(&task->state));
	/* A cancelled one has no result before its end, which may be yet to come. */
	int result = state == WEFT__TASK_CANCELLED ? -ECANCELED : task->result;

	weft__task_drop(task);
	if (out_result != NULL)
		*out_result = result;
	return 0;
}

static bool has_ended(struct weft_task *task)
{
	return WEFT__TASK_ENDED(atomic_load_acquire(&task->state));
}

/* True: entered; false: it has ended. */
static bool enter_waiters(struct weft_task *task, struct weft__waiter *waiter,
			  struct weft_thread *self)
{
	uint32_t state = atomic_load_relaxed(&task->state);
	bool entered = false;

	weft__waitq_lock(&task->waiters);
	while (!WEFT__TASK_ENDED(state) && !entered)
		/* TASK */
		entered = atomic_cas_acq_rel(&task->state, &state, state | WEFT__TASK_WAITED);
	if (entered)
		weft__waitq_add(&task->waiters, waiter, self);
	weft__waitq_unlock(&task->waiters);
	return entered;
}

static int wait_for_end(struct weft_task *task, int64_t deadline_ns)
{
	struct weft__worker *worker = weft__worker_self();
	struct weft_thread *self = weft__self();
	struct weft__waiter waiter;
	int code = 0;

	if (worker != NULL)
		weft__seat_give_up(worker);
	if (enter_waiters(task, &waiter, self))
		code = weft__waitq_park(&task->waiters, &waiter, "task's end", deadline_ns);
	if (worker != NULL)
		weft__seat_regain(worker);
	return code;
}

/* The task is one of those that the worker is in the middle of. */
static bool runs_it(const struct weft__worker *worker, const struct weft_task *task)
{
	for (const struct weft__frame *frame = worker->frame; frame != NULL; frame = frame->outer)
		if (frame->task == task)
			return true;
	return false;
}

int weft_task_wait(weft_task *task, int *out_result)
{
	struct weft__worker *worker = weft__worker_self();

	if (!has_ended(task) && worker != NULL && runs_it(worker, task))
		return -EDEADLK;
	while (!has_ended(task) && weft_cancelled() == 0 && weft__task_help(worker, task))
		;
	if (!has_ended(task) && wait_for_end(task, WEFT_FOREVER) == -ECANCELED)
		return -ECANCELED;
	return take_result(task, out_result);
}

int weft_task_wait_try(weft_task *task, int *out_result)
{
	return has_ended(task) ? take_result(task, out_result) : -EBUSY;
}

int weft_task_wait_until(weft_task *task, int64_t deadline_ns, int *out_result)
{
	struct weft__worker *worker = weft__worker_self();

	if (deadline_ns == WEFT_FOREVER)
		return weft_task_wait(task, out_result);
	if (!has_ended(task)) {
		int code;

		if (worker != NULL && runs_it(worker, task))
			return -EDEADLK;
		if (deadline_ns <= weft__sys_now())
			return -ETIMEDOUT;
		/* It may take longer than until then, so another worker runs it. */
		code = wait_for_end(task, deadline_ns);
		if (code < 0)
			return code;
	}
	return take_result(task, out_result);
}

/* ---- */

void weft_task_release(weft_task *task)
{
	weft__task_drop(task);
}

bool weft_task_is_cancelled(void)
{
	struct weft__worker *worker = weft__worker_self();

	if (worker == NULL || worker->depth == 0)
		return false;
	if (weft__pool_is_stopped(worker->pool))
		return true;
	return worker->frame != NULL && worker->frame->task != NULL &&
	       weft__task_is_told(worker->frame->task);
}
