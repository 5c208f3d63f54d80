/* SPDX-License-Identifier: MIT */
/*
 * Records of connections, and the buffers that requests are read into. Both are kept when they are
 * free, last in first out: there are as many records as there ever were connections at once, and as
 * many buffers as requests that were being served at once, which the dispatcher bounds.
 */
#include <stdlib.h>
#include <string.h>

#include "serve/conn.h"
#include "sys/spin.h"

#define CHUNK_COUNT 64

struct weft__conn_chunk {
	struct weft__conn_chunk *next;
	struct weft__conn conns[CHUNK_COUNT];
};

static bool add_chunk(struct weft__conn_slab *slab)
{
	struct weft__conn_chunk *chunk = calloc(1, sizeof *chunk);

	if (chunk == NULL)
		return false;
	chunk->next = slab->chunks;
	slab->chunks = chunk;
	for (int i = CHUNK_COUNT - 1; i >= 0; i--) {
		chunk->conns[i].next = slab->free;
		slab->free = &chunk->conns[i];
	}
	return true;
}

struct weft__conn *weft__conn_create(struct weft__conn_slab *slab)
{
	struct weft__conn *conn;

	if (slab->free == NULL && !add_chunk(slab))
		return NULL;
	conn = slab->free;
	slab->free = conn->next;
	memset(conn, 0, sizeof *conn);
	weft__list_init(&conn->link);
	return conn;
}

void weft__conn_destroy(struct weft__conn_slab *slab, struct weft__conn *conn)
{
	conn->next = slab->free;
	slab->free = conn;
}

void weft__conn_slab_fini(struct weft__conn_slab *slab)
{
	while (slab->chunks != NULL) {
		struct weft__conn_chunk *chunk = slab->chunks;

		slab->chunks = chunk->next;
		free(chunk);
	}
	slab->free = NULL;
}

/* What a free buffer holds. */
struct weft__buffer {
	struct weft__buffer *next;
};

char *weft__buffer_create(struct weft__buffers *buffers)
{
	struct weft__buffer *buffer;

	weft__spin_lock(&buffers->lock);
	buffer = buffers->free;
	if (buffer != NULL)
		buffers->free = buffer->next;
	weft__spin_unlock(&buffers->lock);
	return buffer != NULL ? (char *)buffer : malloc(buffers->bytes);
}

void weft__buffer_destroy(struct weft__buffers *buffers, char *at)
{
	struct weft__buffer *buffer = (struct weft__buffer *)(void *)at;

	weft__spin_lock(&buffers->lock);
	buffer->next = buffers->free;
	buffers->free = buffer;
	weft__spin_unlock(&buffers->lock);
}

void weft__buffers_fill(struct weft__buffers *buffers, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		char *at = malloc(buffers->bytes);

		if (at == NULL)
			return;
		weft__buffer_destroy(buffers, at);
	}
}

void weft__buffers_fini(struct weft__buffers *buffers)
{
	while (buffers->free != NULL) {
		struct weft__buffer *buffer = buffers->free;

		buffers->free = buffer->next;
		free(buffer);
	}
}
