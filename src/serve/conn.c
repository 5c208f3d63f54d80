/* SPDX-License-Identifier: MIT */
/* Connections: the state word, and reading; see conn.h. */
#include "serve/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/panic.h"
#include "serve/server.h"
#include "sys/sys.h"

#define SMALL_STEP ((size_t)WEFT__SMALL_BYTES)

/* ---- the state word */

void weft__conn_edge(struct weft__watch *watch, uint32_t ready)
{
	struct weft__conn *conn = container_of(watch, struct weft__conn, watch);
	uint32_t state = atomic_load_relaxed(&conn->state);
	uint32_t bits = 0, wakes, next;

	if (ready & WEFT__POLL_READ)
		bits |= WEFT__CONN_READ;
	if (ready & WEFT__POLL_WRITE)
		bits |= WEFT__CONN_WRITE;
	if (ready & WEFT__POLL_END)
		bits |= WEFT__CONN_END;
	do {
		wakes = state & WEFT__CONN_WANT_WRITE ? WEFT__CONN_WRITE : WEFT__CONN_READ;
		next = state | bits;
		if (!(state & WEFT__CONN_OWNED) && (bits & wakes))
			next = (next | WEFT__CONN_OWNED) & ~WEFT__CONN_WANT_WRITE;
	} while (!atomic_cas_acq_rel(&conn->state, &state, next)); /* EDGE */
	if (!(state & WEFT__CONN_OWNED) && (next & WEFT__CONN_OWNED)) {
		conn->turn = state & WEFT__CONN_WANT_WRITE ? WEFT__TURN_SERVE : WEFT__TURN_READ;
		weft__server_hand_over(conn);
	}
}

uint32_t weft__conn_begin_read(struct weft__conn *conn)
{
	uint32_t state = atomic_load_relaxed(&conn->state);

	while (!atomic_cas_acq_rel(&conn->state, &state, state & ~WEFT__CONN_READ))
		;
	return state;
}

void weft__conn_set_read(struct weft__conn *conn)
{
	atomic_or_acq_rel(&conn->state, WEFT__CONN_READ);
}

bool weft__conn_release(struct weft__conn *conn)
{
	uint32_t state = atomic_load_relaxed(&conn->state);

	weft__assert(state & WEFT__CONN_OWNED);
	do
		if (state & WEFT__CONN_READ)
			return false;
	while (!atomic_cas_acq_rel(&conn->state, &state, state & WEFT__CONN_END)); /* EDGE */
	return true;
}

bool weft__conn_release_to_write(struct weft__conn *conn)
{
	uint32_t state = atomic_load_relaxed(&conn->state);
	uint32_t next;
	bool released;

	weft__assert(state & WEFT__CONN_OWNED);
	do {
		released = !(state & WEFT__CONN_WRITE);
		next = released ? (state & ~WEFT__CONN_OWNED) | WEFT__CONN_WANT_WRITE
				: state & ~WEFT__CONN_WRITE;
	} while (!atomic_cas_acq_rel(&conn->state, &state, next)); /* EDGE */
	return released;
}

bool weft__conn_take(struct weft__conn *conn)
{
	uint32_t state = atomic_load_relaxed(&conn->state);

	do
		if (state & WEFT__CONN_OWNED)
			return false;
	while (!atomic_cas_acq_rel(&conn->state, &state,
				   (state | WEFT__CONN_OWNED) & ~WEFT__CONN_WANT_WRITE)); /* EDGE */
	return true;
}

/* ---- the input */

static bool is_small(const struct weft__conn *conn)
{
	return conn->buffer_bytes < conn->server->buffers.bytes;
}

static void drop_buffer(struct weft__conn *conn)
{
	if (conn->buffer == NULL)
		return;
	if (!is_small(conn))
		weft__buffer_destroy(&conn->server->buffers, conn->buffer);
	else if (conn->buffer_bytes == WEFT__SMALL_BYTES)
		weft__buffer_destroy(&conn->server->small_buffers, conn->buffer);
	else
		free(conn->buffer);
	conn->buffer = NULL;
	conn->buffer_bytes = 0;
	conn->public.input = NULL;
}

