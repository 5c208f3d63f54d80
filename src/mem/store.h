/* SPDX-License-Identifier: MIT */
/*
 * The stores: one for each size of slot, with its arenas, sorted by the best free slot that they
 * have, and a spin lock. System calls happen outside the lock, on slots that nobody else sees
 * meanwhile:
 *
 *   (in use) -> give -> WARM -> take -> (in use)
 *                        \-> cool (discarding) -> COLD -> take -> (in use)
 *   BARE -> take (guarding) -> (in use)
 *                \-> the guard failed: give -> BARE
 *
 * An arena whose slots are all free and cold is unmapped, unless it is the last of its size or
 * somebody walks.
 *
 * Rejected: one list of free slots per size (an arena could then not be taken out of it); warm
 * slots without a bound (the memory of the worst moment would stay for ever); discarding at once
 * (1.1 us each; 0.3 us in batches of 32).
 */
#ifndef WEFT_MEM_STORE_H
#define WEFT_MEM_STORE_H

#include "base/compiler.h"
#include "mem/arena.h"
#include "mem/stack.h"

#define WEFT__SLOT_LOG2_MIN 15u /* WEFT__STACK_BYTES_MIN */
#define WEFT__SLOT_LOG2_MAX 30u /* WEFT__STACK_BYTES_MAX */
#define WEFT__STORES (WEFT__SLOT_LOG2_MAX - WEFT__SLOT_LOG2_MIN + 1)

struct weft__store {
	uint32_t lock;
	/* guarded by lock; the counts are atomic for those who only look */
	bool is_ready;
	/* by the best free slot; the front was changed last */
	struct weft__list arenas[WEFT__SLOT_KINDS];
	struct weft__arena *closed; /* arenas without stacks, linked by `link.next` */
	uint32_t open_count;
	uint32_t used, warm;
	uint32_t walkers; /* arenas are not unmapped meanwhile */
	/* atomic: the newest of all arenas of this size, open or closed */
	struct weft__arena *all;
} weft__aligned(WEFT__CACHE_LINE);

extern struct weft__store weft__stores[WEFT__STORES];

static inline struct weft__store *weft__store_of(const struct weft__arena *arena)
{
	return &weft__stores[arena->slot_log2 - WEFT__SLOT_LOG2_MIN];
}

/* The best free slot, of a new arena if need be. It may still be without a guard. */
int weft__store_take(struct weft__store *store, struct weft__arena **out_arena,
		     unsigned *out_index);

/* Gives a slot back: WARM, or BARE if it got no guard. */
void weft__store_give(struct weft__store *store, struct weft__arena *arena,
		      enum weft__slot_kind kind, unsigned index);

/* Are there more than `slack` warm slots above the bound? */
bool weft__store_is_above(const struct weft__store *store, uint32_t slack);

/* Discards the pages of what is above, one batch; false: there was nothing to do. */
bool weft__store_cool(struct weft__store *store);

/* Between the two no arena is unmapped. */
void weft__store_walk_begin(struct weft__store *store);
void weft__store_walk_end(struct weft__store *store);

/* In fork's child: begins anew. The arenas that are there stay, for the stacks that they hold. */
void weft__store_forked(struct weft__store *store);

void weft__store_count(struct weft__store *store, struct weft__stack_counts *counts); /* adds */

#endif
