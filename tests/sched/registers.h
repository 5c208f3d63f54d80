/* SPDX-License-Identifier: MIT */
/* What a processor holds for a thread, a folder per processor: values.h there
 * has the record and what to put into it, hold_registers.S keeps that. */
#ifndef WEFT_TESTS_SCHED_REGISTERS_H
#define WEFT_TESTS_SCHED_REGISTERS_H

#include <stdint.h>

struct registers;

extern uint32_t registers_stop; /* atomic */

/* Puts the values of *in into every register, spins until registers_stop is not 0, and writes what
 * is there then to *out. */
void hold_registers(const struct registers *in, struct registers *out);

static inline uint64_t registers_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed ^ *seed >> 29;
}

#endif
