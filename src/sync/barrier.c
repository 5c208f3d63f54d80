/* SPDX-License-Identifier: MIT */
/*
 * Barrier.
 *
 *   arrived   how many are there for this meeting; below `count` while the lock is free
 *   meeting   the number of this meeting. It changes when the last one arrives, and never comes
 *             back
 *
 * All under the queue's lock. The count decides whether a meeting is complete, not the queue: who
 * was counted has met the others, even if his deadline claimed him first.
 *
 *   A and B have arrived, C is the last. A's deadline claims A; C arrives and claims B alone; B and
 *   C go on without A, who reports that it was not there.
 *	No: A looks, under the lock, whether the meeting that it arrived for is still this one. It
 *	is not, so A returns 0.
 *   A's deadline claims A, which leaves the queue; C arrives before A has taken itself off the
 *   count.
 *	No harm: C completes the meeting, and A finds that. Had A been quicker C would wait.
 *
 * So of those that are counted for a meeting one returns LAST and the others 0, and whoever returns
 * an error has been taken off the count of a meeting that was not complete.
 *
 * Order: who arrives does so under the lock, so the last comes after all; it pairs with the claim
 * (park.h), or with the lock for who looks himself.
 * Rejected: an atomic count (taking an arrival back is then a race with the last one's).
 */
#include <weft/barrier.h>
#include <weft/time.h>

#include "sched/thread.h"
#include "sched/waitq.h"
#include "sync/wait.h"

int weft_barrier_init(weft_barrier *barrier, uint32_t count)
{
	if (count == 0)
		return -EINVAL;
	*barrier = (weft_barrier)WEFT_BARRIER_INIT(count);
	return 0;
}

void weft_barrier_fini(weft_barrier *barrier)
{
	weft__sync_fini(&barrier->waiters, "barrier", barrier);
}

/* With the lock held: would who arrives now be the last? Then the meeting is over. */
static bool complete(weft_barrier *barrier, struct weft__wakes *wakes)
{
	if (barrier->count - barrier->arrived > 1)
		return false;
	barrier->arrived = 0;
	barrier->meeting++;
	weft__waitq_wake_all(&barrier->waiters, 0, wakes);
	return true;
}

int weft_barrier_wait_try(weft_barrier *barrier)
{
	struct weft__wakes wakes = { 0 };
	bool is_last;

	weft__waitq_lock(&barrier->waiters);
	is_last = complete(barrier, &wakes);
	weft__waitq_unlock(&barrier->waiters);
	weft__wakes_ready(&wakes);
	return is_last ? WEFT_BARRIER_LAST : -EAGAIN;
}

/* Takes the arrival back, unless the meeting is over. Returns what the wait shall. */
static int take_back(weft_barrier *barrier, uint64_t meeting, int code)
{
	weft__waitq_lock(&barrier->waiters);
	if (barrier->meeting == meeting)
		barrier->arrived--;
	else
		code = 0;
	weft__waitq_unlock(&barrier->waiters);
	return code;
}

int weft_barrier_wait_until(weft_barrier *barrier, int64_t deadline_ns)
{
	struct weft_thread *self = weft__self();
	const bool past = weft__sync_is_past(deadline_ns);
	struct weft__wakes wakes = { 0 };
	struct weft__waiter waiter;
	uint64_t meeting;
	bool is_last;
	int code;

	weft__waitq_lock(&barrier->waiters);
	is_last = complete(barrier, &wakes);
	meeting = barrier->meeting;
	if (!is_last && !past) {
		barrier->arrived++;
		weft__waitq_add(&barrier->waiters, &waiter, self);
	}
	weft__waitq_unlock(&barrier->waiters);
	weft__wakes_ready(&wakes);
	if (is_last)
		return WEFT_BARRIER_LAST;
	if (past)
		return -ETIMEDOUT;
	code = weft__waitq_park(&barrier->waiters, &waiter, "barrier", deadline_ns);
	if (code < 0)
		return take_back(barrier, meeting, code);
	weft__sync_settle(&barrier->waiters);
	return 0;
}

int weft_barrier_wait(weft_barrier *barrier)
{
	return weft_barrier_wait_until(barrier, WEFT_FOREVER);
}
