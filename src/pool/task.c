/* SPDX-License-Identifier: MIT */
/*
 * Tasks that have a record: their states, waiting for them, cancelling them.
 *
 * Who begins a task, removes it, or runs it because it waits for it, is decided under the lock of
 * the queue where it lies: it is there, and whoever takes it out has it. A task may move from queue
 * to queue, with both locked: so who looks for it reads which queue, locks that, and looks again.
 *
 * The end against a waiter (TASK): both change `state` by read-modify-writes. The waiter sets
 * WAITED, under waiters.lock, and enters only if it has not ended; the end is a swap, and if that
 * finds WAITED it takes the lock and wakes all that are in. So either the waiter sees the end, or
 * the end sees the waiter.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "pool/lane.h"
#include "pool/pool.h"

#define BLOCK_TASKS 64

struct weft__task_block {
	struct weft__task_block *next;
	struct weft_task tasks[BLOCK_TASKS];
};

/* ---- records */

struct weft__task_store *weft__task_store_create(void)
{
	return calloc(1, sizeof(struct weft__task_store));
}

void weft__task_store_close(struct weft__task_store *store)
{
	weft__spin_lock(&store->lock);
	store->closed = true;
	weft__spin_unlock(&store->lock);
}

static void free_store(struct weft__task_store *store)
{
	while (store->blocks != NULL) {
		struct weft__task_block *block = store->blocks;

		store->blocks = block->next;
		free(block);
	}
	free(store);
}

void weft__task_store_orphan(struct weft__task_store *store)
{
	bool last;

	weft__spin_lock(&store->lock);
	store->orphaned = true;
	last = store->out == 0;
	weft__spin_unlock(&store->lock);
	if (last)
		free_store(store);
}

static bool add_block(struct weft__task_store *store)
{
	struct weft__task_block *block = calloc(1, sizeof *block);

	if (block == NULL)
		return false;
	weft__spin_lock(&store->lock);
	block->next = store->blocks;
	store->blocks = block;
	for (unsigned i = 0; i < BLOCK_TASKS; i++) {
		block->tasks[i].store = store;
		block->tasks[i].next = store->free;
		store->free = &block->tasks[i];
	}
	weft__spin_unlock(&store->lock);
	return true;
}

static struct weft_task *take_record(struct weft__task_store *store)
{
	struct weft_task *task;

	do {
		weft__spin_lock(&store->lock);
		task = store->free;
		if (task != NULL) {
			store->free = task->next;
			store->out++;
		}
		weft__spin_unlock(&store->lock);
	} while (task == NULL && add_block(store));
	return task;
}

struct weft_task *weft__task_create(weft_pool *pool, weft_function *function, void *arg,
				    weft_batch *batch, bool has_handle)
{
	struct weft_task *task = take_record(pool->store);

	if (task == NULL)
		return NULL;
	task->pool = pool;
	task->function = function;
	task->arg = arg;
	task->has_key = pool->route == WEFT_ROUTE_KEY;
	task->batch = batch;
	atomic_store_relaxed(&task->state, WEFT__TASK_QUEUED);
	atomic_store_relaxed(&task->references, has_handle ? 2u : 1u);
	atomic_store_relaxed(&task->queue, NULL);
	task->lane = NULL;
	task->result = 0;
	weft__list_init(&task->in_batch);
	weft__list_init(&task->in_lane);
	return task;
}

void weft__task_hold(struct weft_task *task)
{
	atomic_add_relaxed(&task->references, 1);
}

void weft__task_drop(struct weft_task *task)
{
	struct weft__task_store *store = task->store;
	bool last;

	if (atomic_sub_acq_rel(&task->references, 1) != 1)
		return;
	weft__spin_lock(&store->lock);
	task->next = store->free;
	store->free = task;
	last = --store->out == 0 && store->orphaned;
	weft__spin_unlock(&store->lock);
	if (last)
		free_store(store);
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

	while (WEFT__TASK_STATE(atomic_load_acquire(&task->state)) == WEFT__TASK_QUEUED) {
		struct weft__jobs *queue = atomic_load_acquire(&task->queue);

		if (queue == NULL) { /* on its way into its queue, or just out of it */
			weft__sys_thread_yield();
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

/* What was removed may have been all that a drain waited for. */
static void let_pool_go(weft_pool *pool)
{
	struct weft__wakes wakes = { NULL, NULL };

	weft__spin_lock(&pool->lock);
	if (--pool->busy == 0)
		weft__pool_tell_idle(pool, &wakes);
	weft__spin_unlock(&pool->lock); /* the last touch of the pool */
	weft__wakes_ready(&wakes);
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
	let_pool_go(pool);
	return first != NULL;
}

bool weft__task_help(struct weft__worker *worker, struct weft_task *task)
{
	if (worker == NULL || worker->pool != task->pool)
		return help_outside(task);
	if (!weft__worker_has_stack(worker))
		return false;
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

/* ---- waiting */

static int take_result(struct weft_task *task, int *out_result)
{
	uint32_t state = WEFT__TASK_STATE(atomic_load_acquire(&task->state));
	int result = task->result;

	weft__task_drop(task);
	if (state == WEFT__TASK_CANCELLED)
		return -ECANCELED;
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
	while (!has_ended(task) && weft__task_help(worker, task))
		;
	if (!has_ended(task))
		wait_for_end(task, WEFT_FOREVER);
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
		if (worker != NULL && runs_it(worker, task))
			return -EDEADLK;
		/* It may take longer than until then, so another worker runs it. */
		if (deadline_ns <= weft__sys_now() || wait_for_end(task, deadline_ns) == -ETIMEDOUT)
			return -ETIMEDOUT;
	}
	return take_result(task, out_result);
}

/* ---- cancelling, giving up */

bool weft__task_tell(struct weft_task *task)
{
	uint32_t state = atomic_load_acquire(&task->state);

	while (WEFT__TASK_STATE(state) == WEFT__TASK_RUNNING)
		if (atomic_cas_acq_rel(&task->state, &state, state | WEFT__TASK_TOLD))
			return true;
	return false;
}

static bool remove_task(struct weft__worker *worker, struct weft_task *task)
{
	if (task->pool->route != WEFT_ROUTE_KEY)
		return take(worker, task, WEFT__TASK_CANCELLED);
	if (!weft__lane_cancel(task))
		return false;
	give_room(worker, task->pool);
	return true;
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
	let_pool_go(pool);
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

void weft_task_release(weft_task *task)
{
	weft__task_drop(task);
}

bool weft_task_is_cancelled(void)
{
	struct weft__worker *worker = weft__worker_self();

	if (worker == NULL || worker->depth == 0)
		return false;
	if ((atomic_load_relaxed(&worker->pool->attention) & WEFT__ATTENTION_STOP) != 0)
		return true;
	return worker->frame != NULL && worker->frame->task != NULL &&
	       (atomic_load_relaxed(&worker->frame->task->state) & WEFT__TASK_TOLD) != 0;
}
