/* SPDX-License-Identifier: MIT */
/* What the process does, as JSON. */
#ifndef WEFT_SERVE_HTTP_SNAPSHOT_H
#define WEFT_SERVE_HTTP_SNAPSHOT_H

#include <weft/server.h>

#include "serve/http/text.h"

struct weft__http_site;

#define WEFT__SNAPSHOT_THREADS_MAX 10000 /* the rest is counted only */

void weft__snapshot_write(weft_server *server, struct weft__http_site *site,
			  struct weft__text *text);

#endif
