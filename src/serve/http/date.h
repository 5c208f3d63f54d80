/* SPDX-License-Identifier: MIT */
/* HTTP's dates: "Sun, 06 Nov 1994 08:49:37 GMT", and nothing of the locale or the time zone. */
#ifndef WEFT_SERVE_HTTP_DATE_H
#define WEFT_SERVE_HTTP_DATE_H

#include <stddef.h>
#include <stdint.h>

#include <weft/mutex.h>

#define WEFT__HTTP_DATE_BYTES 29 /* without a terminating zero */

/* Writes the date of a second since 1970; years 1 to 9999. */
void weft__http_date_write(int64_t seconds, char *out_text);

/* Reads one, also in the two obsolete forms. Returns 0; -EINVAL: not a date. */
int weft__http_date_parse(const char *text, size_t bytes, int64_t *out_seconds);

/* The date of now, made once a second. All-zero is ready for use. */
struct weft__http_clock {
	weft_mutex lock;
	/* guarded by lock */
	int64_t seconds;
	char text[WEFT__HTTP_DATE_BYTES];
};

void weft__http_clock_write(struct weft__http_clock *clock, char *out_text);

#endif
