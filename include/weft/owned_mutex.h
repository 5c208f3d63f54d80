/* SPDX-License-Identifier: MIT */
/*
 * Owned mutex: one that knows who holds it. It finds mistakes (who locks twice, who unlocks what is
 * another's), can be recursive, and can be robust: survive an owner that ends while it holds it.
 * For all kinds of thread together; fair as weft_mutex is. All-zero is unlocked, neither recursive
 * nor robust.
 * What a robust one guards may be half changed when its owner ended. So the next that locks it has
 * it, and is told (-EOWNERDEAD): it mends what is guarded and calls weft_owned_mutex_consistent. If
 * it unlocks without, nobody gets it any more (-ENOTRECOVERABLE). Where it is not robust, and its
 * owner ends, it stays locked.
 * When not to use it: where none of this is wanted, weft_mutex costs half.
 *
 * Example:
 *
 *	static weft_owned_mutex lock;
 *	static long balance, twin;
 *
 *	int deposit(long amount)
 *	{
 *		int code = weft_owned_mutex_lock(&lock);
 *
 *		if (code == -EOWNERDEAD) {
 *			twin = balance; // whoever ended had changed one of them, perhaps
 *			code = weft_owned_mutex_consistent(&lock);
 *		}
 *		if (code < 0)
 *			return code;
 *		balance += amount;
 *		twin += amount;
 *		return weft_owned_mutex_unlock(&lock);
 *	}
 */
#ifndef WEFT_OWNED_MUTEX_H
#define WEFT_OWNED_MUTEX_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include <weft/api.h>
#include <weft/mutex.h>
#include <weft/thread.h>

WEFT_API_BEGIN

typedef struct weft_owned_mutex {
	weft_mutex mutex;
	weft_thread *owner; /* NULL: nobody */
	struct weft_owned_mutex *next, *prev;
	uint32_t depth; /* how often it is locked beyond once */
	uint8_t is_recursive, is_robust, state, reserved;
} weft_owned_mutex;

typedef struct weft_owned_mutex_options {
	bool recursive; /* its owner may lock it again, and unlocks it as often */
	bool robust;    /* it outlives an owner that ends */
} weft_owned_mutex_options;

/* Makes it, unlocked, before anybody uses it. Returns 0. */
WEFT_API int weft_owned_mutex_init(weft_owned_mutex *mutex,
				   const weft_owned_mutex_options *options);

/* To be called, if at all, when nobody uses it any more. One that is held or waited for: stops the
 * program. */
WEFT_API void weft_owned_mutex_fini(weft_owned_mutex *mutex);

/*
 * Locks; waits while another holds it.
 * Returns 0; -EOWNERDEAD: the caller has it, and its last owner ended while he held it;
 *   -ENOTRECOVERABLE: nobody gets it any more; -EDEADLK: the caller has it already, and it is not
 *   recursive (_try: -EBUSY); -EAGAIN: it is locked UINT32_MAX times more than once; _try: -EBUSY:
 *   somebody else holds it; _until: -ETIMEDOUT: somebody else held it until the deadline;
 *   -ECANCELED: and the thread was cancelled before it had it. No cancellation ends the plain form.
 * Order: acquires what the last owner released, or had written when he ended. Progress: as
 * weft_mutex_lock.
 */
WEFT_API int weft_owned_mutex_lock(weft_owned_mutex *mutex);
WEFT_API int weft_owned_mutex_lock_try(weft_owned_mutex *mutex);
WEFT_API int weft_owned_mutex_lock_until(weft_owned_mutex *mutex, int64_t deadline_ns);

/* Unlocks, or, of a recursive one, undoes one lock. Returns 0; -EPERM: the caller does not hold it.
 * Order: releases to the next owner. */
WEFT_API int weft_owned_mutex_unlock(weft_owned_mutex *mutex);

/* After -EOWNERDEAD: what it guards is in order again. Returns 0; -EPERM: the caller does not hold
 * it; -EINVAL: no owner has ended. */
WEFT_API int weft_owned_mutex_consistent(weft_owned_mutex *mutex);

WEFT_API_END

#endif
