/* SPDX-License-Identifier: MIT */
/* See match.h. Tags are compared weakly, as If-None-Match asks for: W/"x" and "x" are the same. */
#include "serve/http/match.h"

#include <string.h>

#include <weft/time.h>

#include "serve/http/date.h"

/* A list: `"a", W/"b" , *`. What is not a list of tags matches nothing from there on. */
static bool has_tag(struct weft__http_text list, const char *tag, size_t tag_bytes)
{
	const char *at = list.at, *end = list.at + list.bytes;

	while (at < end) {
		const char *close;

		if (*at == ' ' || *at == '\t' || *at == ',') {
			at++;
			continue;
		}
		if (*at == '*')
			return true;
		if (end - at > 2 && at[0] == 'W' && at[1] == '/')
			at += 2;
		if (*at != '"')
			return false;
		close = memchr(at + 1, '"', (size_t)(end - at - 1));
		if (close == NULL)
			return false;
		if ((size_t)(close + 1 - at) == tag_bytes && memcmp(at, tag, tag_bytes) == 0)
			return true;
		at = close + 1;
	}
	return false;
}

bool weft__http_is_unmodified(const struct weft__http_request *request,
			      const struct weft__http_file *file)
{
	int64_t since;

	if (request->tag_count > WEFT__HTTP_TAGS_MAX)
		return false;
	for (unsigned i = 0; i < request->tag_count; i++)
		if (has_tag(request->tags[i], file->etag, file->etag_bytes))
			return true;
	if (request->tag_count > 0 || request->modified_since.at == NULL)
		return false;
	return weft__http_date_parse(request->modified_since.at, request->modified_since.bytes,
				     &since) == 0 &&
	       file->identity.modified_ns / WEFT_SECOND <= since;
}
