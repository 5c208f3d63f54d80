/* SPDX-License-Identifier: MIT */
/*
 * Floating-point control, on x86-64: MXCSR without its sticky flags, and the x87 control word above
 * it. A switch leaves it alone, so whoever switches away by force sees to it.
 */
#ifndef WEFT_ARCH_FP_CONTROL_H
#define WEFT_ARCH_FP_CONTROL_H

#include <stdint.h>

#define WEFT__FP_FLAGS UINT32_C(0x3f)

static inline uint64_t weft__arch_fp_get(void)
{
	uint32_t mxcsr;
	uint16_t x87;

	__asm__ volatile("stmxcsr %0\n\t"
			 "fnstcw %1"
			 : "=m"(mxcsr), "=m"(x87));
	return (uint64_t)x87 << 32 | (mxcsr & ~WEFT__FP_FLAGS);
}

static inline void weft__arch_fp_set(uint64_t control)
{
	uint32_t mxcsr = (uint32_t)control;
	uint16_t x87 = (uint16_t)(control >> 32);

	__asm__ volatile("ldmxcsr %0\n\t"
			 "fldcw %1"
			 :
			 : "m"(mxcsr), "m"(x87));
}

#endif
