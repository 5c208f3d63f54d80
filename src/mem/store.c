/* SPDX-License-Identifier: MIT */
#include "base/atomic.h"
#include "mem/store.h"
#include "sys/spin.h"
#include "sys/sys.h"

#define WARM_MIN 2u

struct weft__store weft__stores[WEFT__STORES];

static unsigned slot_log2_of(const struct weft__store *store)
{
	return WEFT__SLOT_LOG2_MIN + (unsigned)(store - weft__stores);
}

/* ---- under the lock */

static void lock_store(struct weft__store *store)
{
	weft__spin_lock(&store->lock);
	if (likely(store->is_ready))
		return;
	for (int kind = 0; kind < WEFT__SLOT_KINDS; kind++)
		weft__list_init(&store->arenas[kind]);
	store->is_ready = true;
}

static void unlock_store(struct weft__store *store)
{
	weft__spin_unlock(&store->lock);
}

/* Puts the arena where its best free slot belongs; first among its equals if that has changed. */
static void sort_arena(struct weft__store *store, struct weft__arena *arena)
{
	enum weft__slot_kind best = weft__arena_best(arena);

	if (best == arena->kind)
		return;
	weft__list_remove(&arena->link);
	arena->kind = best;
	if (best != WEFT__SLOT_NONE)
		weft__list_push_front(&store->arenas[best], &arena->link);
}

static struct weft__arena *best_arena(struct weft__store *store)
{
	for (int kind = 0; kind < WEFT__SLOT_KINDS; kind++)
		if (!weft__list_is_empty(&store->arenas[kind]))
			return container_of(store->arenas[kind].next, struct weft__arena, link);
	return NULL;
}

static unsigned take_slot(struct weft__store *store, struct weft__arena *arena)
{
	enum weft__slot_kind kind = arena->kind;
	unsigned index = weft__arena_pop(arena, kind);

	if (kind == WEFT__SLOT_WARM) {
		arena->warm--;
		atomic_store_relaxed(&store->warm, store->warm - 1);
	}
	arena->used++;
	atomic_store_relaxed(&store->used, store->used + 1);
	sort_arena(store, arena);
	return index;
}

/* ---- arenas come and go */

static struct weft__arena *reuse_closed(struct weft__store *store)
{
	struct weft__arena *arena;

	lock_store(store);
	arena = store->closed;
	if (arena != NULL)
		store->closed = (struct weft__arena *)(void *)arena->link.next;
	unlock_store(store);
	if (arena != NULL)
		weft__list_init(&arena->link);
	return arena;
}

static void keep_closed(struct weft__store *store, struct weft__arena *arena)
{
	lock_store(store);
	arena->link.next = (struct weft__list *)(void *)store->closed;
	store->closed = arena;
	unlock_store(store);
}

static void show_arena(struct weft__store *store, struct weft__arena *arena)
{
	struct weft__arena *first = atomic_load_relaxed(&store->all);

	do
		arena->next = first;
	while (!atomic_cas_release(&store->all, &first, arena)); /* ALL */
}

static int grow(struct weft__store *store)
{
	struct weft__arena *arena = reuse_closed(store);
	int rc;

	if (arena == NULL) {
		rc = weft__arena_create(slot_log2_of(store), &arena);
		if (rc != 0)
			return rc;
		show_arena(store, arena);
	}
	rc = weft__arena_open(arena);
	if (rc != 0) {
		keep_closed(store, arena);
		return rc;
	}
	lock_store(store);
	store->open_count++;
	sort_arena(store, arena);
	unlock_store(store);
	return 0;
}

/* Unmaps the arena if nothing of it is needed. */
static void shrink(struct weft__store *store, struct weft__arena *arena)
{
	char *low = NULL;

	lock_store(store);
	/* Not one that another has closed meanwhile, or that is just being opened again: neither is
	 * in a list. */
	if (arena->kind != WEFT__SLOT_NONE && arena->used == 0 && arena->warm == 0 &&
	    arena->cooling == 0 && store->open_count > 1 && store->walkers == 0) {
		/* Whoever walks from now on sees that there are no stacks. */
		low = arena->low;
		atomic_store_release(&arena->low, (char *)NULL);
		weft__list_remove(&arena->link);
		arena->kind = WEFT__SLOT_NONE;
		store->open_count--;
	}
	unlock_store(store);
	if (low == NULL)
		return;
	weft__arena_close(arena, low);
	keep_closed(store, arena);
}

/* ---- pages go back */

