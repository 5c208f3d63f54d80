/* SPDX-License-Identifier: MIT */
/* Batches; see batch.h. */
#include "serve/http/batch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/thread.h>

#include "base/panic.h"
#include "sys/spin.h"
#include "sys/sys.h"

#define FREE_MAX 64
#define CHUNK_BYTES ((size_t)262144) /* of a large file, before others get a turn */

struct weft__http_batch *weft__http_batch_create(struct weft__http_batches *batches)
{
	struct weft__http_batch *batch;

	weft__spin_lock(&batches->lock);
	batch = batches->free;
	if (batch != NULL) {
		batches->free = batch->next;
		batches->free_count--;
	}
	weft__spin_unlock(&batches->lock);
	if (batch == NULL)
		batch = malloc(sizeof *batch);
	if (batch == NULL)
		return NULL;
	batch->part_at = batch->part_count = 0;
	batch->file_count = batch->request_count = 0;
	batch->large_at = 0;
	batch->large = NULL;
	batch->close = false;
	batch->ok_at = batch->ok_bytes = 0;
	batch->last = NULL;
	batch->text_bytes = 0;
	return batch;
}

void weft__http_batch_destroy(struct weft__http_batches *batches, struct weft__http_batch *batch)
{
	for (unsigned i = 0; i < batch->file_count; i++)
		weft__http_file_release(batch->files[i]);
	weft__spin_lock(&batches->lock);
	if (batches->free_count < FREE_MAX) {
		batch->next = batches->free;
		batches->free = batch;
		batches->free_count++;
		batch = NULL;
	}
	weft__spin_unlock(&batches->lock);
	free(batch);
}

void weft__http_batches_fill(struct weft__http_batches *batches, unsigned count)
{
	for (unsigned i = 0; i < count && i < FREE_MAX; i++) {
		struct weft__http_batch *batch = malloc(sizeof *batch);

		if (batch == NULL)
			return;
		memset(batch, 0, sizeof *batch); /* its pages are there from now on */
		weft__http_batch_destroy(batches, batch);
	}
}

void weft__http_batches_fini(struct weft__http_batches *batches)
{
	while (batches->free != NULL) {
		struct weft__http_batch *batch = batches->free;

		batches->free = batch->next;
		free(batch);
	}
	batches->free_count = 0;
}

void weft__http_batch_add(struct weft__http_batch *batch, const char *at, size_t bytes)
{
	struct iovec *last = batch->parts + batch->part_count;

	if (batch->part_count > 0 && (char *)last[-1].iov_base + last[-1].iov_len == at) {
		last[-1].iov_len += bytes;
		return;
	}
	weft__assert(batch->part_count < sizeof batch->parts / sizeof *batch->parts);
	*last = (struct iovec){ (char *)(uintptr_t)at, bytes };
	batch->part_count++;
}

void weft__http_batch_print(struct weft__http_batch *batch, const char *format, ...)
{
	size_t room = sizeof batch->text - batch->text_bytes;
	va_list list;
	int bytes;

	va_start(list, format);
	bytes = vsnprintf(batch->text + batch->text_bytes, room, format, list);
	va_end(list);
	weft__assert(bytes >= 0 && (size_t)bytes < room);
	weft__http_batch_add(batch, batch->text + batch->text_bytes, (size_t)bytes);
	batch->text_bytes += (size_t)bytes;
}

void weft__http_batch_hold(struct weft__http_batch *batch, struct weft__http_file *file)
{
	batch->files[batch->file_count++] = file;
}

static void skip_written(struct weft__http_batch *batch, size_t bytes)
{
	struct iovec *part = batch->parts + batch->part_at;

	while (batch->part_at < batch->part_count && bytes >= part->iov_len) {
		bytes -= part->iov_len;
		part++;
		batch->part_at++;
	}
	if (bytes > 0) {
		part->iov_base = (char *)part->iov_base + bytes;
		part->iov_len -= bytes;
	}
}

static int write_parts(struct weft__http_batch *batch, int fd)
{
	while (batch->part_at < batch->part_count) {
		ssize_t bytes = weft__sys_sendv(fd, batch->parts + batch->part_at,
						(int)(batch->part_count - batch->part_at));

		if (bytes == -EINTR)
			continue;
		if (bytes < 0)
			return (int)bytes;
		skip_written(batch, (size_t)bytes);
	}
	return 0;
}

static int write_large(struct weft__http_batch *batch, int fd)
{
	off_t end = (off_t)batch->large->body_bytes;

	while (batch->large_at < end) {
		size_t left = (size_t)(end - batch->large_at);
		ssize_t bytes = weft__sys_sendfile(fd, batch->large->fd, &batch->large_at,
						   left < CHUNK_BYTES ? left : CHUNK_BYTES);

		if (bytes == -EINTR)
			continue;
		if (bytes <= 0)
			return bytes == 0 ? -EIO : (int)bytes;
		if (left > CHUNK_BYTES)
			weft_yield();
	}
	return 0;
}

int weft__http_batch_write(struct weft__http_batch *batch, int fd)
{
	int error = write_parts(batch, fd);

	if (error == 0 && batch->large != NULL)
		error = write_large(batch, fd);
	return error;
}
