/* SPDX-License-Identifier: MIT */
/* Paths; see path.h. Everything is decoded once; what is then still a percent sign is one. */
#include "serve/http/path.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Where the path of a target begins; NULL: it has none. */
static const char *path_of(const char *target, const char *end)
{
	static const char *const schemes[] = { "http://", "https://" };

	if (target < end && *target == '/')
		return target;
	for (size_t i = 0; i < 2; i++) {
		size_t bytes = strlen(schemes[i]);

		if ((size_t)(end - target) > bytes && strncasecmp(target, schemes[i], bytes) == 0) {
			const char *at = target + bytes;

			while (at < end && *at != '/' && *at != '?' && *at != '#')
				at++;
			return at > target + bytes ? at : NULL;
		}
	}
	return NULL;
}

/* The next byte of the path, decoded: 0 to 255; -EINVAL. */
static int take_byte(const char **at, const char *end)
{
	unsigned char c = (unsigned char)**at;

	if (c == '%') {
		int high = end - *at > 2 ? digit_of((*at)[1]) : -1;
		int low = end - *at > 2 ? digit_of((*at)[2]) : -1;

		if (high < 0 || low < 0)
			return -EINVAL;
		*at += 2;
		c = (unsigned char)(high << 4 | low);
	}
	*at += 1;
	return c < 0x20 || c == 0x7f ? -EINVAL : c;
}

/* A segment has been written to [from, to). Returns 0: keep it; 1: drop it; -EINVAL, -ENOENT. */
static int judge_segment(const char *from, const char *to)
{
	static const char well_known[] = ".well-known";
	size_t bytes = (size_t)(to - from);

	if (bytes == 0 || (bytes == 1 && from[0] == '.'))
		return 1;
	if (from[0] != '.')
		return 0;
	if (bytes == 2 && from[1] == '.')
		return -EINVAL;
	if (bytes == sizeof well_known - 1 && memcmp(from, well_known, bytes) == 0)
		return 0;
	return -ENOENT;
}

int weft__http_path_parse(const char *target, size_t bytes, char out_path[WEFT__HTTP_PATH_BYTES])
{
	const char *end = target + bytes;
	const char *at = path_of(target, end);
	char *to = out_path, *segment = out_path;
	char *limit = out_path + WEFT__HTTP_PATH_BYTES - 2; /* a slash and the zero fit always */
	int verdict;

	if (at == NULL)
		return -EINVAL;
	while (at < end && *at != '?' && *at != '#') {
		int c = take_byte(&at, end);

		if (c < 0)
			return c;
		if (to >= limit)
			return -E2BIG;
		if (c != '/') {
			*to++ = (char)c;
			continue;
		}
		verdict = judge_segment(segment, to);
		if (verdict < 0)
			return verdict;
		if (verdict > 0)
			to = segment;
		else
			*to++ = '/';
		segment = to;
	}
	verdict = judge_segment(segment, to);
	if (verdict < 0)
		return verdict;
	if (verdict > 0)
		to = segment;
	*to = '\0';
	return (int)(to - out_path);
}

static bool is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("/-._~!$&'()*+,;=:@", c) != NULL);
}

int weft__http_path_escape(const char *path, char *out_text, size_t out_bytes)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t used = 0;

	if (out_bytes < 2)
		return -ENOSPC;
	out_text[used++] = '/';
	for (; *path != '\0'; path++) {
		unsigned char c = (unsigned char)*path;

		if (used + 4 > out_bytes)
			return -ENOSPC;
		if (is_plain(c)) {
			out_text[used++] = (char)c;
		} else {
			out_text[used++] = '%';
			out_text[used++] = digits[c >> 4];
			out_text[used++] = digits[c & 15];
		}
	}
	out_text[used] = '\0';
	return (int)used;
}
