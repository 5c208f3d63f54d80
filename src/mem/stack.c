/* SPDX-License-Identifier: MIT */
/*
 * Taking and giving back. Each size of slot has its arenas, sorted by the best free slot that they
 * have, and a spin lock. System calls happen outside the lock, on slots that nobody else sees
 * meanwhile:
 *
 *   (in use) -> give -> WARM -> take -> (in use)
 *                        \-> cool (discarding) -> COLD -> take -> (in use)
 *   BARE -> take (guarding) -> (in use)
 *                \-> the guard failed -> BARE
 *
 * An arena whose slots are all free and cold is unmapped, unless it is the last of its size or
 * somebody walks.
 *
 * Rejected: one list of free slots per size (an arena could then not be taken out of it); warm
 * slots without a bound (the memory of the worst moment would stay for ever); discarding at once
 * (1.1 us each; 0.3 us in batches of 32).
 */
#include <errno.h>

#include "base/atomic.h"
#include "base/panic.h"
#include "mem/arena.h"
#include "mem/stack.h"
#include "sys/spin.h"
#include "sys/sys.h"

#define SLOT_LOG2_MIN 15u /* WEFT__STACK_BYTES_MIN */
#define SLOT_LOG2_MAX 30u /* WEFT__STACK_BYTES_MAX */
#define SIZES (SLOT_LOG2_MAX - SLOT_LOG2_MIN + 1)
#define WARM_MIN 2u
#define COLOUR_STEP 64u

struct size {
	uint32_t lock;
	/* guarded by lock; the counts are atomic for those who only look */
	bool is_ready;
	struct weft__list
		arenas[WEFT__SLOT_KINDS]; /* by the best free slot; the front was changed last */
	struct weft__arena *closed;       /* arenas without stacks, linked by `link.next` */
	uint32_t open_count;
	uint32_t used, warm;
	uint32_t walkers; /* arenas are not unmapped meanwhile */
	/* atomic: the newest of all arenas of this size */
	struct weft__arena *all;
} weft__aligned(WEFT__CACHE_LINE);

static struct size sizes[SIZES];

static struct size *size_of(const struct weft__arena *arena)
{
	return &sizes[arena->slot_log2 - SLOT_LOG2_MIN];
}

/* NULL: too much. */
static struct size *size_for(size_t bytes, unsigned *out_log2)
{
	unsigned log2 = SLOT_LOG2_MIN;

	if (bytes > WEFT__STACK_BYTES_MAX)
		return NULL;
	while (((size_t)1 << log2) < bytes)
		log2++;
	*out_log2 = log2;
	return &sizes[log2 - SLOT_LOG2_MIN];
}

static char *slot_end(const struct weft__arena *arena, unsigned index)
{
	return arena->low + ((size_t)(index + 1) << arena->slot_log2);
}

static char *slot_low(const struct weft__arena *arena, unsigned index)
{
	return arena->low + ((size_t)index << arena->slot_log2);
}

/* ---- under the lock */

static void lock_size(struct size *size)
{
	weft__spin_lock(&size->lock);
	if (likely(size->is_ready))
		return;
	for (int kind = 0; kind < WEFT__SLOT_KINDS; kind++)
		weft__list_init(&size->arenas[kind]);
	size->is_ready = true;
}

/* Puts the arena where its best free slot belongs; first among its equals if that has changed. */
static void sort_arena(struct size *size, struct weft__arena *arena)
{
	enum weft__slot_kind best = weft__arena_best(arena);

	if (best == arena->kind)
		return;
	weft__list_remove(&arena->link);
	arena->kind = best;
	if (best != WEFT__SLOT_NONE)
		weft__list_push_front(&size->arenas[best], &arena->link);
}

static struct weft__arena *best_arena(struct size *size)
{
	for (int kind = 0; kind < WEFT__SLOT_KINDS; kind++)
		if (!weft__list_is_empty(&size->arenas[kind]))
			return container_of(size->arenas[kind].next, struct weft__arena, link);
	return NULL;
}