static void set_buffer(struct weft__conn *conn, char *buffer, size_t bytes)
{
	if (conn->public.input_bytes > 0)
		memcpy(buffer, conn->public.input, conn->public.input_bytes);
	drop_buffer(conn);
	conn->buffer = buffer;
	conn->buffer_bytes = (uint32_t)bytes;
	conn->public.input = buffer;
}

/*
 * Room for more input, which is at the start of the buffer then. What holds all of it already is
 * full; one without input reads into whatever buffer it has, so that a worker that looks for the
 * next request, of which there is mostly none, takes no full one for it. False: no memory.
 */
static bool make_room(struct weft__conn *conn)
{
	struct weft__buffers *buffers = &conn->server->buffers;
	char *buffer;

	if (conn->buffer != NULL && conn->public.input_bytes == 0) {
		conn->public.input = conn->buffer;
		return true;
	}
	if (conn->buffer != NULL && !is_small(conn)) {
		if (conn->public.input != conn->buffer) {
			memmove(conn->buffer, conn->public.input, conn->public.input_bytes);
			conn->public.input = conn->buffer;
		}
		return true;
	}
	buffer = weft__buffer_create(buffers);
	if (buffer != NULL)
		set_buffer(conn, buffer, buffers->bytes);
	return buffer != NULL;
}

void weft__conn_shrink(struct weft__conn *conn)
{
	size_t bytes = (conn->public.input_bytes + SMALL_STEP - 1) & ~(SMALL_STEP - 1);
	char *buffer;

	if (conn->public.input_bytes == 0) {
		drop_buffer(conn);
		return;
	}
	if (bytes >= conn->server->buffers.bytes || bytes == conn->buffer_bytes)
		return;
	buffer = bytes == WEFT__SMALL_BYTES ? weft__buffer_create(&conn->server->small_buffers)
					    : malloc(bytes);
	if (buffer != NULL) /* else it keeps the one it has */
		set_buffer(conn, buffer, bytes);
}

bool weft__conn_has_request(struct weft__conn *conn)
{
	return conn->public.input_bytes > 0 && conn->server->options.frame(&conn->public) != 0;
}

/* What is in the input, after a read that brought nothing or something. */
static enum weft__conn_read judge_input(struct weft__conn *conn)
{
	if (conn->public.input_bytes == 0)
		return WEFT__READ_NOTHING;
	if (weft__conn_has_request(conn))
		return WEFT__READ_WHOLE;
	return conn->public.input_bytes < conn->buffer_bytes ? WEFT__READ_PART : WEFT__READ_FULL;
}

enum weft__conn_read weft__conn_read(struct weft__conn *conn)
{
	weft_conn *public = &conn->public;
	uint32_t state = weft__conn_begin_read(conn);
	size_t room;
	ssize_t bytes;

	if (!make_room(conn))
		return WEFT__READ_END;
	room = conn->buffer_bytes - public->input_bytes;
	if (room == 0)
		return WEFT__READ_FULL;
	do
		bytes = weft__sys_recv(public->fd, public->input + public->input_bytes, room);
	while (bytes == -EINTR);
	if (bytes > 0) {
		public->input_bytes += (size_t)bytes;
		/*
		 * A short read has emptied the socket, and what comes later is a new edge. But the
		 * end may be there already: the edge said so, or it came before there was a watch.
		 */
		if ((size_t)bytes == room || (state & WEFT__CONN_END) || conn->is_new)
			weft__conn_set_read(conn);
		/* It is not full before a full buffer is. */
		if ((size_t)bytes == room && is_small(conn) && !make_room(conn))
			return WEFT__READ_END;
	} else if (bytes != -EAGAIN) {
		conn->is_ended = true;
		return WEFT__READ_END;
	}
	conn->is_new = false;
	return judge_input(conn);
}

void weft_conn_consume(weft_conn *public, size_t bytes)
{
	weft__assert(bytes <= public->input_bytes);
	public->input += bytes;
	public->input_bytes -= bytes;
}
