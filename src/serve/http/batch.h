/* SPDX-License-Identifier: MIT */
/*
 * Batch: the answers to all requests that one read brought, written with one call. Texts that are
 * made for the occasion lie in the batch, those of files in the files, which it holds while it
 * lives. A large file ends a batch, and is sent from the file itself.
 *
 * What a client is slow to take stays in its batch, and waits with the connection, not with a
 * worker.
 */
#ifndef WEFT_SERVE_HTTP_BATCH_H
#define WEFT_SERVE_HTTP_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "serve/http/file.h"

#define WEFT__HTTP_REQUESTS_MAX 128 /* in one batch */
#define WEFT__HTTP_TEXT_BYTES 24576
#define WEFT__HTTP_ANSWER_BYTES 8192 /* text that one answer may need */

struct weft__http_batch {
	struct weft__http_batch *next; /* in the list of free ones */
	unsigned part_at, part_count;
	unsigned file_count, request_count;
	off_t large_at;
	struct weft__http_file *large; /* to be sent last; one of `files` */
	bool close;                    /* the connection, when all is written */
	int status;                    /* of the last answer */
	/* What the next answer may share with one before it; `last` is one of `files`. */
	size_t ok_at, ok_bytes;
	struct weft__http_file *last;
	const char *last_target;
	size_t last_bytes;
	size_t text_bytes;
	struct iovec parts[2 * WEFT__HTTP_REQUESTS_MAX];
	struct weft__http_file *files[WEFT__HTTP_REQUESTS_MAX];
	char text[WEFT__HTTP_TEXT_BYTES];
};

/*
 * Free ones, for a few at a time. All-zero is ready for use. Under a spin lock: were it one that is
 * waited for, workers that give a batch back would queue up behind one that the kernel has stopped,
 * each with its batch, and the next ones would need more.
 */
struct weft__http_batches {
	uint32_t lock;
	/* guarded by lock */
	struct weft__http_batch *free;
	unsigned free_count;
};

struct weft__http_batch *
weft__http_batch_create(struct weft__http_batches *batches); /* NULL: no memory */
void weft__http_batch_destroy(struct weft__http_batches *batches, struct weft__http_batch *batch);
/* Makes some ahead, so that memory does not grow when more workers than ever answer at once. */
void weft__http_batches_fill(struct weft__http_batches *batches, unsigned count);
void weft__http_batches_fini(struct weft__http_batches *batches);

/* Whether one more answer fits. */
static inline bool weft__http_batch_has_room(const struct weft__http_batch *batch)
{
	return batch->request_count < WEFT__HTTP_REQUESTS_MAX && batch->large == NULL &&
	       batch->text_bytes + WEFT__HTTP_ANSWER_BYTES <= WEFT__HTTP_TEXT_BYTES;
}

/* Adds bytes that live as long as the batch. Pieces that follow each other in memory become one. */
void weft__http_batch_add(struct weft__http_batch *batch, const char *at, size_t bytes);

/* Adds text that is made here. Cut to what fits, which is asserted not to happen. */
void weft__http_batch_print(struct weft__http_batch *batch, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The batch will release the file. */
void weft__http_batch_hold(struct weft__http_batch *batch, struct weft__http_file *file);

/* Writes as much as the socket takes. Returns 0: all; -EAGAIN: it is full; -EIO: a file became
 * shorter; else what broke the connection. */
int weft__http_batch_write(struct weft__http_batch *batch, int fd);

#endif
