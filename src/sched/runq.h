/* SPDX-License-Identifier: MIT */
/*
 * The run queue of a processor: a ring that grows, first in first out, and a hot slot before it.
 *
 *   owner    pushes at the tail, pops at the head, puts into and takes from the hot slot
 *   thieves  take the older half from the head; the hot slot last, and only when they have seen the
 *            same thread in it before
 *
 * head moves only by compare-and-swap from what was read, and only forward, so the slots between a
 * head and a tail that were read together are not overwritten while that head stands: a thief
 * copies first and then claims all it copied in one compare-and-swap. A grown ring is published
 * before the tail that needs it (label RING); the old rings stay until the end, for a thief that
 * still reads one. Indices are 64-bit, so that none ever comes round.
 * When no thief exists (`alone`: one processor) the head is moved by a plain store.
 *
 * When a ring cannot grow (no memory) the push is refused and the thread goes to the scheduler's
 * global queue, which needs no memory. models/runqueue.pml is this protocol. Rejected: Chase-Lev
 * (its owner is last in first out), a fixed ring that spills into the global queue (with more
 * threads than slots the spilled ones ran 60 times less often).
 */
#ifndef WEFT_SCHED_RUNQ_H
#define WEFT_SCHED_RUNQ_H

#include <stdbool.h>
#include <stdint.h>

#include <errno.h>
#include <stddef.h>

#include "base/atomic.h"
#include "base/compiler.h"

struct weft_thread;

struct weft__ring {
	struct weft__ring *older;
	size_t bytes;
	uint32_t mask;
	struct weft_thread *slots[]; /* atomic */
};

struct weft__runq {
	/* owner processor writes, others read */
	struct weft__ring *ring; /* atomic */
	uint64_t tail;           /* atomic */
	bool alone;
	/* all */
	uint64_t head weft__aligned(WEFT__CACHE_LINE); /* atomic */
	struct weft_thread *hot;                       /* atomic */
};

int weft__runq_init(struct weft__runq *queue, bool alone);
void weft__runq_fini(struct weft__runq *queue);
bool weft__runq_grow(struct weft__runq *queue) weft__cold;

static inline uint32_t weft__runq_count(struct weft__runq *queue)
{
	/* For others than the owner an estimate. Head is read first, so it cannot seem to pass the
	 * tail. */
	uint64_t head = atomic_load_acquire(&queue->head);

	return (uint32_t)(atomic_load_acquire(&queue->tail) - head);
}

/* Owner. False: full, and no memory to grow. */
static inline bool weft__runq_push(struct weft__runq *queue, struct weft_thread *thread)
{
	uint64_t tail = queue->tail;
	struct weft__ring *ring = queue->ring;

	if (unlikely(tail - atomic_load_acquire(&queue->head) > ring->mask)) {
		if (!weft__runq_grow(queue))
			return false;
		ring = queue->ring;
	}
	atomic_store_relaxed(&ring->slots[tail & ring->mask], thread);
	atomic_store_release(&queue->tail, tail + 1); /* PUSH: slot before tail */
	return true;
}

/* Owner. NULL: empty. */
static inline struct weft_thread *weft__runq_pop(struct weft__runq *queue)
{
	uint64_t head = atomic_load_acquire(&queue->head);
	struct weft_thread *thread;

	do {
		if (head == queue->tail)
			return NULL;
		thread = atomic_load_relaxed(&queue->ring->slots[head & queue->ring->mask]);
		if (queue->alone) {
			atomic_store_relaxed(&queue->head, head + 1);
			return thread;
		}
	} while (!atomic_cas_acq_rel(&queue->head, &head, head + 1));
	return thread;
}

/* Owner, alone. Pops one and pushes another, for which there is room then. NULL: empty, nothing was
 * pushed. The two that follow: *out_ahead. */
static weft__always_inline struct weft_thread *weft__runq_turn(struct weft__runq *queue,
							       struct weft_thread *thread,
							       struct weft_thread *out_ahead[2])
{
	uint64_t head = queue->head, tail = queue->tail;
	struct weft__ring *ring = queue->ring;
	uint32_t mask = ring->mask;
	struct weft_thread *next;

	if (head == tail)
		return NULL;
	next = ring->slots[head & mask];
	atomic_store_relaxed(&ring->slots[tail & mask], thread);
	atomic_store_relaxed(&queue->head, head + 1);
	atomic_store_release(&queue->tail, tail + 1); /* PUSH */
	out_ahead[0] = ring->slots[(head + 1) & mask];
	out_ahead[1] = ring->slots[(head + 2) & mask];
	return next;
}

/* Owner. The one that is popped after `skipped` others; NULL: there are not so many. */
static inline struct weft_thread *weft__runq_peek(struct weft__runq *queue, uint64_t skipped)
{
	uint64_t index = atomic_load_relaxed(&queue->head) + skipped;

	return index < queue->tail
		       ? atomic_load_relaxed(&queue->ring->slots[index & queue->ring->mask])
		       : NULL;
}

/* Owner. Puts a thread into the hot slot; returns the one that was there, or NULL. */
static inline struct weft_thread *weft__runq_hot_put(struct weft__runq *queue,
						     struct weft_thread *thread)
{
	struct weft_thread *old = atomic_load_relaxed(&queue->hot);

	/* Others only ever empty the slot: an empty one stays so, and needs no exchange. */
	if (old == NULL) {
		atomic_store_release(&queue->hot, thread);
		return NULL;
	}
	if (queue->alone) {
		atomic_store_relaxed(&queue->hot, thread);
		return old;
	}
	return atomic_swap_acq_rel(&queue->hot, thread);
}

/* Owner. NULL: empty. */
static inline struct weft_thread *weft__runq_hot_take(struct weft__runq *queue)
{
	struct weft_thread *thread = atomic_load_relaxed(&queue->hot);

	if (thread == NULL)
		return NULL;
	if (queue->alone) {
		atomic_store_relaxed(&queue->hot, NULL);
		return thread;
	}
	return atomic_swap_acq_rel(&queue->hot, NULL);
}

/* Thief: the owner of `to` moves the older half of `from` to it. Returns how many; 0: nothing
 * there, or others were quicker. */
uint32_t weft__runq_steal(struct weft__runq *from, struct weft__runq *to);

/* Thief: takes the hot thread if it is still `seen`. */
struct weft_thread *weft__runq_hot_steal(struct weft__runq *from, struct weft_thread *seen);

#endif
