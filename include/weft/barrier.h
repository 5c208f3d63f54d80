/* SPDX-License-Identifier: MIT */
/*
 * Barrier: a number of threads meet, again and again: each waits until all have arrived. All-zero
 * is a barrier for one, who waits for nobody.
 * Whoever returned may arrive for the next meeting at once. The memory may go away when every wait
 * has returned.
 *
 * Example:
 *
 *	struct field {
 *		weft_barrier barrier; // of all that sweep
 *		int sweeps, rounds;
 *	};
 *
 *	// Each thread sweeps its part; no round begins before all have ended the last one.
 *	static int sweep(void *arg)
 *	{
 *		struct field *field = arg;
 *
 *		for (int i = 0; i < 10; i++) {
 *			__atomic_fetch_add(&field->sweeps, 1, __ATOMIC_RELAXED);
 *			if (weft_barrier_wait(&field->barrier) == WEFT_BARRIER_LAST)
 *				field->rounds++; // one thread does this, each time
 *			weft_barrier_wait(&field->barrier);
 *		}
 *		return 0;
 *	}
 */
#ifndef WEFT_BARRIER_H
#define WEFT_BARRIER_H

#include <stdint.h>

#include <weft/api.h>
#include <weft/mutex.h>

WEFT_API_BEGIN

typedef struct weft_barrier {
	uint32_t count; /* constant: how many meet; 0 as 1 */
	/* guarded by waiters.lock */
	uint32_t arrived;
	uint64_t meeting;
	weft__waitq waiters;
} weft_barrier;

#define WEFT_BARRIER_INIT(count) { (count), 0, 0, { 0, 0, 0 } }

/* What one of those that met returns, in the place of 0. */
#define WEFT_BARRIER_LAST 1

/* Sets how many meet, before anybody uses it; 1 or more. Returns 0; -EINVAL: 0. */
WEFT_API int weft_barrier_init(weft_barrier *barrier, uint32_t count);

/* The end of a barrier; nothing to give back. One that somebody waits at: stops the program. */
WEFT_API void weft_barrier_fini(weft_barrier *barrier);

/* Arrives, and waits until all have. Returns WEFT_BARRIER_LAST to one of them, the last, and 0 to
 * the others; _try: -EAGAIN: it would not have been the last; _until: -ETIMEDOUT; both waiting
 * forms -ECANCELED: after all three it counts as not arrived, and the meeting needs another. Order:
 * acquires from all that met here what they released by arriving. */
WEFT_API int weft_barrier_wait(weft_barrier *barrier);
WEFT_API int weft_barrier_wait_try(weft_barrier *barrier);
WEFT_API int weft_barrier_wait_until(weft_barrier *barrier, int64_t deadline_ns);

WEFT_API_END

#endif
