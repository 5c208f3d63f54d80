/* SPDX-License-Identifier: MIT */
/* Slots: the parts that are not on the fast path. See slots.h. */
#include "chan/slots.h"

#include <stdlib.h>

#define CHUNK_BYTES ((size_t)4096 - sizeof(struct weft__chunk))
#define CHUNK_ELEMENTS_MIN 8

void weft__slots_ring(struct weft__slots *slots, size_t element_bytes, void *bytes, size_t capacity)
{
	slots->element_bytes = element_bytes;
	slots->chunk_bytes = element_bytes * capacity;
	slots->head = bytes;
	slots->tail = slots->head;
	slots->head_end = slots->head + slots->chunk_bytes;
	slots->tail_end = slots->head_end;
	slots->first = NULL;
	slots->last = NULL;
	slots->spare = NULL;
}

struct weft__chunk *weft__slots_chunk(const struct weft__slots *slots)
{
	struct weft__chunk *chunk = malloc(sizeof *chunk + slots->chunk_bytes);

	if (chunk != NULL)
		chunk->next = NULL;
	return chunk;
}

void weft__slots_free(struct weft__chunk *chunk)
{
	free(chunk);
}

static void begin_head(struct weft__slots *slots)
{
	slots->head = slots->first->bytes;
	slots->head_end = slots->head + slots->chunk_bytes;
}

static void begin_tail(struct weft__slots *slots)
{
	slots->tail = slots->last->bytes;
	slots->tail_end = slots->tail + slots->chunk_bytes;
}

bool weft__slots_grow(struct weft__slots *slots, size_t element_bytes)
{
	size_t elements = element_bytes != 0 ? CHUNK_BYTES / element_bytes : 0;

	if (elements < CHUNK_ELEMENTS_MIN)
		elements = CHUNK_ELEMENTS_MIN;
	slots->element_bytes = element_bytes;
	slots->chunk_bytes = element_bytes * elements;
	slots->spare = NULL;
	slots->first = weft__slots_chunk(slots);
	if (slots->first == NULL)
		return false;
	slots->last = slots->first;
	begin_head(slots);
	begin_tail(slots);
	return true;
}

void weft__slots_fini(struct weft__slots *slots)
{
	free(slots->spare);
	while (slots->first != NULL) {
		struct weft__chunk *chunk = slots->first;

		slots->first = chunk->next;
		free(chunk);
	}
}

bool weft__slots_next_tail(struct weft__slots *slots, bool is_empty)
{
	if (slots->element_bytes == 0)
		return true;
	if (slots->last == NULL) {
		slots->tail -= slots->chunk_bytes;
		return true;
	}
	if (is_empty) {
		/* All that were put have been taken: one chunk is left. */
		begin_head(slots);
		begin_tail(slots);
		return true;
	}
	if (slots->spare == NULL)
		return false;
	slots->last->next = slots->spare;
	slots->last = slots->spare;
	slots->spare = NULL;
	begin_tail(slots);
	return true;
}

struct weft__chunk *weft__slots_next_head(struct weft__slots *slots)
{
	struct weft__chunk *left = slots->first;

	if (slots->element_bytes == 0)
		return NULL;
	if (left == NULL) {
		slots->head -= slots->chunk_bytes;
		return NULL;
	}
	slots->first = left->next;
	begin_head(slots);
	left->next = NULL;
	if (slots->spare != NULL)
		return left;
	slots->spare = left;
	return NULL;
}
