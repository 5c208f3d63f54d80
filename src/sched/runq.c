/* SPDX-License-Identifier: MIT */
/* Run queue: the parts that are not on the fast path. See runq.h. */
#include "sched/runq.h"

#include "base/panic.h"
#include "sys/sys.h"

static struct weft__ring *make_ring(uint32_t slots)
{
	size_t bytes = sizeof(struct weft__ring) + slots * sizeof(struct weft_thread *);
	struct weft__ring *ring;
	void *at;

	bytes = (bytes + WEFT__PAGE - 1) & ~(WEFT__PAGE - 1);
	if (weft__sys_reserve(bytes, WEFT__PAGE, &at) < 0)
		return NULL;
	ring = at;
	ring->bytes = bytes;
	ring->mask = slots - 1;
	ring->older = NULL;
	return ring;
}

int weft__runq_init(struct weft__runq *queue, bool alone)
{
	/* 256 slots and the head fit one page. */
	queue->ring = make_ring(256);
	if (queue->ring == NULL)
		return -ENOMEM;
	queue->tail = 0;
	queue->head = 0;
	queue->hot = NULL;
	queue->alone = alone;
	return 0;
}

void weft__runq_fini(struct weft__runq *queue)
{
	weft__assert(queue->head == queue->tail && queue->hot == NULL);
	while (queue->ring != NULL) {
		struct weft__ring *ring = queue->ring;

		queue->ring = ring->older;
		weft__sys_unreserve(ring, ring->bytes);
	}
}

bool weft__runq_grow(struct weft__runq *queue)
{
	struct weft__ring *old = queue->ring;
	struct weft__ring *ring;
	uint64_t head = atomic_load_acquire(&queue->head);

	if (old->mask >= UINT32_C(1) << 30)
		return false;
	ring = make_ring((old->mask + 1) * 2);
	if (ring == NULL)
		return false;
	/* Thieves may take some of these meanwhile: then the copies lie before the head, where
	 * nobody looks. */
	for (uint64_t i = head; i != queue->tail; i++)
		atomic_store_relaxed(&ring->slots[i & ring->mask],
				     atomic_load_relaxed(&old->slots[i & old->mask]));
	ring->older = old;
	atomic_store_release(&queue->ring, ring); /* RING: before the tail that needs it */
	return true;
}

uint32_t weft__runq_steal(struct weft__runq *from, struct weft__runq *to)
{
	uint64_t head = atomic_load_acquire(&from->head);

	for (;;) {
		/* Head first: so that the count is not too small by more than what was taken. Tail
		 * before ring (RING): a ring that is read after a tail holds all up to that
		 * tail. */
		uint64_t tail = atomic_load_acquire(&from->tail);
		struct weft__ring *ring = atomic_load_acquire(&from->ring);
		uint32_t count = (uint32_t)(tail - head);
		uint32_t taken = (count + 1) / 2;

		if (count == 0)
			return 0;
		/* A head read long ago and a tail read now can span more than there ever was: the
		 * claim below fails then. */
		if (taken > ring->mask) {
			head = atomic_load_acquire(&from->head);
			continue;
		}
		while (to->tail + taken - atomic_load_acquire(&to->head) > to->ring->mask + 1)
			if (!weft__runq_grow(to)) {
				taken = to->ring->mask + 1 - weft__runq_count(to);
				break;
			}
		if (taken == 0)
			return 0;
		for (uint32_t i = 0; i < taken; i++)
			atomic_store_relaxed(
				&to->ring->slots[(to->tail + i) & to->ring->mask],
				atomic_load_relaxed(&ring->slots[(head + i) & ring->mask]));
		if (atomic_cas_acq_rel(&from->head, &head, head + taken)) {
			atomic_store_release(&to->tail, to->tail + taken); /* PUSH */
			return taken;
		}
	}
}

struct weft_thread *weft__runq_hot_steal(struct weft__runq *from, struct weft_thread *seen)
{
	struct weft_thread *hot = seen;

	return seen != NULL && atomic_cas_acq_rel(&from->hot, &hot, NULL) ? seen : NULL;
}
