/* SPDX-License-Identifier: MIT */
/* Latch: nobody goes on before all have counted down. */
#include "party.h"

enum { COUNTED };

static void begin(struct party *party, struct actor *actor)
{
	(void)actor;
	must(weft_latch_init(&party->latch, 2 * party->guests) == 0);
}

static bool play(struct party *party, struct actor *actor)
{
	int all = 2 * (int)party->guests;
	bool arrives = choose(actor, 2) == 0;
	int64_t deadline_ns = soon(actor);
	int code = -EBUSY;

	/* The other guests wait for it, so it counts before it may be cancelled. */
	atomic_add_acq_rel(&party->counts[COUNTED], 2);
	weft_latch_count_down(&party->latch, arrives ? 1 : 2);
	if (arrives) {
		code = weft_latch_arrive_and_wait_until(&party->latch, deadline_ns);
		ended_well(code, deadline_ns);
	}
	while (code != 0 && weft_cancelled() == 0) {
		deadline_ns = choose(actor, 2) == 0 ? WEFT_FOREVER : soon(actor);
		code = deadline_ns == WEFT_FOREVER
			       ? weft_latch_wait(&party->latch)
			       : weft_latch_wait_until(&party->latch, deadline_ns);
		ended_well(code, deadline_ns);
	}
	if (code != 0)
		return false;
	must(atomic_load_acquire(&party->counts[COUNTED]) == all);
	must(weft_latch_wait_try(&party->latch) == 0);
	return true;
}

static void end(struct party *party)
{
	must(party->latch.count == 0);
	weft_latch_fini(&party->latch);
}

const struct game latch_game = { "latch", begin, play, end };
