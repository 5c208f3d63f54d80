/* SPDX-License-Identifier: MIT */
/*
 * Spin lock: for sections of a few dozen instructions, for all kinds of thread together. All-zero
 * is unlocked; nothing need be taken away.
 * Its holder is not switched away by force. Who waits for it keeps its CPU as long as the holder
 * has one, too, and for some 30 us at most at a time; else it gives way to others (weft_yield) and
 * looks again. Nobody parks, so the unlock wakes nobody: it is a store.
 * No order: any of those that wait may be next, and one may wait for long.
 * When not to use it: for sections that wait, call the kernel or allocate, or are longer than a
 * microsecond (a mutex costs hardly more where nobody is in the way, and nothing while it waits).
 *
 * Example:
 *
 *	static weft_spin lock = WEFT_SPIN_INIT;
 *	static long sum, count;
 *
 *	void note(long value)
 *	{
 *		weft_spin_lock(&lock);
 *		sum += value;
 *		count++;
 *		weft_spin_unlock(&lock);
 *	}
 */
#ifndef WEFT_SPIN_H
#define WEFT_SPIN_H

#include <stdint.h>

#include <weft/api.h>

WEFT_API_BEGIN

typedef struct weft_spin {
	uintptr_t holder; /* 0: nobody */
} weft_spin;

#define WEFT_SPIN_INIT { 0 }

/* To be called, if at all, when nobody uses it any more. One that is held: stops the program. The
 * memory may be used again, and is unlocked. */
WEFT_API void weft_spin_fini(weft_spin *spin);

/*
 * Locks; from then to the unlock the thread is as between weft_preempt_disable and _enable. It
 * should not wait meanwhile, but may. Locking what one holds: stops the program.
 * Returns 0, always: no cancellation ends the plain form. _try: -EBUSY: somebody holds it. _until:
 *   -ETIMEDOUT: held by others at the deadline; -ECANCELED: held by another, and the thread was
 *   cancelled before it had it.
 * Order: acquires what the last holder released. Progress: _try wait-free; else see above. Cost: 10
 * ns with the unlock.
 */
WEFT_API int weft_spin_lock(weft_spin *spin);
WEFT_API int weft_spin_lock_try(weft_spin *spin);
WEFT_API int weft_spin_lock_until(weft_spin *spin, int64_t deadline_ns);

/* Unlocks, and gives way if the slice ran out meanwhile. What the caller does not hold: stops the
 * program. Order: releases to the next holder. Progress: wait-free. */
WEFT_API void weft_spin_unlock(weft_spin *spin);

WEFT_API_END

#endif
