/* SPDX-License-Identifier: MIT */
/*
 * The end of a server. While it drains, connections without a request are closed, after one last
 * look for one, and those that are served are waited for, until the time for it is over. Then
 * everything is cut off: sockets are shut down, so that workers who use them find out.
 *
 * A worker that lets a connection go tells nobody, so whoever is left is looked for now and then.
 */
#include <sys/socket.h>

#include <weft/io.h>
#include <weft/socket.h>

#include "base/atomic.h"
#include "serve/server.h"

void weft__server_close_listener(struct weft_server *server)
{
	if (server->listener < 0)
		return;
	weft_close(server->listener);
	server->listener = -1;
	server->accept_at_ns = 0;
}

/* Looks at all connections that nobody has: one more read shows whether it has a request, or it is
 * closed. */
static void look_who_is_left(struct weft_server *server)
{
	for (int i = 0; i < WEFT__LIMITS; i++)
		weft__list_for(link, &server->limits[i].conns) {
			struct weft__conn *conn = container_of(link, struct weft__conn, link);
			bool is_waited_for = weft__server_phase(server) == WEFT__SERVER_DRAINS &&
					     (i == WEFT__LIMIT_WRITE || i == WEFT__LIMIT_LINGER);

			if (is_waited_for)
				continue;
			if (weft__conn_take(conn)) {
				/* Without frame, input is for serve to look at: there is none. */
				conn->turn = server->options.frame != NULL ? WEFT__TURN_READ
									   : WEFT__TURN_CLOSE;
				weft__dispatcher_queue(server, conn);
			} else if (weft__server_phase(server) == WEFT__SERVER_STOPS) {
				server->was_cut = true;
				weft_shutdown(conn->public.fd,
					      SHUT_RDWR); /* whoever serves it finds out */
			}
		}
}

bool weft__server_proceed_to_end(struct weft_server *server)
{
	if (weft__server_phase(server) == WEFT__SERVER_SERVES)
		return false;
	weft__server_close_listener(server);
	if (server->drain_until_ns == 0)
		server->drain_until_ns = server->now_ns + server->options.drain_ns;
	if (server->now_ns >= server->drain_until_ns &&
	    weft__server_phase(server) != WEFT__SERVER_STOPS)
		atomic_store_release(&server->phase, WEFT__SERVER_STOPS);
	look_who_is_left(server);
	return atomic_load_relaxed(&server->connections) == 0 && server->refused_now == 0;
}
