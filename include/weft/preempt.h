/* SPDX-License-Identifier: MIT */
/*
 * Preemption: a user thread that has run for its slice while others wait is switched away, wherever
 * it is; a light thread is stopped where it is, together with its carrier, and others run on
 * another. Slices are set per scheduler (weft_sched_options) and per thread
 * (weft_thread_options); a kernel thread is the kernel's to preempt.
 *
 * When not to use these calls: to protect data. A thread on another processor runs all the same;
 * use a lock. They are for short stretches in which being switched away would be dear.
 */
#ifndef WEFT_PREEMPT_H
#define WEFT_PREEMPT_H

#include <weft/api.h>

WEFT_API_BEGIN

/*
 * Between the two the calling thread is not switched away by force. Pairs nest. It may still wait,
 * and still loses its processor while it is blocked in the kernel. enable gives way at once if the
 * slice ran out meanwhile. enable without a disable: stops the program.
 * Context: any thread; nothing on a kernel thread.
 */
WEFT_API void weft_preempt_disable(void);
WEFT_API void weft_preempt_enable(void);

/* Gives way if the slice has run out, disabled or not: for long computations in light threads and
 * between the two calls above. Returns 1 if it gave way, 0 if not. Cost: a load when it does
 * not. */
WEFT_API int weft_preempt_check(void);

WEFT_API_END

#endif
