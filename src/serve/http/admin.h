/* SPDX-License-Identifier: MIT */
/*
 * Admin: a second, small server that shows what the process does: a page for people, and what the
 * page is made of for programs (/threads.json). It has a scheduler of its own, so that it answers
 * when the other is overrun.
 *
 * It is for this machine alone: a request must name it as localhost, 127.0.0.1 or [::1], with its
 * port. Otherwise a page from anywhere could have the browser ask, under a name that it lets point
 * here.
 */
#ifndef WEFT_SERVE_HTTP_ADMIN_H
#define WEFT_SERVE_HTTP_ADMIN_H

#include <stddef.h>

#include <weft/server.h>

struct weft__admin;
struct weft__http_site;

/* Both servers are the caller's, and stay until the close. Returns 0, or what weft_server_create
 * returns. */
int weft__admin_open(const char *address, weft_server *server, struct weft__http_site *site,
		     struct weft__admin **out_admin);
void weft__admin_close(struct weft__admin *admin);
int weft__admin_address(struct weft__admin *admin, char *out_text, size_t out_bytes);

#endif
