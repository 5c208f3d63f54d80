/* SPDX-License-Identifier: MIT */
/*
 * Wait queue: threads of all kinds, in order of arrival, under a spin lock that is held for a few
 * instructions and never across a park. The one core under every primitive. All-zero is empty and
 * unlocked.
 *
 * The pattern of a wait:
 *
 *	struct weft__waiter waiter;
 *
 *	weft__waitq_lock(queue);
 *	if (what I want is there) { take it; weft__waitq_unlock(queue); return 0; }
 *	weft__waitq_add(queue, &waiter, self);
 *	weft__waitq_unlock(queue);
 *	code = weft__waitq_park(queue, &waiter, "semaphore", deadline_ns);
 *
 * and of a wake:
 *
 *	struct weft__wakes wakes = { 0 };
 *
 *	weft__waitq_lock(queue);
 *	if (!weft__waitq_wake(queue, 0, &wakes)) put it there;
 *	weft__waitq_unlock(queue);
 *	weft__wakes_ready(&wakes);
 *
 * No wake-up is lost: whether the thing is there and whether somebody waits are decided under the
 * one lock, by both sides.
 * A cancellation is one waker more (cancel.h): a waiter that it claimed is, like one that timed
 * out, out of the queue when the park returns, and has been given nothing.
 * A waiter is on its thread's stack. It cannot go away under a waker: a waker touches it only under
 * the lock, after which it is unlinked, and a waiter that timed out takes the lock before it
 * returns. A waiter whose claim was lost to its deadline is unlinked and passed over, so what is
 * given goes to the next.
 *
 * models/waitq.pml is this protocol, with the variants that fail.
 */
#ifndef WEFT_SCHED_WAITQ_H
#define WEFT_SCHED_WAITQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/mutex.h>

#include "sched/park.h"
#include "sys/spin.h"

struct weft__waiter {
	/* guarded by the queue's lock while linked */
	struct weft__waiter *next, *prev;
	bool linked;
	/* constant while linked */
	struct weft_thread *thread;
	uint64_t ticket;
	int64_t since_ns; /* free for the primitive: when it began to wait */
	uintptr_t tag;    /* free for the primitive */
};

/* Threads that were claimed PARKED under a lock, to be made ready after it. */
struct weft__wakes {
	struct weft_thread *first, *last;
};

static inline void weft__waitq_lock(struct weft__waitq *queue)
{
	weft__spin_lock(&queue->lock);
}

static inline void weft__waitq_unlock(struct weft__waitq *queue)
{
	weft__spin_unlock(&queue->lock);
}

/* ---- with the lock held */
static inline bool weft__waitq_is_empty(const struct weft__waitq *queue)
{
	return queue->first == NULL;
}

/* Arms the calling thread and puts it last / first. since_ns and tag are zeroed. _firm: no
 * cancellation ends the wait. */
void weft__waitq_add(struct weft__waitq *queue, struct weft__waiter *waiter,
		     struct weft_thread *self);
void weft__waitq_add_front(struct weft__waitq *queue, struct weft__waiter *waiter,
			   struct weft_thread *self);

void weft__waitq_add_firm(struct weft__waitq *queue, struct weft__waiter *waiter,
			  struct weft_thread *self);
void weft__waitq_add_front_firm(struct weft__waitq *queue, struct weft__waiter *waiter,
				struct weft_thread *self);
/* Puts a thread last that is armed, perhaps in other queues too: whoever claims it first has it; it
 * takes itself out of the others. */
void weft__waitq_link(struct weft__waitq *queue, struct weft__waiter *waiter,
		      struct weft_thread *self, uint64_t ticket);

void weft__waitq_remove(struct weft__waitq *queue, struct weft__waiter *waiter);

/* Unlinks and claims the first waiter that can be claimed, with that code; appends it to wakes.
 * False: none. */
bool weft__waitq_wake(struct weft__waitq *queue, int code, struct weft__wakes *wakes);
/* The same for a certain waiter of the queue. False: its deadline was first (it is unlinked all the
 * same). */
bool weft__waitq_wake_one(struct weft__waitq *queue, struct weft__waiter *waiter, int code,
			  struct weft__wakes *wakes);
/* All. Returns how many were claimed. */
unsigned weft__waitq_wake_all(struct weft__waitq *queue, int code, struct weft__wakes *wakes);

/* ---- without the lock */
/* Parks. Returns the waker's code, or -ETIMEDOUT or -ECANCELED, in which case the waiter has been
 * unlinked. */
int weft__waitq_park(struct weft__waitq *queue, struct weft__waiter *waiter, const char *reason,
		     int64_t deadline_ns);

void weft__wakes_add(struct weft__wakes *wakes, struct weft_thread *thread);
void weft__wakes_ready(struct weft__wakes *wakes);

#endif
