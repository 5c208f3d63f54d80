/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "base/panic.h"
#include "mem/arena.h"
#include "mem/stack.h"
#include "sys/sys.h"

static uint32_t slot_count_for(unsigned slot_log2)
{
	size_t count = WEFT__ARENA_BYTES >> slot_log2;

	return count > WEFT__ARENA_SLOTS_MIN ? (uint32_t)count : WEFT__ARENA_SLOTS_MIN;
}

int weft__arena_create(unsigned slot_log2, struct weft__arena **out_arena)
{
	size_t bytes =
		sizeof(struct weft__arena) + slot_count_for(slot_log2) * sizeof(struct weft__slot);
	struct weft__arena *arena;
	void *at;
	int rc;

	bytes = (bytes + WEFT__PAGE - 1) & ~(WEFT__PAGE - 1);
	rc = weft__sys_reserve(bytes, WEFT__PAGE, &at);
	if (rc != 0)
		return rc;
	arena = at;
	arena->slot_log2 = (uint8_t)slot_log2;
	arena->record_bytes = bytes;
	arena->kind = WEFT__SLOT_NONE;
	weft__list_init(&arena->link);
	*out_arena = arena;
	return 0;
}

/* Where 16 large slots find no room, fewer may. */
static int reserve_slots(unsigned slot_log2, uint32_t *out_count, void **out_low)
{
	uint32_t count = slot_count_for(slot_log2);
	size_t bytes = (size_t)count << slot_log2;
	int rc;

	while ((rc = weft__sys_reserve(bytes, WEFT__ARENA_BYTES, out_low)) == -ENOMEM &&
	       count > 1 && bytes > WEFT__ARENA_BYTES) {
		count /= 2;
		bytes /= 2;
	}
	if (rc == 0)
		*out_count = count;
	return rc;
}

int weft__arena_open(struct weft__arena *arena)
{
	uint32_t count;
	size_t bytes;
	void *low;
	int rc = reserve_slots(arena->slot_log2, &count, &low);

	if (rc != 0)
		return rc;
	bytes = (size_t)count << arena->slot_log2;
	atomic_store_relaxed(&arena->slot_count, count);
	rc = weft__map_set(low, bytes, arena);
	if (rc != 0) {
		weft__sys_unreserve(low, bytes);
		return rc;
	}
	atomic_store_release(&arena->low, (char *)low);
	return 0;
}

static void unguard_slots(struct weft__arena *arena, char *low)
{
	for (uint32_t i = 0; i < arena->fresh; i++)
		if (arena->slots[i].guard == WEFT__GUARD_BY_MAPPING)
			weft__sys_unguard(low + ((size_t)i << arena->slot_log2),
					  WEFT__STACK_GUARD_BYTES, 1);
}

/* The records' first page stays; the others are zero afterwards, like the slots that they hold. */
static void clear_slots(struct weft__arena *arena)
{
	char *second_page = (char *)arena + WEFT__PAGE;

	memset(arena->slots, 0, (size_t)(second_page - (char *)arena->slots));
	if (arena->record_bytes > WEFT__PAGE)
		weft__sys_discard(second_page, arena->record_bytes - WEFT__PAGE);
}

void weft__arena_close(struct weft__arena *arena, char *low)
{
	size_t bytes = (size_t)arena->slot_count << arena->slot_log2;

	weft__assert(arena->low == NULL && arena->used == 0 && arena->cooling == 0);
	unguard_slots(arena, low);
	weft__map_clear(low, bytes);
	weft__sys_unreserve(low, bytes);
	clear_slots(arena);
	/* The counts are 0 already, and others may look at them. */
	arena->fresh = 0;
	memset(arena->first, 0, sizeof arena->first);
}

void weft__arena_push(struct weft__arena *arena, enum weft__slot_kind kind, unsigned index)
{
	weft__assert(kind < WEFT__SLOT_KINDS && index < arena->slot_count);
	arena->slots[index].next = arena->first[kind];
	arena->first[kind] = (uint16_t)(index + 1);
}

unsigned weft__arena_pop(struct weft__arena *arena, enum weft__slot_kind kind)
{
	unsigned index;

	if (arena->first[kind] == 0) {
		weft__assert(kind == WEFT__SLOT_BARE && arena->fresh < arena->slot_count);
		return arena->fresh++;
	}
	index = arena->first[kind] - 1u;
	arena->first[kind] = arena->slots[index].next;
	return index;
}

enum weft__slot_kind weft__arena_best(const struct weft__arena *arena)
{
	if (arena->first[WEFT__SLOT_WARM] != 0)
		return WEFT__SLOT_WARM;
	if (arena->first[WEFT__SLOT_COLD] != 0)
		return WEFT__SLOT_COLD;
	if (arena->first[WEFT__SLOT_BARE] != 0 || arena->fresh < arena->slot_count)
		return WEFT__SLOT_BARE;
	return WEFT__SLOT_NONE;
}
