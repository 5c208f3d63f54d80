/* SPDX-License-Identifier: MIT */
/*
 * The thread pointer, on x86-64: the base of %fs. Its first word points to itself, by the ABI.
 *
 * A processor from 2012 on can write it in user mode, if the kernel lets it (Linux 5.9) and no
 * emulator is between; without that it takes a system call. The call is made here, because the C
 * library's would store errno, in one of two blocks.
 */
#ifndef WEFT_ARCH_THREAD_POINTER_H
#define WEFT_ARCH_THREAD_POINTER_H

#include <stdbool.h>
#include <sys/auxv.h>

/* Where blocks stand around what the thread pointer points to: below it, and the C library's record
 * of the thread at it. */
#define WEFT__ARCH_TLS_IS_BELOW 1

/* What the library does not fill in of the words at the thread pointer. */
#define WEFT__ARCH_TLS_HEAD_BYTES 0

static inline bool weft__arch_tp_is_fast(void)
{
	return (getauxval(AT_HWCAP2) & 2) != 0; /* FSGSBASE */
}

static inline void *weft__arch_tp(void)
{
	void *tp;

	__asm__ volatile("movq %%fs:0, %0" : "=r"(tp));
	return tp;
}

static inline void weft__arch_tp_set(void *tp, bool fast)
{
	long rc = 158; /* arch_prctl */

	if (__builtin_expect(fast, 1)) {
		__asm__ volatile("wrfsbase %0" : : "r"(tp) : "memory");
		return;
	}
	__asm__ volatile("syscall"
			 : "+a"(rc)
			 : "D"(0x1002l /* ARCH_SET_FS */), "S"(tp)
			 : "rcx", "r11", "memory");
}

#endif
