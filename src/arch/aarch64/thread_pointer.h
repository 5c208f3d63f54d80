/* SPDX-License-Identifier: MIT */
/* The thread pointer, on aarch64: a register that user mode may write. */
#ifndef WEFT_ARCH_THREAD_POINTER_H
#define WEFT_ARCH_THREAD_POINTER_H

#include <stdbool.h>

/* Where blocks stand around what the thread pointer points to: above it, and the C library's record
 * of the thread below it. */
#define WEFT__ARCH_TLS_IS_BELOW 0

/* What the library does not fill in of the words at the thread pointer. */
#define WEFT__ARCH_TLS_HEAD_BYTES 16

static inline bool weft__arch_tp_is_fast(void)
{
	return true;
}

static inline void *weft__arch_tp(void)
{
	void *tp;

	__asm__ volatile("mrs %0, tpidr_el0" : "=r"(tp));
	return tp;
}

static inline void weft__arch_tp_set(void *tp, bool fast)
{
	(void)fast;
	__asm__ volatile("msr tpidr_el0, %0" : : "r"(tp) : "memory");
}

#endif
