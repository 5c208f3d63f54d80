/* SPDX-License-Identifier: MIT */
/*
 * Site: a directory that is served over HTTP/1.1. Its functions are those that weft_server_create
 * wants, with the site as the server's argument.
 */
#ifndef WEFT_SERVE_HTTP_SITE_H
#define WEFT_SERVE_HTTP_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/server.h>

#include "serve/http/batch.h"
#include "serve/http/date.h"
#include "serve/http/file.h"
#include "serve/http/request.h"

#define WEFT__HTTP_INPUT_BYTES 16384

struct weft__http_site {
	struct weft__http_files files;
	struct weft__http_batches batches;
	struct weft__http_clock clock;
	bool log; /* a line on standard output for each request */
	/* atomic */
	uint64_t requests;
	uint64_t answers[6]; /* by the first digit of the status */
};

/* Opens a directory. Returns 0; -ENOENT, -ENOTDIR, -EACCES, -ENOMEM … */
int weft__http_site_open(const char *directory, struct weft__http_site **out_site);
/* When no server uses it any more. */
void weft__http_site_close(struct weft__http_site *site);

weft_served weft__http_site_serve(weft_conn *conn);
int weft__http_frame(weft_conn *conn);
void weft__http_refuse(int fd, void *arg, int reason);
void weft__http_site_closed(weft_conn *conn);

/* respond.c: adds the answer to the batch; there is room for it. */
void weft__http_respond(struct weft__http_site *site, struct weft__http_batch *batch,
			const struct weft__http_request *request, bool is_last);

/* log.c */
void weft__http_log(int fd, const struct weft__http_request *request, int status,
		    uint64_t body_bytes);

#endif
