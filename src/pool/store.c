/* SPDX-License-Identifier: MIT */
/*
 * Where the records of tasks come from: blocks, and a list of those that are free. A handle may be
 * kept for longer than its pool: the store goes with the last of the two.
 */
#include <stdlib.h>

#include "pool/lane.h"
#include "pool/pool.h"

#define BLOCK_TASKS 64

struct weft__task_block {
	struct weft__task_block *next;
	struct weft_task tasks[BLOCK_TASKS];
	struct weft__lane lanes[]; /* BLOCK_TASKS, or none */
};

struct weft__task_store *weft__task_store_create(bool has_keys)
{
	struct weft__task_store *store = calloc(1, sizeof *store);

	if (store != NULL)
		store->has_keys = has_keys;
	return store;
}

void weft__task_store_close(struct weft__task_store *store)
{
	weft__spin_lock(&store->lock);
	store->closed = true;
	weft__spin_unlock(&store->lock);
}

static void free_store(struct weft__task_store *store)
{
	while (store->blocks != NULL) {
		struct weft__task_block *block = store->blocks;

		store->blocks = block->next;
		free(block);
	}
	free(store);
}

void weft__task_store_orphan(struct weft__task_store *store)
{
	bool last;

	weft__spin_lock(&store->lock);
	store->orphaned = true;
	last = store->out == 0;
	weft__spin_unlock(&store->lock);
	if (last)
		free_store(store);
}

static bool add_block(struct weft__task_store *store)
{
	size_t lanes = store->has_keys ? BLOCK_TASKS : 0;
	struct weft__task_block *block =
		calloc(1, sizeof *block + lanes * sizeof(struct weft__lane));

	if (block == NULL)
		return false;
	weft__spin_lock(&store->lock);
	block->next = store->blocks;
	store->blocks = block;
	for (unsigned i = 0; i < BLOCK_TASKS; i++) {
		block->tasks[i].store = store;
		block->tasks[i].spare_lane = i < lanes ? &block->lanes[i] : NULL;
		block->tasks[i].next = store->free;
		store->free = &block->tasks[i];
	}
	weft__spin_unlock(&store->lock);
	return true;
}

struct weft_task *weft__task_store_take(struct weft__task_store *store)
{
	struct weft_task *task;

	do {
		weft__spin_lock(&store->lock);
		task = store->free;
		if (task != NULL) {
			store->free = task->next;
			store->out++;
		}
		weft__spin_unlock(&store->lock);
	} while (task == NULL && add_block(store));
	return task;
}

void weft__task_hold(struct weft_task *task)
{
	atomic_add_relaxed(&task->references, 1);
}

void weft__task_drop(struct weft_task *task)
{
	struct weft__task_store *store = task->store;
	bool last;

	if (atomic_sub_acq_rel(&task->references, 1) != 1)
		return;
	weft__spin_lock(&store->lock);
	task->next = store->free;
	store->free = task;
	last = --store->out == 0 && store->orphaned;
	weft__spin_unlock(&store->lock);
	if (last)
		free_store(store);
}