static unsigned take_slot(struct size *size, struct weft__arena *arena)
{
	enum weft__slot_kind kind = arena->kind;
	unsigned index = weft__arena_pop(arena, kind);

	if (kind == WEFT__SLOT_WARM) {
		arena->warm--;
		atomic_store_relaxed(&size->warm, size->warm - 1);
	}
	arena->used++;
	atomic_store_relaxed(&size->used, size->used + 1);
	sort_arena(size, arena);
	return index;
}

static void give_slot(struct size *size, struct weft__arena *arena, enum weft__slot_kind kind,
		      unsigned index)
{
	weft__arena_push(arena, kind, index);
	if (kind == WEFT__SLOT_WARM) {
		arena->warm++;
		atomic_store_relaxed(&size->warm, size->warm + 1);
	}
	arena->used--;
	atomic_store_relaxed(&size->used, size->used - 1);
	sort_arena(size, arena);
}

static bool is_above_bound(const struct size *size, uint32_t slack)
{
	unsigned log2 = SLOT_LOG2_MIN + (unsigned)(size - sizes);
	uint32_t warm_max = (uint32_t)(WEFT__ARENA_BYTES >> log2);
	uint32_t share = atomic_load_relaxed(&size->used) / 8;

	if (warm_max < WARM_MIN)
		warm_max = WARM_MIN;
	if (warm_max < share)
		warm_max = share;
	return atomic_load_relaxed(&size->warm) > warm_max + slack;
}

/* ---- arenas come and go */

static struct weft__arena *reuse_closed(struct size *size)
{
	struct weft__arena *arena;

	lock_size(size);
	arena = size->closed;
	if (arena != NULL)
		size->closed = (struct weft__arena *)(void *)arena->link.next;
	weft__spin_unlock(&size->lock);
	if (arena != NULL)
		weft__list_init(&arena->link);
	return arena;
}

static void keep_closed(struct size *size, struct weft__arena *arena)
{
	lock_size(size);
	arena->link.next = (struct weft__list *)(void *)size->closed;
	size->closed = arena;
	weft__spin_unlock(&size->lock);
}

static void show_arena(struct size *size, struct weft__arena *arena)
{
	struct weft__arena *first = atomic_load_relaxed(&size->all);

	do
		arena->next = first;
	while (!atomic_cas_release(&size->all, &first, arena)); /* ALL */
}

static int grow(struct size *size, unsigned slot_log2)
{
	struct weft__arena *arena = reuse_closed(size);
	int rc;

	if (arena == NULL) {
		rc = weft__arena_create(slot_log2, &arena);
		if (rc != 0)
			return rc;
		show_arena(size, arena);
	}
	rc = weft__arena_open(arena);
	if (rc != 0) {
		keep_closed(size, arena);
		return rc;
	}
	lock_size(size);
	size->open_count++;
	sort_arena(size, arena);
	weft__spin_unlock(&size->lock);
	return 0;
}

/* Unmaps the arena if nothing of it is needed. */
static void shrink(struct size *size, struct weft__arena *arena)
{
	char *low = NULL;

	lock_size(size);
	/* Not one that another has closed meanwhile, or that is just being opened again: neither is in a list. */
	if (arena->kind != WEFT__SLOT_NONE && arena->used == 0 && arena->warm == 0 &&
	    arena->cooling == 0 && size->open_count > 1 && size->walkers == 0) {
		/* Whoever walks from now on sees that there are no stacks. */
		low = arena->low;
		atomic_store_release(&arena->low, (char *)NULL);
		weft__list_remove(&arena->link);
		arena->kind = WEFT__SLOT_NONE;
		size->open_count--;
	}
	weft__spin_unlock(&size->lock);
	if (low == NULL)
		return;
	weft__arena_close(arena, low);
	keep_closed(size, arena);
}

/* ---- pages go back */

struct batch {
	int count;
	struct weft__arena *arena[WEFT__DISCARD_MAX];
	unsigned index[WEFT__DISCARD_MAX];
	void *at[WEFT__DISCARD_MAX];
};

