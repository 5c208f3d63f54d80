/* SPDX-License-Identifier: MIT */
/*
 * Drain, stop, and the end.
 *
 * When a pool is drained: no worker is busy (all rest), no submitter runs a task, nobody cancels
 * one, and no queue holds one. That is seen under pool->lock, under which workers go to rest and
 * are woken, so nothing is counted per task. Tasks come from outside, which is closed before, under
 * shared.lock, or from a task, whose worker is busy. A job that was put into a queue before, and
 * whose submitter has yet to wake somebody, is in that queue.
 *
 * Stop sets STOP under shared.lock and then empties the queues, the shared one first. Every section
 * in which a job is put into a queue, moved or taken reads STOP under that queue's lock: it comes
 * before the sweep of that queue, and the sweep finds the job (or the job has begun), or after it,
 * and sees STOP. So nothing begins out of a queue that is being swept: not the last of it, which
 * many before it have made room for.
 */
#include <errno.h>
#include <stdlib.h>

#include "pool/lane.h"
#include "pool/pool.h"

bool weft__pool_is_inside(weft_pool *pool)
{
	struct weft__worker *worker = weft__worker_self();
	struct weft_thread *self = weft__arch_self();
	bool found = false;

	if (worker != NULL && worker->pool == pool)
		return true;
	weft__spin_lock(&pool->lock);
	weft__list_for(item, &pool->outside)
		if (container_of(item, struct weft__outside_run, link)->thread == self)
			found = true;
	weft__spin_unlock(&pool->lock);
	return found;
}

/* When it ends: no worker is left, and nobody who cancels a task. */
static bool is_drained(weft_pool *pool)
{
	return pool->busy == 0 && (pool->ending ? pool->threads == 0 : !weft__pool_has_work(pool));
}

void weft__pool_tell_idle(weft_pool *pool, struct weft__wakes *wakes)
{
	struct weft__list *item;

	if (weft__list_is_empty(&pool->waiters) || !is_drained(pool))
		return;
	while ((item = weft__list_pop(&pool->waiters)) != NULL) {
		struct weft__pool_waiter *waiter =
			container_of(item, struct weft__pool_waiter, link);
		struct weft_thread *thread = waiter->thread;

		if (weft__claim(thread, waiter->ticket, 0) == WEFT__CLAIM_PARKED)
			weft__pool_wakes_add(wakes, thread);
	}
}

/* What was removed meanwhile may have been all that a drain waits for. */
void weft__pool_let_go(weft_pool *pool)
{
	struct weft__wakes wakes = { NULL, NULL };

	weft__spin_lock(&pool->lock);
	if (--pool->busy == 0)
		weft__pool_tell_idle(pool, &wakes);
	weft__spin_unlock(&pool->lock); /* the last touch of the pool */
	weft__wakes_ready(&wakes);
}

/* Until it is drained, or, when it ends, until no worker is left. */
static int wait_idle(weft_pool *pool, bool firmly, int64_t deadline_ns)
{
	struct weft_thread *self = weft__self();
	struct weft__pool_waiter waiter;
	int code;

	weft__spin_lock(&pool->lock);
	if (is_drained(pool)) {
		weft__spin_unlock(&pool->lock);
		return 0;
	}
	weft__list_push(&pool->waiters, &waiter.link);
	waiter.thread = self;
	waiter.ticket = firmly ? weft__arm_firm(self) : weft__arm(self);
	weft__spin_unlock(&pool->lock);
	code = weft__park(self, pool->ending ? "pool's end" : "drain", deadline_ns);
	weft__spin_lock(&pool->lock);
	weft__list_remove(&waiter.link);
	weft__spin_unlock(&pool->lock);
	return code;
}

static void close_pool(weft_pool *pool, uint32_t bits)
{
	struct weft__wakes wakes = { NULL, NULL };

	weft__jobs_lock(&pool->shared);
	pool->drains++;
	weft__pool_attention(pool, bits, 0);
	weft__room_wake_all(pool, &wakes);
	weft__jobs_unlock(&pool->shared);
	weft__wakes_ready(&wakes);
}

static void open_pool(weft_pool *pool)
{
	weft__jobs_lock(&pool->shared);
	if (--pool->drains == 0 && (pool->attention & WEFT__ATTENTION_STOP) == 0)
		weft__pool_attention(pool, 0, WEFT__ATTENTION_CLOSED);
	weft__jobs_unlock(&pool->shared);
}

