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

static inline void weft__fiber_create(struct weft__fiber *fiber, const void *stack_low,
				      size_t stack_bytes)
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

static inline void weft__fiber_adopt(struct weft__fiber *fiber, const void *stack_low,
				     size_t stack_bytes)
{
	(void)stack_low;
	(void)stack_bytes;
	fiber->handle = __tsan_get_current_fiber();
}

/*
 * Synchronizing: the two run one after the other on this kernel thread, and the engine's own
 * records rely on that. So a race between two threads is seen when they run on different carriers,
 * not when they take turns on one.
 */
static inline __attribute__((always_inline)) void
weft__fiber_leave(struct weft__fiber *from, struct weft__fiber *to, bool ending)
{
	(void)from;
	(void)ending;
	__tsan_switch_to_fiber(to->handle, 0);
}

#define weft__fiber_arrive(fiber) ((void)0)
#define weft__fiber_arrive_from(fiber, from) ((void)0)

#endif
