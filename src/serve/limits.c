/* SPDX-License-Identifier: MIT */
/*
 * Time limits. All connections under one limit have the same time, so a list in order of arrival is
 * in order of deadlines: setting one, taking it back and finding the first cost O(1).
 *
 * A worker lets a connection go without a word to the dispatcher, so an idle one may have a later
 * deadline than its place in the list says: that is found when its turn comes, and it goes to the
 * end. (It then closes late, by as long as the worker was busy with it, at most by once the limit.)
 */
#include <errno.h>

#include <weft/time.h>

#include "base/atomic.h"
#include "serve/server.h"

#define LINGER_NS (2 * WEFT_SECOND)

void weft__limits_init(struct weft_server *server)
{
	server->limits[WEFT__LIMIT_IDLE].duration_ns = server->options.idle_ns;
	server->limits[WEFT__LIMIT_HEAD].duration_ns = server->options.head_ns;
	server->limits[WEFT__LIMIT_WRITE].duration_ns = server->options.write_ns;
	server->limits[WEFT__LIMIT_LINGER].duration_ns = LINGER_NS;
	for (int i = 0; i < WEFT__LIMITS; i++)
		weft__list_init(&server->limits[i].conns);
}

void weft__limit_set(struct weft_server *server, struct weft__conn *conn,
		     enum weft__conn_limit limit)
{
	weft__list_remove(&conn->link);
	conn->limit = (uint8_t)limit;
	conn->is_late = false;
	conn->deadline_ns = server->now_ns + server->limits[limit].duration_ns;
	weft__list_push(&server->limits[limit].conns, &conn->link);
}

static struct weft__conn *first_of(struct weft__limit *limit)
{
	return weft__list_is_empty(&limit->conns)
		       ? NULL
		       : container_of(limit->conns.next, struct weft__conn, link);
}

int64_t weft__limits_next(struct weft_server *server)
{
	int64_t next_ns = WEFT_FOREVER;

	for (int i = 0; i < WEFT__LIMITS; i++) {
		struct weft__conn *conn = first_of(&server->limits[i]);

		if (conn != NULL && conn->deadline_ns < next_ns)
			next_ns = conn->deadline_ns;
	}
	return next_ns;
}

void weft__limit_expire(struct weft_server *server, struct weft__conn *conn)
{
	if (conn->limit != WEFT__LIMIT_LINGER)
		atomic_bump(&server->timed_out, 1);
	if (conn->limit == WEFT__LIMIT_HEAD && server->options.refuse != NULL) {
		server->options.refuse(conn->public.fd, server->arg, -ETIMEDOUT);
		weft__dispatcher_linger(server, conn);
	} else {
		weft__dispatcher_close(server, conn);
	}
}

static void check(struct weft_server *server, struct weft__conn *conn)
{
	if (!weft__conn_take(conn)) {
		/* A worker has it, or it is on its way here: there is time for what it brings, and
		 * no more. */
		weft__limit_set(server, conn, conn->limit);
		conn->is_late = true;
		return;
	}
	if (conn->limit == WEFT__LIMIT_IDLE &&
	    atomic_load_relaxed(&conn->served_ns) + server->options.idle_ns > server->now_ns) {
		weft__limit_set(server, conn, conn->limit);
		conn->turn = WEFT__TURN_READ;
		if (!weft__conn_release(conn))
			weft__dispatcher_queue(server, conn);
		return;
	}
	weft__limit_expire(server, conn);
}

void weft__limits_check(struct weft_server *server)
{
	for (int i = 0; i < WEFT__LIMITS; i++)
		for (;;) {
			struct weft__conn *conn = first_of(&server->limits[i]);

			if (conn == NULL || conn->deadline_ns > server->now_ns)
				break;
			check(server, conn);
		}
}
