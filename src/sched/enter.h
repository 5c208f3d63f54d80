/* SPDX-License-Identifier: MIT */
/*
 * Entry: what every call does before it touches what belongs to the carrier or its processor.
 *
 * The monitor takes the processor of a carrier that is blocked in the kernel. It must not do so
 * while that carrier is in the middle of using it. So (INSIDE):
 *
 *	who enters			the monitor
 *	1 inside = 1			1 owner: c -> c|REVOKED, by compare-and-swap
 *	  light barrier			  heavy barrier
 *	2 read owner			2 read inside
 *
 * Failing without the barriers: the store of inside waits in the store buffer, the carrier reads
 * owner == c and uses the processor; the monitor revokes it, reads inside == 0 and gives it away:
 * two carriers push into one queue. With them either the carrier sees REVOKED, or the monitor sees
 * it inside. A carrier that sees REVOKED takes it back by compare-and-swap, or has lost it: then it
 * goes on without a processor.
 *
 * Entries nest (a wake within a park): each restores what it found. While a thread is switched out
 * its entry stays open, and goes on where it wakes: whoever switched to it was inside too.
 */
#ifndef WEFT_SCHED_ENTER_H
#define WEFT_SCHED_ENTER_H

#include "sched/engine.h"

/* Of a user-level thread or a carrier's loop. Returns what weft__leave wants. Afterwards
 * self->carrier and its processor, which is *out_processor (NULL: it has none), stay what they are
 * until a switch. */
static weft__always_inline uint32_t weft__enter_on(struct weft_thread *self,
						   struct weft__processor **out_processor)
{
	struct weft__carrier *carrier;
	struct weft__processor *processor;
	uint32_t was_inside;

	weft__hold_raise(&self->hold); /* first: from here on the carrier stays the same */
	carrier = self->carrier;
	was_inside = carrier->inside;
	atomic_store_relaxed(&carrier->inside, 1u);
	weft__sys_light_barrier(); /* INSIDE */
	processor = carrier->processor;
	if (likely(processor != NULL) &&
	    unlikely(atomic_load_acquire(&processor->owner) != (uintptr_t)carrier))
		processor = weft__owner_regain(carrier);
	*out_processor = processor;
	return was_inside;
}

static weft__always_inline uint32_t weft__enter(struct weft_thread *self)
{
	struct weft__processor *processor;

	return weft__enter_on(self, &processor);
}

/* The same where all is as usual, and the carrier was not inside, without a call: for code that
 * saves no registers. NULL: it is not; nothing has changed. */
static weft__always_inline struct weft__processor *weft__enter_quick(struct weft_thread *self)
{
	struct weft__carrier *carrier;
	struct weft__processor *processor;

	weft__hold_raise(&self->hold);
	carrier = self->carrier;
	if (likely(carrier->inside == 0 && weft__sys_has_heavy_barrier)) {
		atomic_store_relaxed(&carrier->inside, 1u);
		atomic_compiler_barrier(); /* INSIDE: a light barrier where there is a heavy one */
		weft__atomic_point();
		processor = carrier->processor;
		if (likely(processor != NULL &&
			   atomic_load_acquire(&processor->owner) == (uintptr_t)carrier))
			return processor;
		atomic_store_release(&carrier->inside, 0u);
	}
	weft__hold_lower(&self->hold); /* a wish waits for the entry that comes now */
	return NULL;
}

static weft__always_inline void weft__leave(struct weft_thread *self, uint32_t was_inside)
{
	atomic_store_release(&self->carrier->inside, was_inside);
	weft__hold_release(&self->hold);
}

#endif
