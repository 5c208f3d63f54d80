/* SPDX-License-Identifier: MIT */
/*
 * Registers, seen from C.  probe.S and registers.h, one pair per processor, do it: each register
 * that is watched has a row in registers.h, and its value the same index in an array.
 */
#ifndef TESTS_ARCH_PROBE_H
#define TESTS_ARCH_PROBE_H

#include <stddef.h>
#include <stdint.h>

struct watched_register {
	const char *name;
	uint64_t may_set;  /* the bits that a pattern may set */
	uint64_t must_set; /* the bits that it must */
	int is_kept;       /* 1: a switch keeps it; 0: it belongs to the carrier */
};

typedef void change_stacks(void **out_sp, void *to_sp);

/* Fills the registers, calls change(out_sp, to_sp), and writes what they hold to out_seen. */
void probe_registers(change_stacks *change, void **out_sp, void *to_sp, const uint64_t *fill,
		     uint64_t *out_seen);

/* Leaves rubbish in every register that a call may change. */
void probe_scribble(void);

/*
 * Switches as weft__arch_switch does, from a function that keeps values in the RED_ZONE_BYTES below
 * the stack pointer (registers.h).  Returns how many of the 8-byte words there have changed.
 */
int probe_red_zone(void **out_sp, void *to_sp);

/* weft__arch_switch as a function. */
change_stacks probe_switch;

/* The same, but forgetting one register each, in the order of the rows. */
extern change_stacks *const probe_forgetful[];

#include "registers.h"

#define WATCHED_COUNT (sizeof(watched) / sizeof(watched[0]))

#endif
