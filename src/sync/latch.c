/* SPDX-License-Identifier: MIT */
/*
 * Latch: a count that only goes down, and a queue of those who wait for it to become 0.
 *
 * The count becomes 0 under the queue's lock, in one section with letting all go on that wait;
 * other changes are a compare-and-swap. A waiter looks at the count and enters in one section too.
 *
 *   Waiter reads 1; the count becomes 0 and nobody is there to wake; waiter parks.
 *	No: of two sections one is first. The waiter is in the queue, or it reads 0.
 *
 * Who waited may give the memory away at once, while the one who brought the count to 0 still holds
 * the lock: so all that see 0, parked or not, look at the lock before they return (wait.h). The
 * others who count down end with their compare-and-swap.
 *
 * Order: every change acquires and releases (DONE), so the one to 0 comes after all others; it
 * pairs with the look at 0, or with the claim (park.h).
 */
#include <weft/latch.h>
#include <weft/time.h>

#include "sched/thread.h"
#include "sched/waitq.h"
#include "sync/wait.h"

int weft_latch_init(weft_latch *latch, int64_t count)
{
	if (count < 0)
		return -EINVAL;
	*latch = (weft_latch)WEFT_LATCH_INIT(count);
	return 0;
}

void weft_latch_fini(weft_latch *latch)
{
	weft__sync_fini(&latch->waiters, "latch", latch);
}

static int64_t minus(const weft_latch *latch, int64_t count, int64_t n)
{
	if (unlikely(n < 0 || n > count))
		weft__panic("latch %p: counting %lld down from %lld", (const void *)latch,
			    (long long)n, (long long)count);
	return count - n;
}

/* For a change that seems to lead to 0. */
static void open_latch(weft_latch *latch, int64_t n)
{
	int64_t count = atomic_load_relaxed(&latch->count), rest;
	struct weft__wakes wakes = { 0 };

	weft__waitq_lock(&latch->waiters);
	do
		rest = minus(latch, count, n);
	while (!atomic_cas_acq_rel(&latch->count, &count, rest)); /* DONE */
	if (rest == 0)
		weft__waitq_wake_all(&latch->waiters, 0, &wakes);
	weft__waitq_unlock(&latch->waiters);
	weft__wakes_ready(&wakes);
}

void weft_latch_count_down(weft_latch *latch, int64_t n)
{
	int64_t count = atomic_load_relaxed(&latch->count), rest;

	if (n == 0)
		return;
	while ((rest = minus(latch, count, n)) != 0)
		if (atomic_cas_acq_rel(&latch->count, &count, rest)) /* DONE */
			return;
	open_latch(latch, n);
}

int weft_latch_wait_try(weft_latch *latch)
{
	if (atomic_load_acquire(&latch->count) != 0) /* DONE */
		return -EBUSY;
	weft__sync_settle(&latch->waiters);
	return 0;
}

int weft_latch_wait_until(weft_latch *latch, int64_t deadline_ns)
{
	struct weft_thread *self;
	struct weft__waiter waiter;
	int code;

	if (weft_latch_wait_try(latch) == 0)
		return 0;
	if (weft__sync_is_past(deadline_ns))
		return -ETIMEDOUT;
	self = weft__self();
	weft__waitq_lock(&latch->waiters);
	if (atomic_load_acquire(&latch->count) == 0) { /* DONE */
		weft__waitq_unlock(&latch->waiters);
		return 0;
	}
	weft__waitq_add(&latch->waiters, &waiter, self);
	weft__waitq_unlock(&latch->waiters);
	code = weft__waitq_park(&latch->waiters, &waiter, "latch", deadline_ns);
	if (code == 0)
		weft__sync_settle(&latch->waiters);
	return code;
}

int weft_latch_wait(weft_latch *latch)
{
	return weft_latch_wait_until(latch, WEFT_FOREVER);
}

int weft_latch_arrive_and_wait_until(weft_latch *latch, int64_t deadline_ns)
{
	weft_latch_count_down(latch, 1);
	return weft_latch_wait_until(latch, deadline_ns);
}

int weft_latch_arrive_and_wait(weft_latch *latch)
{
	return weft_latch_arrive_and_wait_until(latch, WEFT_FOREVER);
}
