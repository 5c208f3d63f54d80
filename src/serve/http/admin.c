/* SPDX-License-Identifier: MIT */
/* Admin; see admin.h. */
#include "serve/http/admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <weft/io.h>

#include "base/atomic.h"
#include "serve/http/admin_page.h"
#include "serve/http/request.h"
#include "serve/http/site.h"
#include "serve/http/snapshot.h"
#include "serve/http/status.h"
#include "serve/http/text.h"

#define WORKERS 2
#define CONNECTIONS_MAX 64

struct weft__admin {
	weft_server *server; /* the admin's own */
	weft_server *watched;
	struct weft__http_site *site;
	char address[128];
	uint32_t is_known; /* atomic: the address is there */
};

/* The port of "host:port", with its colon; "" if there is none. */
static const char *port_of(const char *address)
{
	const char *colon = strrchr(address, ':');

	return colon != NULL && strchr(colon, ']') == NULL ? colon : "";
}

static bool is_text(struct weft__http_text text, const char *string)
{
	return text.at != NULL && text.bytes == strlen(string) &&
	       strncasecmp(text.at, string, text.bytes) == 0;
}

/* Does the Host header name this machine, by a name that nobody else can give away? */
static bool is_host_ours(struct weft__admin *admin, struct weft__http_text host)
{
	static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };
	const char *port = "";
	char expected[64];

	if (!atomic_load_acquire(&admin->is_known)) /* KNOWN */
		return false;
	if (strncmp(admin->address, "unix:", 5) == 0)
		return true;
	port = port_of(admin->address);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(expected, sizeof expected, "%s%s", names[i], port);
		if (is_text(host, expected) ||
		    (strcmp(port, ":80") == 0 && is_text(host, names[i])))
			return true;
	}
	return false;
}

/* ---- answers */

static int write_answer(weft_conn *conn, const struct weft__http_request *request, int status,
			const char *type, struct weft__http_text body)
{
	char head[512];
	int bytes = snprintf(head, sizeof head,
			     "HTTP/1.1 %d %s\r\nServer: weft\r\nContent-Type: %s\r\n"
			     "Content-Length: %zu\r\nCache-Control: no-store\r\n"
			     "X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
			     "Referrer-Policy: no-referrer\r\n%s%s\r\n",
			     status, weft__http_status_reason(status), type, body.bytes,
			     status == 405 ? "Allow: GET, HEAD\r\n" : "",
			     request->keep_alive && !conn->draining ? "" : "Connection: close\r\n");
	int error = weft_write_all_until(conn->fd, head, (size_t)bytes, conn->write_until_ns);

	if (error == 0 && !request->is_head)
		error = weft_write_all_until(conn->fd, body.at, body.bytes, conn->write_until_ns);
	return error;
}

static int write_page(weft_conn *conn, const struct weft__http_request *request)
{
	struct weft__http_text page = { weft__admin_page, strlen(weft__admin_page) };

	return write_answer(conn, request, 200, "text/html; charset=utf-8", page);
}

static int write_status(weft_conn *conn, const struct weft__http_request *request, int status)
{
	char body[160];
	int bytes = snprintf(body, sizeof body, "%d %s. %s\n", status,
			     weft__http_status_reason(status), weft__http_status_sentence(status));

	return write_answer(conn, request, status, "text/plain; charset=utf-8",
			    (struct weft__http_text){ body, (size_t)bytes });
}

static int write_snapshot(weft_conn *conn, const struct weft__http_request *request)
{
	struct weft__admin *admin = conn->server_arg;
	struct weft__text text = { 0 };
	int error;

	weft__snapshot_write(admin->watched, admin->site, &text);
	if (text.failed)
		error = write_status(conn, request, 503);
	else
		error = write_answer(conn, request, 200, "application/json",
				     (struct weft__http_text){ text.at, text.bytes });
	weft__text_fini(&text);
	return error;
}

static int answer(weft_conn *conn, const struct weft__http_request *request)
{
	struct weft__http_text path = request->target;
	const char *query = path.at != NULL ? memchr(path.at, '?', path.bytes) : NULL;

	if (query != NULL)
		path.bytes = (size_t)(query - path.at);
	if (request->status != 0)
		return write_status(conn, request, request->status);
	if (!is_host_ours(conn->server_arg, request->host))
		return write_status(conn, request, 421);
	if (!request->is_get && !request->is_head)
		return write_status(conn, request, 405);
	if (is_text(path, "/"))
		return write_page(conn, request);
	if (is_text(path, "/threads.json"))
		return write_snapshot(conn, request);
	return write_status(conn, request, 404);
}

static weft_served serve(weft_conn *conn)
{
	size_t bytes = weft__http_head_end(conn->input, conn->input_bytes);
	struct weft__http_request request = { .status = 414 };

	if (bytes != 0)
		weft__http_request_parse(conn->input, bytes, &request);
	if (request.status != 0)
		request.keep_alive = false;
	if (answer(conn, &request) < 0)
		return WEFT_SERVED_CLOSE;
	weft_conn_consume(conn, bytes);
	if (request.keep_alive)
		return WEFT_SERVED_KEEP;
	return request.status != 0 ? WEFT_SERVED_LINGER : WEFT_SERVED_CLOSE;
}

/* ---- */

int weft__admin_open(const char *address, weft_server *server, struct weft__http_site *site,
		     struct weft__admin **out_admin)
{
	weft_server_options options = {
		.name = "admin",
		.workers = WORKERS,
		.processors = 1,
		.connections_max = CONNECTIONS_MAX,
		.frame = weft__http_frame,
		.refuse = weft__http_refuse,
	};
	struct weft__admin *admin = malloc(sizeof *admin);
	int error;

	if (admin == NULL)
		return -ENOMEM;
	admin->watched = server;
	admin->site = site;
	admin->is_known = 0;
	error = weft_server_create(address, serve, admin, &options, &admin->server);
	if (error < 0) {
		free(admin);
		return error;
	}
	weft_server_address(admin->server, admin->address, sizeof admin->address);
	atomic_store_release(&admin->is_known, 1); /* KNOWN */
	*out_admin = admin;
	return 0;
}

void weft__admin_close(struct weft__admin *admin)
{
	weft_server_stop(admin->server);
	weft_server_destroy(admin->server);
	free(admin);
}

int weft__admin_address(struct weft__admin *admin, char *out_text, size_t out_bytes)
{
	return weft_server_address(admin->server, out_text, out_bytes);
}
