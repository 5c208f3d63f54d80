/* SPDX-License-Identifier: MIT */
/*
 * The map from addresses to arenas: a tree of two levels over chunks of 64 MiB, as all arenas begin
 * and end at multiples of that. It covers 48 bits of address; the kernel hands out no more unless
 * asked. A leaf speaks for 128 GiB and is never given back, so reading needs no lock and is
 * async-signal-safe. Written by whoever opens or closes the arena, which no two do at once.
 */
#include <errno.h>

#include "base/atomic.h"
#include "base/panic.h"
#include "mem/arena.h"
#include "sys/sys.h"

#define LEVEL_BITS 11
#define LEVEL_SIZE (1u << LEVEL_BITS)

struct leaf {
	struct weft__arena *arenas[LEVEL_SIZE]; /* atomic */
};

static struct leaf *root[LEVEL_SIZE]; /* atomic; set once each */

static size_t chunk_of(const void *address)
{
	return (uintptr_t)address >> WEFT__ARENA_BYTES_LOG2;
}

/* NULL: outside the map, or no leaf there. */
static struct weft__arena **entry_of(size_t chunk)
{
	struct leaf *leaf;

	if (chunk >= (size_t)LEVEL_SIZE * LEVEL_SIZE)
		return NULL;
	leaf = atomic_load_acquire(&root[chunk / LEVEL_SIZE]); /* pairs with LEAF */
	return leaf != NULL ? &leaf->arenas[chunk % LEVEL_SIZE] : NULL;
}

static int make_leaf(size_t chunk)
{
	struct leaf *nobody = NULL;
	void *leaf;
	int rc;

	if (chunk >= (size_t)LEVEL_SIZE * LEVEL_SIZE)
		return -ENOMEM;
	if (entry_of(chunk) != NULL)
		return 0;
	rc = weft__sys_reserve(sizeof(struct leaf), WEFT__PAGE, &leaf);
	if (rc != 0)
		return rc;
	if (!atomic_cas_acq_rel(&root[chunk / LEVEL_SIZE], &nobody, (struct leaf *)leaf)) /* LEAF */
		weft__sys_unreserve(leaf, sizeof(struct leaf)); /* somebody was faster */
	return 0;
}

struct weft__arena *weft__map_find(const void *address)
{
	struct weft__arena **entry = entry_of(chunk_of(address));

	return entry != NULL ? atomic_load_acquire(entry) : NULL; /* pairs with ENTRY */
}

int weft__map_set(char *low, size_t bytes, struct weft__arena *arena)
{
	size_t first = chunk_of(low), end = chunk_of(low + bytes - 1) + 1;

	for (size_t chunk = first; chunk < end; chunk++) {
		int rc = make_leaf(chunk);

		if (rc != 0)
			return rc;
	}
	for (size_t chunk = first; chunk < end; chunk++)
		atomic_store_release(entry_of(chunk), arena); /* ENTRY */
	return 0;
}

void weft__map_clear(char *low, size_t bytes)
{
	size_t first = chunk_of(low), end = chunk_of(low + bytes - 1) + 1;

	for (size_t chunk = first; chunk < end; chunk++)
		atomic_store_release(entry_of(chunk), (struct weft__arena *)NULL);
}
