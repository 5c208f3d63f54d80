/* SPDX-License-Identifier: MIT */
/*
 * Cancellation: one waker more. It claims the open wait (park.h) of a thread that it names, with
 * -ECANCELED; the claim decides between it and all others, so nothing that was given is lost, and
 * what is not given goes to the next waiter.
 *
 * A thread has a list of scopes, and a flag `cancelled`: one of its scopes that no shield covers,
 * or, where there is no shield, the thread as a whole, is cancelled. Scopes and flag change under
 * the thread's cancel_lock.
 *
 * No cancellation is lost. (CANCEL)
 *
 *	who waits			who cancels, under cancel_lock
 *	1 park = ARMED|OPEN		1 cancelled = 1
 *	  light barrier (its entry's)	  heavy barrier
 *	2 read cancelled: claims itself	2 read park: claims an open wait
 *
 * Failing without the barriers: the store of ARMED waits in the store buffer, the waiter reads 0
 * and parks; the canceller reads RUNNING and leaves. With them one of the two sees the other. If
 * both do, the claim decides.
 *
 *   Canceller reads park of a wait, the waiter leaves the scope and begins another wait.
 *	No: leaving takes the lock; and the claim is of that wait's epoch.
 *   Waiter leaves the scope and ends its thread; canceller reads its record.
 *	No: likewise. The last touch of the record by a canceller is its unlock, unless it has
 *	claimed a PARKED thread, which does not run before weft__ready.
 *   Canceller claims a wait that was ARMED; the waiter found what it wanted and disarms.
 *	The disarm overwrites the claim. It is for the next wait to see the flag.
 *
 * The barrier is a system call under a spin lock, which is otherwise not done: it does not wait,
 * and the lock is this one thread's.
 *
 * models/cancel.pml is this protocol, with the variants that fail.
 */
#ifndef WEFT_SCHED_CANCEL_H
#define WEFT_SCHED_CANCEL_H

#include "sched/thread.h"

/* The thread itself, that has announced an open or firm wait and sees its flag. True: it has
 * claimed the wait. */
bool weft__cancel_self(struct weft_thread *self, uint64_t ticket) weft__cold;

/* The same where no entry makes the barrier: kernel threads. */
static inline void weft__cancel_check(struct weft_thread *self)
{
	weft__sys_light_barrier(); /* CANCEL */
	if (unlikely(atomic_load_relaxed(&self->cancelled)))
		weft__cancel_self(self, atomic_load_relaxed(&self->park));
}

/* The deadline, or what is earlier: the end of the scopes around an open wait. */
static inline int64_t weft__cancel_until(const struct weft_thread *self, int64_t deadline_ns)
{
	return unlikely(self->until_ns != 0) &&
			       (atomic_load_relaxed(&self->park) & WEFT__PARK_OPEN) &&
			       self->until_ns < deadline_ns
		       ? self->until_ns
		       : deadline_ns;
}

/* Whether it is cancelled, or the time of a scope that it is in is over; the thread itself. */
static inline bool weft__cancel_is_due(const struct weft_thread *self)
{
	return unlikely(atomic_load_relaxed(&self->cancelled)) ||
	       (unlikely(self->until_ns != 0) && self->until_ns <= weft__sys_now());
}

/* In two steps, so that many share one barrier: mark each, weft__sys_heavy_barrier, then claim. The
 * caller sees to it that the thread's record stays. */
void weft__cancel_mark(struct weft_thread *thread);
void weft__cancel_claim(struct weft_thread *thread, struct weft__wakes *wakes);

/* Cancels a scope that has not been left; a shield's too: then what is inside it is cancelled. */
void weft__cancel_scope(struct weft_scope *scope, struct weft__wakes *wakes);

/* The thread as a whole is no longer cancelled; by itself. */
void weft__cancel_undo(struct weft_thread *self);

/* In fork's child: whoever was cancelling the thread is lost, with the lock. It is cancelled if
 * that one had begun to. */
void weft__cancel_forked(struct weft_thread *self);

/* A record begins a new life / the thread's function has returned. */
static inline void weft__cancel_begin(struct weft_thread *thread)
{
	thread->until_ns = 0;
	atomic_store_relaxed(&thread->cancelled, 0u);
	thread->is_cancelled = false;
	thread->scopes = NULL;
}

#endif
