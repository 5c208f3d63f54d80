/* SPDX-License-Identifier: MIT */
/*
 * What the waits of this room share: the first look, at the clock, and the last, at the queue; and
 * the end of what is waited for.
 *
 * A waker claims a waiter while it holds the queue's lock. One that was parked goes on after the
 * unlock. But one that was claimed before it came to park returns at once, and its caller may then
 * give the memory away, say a semaphore on his stack:
 *
 *	waiter: enters, unlocks the queue
 *	waker:  locks the queue, claims
 *	waiter: is claimed already, does not park, returns; the frame is gone
 *	waker:  unlocks the queue: writes into somebody else's frame
 *
 * So who was let go on looks whether the lock is free, and waits for it if not.
 */
#ifndef WEFT_SYNC_WAIT_H
#define WEFT_SYNC_WAIT_H

#include <weft/time.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/panic.h"
#include "sched/waitq.h"
#include "sys/sys.h"

/* A deadline in the past: not worth a wait. */
static inline bool weft__sync_is_past(int64_t deadline_ns)
{
	return unlikely(deadline_ns != WEFT_FOREVER) && deadline_ns <= weft__sys_now();
}

static inline void weft__sync_settle(struct weft__waitq *queue)
{
	if (likely(atomic_load_acquire(&queue->lock) == 0)) /* SPIN-UNLOCK */
		return;
	weft__waitq_lock(queue);
	weft__waitq_unlock(queue);
}

/* The end of an object that nobody may wait for any more. */
static inline void weft__sync_fini(struct weft__waitq *queue, const char *noun, const void *object)
{
	bool is_waited_for;

	weft__waitq_lock(queue);
	is_waited_for = !weft__waitq_is_empty(queue);
	weft__waitq_unlock(queue);
	if (unlikely(is_waited_for))
		weft__panic("%s %p: destroyed while waited for", noun, object);
}

#endif
