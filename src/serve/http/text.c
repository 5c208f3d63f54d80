/* SPDX-License-Identifier: MIT */
/* See text.h. */
#include "serve/http/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_room(struct weft__text *text, size_t bytes)
{
	size_t room = text->room != 0 ? text->room : 4096;
	char *at;

	if (text->failed)
		return false;
	while (room < text->bytes + bytes)
		room *= 2;
	if (room == text->room)
		return true;
	at = realloc(text->at, room);
	if (at == NULL) {
		text->failed = true;
		return false;
	}
	text->at = at;
	text->room = room;
	return true;
}

void weft__text_print(struct weft__text *text, const char *format, ...)
{
	va_list list;
	int bytes;

	va_start(list, format);
	bytes = vsnprintf(NULL, 0, format, list);
	va_end(list);
	if (bytes < 0 || !has_room(text, (size_t)bytes + 1))
		return;
	va_start(list, format);
	vsnprintf(text->at + text->bytes, (size_t)bytes + 1, format, list);
	va_end(list);
	text->bytes += (size_t)bytes;
}

void weft__text_quote(struct weft__text *text, const char *string)
{
	if (!has_room(text, 6 * strlen(string) + 3))
		return;
	text->at[text->bytes++] = '"';
	for (; *string != '\0'; string++) {
		unsigned char c = (unsigned char)*string;

		/* '<' too: it may end up in a page. Bytes that are no UTF-8 are not ours to
		 * judge. */
		if (c < 0x20 || c == '"' || c == '\\' || c == '<' || c >= 0x7f)
			text->bytes += (size_t)sprintf(text->at + text->bytes, "\\u%04x", c);
		else
			text->at[text->bytes++] = (char)c;
	}
	text->at[text->bytes++] = '"';
	text->at[text->bytes] = '\0';
}

void weft__text_end_list(struct weft__text *text)
{
	if (text->bytes > 0 && text->at[text->bytes - 1] == ',')
		text->at[--text->bytes] = '\0';
}

void weft__text_fini(struct weft__text *text)
{
	free(text->at);
}
