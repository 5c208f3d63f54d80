/* SPDX-License-Identifier: MIT */
/*
 * Hold: "do not switch me away by force", of the thread that runs.
 *
 * It is the thread's own, not its carrier's: a signal between reading the carrier and raising a
 * counter there moves the thread to another carrier, which it then marks, and leaves marked. It
 * forbids preemption only; a thread that is stuck in the kernel while it holds still loses its
 * processor (see sched/enter.h for what forbids that).
 *
 * Raised by every spin lock and every entry into the engine, so no thread is switched away by force
 * while others may spin for it, nor while it touches what belongs to its processor. A tick that
 * finds it raised leaves a wish, which the last release fulfils.
 *
 *	depth	the thread writes; its own signal handler reads, and leaves it as it was
 *	wish	set by the signal handler of the kernel thread that runs it; cleared by the thread
 *
 * The record of whatever runs on a kernel thread of ours begins with one (weft__arch_self points to
 * it). A kernel thread that weft does not know yet has none, and needs none.
 */
#ifndef WEFT_ARCH_HOLD_H
#define WEFT_ARCH_HOLD_H

#include <stdint.h>

#include "arch/arch.h"
#include "base/atomic.h"
#include "base/compiler.h"

struct weft__hold {
	uint32_t depth;
	uint32_t wish; /* atomic */
};

/* The engine's: gives way now. Called without a hold, by a thread that found its wish set. */
extern void (*weft__hold_fulfil)(struct weft__hold *self);

static weft__always_inline void weft__hold_raise(struct weft__hold *self)
{
	weft__atomic_point(); /* a tick may come, and we be elsewhere */
	self->depth++;
	atomic_compiler_barrier(); /* before what it guards, for our own signal handler */
}

static weft__always_inline void weft__hold_release(struct weft__hold *self)
{
	atomic_compiler_barrier();
	weft__atomic_point();
	self->depth--;
	atomic_compiler_barrier(); /* WISH: depth before wish; the handler sets it only above 0 */
	weft__atomic_point();
	if (unlikely(self->wish != 0 && self->depth == 0))
		weft__hold_fulfil(self);
}

/* The same without a call, for code that saves no registers: the caller looks at the wish himself,
 * and fulfils it. */
static weft__always_inline void weft__hold_lower(struct weft__hold *self)
{
	atomic_compiler_barrier();
	weft__atomic_point();
	self->depth--;
	atomic_compiler_barrier(); /* WISH */
	weft__atomic_point();
}

/* Of whoever runs here. */
static weft__always_inline void weft__hold(void)
{
	struct weft__hold *self = weft__arch_self();

	if (likely(self != NULL))
		weft__hold_raise(self);
}

static weft__always_inline void weft__release(void)
{
	struct weft__hold *self = weft__arch_self();

	if (likely(self != NULL))
		weft__hold_release(self);
}

#endif
