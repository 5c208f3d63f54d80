/* SPDX-License-Identifier: MIT */
/* The registers of x86-64; hold_registers.S has the same offsets. */
#ifndef WEFT_TESTS_SCHED_VALUES_H
#define WEFT_TESTS_SCHED_VALUES_H

#include <string.h>

#include "registers.h"

enum { VECTORS_128, VECTORS_256, VECTORS_512 };

struct registers {
	uint64_t general[15];  /* rax rbx rcx rdx rsi rdi rbp r8 .. r15 */
	uint32_t mxcsr;        /* offset 120 */
	uint16_t x87_control;  /* offset 124 */
	uint16_t vectors;      /* offset 126: how wide */
	uint64_t red_zone[16]; /* offset 128 */
	uint64_t masks[8];     /* offset 256 */
	uint8_t x87[8][16];    /* offset 320; 10 bytes each */
	uint8_t vector[32][64] __attribute__((aligned(64))); /* offset 448 */
};

static inline void registers_fill(struct registers *in, uint64_t seed)
{
	static const uint16_t precisions[] = { 0x0000, 0x0200, 0x0300 };
	const size_t width[] = { 16, 32, 64 }, count[] = { 16, 16, 32 };

	memset(in, 0, sizeof *in);
	__builtin_cpu_init();
	in->vectors = VECTORS_128;
	if (__builtin_cpu_supports("avx"))
		in->vectors = VECTORS_256;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
		in->vectors = VECTORS_512;
	for (int i = 0; i < 15; i++)
		in->general[i] = registers_random(&seed);
	for (int i = 0; i < 16; i++)
		in->red_zone[i] = registers_random(&seed);
	for (int i = 0; i < 8 && in->vectors == VECTORS_512; i++)
		in->masks[i] = registers_random(&seed);
	for (size_t i = 0; i < count[in->vectors]; i++)
		for (size_t k = 0; k < width[in->vectors]; k++)
			in->vector[i][k] = (uint8_t)registers_random(&seed);
	for (int i = 0; i < 8; i++) {
		uint64_t mantissa = registers_random(&seed) | UINT64_C(1) << 63;
		uint16_t exponent = 0x3fff;

		memcpy(in->x87[i], &mantissa, 8);
		memcpy(in->x87[i] + 8, &exponent, 2);
	}
	/* Every trap masked; how it rounds, and whether small numbers are zero, is its own. */
	in->mxcsr = 0x1f80 | (uint32_t)(registers_random(&seed) & 3) << 13 |
		    (uint32_t)(registers_random(&seed) & 1) << 15;
	in->x87_control = (uint16_t)(0x7f | precisions[registers_random(&seed) % 3] |
				     (registers_random(&seed) & 3) << 10);
}

#endif
