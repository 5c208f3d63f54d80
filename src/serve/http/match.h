/* SPDX-License-Identifier: MIT */
/* Whether the client has the file already: If-None-Match, or, without it, If-Modified-Since. */
#ifndef WEFT_SERVE_HTTP_MATCH_H
#define WEFT_SERVE_HTTP_MATCH_H

#include <stdbool.h>

#include "serve/http/file.h"
#include "serve/http/request.h"

bool weft__http_is_unmodified(const struct weft__http_request *request,
			      const struct weft__http_file *file);

#endif
