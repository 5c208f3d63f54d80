/* SPDX-License-Identifier: MIT */
/*
 * Latch: a count that goes down to zero, once; threads wait until it is there. All-zero is open.
 * When not to use it: where the count may go up again (a wait group), or starts anew (a barrier).
 *
 * Example:
 *
 *	static weft_latch set_up = WEFT_LATCH_INIT(3);
 *	static int parts; // filled in by the helpers, before they count down
 *
 *	static int set_up_part(void *arg)
 *	{
 *		(void)arg;
 *		__atomic_fetch_add(&parts, 1, __ATOMIC_RELAXED);
 *		weft_latch_count_down(&set_up, 1);
 *		return 0;
 *	}
 *
 *	// Returns how many parts there are, once all three are there.
 *	int await_parts(void)
 *	{
 *		int failed = weft_latch_wait(&set_up);
 *
 *		return failed < 0 ? failed : parts;
 *	}
 */
#ifndef WEFT_LATCH_H
#define WEFT_LATCH_H

#include <stdint.h>

#include <weft/api.h>
#include <weft/mutex.h>

WEFT_API_BEGIN

typedef struct weft_latch {
	int64_t count;
	weft__waitq waiters;
} weft_latch;

#define WEFT_LATCH_INIT(count) { (count), { 0, 0, 0 } }

/* Sets the count, before anybody uses it; 0 or more. Returns 0; -EINVAL: negative. */
WEFT_API int weft_latch_init(weft_latch *latch, int64_t count);

/* The end of a latch; nothing to give back. One that is waited for: stops the program. */
WEFT_API void weft_latch_fini(weft_latch *latch);

/* Counts n down, 0 or more; at zero all that wait go on. Below zero, or a negative n: stops the
 * program. Order: releases to those that wait. */
WEFT_API void weft_latch_count_down(weft_latch *latch, int64_t n);

/* Waits for zero. Returns 0; _try: -EBUSY; _until: -ETIMEDOUT; both waiting forms -ECANCELED.
 * Order: acquires from all who counted down. Progress: wait-free if it is zero, but for the moment
 * in which the last one lets others go on. */
WEFT_API int weft_latch_wait(weft_latch *latch);
WEFT_API int weft_latch_wait_try(weft_latch *latch);
WEFT_API int weft_latch_wait_until(weft_latch *latch, int64_t deadline_ns);

/* Counts one down, and waits. Returns as wait does; it has been counted, whatever is returned. */
WEFT_API int weft_latch_arrive_and_wait(weft_latch *latch);
WEFT_API int weft_latch_arrive_and_wait_until(weft_latch *latch, int64_t deadline_ns);

WEFT_API_END

#endif
