/* SPDX-License-Identifier: MIT */
/*
 * Chunks: the pages that jobs lie in, from blocks of many, so that a queue that grows by a thousand
 * times asks the system seldom. A block of which no chunk is in use goes back, except one.
 */
#ifndef WEFT_POOL_CHUNK_H
#define WEFT_POOL_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/pool.h>

#include "base/list.h"

/* One with a record: function is weft__task_run, arg the record. */
struct weft__job {
	weft_function *function; /* NULL: an empty slot */
	void *arg;
};

#define WEFT__CHUNK_JOBS 254u

struct weft__chunk_block;

/* A page. Its jobs lie from head to tail; holes of them are empty slots. */
struct weft__chunk {
	struct weft__chunk *next, *prev;
	struct weft__chunk_block *block; /* constant */
	uint16_t head, tail, holes;
	uint16_t records; /* jobs with a record that were ever put here; 0: none is here */
	struct weft__job jobs[WEFT__CHUNK_JOBS];
};

struct weft__chunk_store {
	uint32_t lock;
	/* guarded by lock */
	struct weft__list blocks; /* those with free chunks */
	unsigned unused;          /* blocks of which all are free */
};

void weft__chunk_store_init(struct weft__chunk_store *store);
void weft__chunk_store_fini(struct weft__chunk_store *store);          /* every chunk is back */
struct weft__chunk *weft__chunk_take(struct weft__chunk_store *store); /* NULL: no memory */
void weft__chunk_give(struct weft__chunk_store *store, struct weft__chunk *chunk);

#endif