/* Takes warm slots out, of the arenas that changed longest ago. */
static void collect(struct size *size, struct batch *batch)
{
	lock_size(size);
	while (batch->count < WEFT__DISCARD_MAX && is_above_bound(size, 0)) {
		struct weft__arena *arena =
			container_of(size->arenas[WEFT__SLOT_WARM].prev, struct weft__arena, link);
		unsigned index = weft__arena_pop(arena, WEFT__SLOT_WARM);

		arena->warm--;
		atomic_store_relaxed(&size->warm, size->warm - 1);
		arena->cooling++;
		sort_arena(size, arena);
		batch->arena[batch->count] = arena;
		batch->index[batch->count] = index;
		batch->at[batch->count] = slot_low(arena, index) + WEFT__STACK_GUARD_BYTES;
		batch->count++;
	}
	weft__spin_unlock(&size->lock);
}

static void put_cold(struct size *size, struct batch *batch)
{
	lock_size(size);
	for (int i = 0; i < batch->count; i++) {
		weft__arena_push(batch->arena[i], WEFT__SLOT_COLD, batch->index[i]);
		batch->arena[i]->cooling--;
		sort_arena(size, batch->arena[i]);
	}
	weft__spin_unlock(&size->lock);
}

/* One batch; false: there was nothing to do. */
static bool cool(struct size *size)
{
	size_t slot_bytes = WEFT__STACK_BYTES_MIN << (size - sizes);
	struct batch batch = { .count = 0 };

	collect(size, &batch);
	if (batch.count == 0)
		return false;
	weft__sys_discard_each(batch.at, slot_bytes - WEFT__STACK_GUARD_BYTES, batch.count);
	put_cold(size, &batch);
	for (int i = 0; i < batch.count; i++)
		if (i == 0 || batch.arena[i] != batch.arena[i - 1])
			shrink(size, batch.arena[i]);
	return true;
}

void weft__stack_settle(void)
{
	for (unsigned i = 0; i < SIZES; i++)
		while (is_above_bound(&sizes[i], 0) && cool(&sizes[i]))
			;
}

/* ---- take and give */

static int guard_slot(struct weft__arena *arena, unsigned index)
{
	int how;

	if (arena->slots[index].guard != WEFT__GUARD_NONE)
		return 0;
	how = weft__sys_guard(slot_low(arena, index), WEFT__STACK_GUARD_BYTES);
	if (how < 0)
		return how;
	arena->slots[index].guard = how == 0 ? WEFT__GUARD_BY_MARK : WEFT__GUARD_BY_MAPPING;
	return 0;
}

static char *place_control(struct weft__arena *arena, unsigned index, size_t control_bytes)
{
	struct weft__slot *slot = &arena->slots[index];
	size_t colour = index * COLOUR_STEP % WEFT__STACK_COLOUR_BYTES;
	size_t block = (control_bytes + COLOUR_STEP - 1) / COLOUR_STEP * COLOUR_STEP;

	atomic_store_relaxed(&slot->control_offset, (uint16_t)(block + colour));
	atomic_store_release(&slot->is_in_use, (uint8_t)1); /* IN-USE */
	return slot_end(arena, index) - block - colour;
}

static int take_from(struct size *size, unsigned slot_log2, struct weft__arena **out_arena,
		     unsigned *out_index)
{
	for (;;) {
		struct weft__arena *arena;
		int rc;

		lock_size(size);
		arena = best_arena(size);
		if (arena != NULL)
			*out_index = take_slot(size, arena);
		weft__spin_unlock(&size->lock);
		if (arena != NULL) {
			*out_arena = arena;
			return 0;
		}
		rc = grow(size, slot_log2);
		if (rc != 0)
			return rc;
	}
}

int weft__stack_take(size_t bytes, size_t control_bytes, void **out_control, size_t *out_usable)
{
	unsigned slot_log2;
	struct size *size = size_for(bytes, &slot_log2);
	struct weft__arena *arena;
	unsigned index;
	char *control;
	int rc;

	weft__assert(control_bytes <= WEFT__STACK_CONTROL_MAX);
	if (size == NULL)
		return -EINVAL;
	rc = take_from(size, slot_log2, &arena, &index);
	if (rc != 0)
		return rc;
	rc = guard_slot(arena, index);
	if (rc != 0) {
		lock_size(size);
		give_slot(size, arena, WEFT__SLOT_BARE, index);
		weft__spin_unlock(&size->lock);
		return rc;
	}
	control = place_control(arena, index, control_bytes);
	*out_control = control;
	*out_usable = (size_t)(control - slot_low(arena, index)) - WEFT__STACK_GUARD_BYTES;
	return 0;
}

