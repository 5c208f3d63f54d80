/* SPDX-License-Identifier: MIT */
/*
 * Semaphore.
 *
 *   permits > 0   so many are free, and nobody waits
 *           = 0   none is free, and nobody waits
 *           = -1  none is free, and somebody may wait. Stale is legal (the last waiter was woken,
 *                 or its deadline has passed) and costs one look
 *
 * To and from -1 the word changes under the queue's lock only; between the others by a
 * compare-and-swap from anywhere. A post that finds -1 gives its permit to the first waiter that it
 * can claim, and leaves the word; if there is none it makes the word 0 and begins again. A wait
 * makes 0 into -1 and enters the queue in one section.
 *
 *   Waiter reads 0; a post makes it 1; waiter makes it -1 and parks.
 *	No: the waiter's compare-and-swap fails, and it takes the permit.
 *   Post reads 0; a waiter makes it -1 and parks; post makes it 1.
 *	No: the post's compare-and-swap fails, and it takes the lock.
 *   Post makes -1 into 0 and unlocks; a waiter enters; post makes it 1.
 *	No: likewise.
 *   Post gives its permit to W; W's deadline passes; the permit is gone.
 *	No: the claim decides. W has it and returns 0, or the post tries the next waiter.
 *
 * So no permit is lost or made, and while somebody waits none is free: first come, first served.
 *
 * -1 stays when the queue becomes empty: two threads that post to each other find it there each
 * time, and half of their round trip is two locks, a claim and a switch.
 *
 * A post that keeps its permit in the word ends with the compare-and-swap that shows it; the memory
 * may be gone after that. One that gave it to a waiter is waited for (wait.h).
 *
 * Order: TAKE pairs with POST through the word; it is changed by read-modify-writes alone while
 * permits are free, so who takes comes after all who posted. Given directly: by the claim (park.h).
 * Rejected: a count that goes below zero by the number of waiters (one whose deadline passes must
 * then wait for a post that already counts on it).
 */
#include <weft/sem.h>
#include <weft/time.h>

#include "sched/thread.h"
#include "sched/waitq.h"
#include "sync/wait.h"

int weft_sem_init(weft_sem *sem, int32_t permits)
{
	if (permits < 0)
		return -EINVAL;
	*sem = (weft_sem)WEFT_SEM_INIT(permits);
	return 0;
}

int weft_sem_wait_try(weft_sem *sem)
{
	int32_t permits = atomic_load_relaxed(&sem->permits);

	while (permits > 0)
		if (atomic_cas_acquire(&sem->permits, &permits, permits - 1)) /* TAKE */
			return 0;
	return -EAGAIN;
}

/* With the queue's lock held: takes a permit, or marks the semaphore as waited for. True: taken. */
static bool take_or_mark(weft_sem *sem)
{
	int32_t permits = atomic_load_relaxed(&sem->permits);

	while (permits >= 0)
		/* TAKE, or 0 becomes -1 */
		if (atomic_cas_acquire(&sem->permits, &permits, permits - 1))
			return permits > 0;
	return false;
}

static weft__noinline int wait_slow(weft_sem *sem, int64_t deadline_ns)
{
	struct weft_thread *self = weft__self();
	struct weft__waiter waiter;
	int code;

	if (weft__sync_is_past(deadline_ns))
		return -ETIMEDOUT;
	weft__waitq_lock(&sem->waiters);
	if (take_or_mark(sem)) {
		weft__waitq_unlock(&sem->waiters);
		return 0;
	}
	weft__waitq_add(&sem->waiters, &waiter, self);
	weft__waitq_unlock(&sem->waiters);
	code = weft__waitq_park(&sem->waiters, &waiter, "semaphore", deadline_ns);
	if (likely(code == 0))
		weft__sync_settle(&sem->waiters);
	return code;
}

int weft_sem_wait(weft_sem *sem)
{
	return weft_sem_wait_try(sem) == 0 ? 0 : wait_slow(sem, WEFT_FOREVER);
}

int weft_sem_wait_until(weft_sem *sem, int64_t deadline_ns)
{
	return weft_sem_wait_try(sem) == 0 ? 0 : wait_slow(sem, deadline_ns);
}

/* True: the permit has gone to a waiter. False: nobody waits, and the word may say so. */
static bool give(weft_sem *sem)
{
	struct weft__wakes wakes = { 0 };
	bool given;

	weft__waitq_lock(&sem->waiters);
	given = weft__waitq_wake(&sem->waiters, 0, &wakes);
	if (!given && atomic_load_relaxed(&sem->permits) < 0)
		atomic_store_relaxed(&sem->permits, 0);
	weft__waitq_unlock(&sem->waiters);
	weft__wakes_ready(&wakes);
	return given;
}

int weft_sem_wake(weft_sem *sem)
{
	int32_t permits = atomic_load_relaxed(&sem->permits);

	for (;;) {
		if (permits < 0) {
			if (give(sem))
				return 0;
			permits = atomic_load_relaxed(&sem->permits);
		} else if (unlikely(permits == INT32_MAX)) {
			return -EOVERFLOW;
		} else if (atomic_cas_release(&sem->permits, &permits, permits + 1)) { /* POST */
			return 0;
		}
	}
}
