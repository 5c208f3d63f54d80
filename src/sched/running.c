/* SPDX-License-Identifier: MIT */
/*
 * Who has a CPU; see running.h.
 *
 * What is read is there as long as the scheduler is, and the caller lives in it: processors, and
 * the records of carriers, which are kept when a carrier ends. All of it may change under the
 * reader, who is wrong then for one look.
 */
#include "sched/running.h"

#include "sched/engine.h"

bool weft__runs_beside(const struct weft_thread *self, const struct weft_thread *thread)
{
	struct weft_sched *sched = self->sched;

	for (unsigned i = 0; i < sched->processor_count; i++) {
		uintptr_t owner = atomic_load_acquire(&sched->processors[i]->owner);
		const struct weft__carrier *carrier =
			(const struct weft__carrier *)(owner & ~WEFT__OWNER_BITS);

		if (carrier != NULL && !(owner & WEFT__OWNER_IDLE) &&
		    atomic_load_relaxed(&carrier->current) == thread)
			return true;
	}
	return false;
}
