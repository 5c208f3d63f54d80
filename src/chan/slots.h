/* SPDX-License-Identifier: MIT */
/*
 * Slots: where elements lie on their way, in the order in which they came. Guarded by the channel's
 * lock, under which nothing is allocated and nothing freed (sys/spin.h).
 *
 * A ring of one chunk, in the channel's own memory; or, if it grows, a list of chunks: elements are
 * put into the last and taken from the first. A first chunk that is used up is kept as the spare,
 * or, if there is one, given to the caller to be freed. A put that needs a chunk takes the spare,
 * or fails: then the caller allocates one without the lock, gives it as the spare, and tries again.
 *
 *	head	the next element, if there is one; may stand at head_end, the chunk used up
 *	tail	the next free place; may stand at tail_end, the chunk full
 *
 * Elements of no bytes lie nowhere; how many there are is the channel's count.
 */
#ifndef WEFT_CHAN_SLOTS_H
#define WEFT_CHAN_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/compiler.h"

struct weft__chunk {
	struct weft__chunk *next;
	unsigned char bytes[];
};

struct weft__slots {
	size_t element_bytes;
	unsigned char *head, *head_end, *tail, *tail_end;
	struct weft__chunk *first, *last; /* NULL: a ring */
	struct weft__chunk *spare;
	size_t chunk_bytes;
};

/* The usual sizes without a call. */
static weft__always_inline void weft__slots_copy(void *to, const void *from, size_t bytes)
{
	if (likely(bytes == 8))
		memcpy(to, from, 8);
	else if (bytes == 16)
		memcpy(to, from, 16);
	else if (bytes == 4)
		memcpy(to, from, 4);
	else if (bytes != 0)
		memcpy(to, from, bytes);
}

/* A ring at `bytes`. */
void weft__slots_ring(struct weft__slots *slots, size_t element_bytes, void *bytes,
		      size_t capacity);
/* What grows. False: no memory. */
bool weft__slots_grow(struct weft__slots *slots, size_t element_bytes);
void weft__slots_fini(struct weft__slots *slots);

/* Without the lock. NULL: no memory. */
struct weft__chunk *weft__slots_chunk(const struct weft__slots *slots);
void weft__slots_free(struct weft__chunk *chunk) weft__cold;

/* tail stands at its end. False: a chunk is needed. */
bool weft__slots_next_tail(struct weft__slots *slots, bool is_empty);
/* head stands at its end. Returns a chunk to be freed after the unlock, or NULL. */
struct weft__chunk *weft__slots_next_head(struct weft__slots *slots);

/* False: a chunk is needed. The caller knows that a ring has room. */
static weft__always_inline bool weft__slots_put(struct weft__slots *slots, const void *element,
						bool is_empty)
{
	if (unlikely(slots->tail == slots->tail_end) && !weft__slots_next_tail(slots, is_empty))
		return false;
	weft__slots_copy(slots->tail, element, slots->element_bytes);
	slots->tail += slots->element_bytes;
	return true;
}

/* The caller knows that there is one. Returns a chunk to be freed after the unlock, or NULL. */
static weft__always_inline struct weft__chunk *weft__slots_take(struct weft__slots *slots,
								void *out_element)
{
	struct weft__chunk *left = NULL;

	if (unlikely(slots->head == slots->head_end))
		left = weft__slots_next_head(slots);
	weft__slots_copy(out_element, slots->head, slots->element_bytes);
	slots->head += slots->element_bytes;
	return left;
}

#endif
