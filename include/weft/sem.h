/* SPDX-License-Identifier: MIT */
/*
 * Semaphore: a count of permits. All-zero has none. First come, first served: permits that are
 * posted while threads wait go to the one that has waited longest, and who asks for several at once
 * is not overtaken by those that ask for fewer.
 *
 * Example:
 *
 *	static weft_sem seats = WEFT_SEM_INIT(4);
 *
 *	// At most four at a time; who gets no seat within a second goes away.
 *	int with_a_seat(int (*work)(void *arg), void *arg)
 *	{
 *		int result = weft_sem_wait_until(&seats, weft_now() + WEFT_SECOND);
 *
 *		if (result < 0)
 *			return result;
 *		result = work(arg);
 *		weft_sem_wake(&seats);
 *		return result;
 *	}
 */
#ifndef WEFT_SEM_H
#define WEFT_SEM_H

#include <stdint.h>

#include <weft/api.h>
#include <weft/mutex.h>

WEFT_API_BEGIN

typedef struct weft_sem {
	int32_t permits;  /* free ones; -1: somebody may wait */
	int32_t gathered; /* for who waits longest, until it has enough; guarded by waiters.lock */
	weft__waitq waiters;
} weft_sem;

#define WEFT_SEM_INIT(permits) { (permits), 0, { 0, 0, 0 } }

/* Sets the number of free permits, before anybody uses it; 0 to INT32_MAX. Returns 0; -EINVAL:
 * negative. */
WEFT_API int weft_sem_init(weft_sem *sem, int32_t permits);

/* The end of a semaphore; nothing to give back. One that is waited for: stops the program. */
WEFT_API void weft_sem_fini(weft_sem *sem);

/* Takes a permit, waits for one. Returns 0; _try: -EAGAIN: none is free; _until: -ETIMEDOUT; both
 * waiting forms -ECANCELED. Order: acquires what was released by the posts so far. */
WEFT_API int weft_sem_wait(weft_sem *sem);
WEFT_API int weft_sem_wait_try(weft_sem *sem);
WEFT_API int weft_sem_wait_until(weft_sem *sem, int64_t deadline_ns);

/* Takes n permits at once, 0 or more; waits until all are there, and holds none meanwhile: when it
 * gives up those that wait behind have what is free. Returns 0; -EINVAL: negative; _try: -EAGAIN:
 * fewer are free, or others wait; _until: -ETIMEDOUT; both waiting forms -ECANCELED. Order: as
 * wait. */
WEFT_API int weft_sem_wait_n(weft_sem *sem, int32_t n);
WEFT_API int weft_sem_wait_n_try(weft_sem *sem, int32_t n);
WEFT_API int weft_sem_wait_n_until(weft_sem *sem, int32_t n, int64_t deadline_ns);

/* Gives a permit / n, 0 or more. Returns 0; -EINVAL: negative; -EOVERFLOW: with these more than
 * INT32_MAX would be free, before those that wait have theirs; none was given. Order: releases.
 * Cost: bench semaphore. */
WEFT_API int weft_sem_wake(weft_sem *sem);
WEFT_API int weft_sem_wake_n(weft_sem *sem, int32_t n);

WEFT_API_END

#endif
