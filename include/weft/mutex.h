/* SPDX-License-Identifier: MIT */
/*
 * Mutex: one holder at a time, for all kinds of thread together. All-zero is unlocked; nothing need
 * be taken away. A lock may be taken by whoever comes first, but one who has waited for 1 ms is
 * granted it next, so nobody starves. Where several have, they are granted it by age, and each may
 * take it again and again for 50 us before the next has it: threads that lock in a loop share it
 * evenly, and do not switch each time.
 * A holder may be switched away by force; those that want the mutex then park until it has had its
 * turn and unlocked.
 * When not to use it: around a wait for something slow (use a semaphore); for a single word (use an
 * atomic).
 *
 * Example:
 *
 *	static weft_mutex lock = WEFT_MUTEX_INIT;
 *	static long balance;
 *
 *	void deposit(long amount)
 *	{
 *		weft_mutex_lock(&lock);
 *		balance += amount;
 *		weft_mutex_unlock(&lock);
 *	}
 */
#ifndef WEFT_MUTEX_H
#define WEFT_MUTEX_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include <weft/api.h>

WEFT_API_BEGIN

struct weft__waiter;

/* A list of waiting threads. Private to weft; here because locks are in the caller's memory. */
typedef struct weft__waitq {
	struct weft__waiter *first, *last;
	uint32_t lock;
} weft__waitq;

typedef struct weft_mutex {
	uint32_t word;        /* WEFT__MUTEX_… bits */
	uint16_t turn, looks; /* the holder's: when it was last granted; see mutex.c */
	weft__waitq waiters;
} weft_mutex;

#define WEFT_MUTEX_INIT { 0, 0, 0, { 0, 0, 0 } }

#define WEFT__MUTEX_LOCKED UINT32_C(1)
#define WEFT__MUTEX_WAITED UINT32_C(2)
#define WEFT__MUTEX_WOKEN UINT32_C(4)

WEFT_API int weft__mutex_lock_slow(weft_mutex *mutex, int64_t deadline_ns, bool is_open);
WEFT_API void weft__mutex_unlock_slow(weft_mutex *mutex);

/* To be called, if at all, when nobody uses it any more. One that is held or waited for: stops the
 * program. The memory may be used again, and is unlocked. */
WEFT_API void weft_mutex_fini(weft_mutex *mutex);

/* Returns 0; -EBUSY: somebody holds it. Order: as lock. Progress: wait-free. */
static inline int weft_mutex_lock_try(weft_mutex *mutex)
{
	/* Sets the bit whether or not it was set: whose it was says who holds the mutex. */
	uint32_t seen = __atomic_fetch_or(&mutex->word, WEFT__MUTEX_LOCKED, __ATOMIC_ACQUIRE);

	return __builtin_expect(seen & WEFT__MUTEX_LOCKED, 0) ? -EBUSY : 0;
}

/* Locks; waits while another holds it. Not recursive: the holder who locks again waits for ever.
 * Returns 0, always: no cancellation ends it. Order: acquires what the last holder released. Cost:
 * bench mutex. */
static inline int weft_mutex_lock(weft_mutex *mutex)
{
	return weft_mutex_lock_try(mutex) == 0 ? 0 : weft__mutex_lock_slow(mutex, INT64_MAX, false);
}

/* Returns 0; -ETIMEDOUT: still held by another at the deadline; -ECANCELED: held by another, and
 * the thread was cancelled before it had it. */
static inline int weft_mutex_lock_until(weft_mutex *mutex, int64_t deadline_ns)
{
	return weft_mutex_lock_try(mutex) == 0 ? 0
					       : weft__mutex_lock_slow(mutex, deadline_ns, true);
}

/* Unlocks; any thread may that knows it to be locked. One that is not locked: stops the program.
 * Order: releases to the next holder. */
static inline void weft_mutex_unlock(weft_mutex *mutex)
{
	uint32_t held = WEFT__MUTEX_LOCKED;

	if (__builtin_expect(!__atomic_compare_exchange_n(&mutex->word, &held, 0, false,
							  __ATOMIC_RELEASE, __ATOMIC_RELAXED),
			     0))
		weft__mutex_unlock_slow(mutex);
}

WEFT_API_END

#endif
