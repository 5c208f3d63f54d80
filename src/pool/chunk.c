/* SPDX-License-Identifier: MIT */
/* Chunks; see chunk.h. Taken with a queue locked, so nothing here calls malloc: a block's record is
 * its first page. */
#include "pool/chunk.h"

#include "base/panic.h"
#include "sys/spin.h"

#define BLOCK_CHUNKS 64u

_Static_assert(sizeof(struct weft__chunk) == 4096, "a chunk is a page");

struct weft__chunk_block {
	struct weft__list link; /* in store->blocks while it has free chunks */
	struct weft__chunk *free;
	unsigned used;
	unsigned fresh; /* chunks from here on were never taken */
	struct weft__chunk at[] weft__aligned(WEFT__PAGE);
};

#define BLOCK_BYTES (sizeof(struct weft__chunk_block) + BLOCK_CHUNKS * sizeof(struct weft__chunk))

void weft__chunk_store_init(struct weft__chunk_store *store)
{
	store->lock = 0;
	store->unused = 0;
	weft__list_init(&store->blocks);
}

void weft__chunk_store_fini(struct weft__chunk_store *store)
{
	struct weft__list *item;

	while ((item = weft__list_pop(&store->blocks)) != NULL) {
		struct weft__chunk_block *block =
			container_of(item, struct weft__chunk_block, link);

		weft__assert(block->used == 0);
		weft__sys_unreserve(block, BLOCK_BYTES);
	}
}

/* All-zero. NULL: no memory. */
static struct weft__chunk_block *make_block(void)
{
	void *at;

	return weft__sys_reserve(BLOCK_BYTES, WEFT__PAGE, &at) < 0 ? NULL : at;
}

/* With the lock held, from a block that has one. */
static struct weft__chunk *take_chunk(struct weft__chunk_store *store,
				      struct weft__chunk_block *block)
{
	struct weft__chunk *chunk = block->free;

	if (chunk != NULL)
		block->free = chunk->next;
	else
		chunk = &block->at[block->fresh++];
	store->unused -= block->used == 0;
	if (++block->used == BLOCK_CHUNKS)
		weft__list_remove(&block->link);
	return chunk;
}

struct weft__chunk *weft__chunk_take(struct weft__chunk_store *store)
{
	struct weft__chunk *chunk;
	struct weft__chunk_block *block;

	weft__spin_lock(&store->lock);
	while (weft__list_is_empty(&store->blocks)) {
		weft__spin_unlock(&store->lock);
		block = make_block();
		if (block == NULL)
			return NULL;
		weft__spin_lock(&store->lock);
		weft__list_push(&store->blocks, &block->link);
		store->unused++;
	}
	block = container_of(store->blocks.next, struct weft__chunk_block, link);
	chunk = take_chunk(store, block);
	weft__spin_unlock(&store->lock);
	chunk->block = block; /* the first touch of a page takes long: not under the lock */
	return chunk;
}

void weft__chunk_give(struct weft__chunk_store *store, struct weft__chunk *chunk)
{
	struct weft__chunk_block *block = chunk->block, *surplus = NULL;

	weft__spin_lock(&store->lock);
	chunk->next = block->free;
	block->free = chunk;
	if (block->used-- == BLOCK_CHUNKS)
		weft__list_push_front(&store->blocks, &block->link);
	if (block->used == 0 && ++store->unused > 1) {
		store->unused--;
		weft__list_remove(&block->link);
		surplus = block;
	}
	weft__spin_unlock(&store->lock);
	if (surplus != NULL)
		weft__sys_unreserve(surplus, BLOCK_BYTES);
}
