/* SPDX-License-Identifier: MIT */
/* What a caller sees of a slot: its guard made, its control block placed, found again. Slots come
 * from the stores. */
#include <errno.h>

#include "base/atomic.h"
#include "base/panic.h"
#include "mem/store.h"
#include "sys/sys.h"

#define COLOUR_STEP 64u /* a line of the cache */

/* NULL: too much. */
static struct weft__store *store_for(size_t bytes)
{
	unsigned log2 = WEFT__SLOT_LOG2_MIN;

	if (bytes > WEFT__STACK_BYTES_MAX)
		return NULL;
	while (((size_t)1 << log2) < bytes)
		log2++;
	return &weft__stores[log2 - WEFT__SLOT_LOG2_MIN];
}

static int guard_slot(struct weft__arena *arena, unsigned index)
{
	int how;

	if (arena->slots[index].guard != WEFT__GUARD_NONE)
		return 0;
	how = weft__sys_guard(weft__arena_slot(arena, index), WEFT__STACK_GUARD_BYTES);
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
	return weft__arena_slot(arena, index + 1) - block - colour;
}

int weft__stack_take(size_t bytes, size_t control_bytes, void **out_control, size_t *out_usable)
{
	struct weft__store *store = store_for(bytes);
	struct weft__arena *arena;
	unsigned index;
	char *control;
	int rc;

	weft__assert(control_bytes <= WEFT__STACK_CONTROL_MAX);
	if (store == NULL)
		return -EINVAL;
	rc = weft__store_take(store, &arena, &index);
	if (rc != 0)
		return rc;
	rc = guard_slot(arena, index);
	if (rc != 0) {
		weft__store_give(store, arena, WEFT__SLOT_BARE, index);
		return rc;
	}
	control = place_control(arena, index, control_bytes);
	*out_control = control;
	*out_usable = (size_t)(control - weft__arena_slot(arena, index)) - WEFT__STACK_GUARD_BYTES;
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
	struct weft__store *store;

	if (arena == NULL || control_of(arena, low, index) != control)
		weft__panic("stack %p is given back, but is none or not in use", control);
	store = weft__store_of(arena);
	atomic_store_release(&arena->slots[index].is_in_use, (uint8_t)0);
	if (unlikely(arena->is_inherited))
		return;
	weft__store_give(store, arena, WEFT__SLOT_WARM, index);
	if (weft__store_is_above(store, WEFT__DISCARD_MAX - 1))
		weft__store_cool(store);
}

void weft__stack_settle(void)
{
	for (unsigned i = 0; i < WEFT__STORES; i++)
		while (weft__store_is_above(&weft__stores[i], 0) &&
		       weft__store_cool(&weft__stores[i]))
			;
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

void weft__stack_hold(void)
{
	for (unsigned i = 0; i < WEFT__STORES; i++)
		weft__store_walk_begin(&weft__stores[i]);
}

void weft__stack_release(void)
{
	for (unsigned i = 0; i < WEFT__STORES; i++)
		weft__store_walk_end(&weft__stores[i]);
}

int weft__stack_walk(int (*visit)(void *arg, void *control), void *arg)
{
	int rc = 0;

	for (unsigned i = 0; i < WEFT__STORES && rc == 0; i++) {
		/* pairs with ALL */
		struct weft__arena *arena = atomic_load_acquire(&weft__stores[i].all);

		if (arena == NULL)
			continue;
		weft__store_walk_begin(&weft__stores[i]);
		for (; arena != NULL && rc == 0; arena = arena->next)
			rc = walk_arena(arena, visit, arg);
		weft__store_walk_end(&weft__stores[i]);
	}
	return rc;
}

void weft__stack_forked(void)
{
	for (unsigned i = 0; i < WEFT__STORES; i++)
		weft__store_forked(&weft__stores[i]);
}

void weft__stack_count(struct weft__stack_counts *out_counts)
{
	struct weft__stack_counts counts = { 0 };

	for (unsigned i = 0; i < WEFT__STORES; i++)
		weft__store_count(&weft__stores[i], &counts);
	*out_counts = counts;
}