/* The arena and slot of an address; NULL: none of ours. Async-signal-safe. */
static struct weft__arena *find_slot(const void *address, char **out_low, unsigned *out_index)
{
	struct weft__arena *arena = weft__map_find(address);
	char *low;
	size_t index;

	if (arena == NULL)
		return NULL;
	low = atomic_load_acquire(&arena->low);
	if (low == NULL || (const char *)address < low)
		return NULL;
	index = (size_t)((const char *)address - low) >> arena->slot_log2;
	if (index >= atomic_load_relaxed(&arena->slot_count))
		return NULL;
	*out_low = low;
	*out_index = (unsigned)index;
	return arena;
}

static void *control_of(struct weft__arena *arena, char *low, unsigned index)
{
	struct weft__slot *slot = &arena->slots[index];

	if (!atomic_load_acquire(&slot->is_in_use)) /* pairs with IN-USE */
		return NULL;
	return low + ((size_t)(index + 1) << arena->slot_log2) -
	       atomic_load_relaxed(&slot->control_offset);
}

void weft__stack_give(void *control)
{
	unsigned index;
	char *low;
	struct weft__arena *arena = find_slot(control, &low, &index);
	struct size *size;

	if (arena == NULL || control_of(arena, low, index) != control)
		weft__panic("stack %p is given back, but is none or not in use", control);
	size = size_of(arena);
	atomic_store_release(&arena->slots[index].is_in_use, (uint8_t)0);
	lock_size(size);
	give_slot(size, arena, WEFT__SLOT_WARM, index);
	weft__spin_unlock(&size->lock);
	if (is_above_bound(size, WEFT__DISCARD_MAX - 1))
		cool(size);
}

bool weft__stack_find(const void *address, struct weft__stack_place *out_place)
{
	unsigned index;
	char *low;
	struct weft__arena *arena = find_slot(address, &low, &index);
	char *slot;

	if (arena == NULL)
		return false;
	slot = low + ((size_t)index << arena->slot_log2);
	out_place->slot = slot;
	out_place->slot_bytes = weft__arena_slot_bytes(arena);
	out_place->is_in_guard = (size_t)((const char *)address - slot) < WEFT__STACK_GUARD_BYTES;
	out_place->control = control_of(arena, low, index);
	out_place->is_in_use = out_place->control != NULL;
	return true;
}

/* ---- all of them */

static int walk_arena(struct weft__arena *arena, int (*visit)(void *arg, void *control), void *arg)
{
	char *low = atomic_load_acquire(&arena->low);
	uint32_t count = atomic_load_relaxed(&arena->slot_count);

	for (uint32_t i = 0; low != NULL && i < count; i++) {
		void *control = control_of(arena, low, i);
		int rc = control != NULL ? visit(arg, control) : 0;

		if (rc != 0)
			return rc;
	}
	return 0;
}

static void count_walkers(struct size *size, uint32_t more)
{
	lock_size(size);
	size->walkers += more;
	weft__spin_unlock(&size->lock);
}

int weft__stack_walk(int (*visit)(void *arg, void *control), void *arg)
{
	int rc = 0;

	for (unsigned i = 0; i < SIZES && rc == 0; i++) {
		struct weft__arena *arena = atomic_load_acquire(&sizes[i].all); /* pairs with ALL */

		if (arena == NULL)
			continue;
		count_walkers(&sizes[i], 1);
		for (; arena != NULL && rc == 0; arena = arena->next)
			rc = walk_arena(arena, visit, arg);
		count_walkers(&sizes[i], (uint32_t)-1);
	}
	return rc;
}

void weft__stack_count(struct weft__stack_counts *out_counts)
{
	struct weft__stack_counts counts = { 0 };

	for (unsigned i = 0; i < SIZES; i++) {
		lock_size(&sizes[i]);
		counts.in_use += sizes[i].used;
		counts.warm += sizes[i].warm;
		counts.arenas += sizes[i].open_count;
		weft__spin_unlock(&sizes[i].lock);
	}
	*out_counts = counts;
}
