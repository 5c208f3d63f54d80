/* SPDX-License-Identifier: MIT */
/* Wait group: each guest adds and takes away; who waits goes on when nothing is under way. */
#include "party.h"

enum { UNDER_WAY };

/* All are under way before the first begins. */
static void begin(struct party *party, struct actor *actor)
{
	(void)actor;
	weft_wait_group_add(&party->wait_group, party->guests);
	party->counts[UNDER_WAY] = (int)party->guests;
}

static bool play(struct party *party, struct actor *actor)
{
	int64_t more = choose(actor, 3);
	int64_t deadline_ns;
	int code = -EBUSY;

	weft_wait_group_add(&party->wait_group, more);
	dawdle(actor);
	if (more > 0)
		weft_wait_group_add(&party->wait_group, -more);
	atomic_sub_acq_rel(&party->counts[UNDER_WAY], 1);
	weft_wait_group_done(&party->wait_group);
	while (code != 0 && weft_cancelled() == 0) {
		deadline_ns = choose(actor, 2) == 0 ? WEFT_FOREVER : soon(actor);
		code = deadline_ns == WEFT_FOREVER
			       ? weft_wait_group_wait(&party->wait_group)
			       : weft_wait_group_wait_until(&party->wait_group, deadline_ns);
		ended_well(code, deadline_ns);
	}
	if (code != 0)
		return false;
	must(atomic_load_acquire(&party->counts[UNDER_WAY]) == 0);
	must(weft_wait_group_wait_try(&party->wait_group) == 0);
	return true;
}

static void end(struct party *party)
{
	must(party->counts[UNDER_WAY] == 0);
	weft_wait_group_fini(&party->wait_group);
}

const struct game wait_group_game = { "wait group", begin, play, end };
