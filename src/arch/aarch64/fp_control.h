/* SPDX-License-Identifier: MIT */
/* Floating-point control, on aarch64. A switch leaves it alone, and so does a signal, so whoever
 * switches away by force sees to it. */
#ifndef WEFT_ARCH_FP_CONTROL_H
#define WEFT_ARCH_FP_CONTROL_H

#include <stdint.h>

static inline uint64_t weft__arch_fp_get(void)
{
	uint64_t control;

	__asm__ volatile("mrs %0, fpcr" : "=r"(control));
	return control;
}

static inline void weft__arch_fp_set(uint64_t control)
{
	__asm__ volatile("msr fpcr, %0" : : "r"(control));
}

#endif
