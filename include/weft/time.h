/* SPDX-License-Identifier: MIT */
/*
 * Time: nanoseconds of CLOCK_MONOTONIC in an int64_t. All deadlines are absolute.
 *
 * Example:
 *
 *	// Does not drift: each beat is counted from the one before, not from its end.
 *	void beat_evenly(void (*beat)(void), int64_t period_ns, int count)
 *	{
 *		int64_t next_ns = weft_now();
 *
 *		for (int i = 0; i < count; i++) {
 *			beat();
 *			next_ns += period_ns;
 *			weft_sleep_until(next_ns);
 *		}
 *	}
 */
#ifndef WEFT_TIME_H
#define WEFT_TIME_H

#include <stdint.h>

#include <weft/api.h>

#define WEFT_US INT64_C(1000)
#define WEFT_MS INT64_C(1000000)
#define WEFT_SECOND INT64_C(1000000000)
/* the deadline that never passes */
#define WEFT_FOREVER INT64_MAX

WEFT_API_BEGIN

/* The clock now. Cost: one vDSO read (27 ns). Context: async-signal-safe. Progress: wait-free. */
WEFT_API int64_t weft_now(void);

/* Parks the calling thread for at least `duration_ns`; zero or less is a yield. Returns 0;
 * -ECANCELED: before that time was over (<weft/cancel.h>; a yield is no cancellation point). */
WEFT_API int weft_sleep(int64_t duration_ns);

/* Parks the calling thread until the deadline has passed, never wakes early but for a cancellation.
 * Returns 0; -ECANCELED. Cost: bench sleep-100k. */
WEFT_API int weft_sleep_until(int64_t deadline_ns);

WEFT_API_END

#endif
