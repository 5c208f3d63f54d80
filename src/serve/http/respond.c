/* SPDX-License-Identifier: MIT */
/*
 * From a request to its answer. The common one, a small file that is kept, is two pieces: a
 * beginning that all such answers of the batch share (status, date), and the file's headers and
 * bytes, which lie together.
 */
#include <errno.h>
#include <string.h>

#include <weft/time.h>

#include "base/atomic.h"
#include "serve/http/match.h"
#include "serve/http/path.h"
#include "serve/http/site.h"
#include "serve/http/status.h"

#define SEEN_MAX 8u /* files of the batch that are looked through before the stat */

/* The first lines of an answer, without the empty one. */
static void add_beginning(struct weft__http_site *site, struct weft__http_batch *batch,
			  const struct weft__http_request *request, int status)
{
	char date[WEFT__HTTP_DATE_BYTES];
	const char *connection = batch->close      ? "Connection: close\r\n"
				 : request->is_old ? "Connection: keep-alive\r\n"
						   : "";

	weft__http_clock_write(&site->clock, date);
	weft__http_batch_print(batch, "HTTP/1.1 %d %s\r\nServer: weft\r\nDate: %.*s\r\n%s", status,
			       weft__http_status_reason(status), WEFT__HTTP_DATE_BYTES, date,
			       connection);
}

/* The same for 200, made once a batch. */
static void add_ok(struct weft__http_site *site, struct weft__http_batch *batch,
		   const struct weft__http_request *request)
{
	size_t from = batch->text_bytes;

	if (request->is_old || batch->close) {
		add_beginning(site, batch, request, 200);
	} else if (batch->ok_bytes != 0) {
		weft__http_batch_add(batch, batch->text + batch->ok_at, batch->ok_bytes);
	} else {
		add_beginning(site, batch, request, 200);
		batch->ok_at = from;
		batch->ok_bytes = batch->text_bytes - from;
	}
}

/* An answer that is a page about the status itself. */
static int add_page(struct weft__http_site *site, struct weft__http_batch *batch,
		    const struct weft__http_request *request, int status, const char *headers)
{
	const char *reason = weft__http_status_reason(status);
	const char *sentence = weft__http_status_sentence(status);
	static const char page[] = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
				   "<title>%d %s</title>\n<h1>%d %s</h1>\n<p>%s</p>\n";
	size_t bytes = sizeof page - 1 - 10 + 2 * (3 + strlen(reason)) + strlen(sentence);

	add_beginning(site, batch, request, status);
	weft__http_batch_print(
		batch, "%sContent-Type: text/html; charset=utf-8\r\nContent-Length: %zu\r\n\r\n",
		headers, bytes);
	if (!request->is_head)
		weft__http_batch_print(batch, page, status, reason, status, reason, sentence);
	return status;
}

static int add_redirect(struct weft__http_site *site, struct weft__http_batch *batch,
			const struct weft__http_request *request, const char *path)
{
	char headers[4096] = "Location: ";
	size_t used = strlen(headers);
	int bytes = weft__http_path_escape(path, headers + used, sizeof headers - used - 8);
	const char *query = memchr(request->target.at, '?', request->target.bytes);
	size_t query_bytes =
		query != NULL ? (size_t)(request->target.at + request->target.bytes - query) : 0;

	if (bytes < 0)
		return add_page(site, batch, request, 414, "");
	used += (size_t)bytes;
	headers[used++] = '/';
	if (used + query_bytes + 3 > sizeof headers)
		query_bytes = 0;
	memcpy(headers + used, query != NULL ? query : "", query_bytes);
	memcpy(headers + used + query_bytes, "\r\n", 3);
	return add_page(site, batch, request, 301, headers);
}

static int add_not_modified(struct weft__http_site *site, struct weft__http_batch *batch,
			    const struct weft__http_request *request,
			    const struct weft__http_file *file)
{
	char date[WEFT__HTTP_DATE_BYTES];

	weft__http_date_write(file->identity.modified_ns / WEFT_SECOND, date);
	add_beginning(site, batch, request, 304);
	weft__http_batch_print(batch,
			       "Last-Modified: %.*s\r\nETag: %s\r\nCache-Control: no-cache\r\n\r\n",
			       WEFT__HTTP_DATE_BYTES, date, file->etag);
	return 304;
}

static int add_file(struct weft__http_site *site, struct weft__http_batch *batch,
		    const struct weft__http_request *request, struct weft__http_file *file)
{
	if ((request->tag_count > 0 || request->modified_since.at != NULL) &&
	    weft__http_is_unmodified(request, file))
		return add_not_modified(site, batch, request, file);
	add_ok(site, batch, request);
	if (request->is_head) {
		weft__http_batch_add(batch, file->head, file->head_bytes);
	} else if (file->fd < 0) {
		weft__http_batch_add(batch, file->head, file->head_bytes + file->body_bytes);
	} else {
		weft__http_batch_add(batch, file->head, file->head_bytes);
		batch->large = file;
	}
	return 200;
}

/* ---- which file */

static struct weft__http_file *find_seen(const struct weft__http_batch *batch, const char *path)
{
	unsigned count = batch->file_count;

	for (unsigned i = 0; i < count && i < SEEN_MAX; i++)
		if (strcmp(batch->files[count - 1 - i]->path, path) == 0)
			return batch->files[count - 1 - i];
	return NULL;
}

/* The file of the target, held by the batch. *out_path has room for what a directory's own file is
 * called. */
static int find_file(struct weft__http_site *site, struct weft__http_batch *batch,
		     const struct weft__http_request *request, char *out_path,
		     struct weft__http_file **out_file)
{
	static const char index[] = "index.html";
	int bytes = weft__http_path_parse(request->target.at, request->target.bytes, out_path);
	int error;

	if (bytes < 0)
		return bytes;
	if (bytes == 0 || out_path[bytes - 1] == '/')
		memcpy(out_path + bytes, index, sizeof index);
	*out_file = find_seen(batch, out_path);
	if (*out_file != NULL)
		return 0;
	error = weft__http_file_get(&site->files, out_path, out_file);
	if (error == 0)
		weft__http_batch_hold(batch, *out_file);
	return error;
}

static int add_target(struct weft__http_site *site, struct weft__http_batch *batch,
		      const struct weft__http_request *request)
{
	char path[WEFT__HTTP_PATH_BYTES + 16];
	struct weft__http_file *file;
	int error;

	/* The same as just before, letter for letter: pipelined clients often ask so. */
	if (batch->last != NULL && request->target.bytes == batch->last_bytes &&
	    memcmp(request->target.at, batch->last_target, batch->last_bytes) == 0)
		return add_file(site, batch, request, batch->last);
	error = find_file(site, batch, request, path, &file);
	if (error == 0) {
		batch->last = file;
		batch->last_target = request->target.at;
		batch->last_bytes = request->target.bytes;
		return add_file(site, batch, request, file);
	}
	if (error == -EISDIR)
		return add_redirect(site, batch, request, path);
	return add_page(site, batch, request, weft__http_status_of_error(error), "");
}

void weft__http_respond(struct weft__http_site *site, struct weft__http_batch *batch,
			const struct weft__http_request *request, bool is_last)
{
	int status = request->status;

	batch->request_count++;
	batch->close = is_last || !request->keep_alive || status != 0;
	if (status != 0)
		add_page(site, batch, request, status, "");
	else if (!request->is_get && !request->is_head)
		status = add_page(site, batch, request, 405, "Allow: GET, HEAD\r\n");
	else
		status = add_target(site, batch, request);
	batch->status = status;
	atomic_add_relaxed(&site->answers[status / 100], 1);
}
