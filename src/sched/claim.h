/* SPDX-License-Identifier: MIT */
/* A claim (park.h) without a call, for the queues. */
#ifndef WEFT_SCHED_CLAIM_H
#define WEFT_SCHED_CLAIM_H

#include "sched/fork.h"
#include "sched/thread.h"

/* A code is -4095 to 4095 and fits 14 bits. */
#define WEFT__CODE_BIAS 8192

static weft__always_inline enum weft__claim weft__claim_inline(struct weft_thread *thread,
							       uint64_t ticket, int code)
{
	const uint64_t parked = ticket - WEFT__ARMED + WEFT__PARKED;
	const uint64_t notified = (ticket & ~(WEFT__PARK_EPOCH - 1)) + WEFT__NOTIFIED +
				  ((uint64_t)(code + WEFT__CODE_BIAS) << 2);
	uint64_t seen = atomic_load_relaxed(&thread->park);

	if (weft__fork_has_lost(thread))
		return WEFT__CLAIM_LOST;
	/* ARMED may become PARKED between the two, once. */
	if (seen == ticket && atomic_cas_acq_rel(&thread->park, &seen, notified))
		return WEFT__CLAIM_RUNNING;
	/* PARK */
	if (seen == parked && atomic_cas_acq_rel(&thread->park, &seen, notified))
		return WEFT__CLAIM_PARKED;
	return WEFT__CLAIM_LOST;
}

#endif
