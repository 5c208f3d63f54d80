/* SPDX-License-Identifier: MIT */
/* Wait queue; see waitq.h. */
#include "sched/waitq.h"

#include "base/panic.h"
#include "sched/claim.h"

static void fill(struct weft__waiter *waiter, struct weft_thread *self, uint64_t ticket)
{
	waiter->linked = true;
	waiter->thread = self;
	waiter->ticket = ticket;
	waiter->since_ns = 0;
	waiter->tag = 0;
}

void weft__waitq_link(struct weft__waitq *queue, struct weft__waiter *waiter,
		      struct weft_thread *self, uint64_t ticket)
{
	fill(waiter, self, ticket);
	waiter->next = NULL;
	waiter->prev = queue->last;
	if (queue->last != NULL)
		queue->last->next = waiter;
	else
		queue->first = waiter;
	queue->last = waiter;
}

static void link_front(struct weft__waitq *queue, struct weft__waiter *waiter,
		       struct weft_thread *self, uint64_t ticket)
{
	fill(waiter, self, ticket);
	waiter->prev = NULL;
	waiter->next = queue->first;
	if (queue->first != NULL)
		queue->first->prev = waiter;
	else
		queue->last = waiter;
	queue->first = waiter;
}

void weft__waitq_add(struct weft__waitq *queue, struct weft__waiter *waiter,
		     struct weft_thread *self)
{
	weft__waitq_link(queue, waiter, self, weft__arm(self));
}

void weft__waitq_add_firm(struct weft__waitq *queue, struct weft__waiter *waiter,
			  struct weft_thread *self)
{
	weft__waitq_link(queue, waiter, self, weft__arm_firm(self));
}

void weft__waitq_add_front(struct weft__waitq *queue, struct weft__waiter *waiter,
			   struct weft_thread *self)
{
	link_front(queue, waiter, self, weft__arm(self));
}

void weft__waitq_add_front_firm(struct weft__waitq *queue, struct weft__waiter *waiter,
				struct weft_thread *self)
{
	link_front(queue, waiter, self, weft__arm_firm(self));
}

void weft__waitq_remove(struct weft__waitq *queue, struct weft__waiter *waiter)
{
	weft__assert(waiter->linked);
	if (waiter->prev != NULL)
		waiter->prev->next = waiter->next;
	else
		queue->first = waiter->next;
	if (waiter->next != NULL)
		waiter->next->prev = waiter->prev;
	else
		queue->last = waiter->prev;
	waiter->linked = false;
}

void weft__wakes_add(struct weft__wakes *wakes, struct weft_thread *thread)
{
	thread->next = NULL;
	if (wakes->last != NULL)
		wakes->last->next = thread;
	else
		wakes->first = thread;
	wakes->last = thread;
}

bool weft__waitq_wake_one(struct weft__waitq *queue, struct weft__waiter *waiter, int code,
			  struct weft__wakes *wakes)
{
	struct weft_thread *thread = waiter->thread;
	enum weft__claim claim;

	/* Unlinked before it is claimed: a claimed waiter that still runs may return at once. */
	weft__waitq_remove(queue, waiter);
	claim = weft__claim_inline(thread, waiter->ticket, code);
	if (claim == WEFT__CLAIM_PARKED)
		weft__wakes_add(wakes, thread);
	return claim != WEFT__CLAIM_LOST;
}

bool weft__waitq_wake(struct weft__waitq *queue, int code, struct weft__wakes *wakes)
{
	while (queue->first != NULL)
		if (weft__waitq_wake_one(queue, queue->first, code, wakes))
			return true;
	return false;
}

unsigned weft__waitq_wake_all(struct weft__waitq *queue, int code, struct weft__wakes *wakes)
{
	unsigned count = 0;

	while (weft__waitq_wake(queue, code, wakes))
		count++;
	return count;
}

int weft__waitq_park(struct weft__waitq *queue, struct weft__waiter *waiter, const char *reason,
		     int64_t deadline_ns)
{
	int code = weft__park(waiter->thread, reason, deadline_ns);

	/* Claimed by the deadline or a cancellation: no waker will unlink us, or one has done so
	 * and found us lost. */
	if (code == -ETIMEDOUT || code == -ECANCELED) {
		weft__waitq_lock(queue);
		if (waiter->linked)
			weft__waitq_remove(queue, waiter);
		weft__waitq_unlock(queue);
	}
	return code;
}

void weft__wakes_ready(struct weft__wakes *wakes)
{
	struct weft_thread *thread = wakes->first;

	if (likely(thread != NULL && thread->next == NULL)) {
		wakes->first = NULL;
		wakes->last = NULL;
		weft__ready(thread);
		return;
	}
	while (thread != NULL) {
		struct weft_thread *next = thread->next;

		weft__ready(thread);
		thread = next;
	}
	wakes->first = NULL;
	wakes->last = NULL;
}
