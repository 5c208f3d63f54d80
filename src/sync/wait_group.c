/* SPDX-License-Identifier: MIT */
/*
 * Wait group: a count, and a queue of those who wait for it to become 0.
 *
 * The count becomes 0 under the queue's lock, in one section with waking all that wait; other
 * changes are a compare-and-swap. A waiter looks at the count and enters in one section too.
 *
 *   Waiter reads 1; the count becomes 0 and nobody is there to wake; waiter parks.
 *	No: of two sections one is first. The waiter is in the queue, or it reads 0.
 *   The count becomes 0; 1 is added for the next round, whose waiter enters; the first wakes it.
 *	No: it wakes in the section in which the count became 0, and the waiter enters later.
 *
 * Who waited may give the memory away at once, while the one who brought the count to 0 still holds
 * the lock: so all that see 0, parked or not, look at the lock before they return (wait.h).
 *
 * Order: every change acquires and releases (DONE), so the one to 0 comes after all others; it
 * pairs with the look at 0, or with the claim (park.h).
 */
#include <weft/time.h>
#include <weft/wait_group.h>

#include "base/panic.h"
#include "sched/thread.h"
#include "sched/waitq.h"
#include "sync/wait.h"

static int64_t plus(weft_wait_group *group, int64_t count, int64_t n)
{
	int64_t sum;

	if (unlikely(__builtin_add_overflow(count, n, &sum) || sum < 0))
		weft__panic("wait group %p: adding %lld to %lld", (void *)group, (long long)n,
			    (long long)count);
	return sum;
}

void weft_wait_group_fini(weft_wait_group *group)
{
	int64_t count = atomic_load_relaxed(&group->count);

	weft__sync_fini(&group->waiters, "wait group", group);
	if (unlikely(count != 0))
		weft__panic("wait group %p: destroyed with %lld under way", (void *)group,
			    (long long)count);
}

/* With the lock held, for a change that seems to lead to 0. */
static void add_locked(weft_wait_group *group, int64_t n, struct weft__wakes *wakes)
{
	int64_t count = atomic_load_relaxed(&group->count), sum;

	do
		sum = plus(group, count, n);
	while (!atomic_cas_acq_rel(&group->count, &count, sum)); /* DONE */
	if (sum == 0)
		weft__waitq_wake_all(&group->waiters, 0, wakes);
}

void weft_wait_group_add(weft_wait_group *group, int64_t n)
{
	int64_t count = atomic_load_relaxed(&group->count), sum;
	struct weft__wakes wakes = { 0 };

	while ((sum = plus(group, count, n)) != 0)
		if (atomic_cas_acq_rel(&group->count, &count, sum)) /* DONE */
			return;
	weft__waitq_lock(&group->waiters);
	add_locked(group, n, &wakes);
	weft__waitq_unlock(&group->waiters);
	weft__wakes_ready(&wakes);
}

int weft_wait_group_wait_try(weft_wait_group *group)
{
	if (atomic_load_acquire(&group->count) != 0) /* DONE */
		return -EBUSY;
	weft__sync_settle(&group->waiters);
	return 0;
}

int weft_wait_group_wait_until(weft_wait_group *group, int64_t deadline_ns)
{
	struct weft_thread *self;
	struct weft__waiter waiter;
	int code;

	if (weft_wait_group_wait_try(group) == 0)
		return 0;
	if (weft__sync_is_past(deadline_ns))
		return -ETIMEDOUT;
	self = weft__self();
	weft__waitq_lock(&group->waiters);
	if (atomic_load_acquire(&group->count) == 0) {
		weft__waitq_unlock(&group->waiters);
		return 0;
	}
	weft__waitq_add(&group->waiters, &waiter, self);
	weft__waitq_unlock(&group->waiters);
	code = weft__waitq_park(&group->waiters, &waiter, "wait group", deadline_ns);
	if (code == 0)
		weft__sync_settle(&group->waiters);
	return code;
}

int weft_wait_group_wait(weft_wait_group *group)
{
	return weft_wait_group_wait_until(group, WEFT_FOREVER);
}
