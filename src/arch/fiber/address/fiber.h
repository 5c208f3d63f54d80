/* SPDX-License-Identifier: MIT */
/* AddressSanitizer: it keeps a shadow of the current stack's bounds and a fake stack per thread. */
#ifndef WEFT_ARCH_FIBER_H
#define WEFT_ARCH_FIBER_H

#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <stdbool.h>
#include <stddef.h>

struct weft__fiber {
	void *fake;
	const void *low;
	size_t bytes;
};

static inline void weft__fiber_create(struct weft__fiber *fiber, const void *stack_low,
				      size_t stack_bytes)
{
	fiber->fake = NULL;
	fiber->low = stack_low;
	fiber->bytes = stack_bytes;
	/* A stack that is used again carries the marks of frames that were left without
	 * returning. */
	ASAN_UNPOISON_MEMORY_REGION(stack_low, stack_bytes);
}

static inline void weft__fiber_destroy(struct weft__fiber *fiber)
{
	fiber->low = NULL;
}

static inline void weft__fiber_adopt(struct weft__fiber *fiber, const void *stack_low,
				     size_t stack_bytes)
{
	fiber->fake = NULL;
	fiber->low = stack_low;
	fiber->bytes = stack_bytes;
}

static inline void weft__fiber_leave(struct weft__fiber *from, struct weft__fiber *to, bool ending)
{
	__sanitizer_start_switch_fiber(ending ? NULL : &from->fake, to->low, to->bytes);
}

static inline void weft__fiber_arrive(struct weft__fiber *fiber)
{
	__sanitizer_finish_switch_fiber(fiber->fake, NULL, NULL);
}

static inline void weft__fiber_arrive_from(struct weft__fiber *fiber, struct weft__fiber *from)
{
	__sanitizer_finish_switch_fiber(fiber->fake, &from->low, &from->bytes);
}

#endif
