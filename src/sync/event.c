/* SPDX-License-Identifier: MIT */
/*
 * Event.
 *
 *   NOT_SET   and nobody waits
 *   WAITED    not set, and somebody may wait. Stale is legal (the last waiter's deadline has
 *             passed) and costs the setter one look
 *   SET       nobody is in the queue
 *
 *   NOT_SET -> WAITED   a waiter, in one section with entering the queue
 *   WAITED -> SET       a setter, in one section with letting all go on
 *   NOT_SET -> SET      a setter, from anywhere
 *   SET -> NOT_SET      who resets, from anywhere
 *
 *   Waiter sees NOT_SET; setter makes it SET and sees nobody; waiter enters and parks.
 *	No: the waiter makes it WAITED first, by a compare-and-swap, which fails.
 *   Setter is letting them go on; reset; a waiter enters, and the setter lets it go on as well.
 *	No: it does that in one section, and the waiter enters in another.
 *
 * A set that finds it SET writes that once more. What fails if it only looked:
 *
 *	producer: puts something there     consumer: resets
 *	producer: sees SET, and returns    consumer: looks, finds nothing, waits
 *
 *	Each could read what was before the other's write. As it is, either the reset comes after
 *	the producer's step and acquires it, so its look finds what was put there; or it comes
 *	before, and the producer's step makes the word SET again. (SET)
 *
 * Who waited may give the memory away at once, while the setter still holds the lock: so all that
 * see SET, parked or not, look at the lock before they return (wait.h). A setter that met nobody
 * ends with its compare-and-swap.
 */
#include <weft/event.h>
#include <weft/time.h>

#include "sched/thread.h"
#include "sched/waitq.h"
#include "sync/event.h"
#include "sync/wait.h"

enum { NOT_SET, WAITED, SET };

void weft_event_fini(weft_event *event)
{
	weft__sync_fini(&event->waiters, "event", event);
}

/* False: nobody waits any more, so the word has changed. */
static bool set_and_wake(weft_event *event)
{
	struct weft__wakes wakes = { 0 };
	uint32_t state = WAITED;
	bool is_set;

	weft__waitq_lock(&event->waiters);
	is_set = atomic_cas_acq_rel(&event->state, &state, (uint32_t)SET); /* SET */
	if (is_set)
		weft__waitq_wake_all(&event->waiters, 0, &wakes);
	weft__waitq_unlock(&event->waiters);
	weft__wakes_ready(&wakes);
	return is_set;
}

void weft_event_set(weft_event *event)
{
	uint32_t state = atomic_load_relaxed(&event->state);

	for (;;) {
		if (state == WAITED) {
			if (set_and_wake(event))
				return;
			state = atomic_load_relaxed(&event->state);
		} else if (atomic_cas_acq_rel(&event->state, &state, (uint32_t)SET)) { /* SET */
			return;
		}
	}
}

void weft_event_reset(weft_event *event)
{
	uint32_t state = SET;

	(void)atomic_cas_acq_rel(&event->state, &state, (uint32_t)NOT_SET); /* SET */
}

int weft_event_wait_try(weft_event *event)
{
	if (atomic_load_acquire(&event->state) != SET) /* SET */
		return -EAGAIN;
	weft__sync_settle(&event->waiters);
	return 0;
}

/* With the queue's lock held: is it set? If not, it is marked as waited for. */
static bool look_or_mark(weft_event *event)
{
	uint32_t state = NOT_SET;

	(void)atomic_cas_acq_rel(&event->state, &state, (uint32_t)WAITED); /* SET */
	return state == SET;
}

int weft_event_wait_until(weft_event *event, int64_t deadline_ns)
{
	struct weft_thread *self;
	struct weft__waiter waiter;
	int code;

	if (weft_event_wait_try(event) == 0)
		return 0;
	if (weft__sync_is_past(deadline_ns))
		return -ETIMEDOUT;
	self = weft__self();
	weft__waitq_lock(&event->waiters);
	if (look_or_mark(event)) {
		weft__waitq_unlock(&event->waiters);
		return 0;
	}
	weft__waitq_add(&event->waiters, &waiter, self);
	weft__waitq_unlock(&event->waiters);
	code = weft__waitq_park(&event->waiters, &waiter, "event", deadline_ns);
	if (code == 0)
		weft__sync_settle(&event->waiters);
	return code;
}

int weft_event_wait(weft_event *event)
{
	return weft_event_wait_until(event, WEFT_FOREVER);
}

bool weft__event_enter(weft_event *event, struct weft__waiter *waiter, struct weft_thread *self,
		       uint64_t ticket)
{
	bool is_set;

	weft__waitq_lock(&event->waiters);
	is_set = look_or_mark(event);
	if (!is_set)
		weft__waitq_link(&event->waiters, waiter, self, ticket);
	weft__waitq_unlock(&event->waiters);
	return !is_set;
}

bool weft__event_leave(weft_event *event, struct weft__waiter *waiter)
{
	bool was_set;

	weft__waitq_lock(&event->waiters);
	was_set = !waiter->linked;
	if (!was_set)
		weft__waitq_remove(&event->waiters, waiter);
	weft__waitq_unlock(&event->waiters);
	return was_set;
}
