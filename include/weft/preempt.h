/* SPDX-License-Identifier: MIT */
/*
 * Preemption: a user thread that has run for its slice while others wait is switched away, wherever
 * it is; a light thread is stopped where it is, together with its carrier, and others run on
 * another. Slices are set per scheduler (weft_sched_options) and per thread (weft_thread_options);
 * ticks are counted, so it happens between one slice and two, and within one where the thread used
 * its last turn up, too, and another waits that did not. A kernel thread is the kernel's to
 * preempt. In a strict scheduler there is none unless a slice is set, and light threads are never
 * stopped there.
 *
 * Nobody is switched away inside a call of weft's, in a signal handler of the program's, while more
 * signals are blocked than its carrier had when it began, or on a stack of the program's own; that
 * it is due then takes effect at the next call of weft's or the next tick. In the C library it is
 * put off, twice at most.
 *
 * A tick is a SIGURG. Once there is a scheduler that signal is weft's; one that weft did not send
 * goes to the handler that was there before. What ticks do to system calls: weft_sched_stats.
 * docs/user-threads.md is the guide.
 *
 * When not to use these calls: to protect data. A thread on another processor runs all the same;
 * use a lock. They are for short stretches in which being switched away would be dear.
 *
 * Example:
 *
 *	// Others spin while the flag is set, so its holder had better not be switched away.
 *	void add_quickly(atomic_flag *busy, long *sum, long what)
 *	{
 *		weft_preempt_disable();
 *		while (atomic_flag_test_and_set_explicit(busy, memory_order_acquire))
 *			;
 *		*sum += what;
 *		atomic_flag_clear_explicit(busy, memory_order_release);
 *		weft_preempt_enable();
 *	}
 */
#ifndef WEFT_PREEMPT_H
#define WEFT_PREEMPT_H

#include <weft/api.h>

WEFT_API_BEGIN

/*
 * Between the two the calling thread is not switched away by force. Pairs nest. It may still wait,
 * and still loses its processor while it is blocked in the kernel. enable gives way at once if the
 * slice ran out meanwhile. enable without a disable: stops the program.
 * Context: any thread; nothing on a kernel thread. In a signal handler too, in pairs. Cost: some
 * nanoseconds.
 */
WEFT_API void weft_preempt_disable(void);
WEFT_API void weft_preempt_enable(void);

/* Gives way if a tick has asked for it and could not have its way: for long computations between
 * the two calls above. (Elsewhere a tick needs no help.) Returns 1 if others ran, 0 if not; 0 on a
 * kernel thread. Cost: a load when it does not. */
WEFT_API int weft_preempt_check(void);

WEFT_API_END

#endif
