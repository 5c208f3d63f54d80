/* SPDX-License-Identifier: MIT */
/*
 * Room: how many tasks may still wait in a bounded pool.
 *
 *	queue_max = room + the seats' credit + tasks that wait
 *
 * A job takes one when it is queued and gives it back when it begins or is cancelled. From outside
 * that happens under the shared queue's lock. A seat has credit of its own, under its own queue's
 * lock, which its holder gets for nothing; it takes and gives back credit in blocks.
 * Who finds no room takes the credit of all seats back before he says so, so "full" is exact.
 *
 * A task that would run what it submits when there is no room does so already when the rest is
 * other seats' credit: to collect that would cost more than the task, and the queue is as good as
 * full. (With a small queue_max seats keep no credit.)
 *
 * Nobody waits for room that lies with a seat (ROOM):
 *
 *	who waits, in shared.lock	a worker, in its own queue's lock
 *	1 attention |= ROOM		1 credit++
 *	  heavy barrier			  light barrier
 *	2 takes every seat's credit	2 reads attention
 *
 * So he sees the credit, or the worker sees
 * ROOM and gives the credit back at once.
 */
#include "pool/pool.h"

void weft__pool_attention(weft_pool *pool, uint32_t set, uint32_t clear)
{
	atomic_store_release(&pool->attention, (pool->attention | set) & ~clear);
}

/* Whoever knows, by any way of knowing, that a task has begun, sees the credit that it left. */
static void take_back(weft_pool *pool)
{
	unsigned count = atomic_load_acquire(&pool->seat_count);

	for (unsigned i = 0; i < count; i++) {
		struct weft__seat *seat = pool->seats[i];

		if (atomic_load_relaxed(&seat->credit) == 0)
			continue;
		weft__jobs_lock(&seat->own);
		atomic_store_relaxed(&pool->room, pool->room + seat->credit);
		atomic_store_relaxed(&seat->credit, 0);
		weft__jobs_unlock(&seat->own);
	}
}

bool weft__room_take(weft_pool *pool)
{
	if (!pool->limited)
		return true;
	if (pool->room == 0)
		take_back(pool);
	if (pool->room == 0)
		return false;
	atomic_store_relaxed(&pool->room, pool->room - 1);
	return true;
}

int64_t weft__room_take_block(weft_pool *pool)
{
	int64_t count = pool->credit_block;

	if (pool->room == 0)
		take_back(pool);
	if (count > pool->room)
		count = pool->room;
	atomic_store_relaxed(&pool->room, pool->room - count);
	return count;
}

void weft__room_give(weft_pool *pool, int64_t count, struct weft__wakes *wakes)
{
	bool more = true;

	if (!pool->limited)
		return;
	atomic_store_relaxed(&pool->room, pool->room + count);
	if (likely((pool->attention & WEFT__ATTENTION_ROOM) == 0))
		return;
	weft__waitq_lock(&pool->room_waiters);
	while (more && count-- > 0)
		more = weft__waitq_wake(&pool->room_waiters, 0, wakes);
	if (weft__waitq_is_empty(&pool->room_waiters))
		weft__pool_attention(pool, 0, WEFT__ATTENTION_ROOM);
	weft__waitq_unlock(&pool->room_waiters);
}

void weft__room_wake_all(weft_pool *pool, struct weft__wakes *wakes)
{
	weft__waitq_lock(&pool->room_waiters);
	weft__waitq_wake_all(&pool->room_waiters, 0, wakes);
	weft__waitq_unlock(&pool->room_waiters);
	weft__pool_attention(pool, 0, WEFT__ATTENTION_ROOM);
}

void weft__room_flush(weft_pool *pool, struct weft__seat *seat)
{
	struct weft__wakes wakes = { NULL, NULL };
	int64_t keep = pool->credit_max - pool->credit_block, count = 0;

	if (!pool->limited)
		return;
	weft__jobs_lock(&pool->shared);
	if ((pool->attention & WEFT__ATTENTION_ROOM) != 0)
		keep = 0;
	weft__jobs_enter(&seat->own);
	if (seat->credit > keep) {
		count = seat->credit - keep;
		atomic_store_relaxed(&seat->credit, keep);
	}
	weft__jobs_leave(&seat->own);
	if (count != 0)
		weft__room_give(pool, count, &wakes);
	weft__jobs_unlock(&pool->shared);
	weft__wakes_ready(&wakes);
}

int weft__room_wait(weft_pool *pool, int64_t deadline_ns)
{
	struct weft_thread *self = weft__self();
	struct weft__waiter waiter;

	weft__pool_attention(pool, WEFT__ATTENTION_ROOM, 0);
	/* ROOM: after this a seat's credit is seen, or its holder sees the flag */
	weft__sys_heavy_barrier();
	take_back(pool);
	if (pool->room != 0) {
		weft__jobs_unlock(&pool->shared);
		return 0;
	}
	weft__waitq_lock(&pool->room_waiters);
	weft__waitq_add(&pool->room_waiters, &waiter, self);
	weft__waitq_unlock(&pool->room_waiters);
	weft__jobs_unlock(&pool->shared);
	return weft__waitq_park(&pool->room_waiters, &waiter, "room in the pool", deadline_ns);
}