bool weft__store_is_above(const struct weft__store *store, uint32_t slack)
{
	uint32_t warm_max = (uint32_t)(WEFT__ARENA_BYTES >> slot_log2_of(store));
	uint32_t share = atomic_load_relaxed(&store->used) / 8;

	if (warm_max < WARM_MIN)
		warm_max = WARM_MIN;
	if (warm_max < share)
		warm_max = share;
	return atomic_load_relaxed(&store->warm) > warm_max + slack;
}

struct batch {
	int count;
	struct weft__arena *arena[WEFT__DISCARD_MAX];
	unsigned index[WEFT__DISCARD_MAX];
	void *at[WEFT__DISCARD_MAX];
};

/* Takes warm slots out, of the arenas that changed longest ago. */
static void collect(struct weft__store *store, struct batch *batch)
{
	lock_store(store);
	while (batch->count < WEFT__DISCARD_MAX && weft__store_is_above(store, 0)) {
		struct weft__arena *arena =
			container_of(store->arenas[WEFT__SLOT_WARM].prev, struct weft__arena, link);
		unsigned index = weft__arena_pop(arena, WEFT__SLOT_WARM);

		arena->warm--;
		atomic_store_relaxed(&store->warm, store->warm - 1);
		arena->cooling++;
		sort_arena(store, arena);
		batch->arena[batch->count] = arena;
		batch->index[batch->count] = index;
		batch->at[batch->count] = weft__arena_slot(arena, index) + WEFT__STACK_GUARD_BYTES;
		batch->count++;
	}
	unlock_store(store);
}

static void put_cold(struct weft__store *store, struct batch *batch)
{
	lock_store(store);
	for (int i = 0; i < batch->count; i++) {
		weft__arena_push(batch->arena[i], WEFT__SLOT_COLD, batch->index[i]);
		batch->arena[i]->cooling--;
		sort_arena(store, batch->arena[i]);
	}
	unlock_store(store);
}

bool weft__store_cool(struct weft__store *store)
{
	size_t slot_bytes = (size_t)1 << slot_log2_of(store);
	struct batch batch = { .count = 0 };

	collect(store, &batch);
	if (batch.count == 0)
		return false;
	weft__sys_discard_each(batch.at, slot_bytes - WEFT__STACK_GUARD_BYTES, batch.count);
	put_cold(store, &batch);
	for (int i = 0; i < batch.count; i++)
		if (i == 0 || batch.arena[i] != batch.arena[i - 1])
			shrink(store, batch.arena[i]);
	return true;
}

/* ---- take and give */

int weft__store_take(struct weft__store *store, struct weft__arena **out_arena, unsigned *out_index)
{
	for (;;) {
		struct weft__arena *arena;
		int rc;

		lock_store(store);
		arena = best_arena(store);
		if (arena != NULL)
			*out_index = take_slot(store, arena);
		unlock_store(store);
		if (arena != NULL) {
			*out_arena = arena;
			return 0;
		}
		rc = grow(store);
		if (rc != 0)
			return rc;
	}
}

void weft__store_give(struct weft__store *store, struct weft__arena *arena,
		      enum weft__slot_kind kind, unsigned index)
{
	lock_store(store);
	weft__arena_push(arena, kind, index);
	if (kind == WEFT__SLOT_WARM) {
		arena->warm++;
		atomic_store_relaxed(&store->warm, store->warm + 1);
	}
	arena->used--;
	atomic_store_relaxed(&store->used, store->used - 1);
	sort_arena(store, arena);
	unlock_store(store);
}

/* ---- walks and counts */

static void count_walkers(struct weft__store *store, uint32_t more)
{
	lock_store(store);
	store->walkers += more;
	unlock_store(store);
}

void weft__store_walk_begin(struct weft__store *store)
{
	count_walkers(store, 1);
}

void weft__store_walk_end(struct weft__store *store)
{
	count_walkers(store, (uint32_t)-1);
}

void weft__store_count(struct weft__store *store, struct weft__stack_counts *counts)
{
	lock_store(store);
	counts->in_use += store->used;
	counts->warm += store->warm;
	counts->arenas += store->open_count;
	unlock_store(store);
}

/* ---- fork's child */

/* Somebody may have held the lock: the lists need not be whole. */
void weft__store_forked(struct weft__store *store)
{
	for (struct weft__arena *arena = store->all; arena != NULL; arena = arena->next)
		arena->is_inherited = true;
	store->lock = 0;
	store->is_ready = false;
	store->closed = NULL;
	store->open_count = 0;
	store->used = store->warm = 0;
	store->walkers = 0;
}
