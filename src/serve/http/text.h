/* SPDX-License-Identifier: MIT */
/* Text that grows while it is written. When memory runs out it stays as it is, and says so in the
 * end. */
#ifndef WEFT_SERVE_HTTP_TEXT_H
#define WEFT_SERVE_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct weft__text {
	char *at;
	size_t bytes, room;
	bool failed;
};

void weft__text_print(struct weft__text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A JSON string, with its quotes. */
void weft__text_quote(struct weft__text *text, const char *string);

/* Takes the last character away if it is a comma: the end of a list. */
void weft__text_end_list(struct weft__text *text);

void weft__text_fini(struct weft__text *text);

#endif
