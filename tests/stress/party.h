/* SPDX-License-Identifier: MIT */
/*
 * Party: an actor starts a group of guests, on its own stack, who play one game together, and joins
 * it. When it has, no guest is left, and whatever they played with has nobody in it (_fini).
 *
 * Guests may be cancelled, all of them (by their group). Until then each plays to the end, and each
 * is needed: so a game may wait for its guests without a deadline.
 */
#ifndef WEFT_TESTS_STRESS_PARTY_H
#define WEFT_TESTS_STRESS_PARTY_H

#include "stress.h"

#define GUESTS_MAX 4

struct party {
	weft_group group;
	unsigned guests;
	const struct game *game;
	int ended;     /* atomic: guests that have */
	bool was_left; /* atomic: somebody went before the end, since all are cancelled */
	/* what each game uses as it likes; atomic, or guarded by what is played with */
	int counts[4];
	union {
		weft_barrier barrier;
		weft_latch latch;
		weft_once once;
		weft_wait_group wait_group;
	};
};

/* One of the guests plays. False: cancelled. */
typedef bool party_play(struct party *party, struct actor *actor);

struct game {
	const char *name;
	void (*begin)(struct party *party, struct actor *actor);
	party_play *play;
	void (*end)(struct party *party); /* was_left: what was counted means nothing */
};

extern const struct game barrier_game, latch_game, once_game, wait_group_game;

#endif
