/* SPDX-License-Identifier: MIT */
/* Once: it succeeds once, and whoever was told so finds it done; after a failure another tries. */
#include "party.h"

enum { RUNNING, FAILED, DONE, CHANCE };

static void begin(struct party *party, struct actor *actor)
{
	party->counts[CHANCE] = (int)choose(actor, 3); /* of so many that fail */
}

static int run(void *arg)
{
	struct party *party = arg;

	must(atomic_add_acq_rel(&party->counts[RUNNING], 1) == 0);
	must(atomic_load_relaxed(&party->counts[DONE]) == 0);
	weft_yield();
	(void)weft_sleep(20 * WEFT_US); /* that it may be cancelled does not matter here */
	atomic_sub_acq_rel(&party->counts[RUNNING], 1);
	if (atomic_add_relaxed(&party->counts[FAILED], 1) < party->counts[CHANCE])
		return -EIO;
	atomic_add_relaxed(&party->counts[DONE], 1);
	return 0;
}

static bool play(struct party *party, struct actor *actor)
{
	int code = -EBUSY;

	while (code != 0) {
		int64_t deadline_ns = soon(actor);

		switch (choose(actor, 3)) {
		case 0:
			code = weft_once_run_try(&party->once, run, party);
			break;
		case 1:
			code = weft_once_run_until(&party->once, run, party, deadline_ns);
			break;
		default:
			deadline_ns = WEFT_FOREVER;
			code = weft_once_run(&party->once, run, party);
			break;
		}
		if (code == -EBUSY)
			weft_yield();
		else if (code != -EIO && !ended_well(code, deadline_ns) && code == -ECANCELED)
			return false;
	}
	must(atomic_load_relaxed(&party->counts[DONE]) == 1);
	return true;
}

static void end(struct party *party)
{
	must(party->counts[RUNNING] == 0 && party->counts[DONE] <= 1);
	must(party->was_left || party->counts[DONE] == 1);
	weft_once_fini(&party->once);
}

const struct game once_game = { "once", begin, play, end };
