/* SPDX-License-Identifier: MIT */
/*
 * Arenas: where slots of one size come from, 64 MiB or 16 slots of address space at a time,
 * whichever is more.
 *
 * The records of an arena and its slots lie apart from the stacks (a smashed stack does not smash
 * them, and a parked thread keeps its one page): 6 bytes a slot. They are never unmapped, so that
 * who finds an arena in the map may read it, whenever: an arena whose stacks went back to the
 * kernel has low == NULL, and is used again.
 */
#ifndef WEFT_MEM_ARENA_H
#define WEFT_MEM_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

#define WEFT__ARENA_BYTES_LOG2 26
#define WEFT__ARENA_BYTES ((size_t)1 << WEFT__ARENA_BYTES_LOG2)
#define WEFT__ARENA_SLOTS_MIN 16u

/* guard: how a slot is guarded */
enum { WEFT__GUARD_NONE = 0, WEFT__GUARD_BY_MARK = 1, WEFT__GUARD_BY_MAPPING = 2 };

struct weft__slot {
	/* guarded by the lock of its size */
	uint16_t next; /* in a list of its arena: index + 1; 0: the last */
	/* whoever took the slot; atomic for weft__stack_find */
	uint16_t control_offset; /* from the slot's end down to the control block */
	uint8_t is_in_use;
	uint8_t guard;
};

/* What the best free slot of an arena is, in the order in which they are taken. */
enum weft__slot_kind {
	WEFT__SLOT_WARM, /* guarded, has pages */
	WEFT__SLOT_COLD, /* guarded, has no pages */
	WEFT__SLOT_BARE, /* not guarded */
	WEFT__SLOT_KINDS,
	WEFT__SLOT_NONE = WEFT__SLOT_KINDS,
};

struct weft__arena {
	/* atomic for weft__stack_find; written under the lock of its size */
	char *low; /* NULL: its stacks are unmapped */
	/* constant */
	struct weft__arena *next; /* all arenas of this size, ever */
	uint8_t slot_log2;
	/* in fork's child: it was there before; its free slots are left alone */
	bool is_inherited;
	size_t record_bytes; /* of this mapping */
	/* guarded by the lock of its size */
	uint32_t slot_count;    /* atomic for weft__stack_find */
	struct weft__list link; /* among the arenas of the same kind; out of any list when NONE */
	enum weft__slot_kind kind; /* of the best free slot */
	uint32_t used;             /* taken */
	uint32_t warm;             /* free, with pages */
	uint32_t cooling;          /* free, and somebody discards their pages outside the lock */
	uint32_t fresh;            /* slots from here on were never used; BARE */
	uint16_t first[WEFT__SLOT_KINDS]; /* lists, last in first out */
	struct weft__slot slots[];
};

static inline size_t weft__arena_slot_bytes(const struct weft__arena *arena)
{
	return (size_t)1 << arena->slot_log2;
}

/* Only while the arena is open. */
static inline char *weft__arena_slot(const struct weft__arena *arena, unsigned index)
{
	return arena->low + ((size_t)index << arena->slot_log2);
}

/* The records alone: no stacks yet. */
int weft__arena_create(unsigned slot_log2, struct weft__arena **out_arena);
/* Reserves the stacks; on failure the records are as before. */
int weft__arena_open(struct weft__arena *arena);
/* Gives the stacks at `low` back: all free, the arena in no list, its low already NULL. */
void weft__arena_close(struct weft__arena *arena, char *low);

/* The lists of free slots; under the lock of its size. */
void weft__arena_push(struct weft__arena *arena, enum weft__slot_kind kind, unsigned index);
unsigned weft__arena_pop(struct weft__arena *arena, enum weft__slot_kind kind);
enum weft__slot_kind weft__arena_best(const struct weft__arena *arena);

/* map.c: which arena an address lies in. Reading is async-signal-safe and constant time. NULL:
 * none. */
struct weft__arena *weft__map_find(const void *address);
int weft__map_set(char *low, size_t bytes, struct weft__arena *arena); /* -ENOMEM: nothing is set */
void weft__map_clear(char *low, size_t bytes);

#endif
