/* SPDX-License-Identifier: MIT */
#include "party.h"

#include "acts.h"

struct guest {
	struct actor actor;
	struct party *party;
	int result, expected;
};

static int be_guest(void *arg)
{
	struct guest *guest = arg;
	struct party *party = guest->party;

	if (!party->game->play(party, &guest->actor)) {
		must(weft_cancelled() == -ECANCELED);
		atomic_store_release(&party->was_left, true);
		guest->expected = -ECANCELED;
	}
	atomic_add_acq_rel(&party->ended, 1);
	return guest->expected;
}

/* A kernel thread now and then; else where the actor runs. */
static void invite(struct party *party, struct guest *guests, struct actor *actor)
{
	for (unsigned i = 0; i < party->guests; i++) {
		weft_thread_options options = { .kind = choose(actor, 12) == 0 ? WEFT_KERNEL
									       : WEFT_KIND_DEFAULT,
						.name = party->game->name };

		guests[i] = (struct guest){ .actor = { .random = some_random(actor), .depth = 99 },
					    .party = party,
					    .expected = (int)choose(actor, 100) };
		must(weft_group_spawn(&party->group, be_guest, &guests[i], &options,
				      &guests[i].result) == 0);
		stress_add(STRESS_SPAWNS, 1);
	}
}

static void join(struct party *party, struct actor *actor)
{
	int64_t deadline_ns = choose(actor, 4) == 0 ? soon(actor) : WEFT_FOREVER;
	bool cancels = choose(actor, 8) == 0;
	int code;

	if (cancels)
		weft_group_cancel(&party->group);
	code = weft_group_join_until(&party->group, deadline_ns);
	must(atomic_load_relaxed(&party->ended) == (int)party->guests);
	switch (code) {
	case 0:
		must(!party->was_left);
		break;
	case -ECANCELED:
		/* by us, or because we are; a guest says the same of itself when its group is
		 * late */
		must(cancels || weft_cancelled() == -ECANCELED || party->was_left);
		break;
	default:
		must_be(code == -ETIMEDOUT && weft_now() >= deadline_ns, code);
		break;
	}
}

void party_act(struct actor *actor)
{
	static const struct game *const games[] = { &barrier_game, &latch_game, &once_game,
						    &wait_group_game };
	struct guest guests[GUESTS_MAX];
	struct party party = { .guests = 1 + choose(actor, GUESTS_MAX),
			       .game = games[choose(actor, 4)] };

	if (party.game->begin != NULL)
		party.game->begin(&party, actor);
	invite(&party, guests, actor);
	join(&party, actor);
	for (unsigned i = 0; i < party.guests; i++)
		must_be(guests[i].result == guests[i].expected, guests[i].result);
	party.game->end(&party);
}
