/* SPDX-License-Identifier: MIT */
/*
 * Accepting. When there is no descriptor for a connection, it stays in the kernel's queue, and is
 * tried again when one of ours has been closed, or after a while: others in the process close
 * descriptors too. One too many is accepted, told so, and closed.
 */
#include <errno.h>

#include <weft/io.h>
#include <weft/socket.h>
#include <weft/time.h>

#include "base/atomic.h"
#include "serve/server.h"

#define ACCEPTS_MAX 64 /* before the others get a turn */
#define RETRY_NS (100 * WEFT_MS)
#define REFUSED_MAX 64 /* whose last bytes are waited for; the rest is closed at once */

void weft__server_accept_edge(struct weft__watch *watch, uint32_t ready)
{
	struct weft_server *server = container_of(watch, struct weft_server, listener_watch);

	(void)ready;
	atomic_store_release(&server->accept_ready, 1); /* ACCEPT */
	weft__server_ring(server);
}

static void refuse(struct weft_server *server, int fd, struct weft__conn *conn)
{
	atomic_bump(&server->refused, 1);
	if (server->options.refuse != NULL)
		server->options.refuse(fd, server->arg, -EMFILE);
	if (conn == NULL) {
		weft_close(fd);
		return;
	}
	conn->is_refused = true;
	server->refused_now++;
	weft__dispatcher_linger(server, conn);
}

/* A record for it, watched. NULL: it has to do without. */
static struct weft__conn *adopt(struct weft_server *server, int fd)
{
	struct weft__conn *conn = weft__conn_create(&server->slab);

	if (conn == NULL)
		return NULL;
	conn->server = server;
	conn->public.fd = fd;
	conn->public.server_arg = server->arg;
	conn->watch.ready = weft__conn_edge;
	conn->state = WEFT__CONN_OWNED;
	conn->is_new = true;
	conn->served_ns = server->now_ns;
	conn->limit = WEFT__LIMIT_IDLE;
	if (weft__watch(fd, &conn->watch) < 0) {
		weft__conn_destroy(&server->slab, conn);
		return NULL;
	}
	return conn;
}

static void take(struct weft_server *server, int fd)
{
	bool is_too_many = atomic_load_relaxed(&server->connections) >=
			   server->options.connections_max;
	struct weft__conn *conn = NULL;

	atomic_bump(&server->accepted, 1);
	if (!is_too_many || server->refused_now < REFUSED_MAX)
		conn = adopt(server, fd);
	if (is_too_many || conn == NULL) {
		refuse(server, fd, conn);
		return;
	}
	atomic_bump(&server->connections, 1);
	weft__limit_set(server, conn, WEFT__LIMIT_IDLE);
	conn->turn = server->options.frame != NULL ? WEFT__TURN_READ : WEFT__TURN_SERVE;
	weft__dispatcher_queue(server, conn);
}

bool weft__server_accept(struct weft_server *server)
{
	atomic_store_relaxed(&server->accept_ready, 0); /* ACCEPT: before the look */
	server->accept_at_ns = 0;
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		int fd = weft_accept_until(server->listener, 0);

		if (fd >= 0) {
			take(server, fd);
			continue;
		}
		if (fd == -ETIMEDOUT)
			return false;
		atomic_bump(&server->accept_errors, 1);
		server->accept_at_ns = server->now_ns + RETRY_NS;
		return false;
	}
	atomic_store_relaxed(&server->accept_ready, 1);
	return true;
}
