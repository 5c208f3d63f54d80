/* SPDX-License-Identifier: MIT */
/*
 * Barrier: guests meet some times. Nobody goes on before all have come, and one each time is the
 * last. Who is late or leaves comes again: it did not count.
 */
#include "party.h"

#define MEETINGS 3

enum { COME, LAST }; /* counts: of all meetings together */

static void begin(struct party *party, struct actor *actor)
{
	(void)actor;
	must(weft_barrier_init(&party->barrier, party->guests) == 0);
}

/* Only a part of what a guest does is cancelled: it can come again. */
static int wait_in_scope(struct party *party, struct actor *actor)
{
	int64_t deadline_ns = soon(actor);
	weft_scope scope;
	int code, ended;

	weft_scope_enter(&scope, deadline_ns);
	code = weft_barrier_wait(&party->barrier);
	ended_well(code, WEFT_FOREVER);
	ended = weft_scope_leave(&scope);
	must(ended == 0 || (ended == -ETIMEDOUT && weft_now() >= deadline_ns));
	return code;
}

/* Returns 0, WEFT_BARRIER_LAST, or: not yet. */
static int try_to_meet(struct party *party, struct actor *actor)
{
	int64_t deadline_ns = soon(actor);
	int code;

	switch (choose(actor, 4)) {
	case 0:
		code = weft_barrier_wait_try(&party->barrier);
		must(code == WEFT_BARRIER_LAST || code == -EAGAIN);
		break;
	case 1:
		code = weft_barrier_wait_until(&party->barrier, deadline_ns);
		ended_well(code, deadline_ns);
		break;
	case 2:
		code = wait_in_scope(party, actor);
		break;
	default:
		code = weft_barrier_wait(&party->barrier);
		ended_well(code, WEFT_FOREVER);
		break;
	}
	return code;
}

static bool play(struct party *party, struct actor *actor)
{
	for (int meeting = 1; meeting <= MEETINGS; meeting++) {
		int all = meeting * (int)party->guests;
		int code = -EAGAIN;

		atomic_add_acq_rel(&party->counts[COME], 1);
		while (code < 0) {
			code = try_to_meet(party, actor);
			if (code < 0 && weft_cancelled() < 0)
				return false;
		}
		must(atomic_load_acquire(&party->counts[COME]) >= all);
		if (code == WEFT_BARRIER_LAST)
			must(atomic_add_acq_rel(&party->counts[LAST], 1) == meeting - 1);
	}
	return true;
}

static void end(struct party *party)
{
	if (!party->was_left) {
		must(party->counts[COME] == MEETINGS * (int)party->guests);
		must(party->counts[LAST] == MEETINGS);
		stress_add(STRESS_MEETINGS, MEETINGS);
	}
	weft_barrier_fini(&party->barrier);
}

const struct game barrier_game = { "barrier", begin, play, end };
