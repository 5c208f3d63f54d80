/* SPDX-License-Identifier: MIT */
/* The registers of aarch64; hold_registers.S has the same offsets. */
#ifndef WEFT_TESTS_SCHED_VALUES_H
#define WEFT_TESTS_SCHED_VALUES_H

#include <string.h>

#include "registers.h"

struct registers {
	uint64_t general[30];   /* x0 .. x15, x18 .. x30, none */
	uint64_t fpcr, fpsr;    /* offsets 240, 248 */
	uint8_t vector[32][16]; /* offset 256 */
};

static inline void registers_fill(struct registers *in, uint64_t seed)
{
	memset(in, 0, sizeof *in);
	for (int i = 0; i < 29; i++)
		in->general[i] = registers_random(&seed);
	for (int i = 0; i < 32; i++)
		for (int k = 0; k < 16; k++)
			in->vector[i][k] = (uint8_t)registers_random(&seed);
	/* How it rounds, and whether small numbers are zero; what has happened so far. */
	in->fpcr = (registers_random(&seed) & 7) << 22;
	in->fpsr = registers_random(&seed) & 0x1f;
}

#endif
