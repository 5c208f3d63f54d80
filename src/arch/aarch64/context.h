/* SPDX-License-Identifier: MIT */
/*
 * The switch and the first frame, on aarch64; the other half is switch.S.
 *
 * The switch is an ordinary function that returns: the processor's stack of predicted returns stays
 * in step with the calls, and a return needs no landing pad at the place that it goes to, where an
 * indirect jump would need one at each.
 */
#ifndef WEFT_ARCH_CONTEXT_H
#define WEFT_ARCH_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

/* A context that does not run, from its stack pointer upwards.  switch.S has the same offsets. */
struct weft__arch_frame {
	void *x19, *x20, *x21, *x22, *x23, *x24, *x25, *x26, *x27, *x28, *x29;
	const void *x30;
	uint64_t d8_to_d15[8];
};

/* The frame, two zero words under the first frame of C, and what alignment may take. */
#define WEFT__ARCH_FRAME_BYTES (sizeof(struct weft__arch_frame) + 16 + 15)

void weft__arch_swap(void **out_sp, void *to_sp) __attribute__((visibility("hidden")));

static weft__always_inline void weft__arch_switch(void **out_sp, void *to_sp)
{
	weft__arch_swap(out_sp, to_sp);
}

static inline void *weft__arch_context(void *stack_top, void (*entry)(void *), void *arg)
{
	void **bottom = (void **)(((uintptr_t)stack_top & ~(uintptr_t)15) - 16);
	struct weft__arch_frame *frame = (struct weft__arch_frame *)bottom - 1;

	bottom[0] = NULL;
	bottom[1] = NULL;
	frame->x30 = weft__arch_start + WEFT__ARCH_START_SKIP;
	frame->x29 = NULL;
	frame->x19 = (void *)(uintptr_t)entry;
	frame->x20 = arg;
	return frame;
}

#endif
