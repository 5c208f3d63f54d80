/* SPDX-License-Identifier: MIT */
/*
 * Semaphore.
 *
 *   permits > 0   so many are free, and nobody waits
 *           = 0   none is free, and nobody waits
 *           = -1  somebody may wait, and what is free is `gathered` for who stands first. Stale is
 *                 legal (the last waiter was woken, or its deadline has passed) and costs one look
 *
 * To and from -1 the word changes under the queue's lock only; between the others by a
 * compare-and-swap from anywhere. A post that finds -1 and a waiter adds its permits to the
 * gathered ones and serves the line: the first waiter has what it asked for as soon as so many are
 * there, then the next, each if it can be claimed. If nobody waits, the post moves what was
 * gathered into the word and begins again. A wait that does not find enough makes the word -1,
 * gathers what was there, and enters the queue, in one section.
 *
 *   Waiter reads 0; a post makes it 1; waiter makes it -1 and parks.
 *	No: the waiter's compare-and-swap fails, and it takes the permit, or gathers it.
 *   Post reads 0; a waiter makes it -1 and parks; post makes it 1.
 *	No: the post's compare-and-swap fails, and it takes the lock.
 *   Post makes -1 into 0 and unlocks; a waiter enters; post makes it 1.
 *	No: likewise.
 *   Post gives its permit to W; W's deadline passes; the permit is gone.
 *	No: the claim decides. W has it and returns 0, or the post tries the next waiter.
 *   B asks for five, three are there; S behind it asks for one; B's deadline passes, and S waits
 *   for a post though three are free.
 *	No: who asked for several and leaves without them serves the line once it is off the queue.
 *	(Who asked for one leaves nothing behind: while it stands first, none is gathered.)
 *
 * So no permit is lost or made, and nobody overtakes: first come, first served, whatever each asks
 * for. While the lock is free, fewer are gathered than who stands first wants, or somebody that
 * leaves is about to serve.
 *
 * -1 stays when the queue becomes empty and nothing is gathered: two threads that post to each
 * other find it there each time, and half of their round trip is two locks, a claim and a switch.
 *
 * A post that keeps its permits in the word ends with the compare-and-swap that shows them; the
 * memory may be gone after that. One that gave some to a waiter is waited for (wait.h). It may show
 * the rest while it holds the lock, for it has met a waiter: whoever takes that rest cannot give
 * the memory away before that waiter is out of its call, and so after the post's section.
 *
 * Whether a post of several would make too many is decided against what is free, before any is
 * given.
 *
 * Order: TAKE pairs with POST through the word; it is changed by read-modify-writes alone while
 * permits are free, so who takes comes after all who posted. Given directly: by the claim (park.h).
 * Rejected: a count that goes below zero by the number of waiters (one whose deadline passes must
 * then wait for a post that already counts on it); giving a waiter its permits one by one (one that
 * leaves would have to give them back, and could be claimed by nobody meanwhile).
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

void weft_sem_fini(weft_sem *sem)
{
	weft__sync_fini(&sem->waiters, "semaphore", sem);
}

static inline bool take(weft_sem *sem, int32_t n)
{
	int32_t permits = atomic_load_relaxed(&sem->permits);

	while (permits >= n)
		if (atomic_cas_acquire(&sem->permits, &permits, permits - n)) /* TAKE */
			return true;
	return false;
}

/* With the queue's lock held: what was gathered for those that waited is free for all. */
static void show_gathered(weft_sem *sem)
{
	atomic_store_release(&sem->permits, sem->gathered); /* POST */
	sem->gathered = 0;
}

/* With the queue's lock held: gives what is gathered to those that stand first. */
static void serve(weft_sem *sem, struct weft__wakes *wakes)
{
	struct weft__waiter *first;

	while ((first = sem->waiters.first) != NULL) {
		const int32_t n = (int32_t)first->tag;

		if (n > sem->gathered)
			return;
		if (weft__waitq_wake_one(&sem->waiters, first, 0, wakes))
			sem->gathered -= n;
	}
	if (unlikely(sem->gathered > 0))
		show_gathered(sem);
}

/* With the queue's lock held: takes n permits, or marks the semaphore as waited for. True:
 * taken. */
