/* SPDX-License-Identifier: MIT */
/* Waiting for a descriptor; see wait.h. */
#include "io/wait.h"

#include <errno.h>
#include <stddef.h>
#include <weft/time.h>

#include "io/register.h"
#include "sched/poller.h"
#include "sched/thread.h"
#include "sched/waitq.h"

bool weft__fd_is_waited(struct weft__fd *entry, uint32_t wanted)
{
	weft__waitq *queue = &weft__fd_side(entry, wanted)->waiters;
	bool is_waited;

	weft__waitq_lock(queue);
	is_waited = !weft__waitq_is_empty(queue);
	weft__waitq_unlock(queue);
	return is_waited;
}

static void wake_side(struct weft__fd_side *side, int code, struct weft__wakes *wakes)
{
	weft__waitq_lock(&side->waiters);
	atomic_store_release(&side->sequence, side->sequence + 1); /* SEQUENCE */
	weft__waitq_wake_all(&side->waiters, code, wakes);
	weft__waitq_unlock(&side->waiters);
}

void weft__fd_wake(struct weft__fd *entry, int code)
{
	struct weft__wakes wakes = { NULL, NULL };

	wake_side(weft__fd_side(entry, WEFT__POLL_READ), code, &wakes);
	wake_side(weft__fd_side(entry, WEFT__POLL_WRITE), code, &wakes);
	weft__wakes_ready(&wakes);
}

void weft__fd_event(struct weft__fd *entry, uint32_t ready)
{
	struct weft__wakes wakes = { NULL, NULL };
	struct weft_thread *thread, *next;

	/*
	 * BOTH: who waits for either counts, then looks; here it became ready, then the count is
	 * read. A load would do where store and load are in order: else he sees what was before,
	 * we see no count, and he waits for an event that has come. Of two read-modify-writes of
	 * one word one is first, and the other comes after all that was before it.
	 */
	if ((ready & WEFT__POLL_READ) || atomic_add_acq_rel(&entry->both, 0) != 0)
		wake_side(weft__fd_side(entry, WEFT__POLL_READ), 0, &wakes);
	if (ready & WEFT__POLL_WRITE)
		wake_side(weft__fd_side(entry, WEFT__POLL_WRITE), 0, &wakes);
	for (thread = wakes.first; thread != NULL; thread = next) {
		next = thread->next;
		weft__ready_later(thread);
	}
}

/* With the lock of the side. 1: there is something to wait for; else as weft__fd_wait returns. */
static int may_wait(struct weft__use *use, const struct weft__fd_side *side, uint32_t seen)
{
	bool owned = use->owned;
	int error = weft__fd_check(use);

	if (error < 0)
		return error;
	/* Adopted since: there is another way to wait now. */
	if (use->owned != owned || side->sequence != seen)
		return 0;
	return 1;
}

/* A thread of a scheduler. */
static int park_light(struct weft__use *use, struct weft__fd_side *side,
		      struct weft__waiter *waiter, struct weft__poller *poller, const char *reason,
		      int64_t deadline_ns)
{
	int error = use->owned ? 0 : weft__fd_order(use, poller);

	if (unlikely(error < 0)) {
		struct weft__wakes wakes = { NULL, NULL };

		/* Nothing will wake us: we wake ourselves, unless somebody has done so. */
		weft__waitq_lock(&side->waiters);
		if (waiter->linked)
			weft__waitq_wake_one(&side->waiters, waiter, error, &wakes);
		weft__waitq_unlock(&side->waiters);
	}
	return weft__waitq_park(&side->waiters, waiter, reason, deadline_ns);
}

/* A kernel thread. What poll finds ready ends the wait as an event does. */
static int park_kernel(struct weft__use *use, struct weft__fd_side *side,
		       struct weft__waiter *waiter, uint32_t wanted, const char *reason,
		       int64_t deadline_ns)
{
	struct weft_thread *self = waiter->thread;
	uint32_t ready = 0;
	int code;

	atomic_store_relaxed(&self->since_ns, weft__sys_now());
	atomic_store_relaxed(&self->reason, reason);
	code = weft__kernel_park_poll(self, use->fd, wanted, deadline_ns, &ready);
	atomic_store_relaxed(&self->reason, NULL);
	weft__waitq_lock(&side->waiters);
	if (waiter->linked)
		weft__waitq_remove(&side->waiters, waiter);
	weft__waitq_unlock(&side->waiters);
	return code;
}

int weft__fd_wait(struct weft__use *use, uint32_t wanted, uint32_t seen, const char *reason,
		  int64_t deadline_ns)
{
	struct weft__fd_side *side = weft__fd_side(use->entry, wanted);
	struct weft_thread *self = weft__self();
	struct weft__poller *poller = weft__poller_self();
	struct weft__waiter waiter;
	int code;

	/* Also for who finds news all the time and never gets any of it. */
	if (deadline_ns != WEFT_FOREVER && deadline_ns <= weft__sys_now())
		return -ETIMEDOUT;
	if (poller != NULL && use->owned) {
		code = weft__fd_register(use, poller);
		if (unlikely(code < 0))
			return code;
	}
	weft__waitq_lock(&side->waiters);
	code = may_wait(use, side, seen);
	if (code <= 0) {
		weft__waitq_unlock(&side->waiters);
		return code;
	}
	weft__waitq_add(&side->waiters, &waiter, self);
	weft__waitq_unlock(&side->waiters);
	code = poller != NULL ? park_light(use, side, &waiter, poller, reason, deadline_ns)
			      : park_kernel(use, side, &waiter, wanted, reason, deadline_ns);
	return code < 0 ? code : weft__fd_check(use);
}

int weft__fd_enter(struct weft__use *use, uint32_t wanted, uint32_t seen,
		   struct weft__waiter *waiter, struct weft_thread *self, uint64_t ticket)
{
	struct weft__fd_side *side = weft__fd_side(use->entry, wanted);
	struct weft__poller *poller = weft__poller_self();
	int code;

	if (poller != NULL && use->owned) {
		code = weft__fd_register(use, poller);
		if (unlikely(code < 0))
			return code;
	}
	weft__waitq_lock(&side->waiters);
	code = may_wait(use, side, seen);
	if (code > 0)
		weft__waitq_link(&side->waiters, waiter, self, ticket);
	weft__waitq_unlock(&side->waiters);
	if (code <= 0 || poller == NULL || use->owned)
		return code;
	code = weft__fd_order(use, poller);
	if (likely(code >= 0))
		return 1;
	weft__fd_leave(use, wanted, waiter);
	return code;
}

void weft__fd_leave(struct weft__use *use, uint32_t wanted, struct weft__waiter *waiter)
{
	struct weft__fd_side *side = weft__fd_side(use->entry, wanted);

	weft__waitq_lock(&side->waiters);
	if (waiter->linked)
		weft__waitq_remove(&side->waiters, waiter);
	weft__waitq_unlock(&side->waiters);
}
