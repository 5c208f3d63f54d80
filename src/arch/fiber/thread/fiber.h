/* SPDX-License-Identifier: MIT */
/* ThreadSanitizer: it keeps a clock and a shadow stack per fiber. */
#ifndef WEFT_ARCH_FIBER_H
#define WEFT_ARCH_FIBER_H

#include <sanitizer/tsan_interface.h>
#include <stdbool.h>
#include <stddef.h>

struct weft__fiber {
	void *handle;
};

static inline void weft__fiber_create(struct weft__fiber *fiber, const void *stack_low, size_t stack_bytes)
{
	(void)stack_low;
	(void)stack_bytes;
	fiber->handle = __tsan_create_fiber(0);
}

static inline void weft__fiber_destroy(struct weft__fiber *fiber)
{
	if (fiber->handle != NULL)
		__tsan_destroy_fiber(fiber->handle);
	fiber->handle = NULL;
}

static inline void weft__fiber_adopt(struct weft__fiber *fiber, const void *stack_low, size_t stack_bytes)
{
	(void)stack_low;
	(void)stack_bytes;
	fiber->handle = __tsan_get_current_fiber();
}

/* Not synchronizing: what orders two threads is the engine's own atomics, and only those should hide a race. */
static inline __attribute__((always_inline)) void weft__fiber_leave(struct weft__fiber *from, struct weft__fiber *to,
								    bool ending)
{
	(void)from;
	(void)ending;
	__tsan_switch_to_fiber(to->handle, __tsan_switch_to_fiber_no_sync);
}

#define weft__fiber_arrive(fiber) ((void)0)

#endif
