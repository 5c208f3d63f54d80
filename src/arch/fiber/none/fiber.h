/* SPDX-License-Identifier: MIT */
/*
 * What a sanitizer must be told about stacks and switches: nothing, in a plain build. Chosen by
 * include path: address/ and thread/ beside this folder fulfil the same page.
 */
#ifndef WEFT_ARCH_FIBER_H
#define WEFT_ARCH_FIBER_H

#include <stddef.h>

struct weft__fiber {
	char none[0];
};

/* A new user-level thread / one that will never run again. */
#define weft__fiber_create(fiber, stack_low, stack_bytes) ((void)0)
#define weft__fiber_destroy(fiber) ((void)0)

/* A kernel thread of ours that will switch to user-level threads. */
#define weft__fiber_adopt(fiber, stack_low, stack_bytes) ((void)0)

/* Right before a switch, on the old stack; `ending`: never to come back. Right after it, on the new
 * one. */
#define weft__fiber_leave(from, to, ending) ((void)0)
#define weft__fiber_arrive(fiber) ((void)0)
/* The same for switches beneath the engine's (the simulator's kernel threads): notes in `from`
 * which stack it left. */
#define weft__fiber_arrive_from(fiber, from) ((void)0)

#endif
