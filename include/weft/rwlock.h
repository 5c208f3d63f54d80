/* SPDX-License-Identifier: MIT */
/*
 * Readers-writer lock: any number of readers or one writer, for all kinds of thread together.
 * All-zero is unlocked; nothing need be taken away.
 * Fair to both sides by phases: while a writer waits no further reader gets in; when it unlocks all
 * readers that wait by then do, and when those are done the next writer, in order of arrival. So a
 * reader waits for one writer at most, and a writer for those before it and a phase of readers for
 * each. A writer that gives up lets in those that waited behind it alone.
 * A reader that locks again, while a writer waits, waits for ever.
 * When not to use it: for short sections (readers that meet write one word by turns: a mutex is as
 * good), or where writers are as many as readers.
 *
 * Example:
 *
 *	static weft_rwlock lock = WEFT_RWLOCK_INIT;
 *	static int low, high;
 *
 *	bool is_between(int value)
 *	{
 *		bool result;
 *
 *		weft_rwlock_read_lock(&lock);
 *		result = low <= value && value <= high;
 *		weft_rwlock_read_unlock(&lock);
 *		return result;
 *	}
 *
 *	void set_bounds(int new_low, int new_high)
 *	{
 *		weft_rwlock_write_lock(&lock);
 *		low = new_low;
 *		high = new_high;
 *		weft_rwlock_write_unlock(&lock);
 *	}
 */
#ifndef WEFT_RWLOCK_H
#define WEFT_RWLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/api.h>
#include <weft/mutex.h>

WEFT_API_BEGIN

typedef struct weft_rwlock {
	uint32_t word; /* see rwlock.c */
	uint32_t reserved;
	weft__waitq waiters;
} weft_rwlock;

#define WEFT_RWLOCK_INIT { 0, 0, { 0, 0, 0 } }

/* To be called, if at all, when nobody uses it any more. One that is held or waited for: stops the
 * program. The memory may be used again, and is unlocked. */
WEFT_API void weft_rwlock_fini(weft_rwlock *lock);

/*
 * Locks for reading: others may read meanwhile, and nobody writes.
 * Returns 0, always: no cancellation ends the plain form; _try: -EBUSY: a writer has it or waits
 * for
 *   it; _until: -ETIMEDOUT; -ECANCELED: it would have to wait, and the thread was cancelled before
 *   it had it.
 * Order: acquires what the writers before it released. Progress: _try is lock-free; else see above.
 * Cost: one atomic addition where no writer is near.
 */
WEFT_API int weft_rwlock_read_lock(weft_rwlock *lock);
WEFT_API int weft_rwlock_read_lock_try(weft_rwlock *lock);
WEFT_API int weft_rwlock_read_lock_until(weft_rwlock *lock, int64_t deadline_ns);

/* Ends reading, by any thread that knows of a reader. Of what nobody reads: stops the program.
 * Order: releases to the next writer. */
WEFT_API void weft_rwlock_read_unlock(weft_rwlock *lock);

/*
 * Locks for writing: nobody else has it.
 * Returns 0, always: no cancellation ends the plain form; _try: -EBUSY: somebody has it, or is
 * about
 *   to; _until: -ETIMEDOUT; -ECANCELED: it would have to wait, and the thread was cancelled before
 *   it had it.
 * Order: acquires what all before it released. Progress: see above.
 */
WEFT_API int weft_rwlock_write_lock(weft_rwlock *lock);
WEFT_API int weft_rwlock_write_lock_try(weft_rwlock *lock);
WEFT_API int weft_rwlock_write_lock_until(weft_rwlock *lock, int64_t deadline_ns);

/* Ends writing, by any thread that knows of the writer. Of what nobody writes: stops the program.
 * Order: releases to the next ones. */
WEFT_API void weft_rwlock_write_unlock(weft_rwlock *lock);

WEFT_API_END

#endif
