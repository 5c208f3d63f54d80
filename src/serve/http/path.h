/* SPDX-License-Identifier: MIT */
/*
 * From what a request asks for to a path below the site's root.
 *
 * The path that comes out has no leading slash, no empty segment, no "." or ".." segment and no
 * NUL; it ends with a slash if the target named a directory, and is empty for the root. This is the
 * first of two walls: the second is open.h, which does not let the kernel leave the root either.
 */
#ifndef WEFT_SERVE_HTTP_PATH_H
#define WEFT_SERVE_HTTP_PATH_H

#include <stddef.h>

#define WEFT__HTTP_PATH_BYTES 2048

/*
 * Reads a target: "/a/b?query" or "http://host/a/b". Returns the length of the path, which is
 * terminated by a zero.
 *   -EINVAL  not a target, a "%" without two digits, a NUL, a control character, a ".." segment
 *   -E2BIG   it does not fit
 *   -ENOENT  a segment whose name begins with a dot: hidden (but for ".well-known")
 */
int weft__http_path_parse(const char *target, size_t bytes, char out_path[WEFT__HTTP_PATH_BYTES]);

/*
 * The other way, for Location: "/" and the path, whatever is not plain in it escaped. Returns the
 * length; -ENOSPC.
 */
int weft__http_path_escape(const char *path, char *out_text, size_t out_bytes);

#endif
