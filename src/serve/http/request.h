/* SPDX-License-Identifier: MIT */
/*
 * One request's head, taken apart by llhttp. Texts point into the input and live as long as it
 * does.
 *
 * The input is cut into heads before llhttp sees it, so that it is given exactly one, whole: a
 * client that sends a byte at a time costs one parse, and the parser keeps nothing between calls.
 * What the cutter takes for one head and llhttp does not, or the other way round, is refused: two
 * parsers that disagree are how requests are smuggled.
 */
#ifndef WEFT_SERVE_HTTP_REQUEST_H
#define WEFT_SERVE_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEFT__HTTP_TARGET_BYTES 8000 /* a longer one is 414 */
#define WEFT__HTTP_HEADERS_MAX 100   /* more are 431 */
#define WEFT__HTTP_TAGS_MAX 4        /* If-None-Match headers; with more, all are passed over */

struct weft__http_text {
	const char *at;
	size_t bytes;
};

struct weft__http_request {
	int status; /* 0: to be answered; else refuse it with this and close */
	bool is_get, is_head;
	bool is_old;     /* HTTP/1.0 */
	bool keep_alive; /* the client wants to send more */
	bool has_body;
	unsigned header_count, host_count, tag_count;
	struct weft__http_text target;
	struct weft__http_text method; /* for the log */
	struct weft__http_text host;
	struct weft__http_text tags[WEFT__HTTP_TAGS_MAX];
	struct weft__http_text modified_since;
};

/*
 * How many bytes the first head of the input has, with the empty line that ends it; empty lines
 * before it count. 0: it is not complete.
 */
size_t weft__http_head_end(const char *input, size_t bytes);

/* Takes a head apart that is whole. */
void weft__http_request_parse(const char *head, size_t bytes,
			      struct weft__http_request *out_request);

#endif
