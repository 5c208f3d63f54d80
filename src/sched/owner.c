/* SPDX-License-Identifier: MIT */
/* The slow side of an entry; see enter.h. */
#include "sched/enter.h"

struct weft__processor *weft__owner_regain(struct weft__carrier *carrier)
{
	struct weft__processor *processor = carrier->processor;
	const uintptr_t mine = (uintptr_t)carrier;

	/* The monitor may give it back in the middle, and revoke it again: as long as the word
	 * names us it is not lost. */
	for (;;) {
		uintptr_t seen = atomic_load_acquire(&processor->owner);

		if (seen == mine)
			return processor;
		if (seen != (mine | WEFT__OWNER_REVOKED))
			break;
		if (atomic_cas_acq_rel(&processor->owner, &seen, mine)) /* OWNER */
			return processor;
	}
	atomic_store_relaxed(&carrier->processor, NULL);
	carrier->last = processor;
	atomic_bump(&carrier->extra_runs, 1);
	return NULL;
}
