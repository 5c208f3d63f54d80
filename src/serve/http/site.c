/* SPDX-License-Identifier: MIT */
/* Site; see site.h. */
#include "serve/http/site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "sys/sys.h"

#define BATCHES_AT_START 16 /* more than workers that are in the middle of an answer */
#define KEPT_BYTES_MAX ((size_t)64 << 20)

int weft__http_site_open(const char *directory, struct weft__http_site **out_site)
{
	int root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct weft__http_site *site;

	if (root < 0)
		return -errno;
	site = calloc(1, sizeof *site);
	if (site == NULL) {
		close(root);
		return -ENOMEM;
	}
	weft__http_files_init(&site->files, root, KEPT_BYTES_MAX);
	weft__http_batches_fill(&site->batches, BATCHES_AT_START);
	*out_site = site;
	return 0;
}

void weft__http_site_close(struct weft__http_site *site)
{
	weft__http_files_fini(&site->files);
	weft__http_batches_fini(&site->batches);
	free(site);
}

int weft__http_frame(weft_conn *conn)
{
	if (weft__http_head_end(conn->input, conn->input_bytes) != 0)
		return 1;
	/* A first line as long as that will not be answered, however it ends. */
	if (conn->input_bytes > WEFT__HTTP_TARGET_BYTES + 200 &&
	    memchr(conn->input, '\n', conn->input_bytes) == NULL)
		return -ENAMETOOLONG;
	return 0;
}

static uint64_t body_bytes_of(const struct weft__http_batch *batch,
			      const struct weft__http_request *request)
{
	return batch->status == 200 && !request->is_head ? batch->last->body_bytes : 0;
}

static void answer(weft_conn *conn, struct weft__http_batch *batch,
		   const struct weft__http_request *request)
{
	struct weft__http_site *site = conn->server_arg;

	weft__http_respond(site, batch, request, conn->draining);
	if (site->log)
		weft__http_log(conn->fd, request, batch->status, body_bytes_of(batch, request));
}

/* Answers whatever has arrived whole, as far as the batch has room. */
static void answer_all(weft_conn *conn, struct weft__http_batch *batch)
{
	struct weft__http_site *site = conn->server_arg;
	struct weft__http_request request;

	while (!batch->close && weft__http_batch_has_room(batch)) {
		size_t bytes = weft__http_head_end(conn->input, conn->input_bytes);

		if (bytes == 0)
			break;
		weft__http_request_parse(conn->input, bytes, &request);
		answer(conn, batch, &request);
		weft_conn_consume(conn, bytes);
	}
	if (batch->request_count == 0) {
		/* Framing has given up. */
		request = (struct weft__http_request){ .status = 414 };
		answer(conn, batch, &request);
	}
	atomic_add_relaxed(&site->requests, batch->request_count);
}

weft_served weft__http_site_serve(weft_conn *conn)
{
	struct weft__http_site *site = conn->server_arg;
	struct weft__http_batch *batch = conn->user;
	weft_served served = WEFT_SERVED_KEEP;
	int error;

	if (batch == NULL) {
		batch = weft__http_batch_create(&site->batches);
		if (batch == NULL)
			return WEFT_SERVED_CLOSE;
		answer_all(conn, batch);
	}
	error = weft__http_batch_write(batch, conn->fd);
	if (error == -EAGAIN) {
		conn->user = batch;
		return WEFT_SERVED_WRITE;
	}
	if (error < 0)
		served = WEFT_SERVED_CLOSE;
	else if (batch->close)
		served = batch->status >= 400 ? WEFT_SERVED_LINGER : WEFT_SERVED_CLOSE;
	conn->user = NULL;
	weft__http_batch_destroy(&site->batches, batch);
	return served;
}

void weft__http_site_closed(weft_conn *conn)
{
	struct weft__http_site *site = conn->server_arg;

	if (conn->user != NULL)
		weft__http_batch_destroy(&site->batches, conn->user);
	conn->user = NULL;
}

void weft__http_refuse(int fd, void *arg, int reason)
{
	static const char busy[] =
		"HTTP/1.1 503 Service Unavailable\r\nServer: weft\r\nRetry-After: 1\r\n"
		"Content-Length: 0\r\nConnection: close\r\n\r\n";
	static const char slow[] = "HTTP/1.1 408 Request Timeout\r\nServer: weft\r\n"
				   "Content-Length: 0\r\nConnection: close\r\n\r\n";
	static const char large[] =
		"HTTP/1.1 431 Request Header Fields Too Large\r\nServer: weft\r\n"
		"Content-Length: 0\r\nConnection: close\r\n\r\n";
	const char *text = reason == -ETIMEDOUT ? slow : reason == -E2BIG ? large : busy;

	(void)arg;
	(void)weft__sys_send(fd, text,
			     strlen(text)); /* what does not fit into an empty socket is not sent */
}