static bool take_or_gather(weft_sem *sem, int32_t n)
{
	int32_t permits = atomic_load_relaxed(&sem->permits);

	while (permits >= 0) {
		bool enough = permits >= n;

		/* TAKE: permits that are gathered, too */
		if (!atomic_cas_acquire(&sem->permits, &permits, enough ? permits - n : -1))
			continue;
		if (!enough)
			sem->gathered = permits;
		return enough;
	}
	return false;
}

static weft__noinline int wait_slow(weft_sem *sem, int32_t n, int64_t deadline_ns)
{
	struct weft_thread *self = weft__self();
	struct weft__wakes wakes = { 0 };
	struct weft__waiter waiter;
	int code;

	if (weft__sync_is_past(deadline_ns))
		return -ETIMEDOUT;
	weft__waitq_lock(&sem->waiters);
	if (take_or_gather(sem, n)) {
		weft__waitq_unlock(&sem->waiters);
		return 0;
	}
	weft__waitq_add(&sem->waiters, &waiter, self);
	waiter.tag = (uintptr_t)n;
	weft__waitq_unlock(&sem->waiters);
	code = weft__waitq_park(&sem->waiters, &waiter, "semaphore", deadline_ns);
	if (likely(code == 0)) {
		weft__sync_settle(&sem->waiters);
	} else if (n > 1) {
		weft__waitq_lock(&sem->waiters);
		serve(sem, &wakes);
		weft__waitq_unlock(&sem->waiters);
		weft__wakes_ready(&wakes);
	}
	return code;
}

int weft_sem_wait_try(weft_sem *sem)
{
	return take(sem, 1) ? 0 : -EAGAIN;
}

int weft_sem_wait(weft_sem *sem)
{
	return take(sem, 1) ? 0 : wait_slow(sem, 1, WEFT_FOREVER);
}

int weft_sem_wait_until(weft_sem *sem, int64_t deadline_ns)
{
	return take(sem, 1) ? 0 : wait_slow(sem, 1, deadline_ns);
}

int weft_sem_wait_n_try(weft_sem *sem, int32_t n)
{
	if (n <= 0)
		return n < 0 ? -EINVAL : 0;
	return take(sem, n) ? 0 : -EAGAIN;
}

int weft_sem_wait_n_until(weft_sem *sem, int32_t n, int64_t deadline_ns)
{
	if (n <= 0)
		return n < 0 ? -EINVAL : 0;
	return take(sem, n) ? 0 : wait_slow(sem, n, deadline_ns);
}

int weft_sem_wait_n(weft_sem *sem, int32_t n)
{
	return weft_sem_wait_n_until(sem, n, WEFT_FOREVER);
}

/* 0: somebody waits, and has them or will. -EAGAIN: nobody waits, and the word says so. */
static int give(weft_sem *sem, int32_t n)
{
	struct weft__wakes wakes = { 0 };
	int code = 0;

	weft__waitq_lock(&sem->waiters);
	if (unlikely(weft__waitq_is_empty(&sem->waiters))) {
		if (atomic_load_relaxed(&sem->permits) < 0)
			show_gathered(sem);
		code = -EAGAIN;
	} else if (unlikely(n > INT32_MAX - sem->gathered)) {
		code = -EOVERFLOW;
	} else {
		sem->gathered += n;
		serve(sem, &wakes);
	}
	weft__waitq_unlock(&sem->waiters);
	weft__wakes_ready(&wakes);
	return code;
}

static inline int post(weft_sem *sem, int32_t n)
{
	int32_t permits = atomic_load_relaxed(&sem->permits);

	for (;;) {
		if (permits < 0) {
			int code = give(sem, n);

			if (code != -EAGAIN)
				return code;
			permits = atomic_load_relaxed(&sem->permits);
		} else if (unlikely(n > INT32_MAX - permits)) {
			return -EOVERFLOW;
		} else if (atomic_cas_release(&sem->permits, &permits, permits + n)) { /* POST */
			return 0;
		}
	}
}

int weft_sem_wake(weft_sem *sem)
{
	return post(sem, 1);
}

int weft_sem_wake_n(weft_sem *sem, int32_t n)
{
	if (n <= 0)
		return n < 0 ? -EINVAL : 0;
	return post(sem, n);
}