static int drain(weft_pool *pool, bool firmly, int64_t deadline_ns)
{
	struct weft__worker *worker = weft__worker_self();
	int code;

	if (weft__pool_is_inside(pool))
		return -EDEADLK;
	close_pool(pool, WEFT__ATTENTION_CLOSED);
	if (worker != NULL)
		weft__seat_give_up(worker);
	code = wait_idle(pool, firmly, deadline_ns);
	if (worker != NULL)
		weft__seat_regain(worker);
	open_pool(pool);
	return code;
}

int weft_pool_drain(weft_pool *pool)
{
	return drain(pool, false, WEFT_FOREVER);
}

int weft_pool_drain_until(weft_pool *pool, int64_t deadline_ns)
{
	return drain(pool, false, deadline_ns);
}

/* Cancels what a queue holds. */
static int64_t sweep(weft_pool *pool, struct weft__jobs *queue)
{
	int64_t count = 0;
	unsigned level;

	for (;;) {
		struct weft_task *task = NULL;
		struct weft__job job;
		bool taken = false;

		weft__jobs_lock(queue);
		level = weft__jobs_first_level(queue);
		if (level < WEFT_PRIORITY_COUNT)
			taken = weft__jobs_pop(queue, level, &job);
		if (taken)
			task = weft__job_task(&job);
		if (task != NULL)
			weft__task_leave(task, WEFT__TASK_CANCELLED);
		weft__jobs_unlock(queue);
		if (!taken)
			break;
		count++;
		atomic_add_relaxed(&pool->cancelled, 1);
		if (task != NULL)
			weft__task_end(task, WEFT__TASK_CANCELLED, -ECANCELED);
	}
	return count;
}

/* Who drains it meanwhile: what was swept may have been all that he waits for. */
static void tell_others(weft_pool *pool)
{
	struct weft__wakes wakes = { NULL, NULL };

	weft__spin_lock(&pool->lock);
	weft__pool_tell_idle(pool, &wakes);
	weft__spin_unlock(&pool->lock);
	weft__wakes_ready(&wakes);
}

int64_t weft_pool_stop(weft_pool *pool)
{
	struct weft__worker *worker = weft__worker_self();
	int64_t count;

	if (weft__pool_is_inside(pool))
		return -EDEADLK;
	close_pool(pool, WEFT__ATTENTION_STOP | WEFT__ATTENTION_CLOSED);
	count = sweep(pool, &pool->shared);
	for (unsigned i = 0; i < atomic_load_acquire(&pool->seat_count); i++) {
		count += sweep(pool, &pool->seats[i]->inbox);
		count += sweep(pool, &pool->seats[i]->own);
	}
	count += weft__lane_sweep(pool);
	tell_others(pool);
	if (worker != NULL)
		weft__seat_give_up(worker);
	wait_idle(pool, true, WEFT_FOREVER);
	if (worker != NULL)
		weft__seat_regain(worker);
	open_pool(pool);
	return count;
}

/* ---- the end */

static void free_pool(weft_pool *pool)
{
	for (unsigned i = 0; i < pool->seat_count; i++) {
		weft__jobs_fini(&pool->seats[i]->own);
		weft__jobs_fini(&pool->seats[i]->inbox);
		free(pool->seats[i]);
	}
	weft__jobs_fini(&pool->shared);
	free(pool->keys.buckets);
	weft__chunk_store_fini(&pool->chunks);
	weft__task_store_orphan(pool->store);
	free(pool->seats);
	free(pool);
}

void weft__pool_end(weft_pool *pool)
{
	struct weft__wakes wakes = { NULL, NULL };

	weft__task_store_close(pool->store);
	weft__spin_lock(&pool->lock);
	pool->ending = true;
	while (!weft__list_is_empty(&pool->resting))
		weft__worker_dismiss(container_of(pool->resting.next, struct weft__worker, rest),
				     &wakes);
	weft__spin_unlock(&pool->lock);
	weft__wakes_ready(&wakes);
	wait_idle(pool, true, WEFT_FOREVER);
	weft__worker_join_dead(pool->dead);
	if (pool->own_sched != NULL)
		weft_sched_destroy(pool->own_sched);
	free_pool(pool);
}

int weft_pool_destroy(weft_pool *pool)
{
	struct weft__worker *worker = weft__worker_self();
	int error = drain(pool, true, WEFT_FOREVER);

	if (error < 0)
		return error;
	if (worker != NULL)
		weft__seat_give_up(worker);
	weft__pool_end(pool);
	if (worker != NULL)
		weft__seat_regain(worker);
	return 0;
}
