/* SPDX-License-Identifier: MIT */
/*
 * The dispatcher: one light thread that goes round: who has arrived, who is to be accepted, whose
 * time is over, whose turn it is. It waits only when there is nothing to do, and never for a
 * connection.
 *
 * At most serving_max connections are with workers. Beyond that the rest keep their turn, unread,
 * so that there are no more full buffers than that.
 */
#include <errno.h>

#include <weft/io.h>
#include <weft/socket.h>
#include <weft/time.h>

#include "base/atomic.h"
#include "base/panic.h"
#include "sched/thread.h"
#include "serve/server.h"
#include "sys/sys.h"

#define TURNS_MAX 64 /* before it looks for new arrivals */
#define SMALL_INPUT_BYTES 4096
#define LINGER_READS 4 /* in one turn */
#define LINGER_BYTES_MAX (1u << 20)
#define END_LOOK_NS (10 * WEFT_MS) /* how often it looks who is left, when the server ends */

/* ---- whose turn it is */

void weft__dispatcher_queue(struct weft_server *server, struct weft__conn *conn)
{
	conn->next = NULL;
	if (server->queue_first == NULL)
		server->queue_first = conn;
	else
		server->queue_last->next = conn;
	server->queue_last = conn;
}

static struct weft__conn *pop_queue(struct weft_server *server)
{
	struct weft__conn *conn = server->queue_first;

	if (conn != NULL)
		server->queue_first = conn->next;
	return conn;
}

static void take_arrivals(struct weft_server *server)
{
	struct weft__conn *stack = atomic_swap_acquire(&server->arrivals, NULL); /* ARRIVE */
	struct weft__conn *first = NULL;

	while (stack != NULL) {
		struct weft__conn *next = stack->next;

		stack->next = first;
		first = stack;
		stack = next;
	}
	while (first != NULL) {
		struct weft__conn *next = first->next;

		weft__dispatcher_queue(server, first);
		first = next;
	}
}

/* ---- the end of a connection */

void weft__dispatcher_close(struct weft_server *server, struct weft__conn *conn)
{
	if (!conn->is_refused && server->options.closed != NULL)
		server->options.closed(&conn->public);
	weft__list_remove(&conn->link);
	conn->public.input_bytes = 0;
	weft__conn_shrink(conn);
	weft_close(conn->public.fd);
	/* Who sees it gone finds its descriptor free. */
	if (conn->is_refused) {
		server->refused_now--;
	} else {
		atomic_bump(&server->connections, -1u);
		atomic_bump(&server->closed, 1);
	}
	weft__conn_destroy(&server->slab, conn);
	if (server->accept_at_ns != 0)
		server->accept_at_ns = server->now_ns;
}

void weft__dispatcher_linger(struct weft_server *server, struct weft__conn *conn)
{
	conn->public.input_bytes = 0;
	weft__conn_shrink(conn);
	if (weft__server_phase(server) == WEFT__SERVER_STOPS ||
	    weft_shutdown(conn->public.fd, SHUT_WR) < 0) {
		weft__dispatcher_close(server, conn);
		return;
	}
	weft__limit_set(server, conn, WEFT__LIMIT_LINGER);
	conn->is_lingering = true;
	conn->turn = WEFT__TURN_READ;
	weft__conn_set_read(conn);
	weft__dispatcher_queue(server, conn);
}

/* Reads what nobody wants. Returns 0: for now that is all; 1: there is more; -EPIPE: no more will
 * come. */
static int discard_input(struct weft_server *server, struct weft__conn *conn)
{
	char *buffer = weft__buffer_create(&server->buffers);
	ssize_t bytes = -ENOMEM;

	weft__conn_begin_read(conn);
	for (int i = 0; buffer != NULL && i < LINGER_READS; i++) {
		bytes = weft__sys_recv(conn->public.fd, buffer, server->buffers.bytes);
		if (bytes <= 0)
			break;
		conn->lingered_bytes += (uint32_t)bytes;
	}
	if (buffer != NULL)
		weft__buffer_destroy(&server->buffers, buffer);
	if (bytes == -EAGAIN)
		return 0;
	return bytes > 0 && conn->lingered_bytes < LINGER_BYTES_MAX ? 1 : -EPIPE;
}

/* ---- turns */

/* Nothing is to be done with it for now. */
static void let_go(struct weft_server *server, struct weft__conn *conn)
{
	weft__conn_shrink(conn);
	conn->turn = WEFT__TURN_READ;
	if (!weft__conn_release(conn))
		weft__dispatcher_queue(server, conn);
}

/* False: no worker has room, and it keeps its turn. */
static bool submit(struct weft_server *server, struct weft__conn *conn)
{
	uint32_t serving = atomic_load_relaxed(&server->serving);
	bool has_room;

	do
		has_room = serving < server->serving_max; /* never while the mark stands */
	while (!atomic_cas_acq_rel(&server->serving, &serving,
				   has_room ? serving + 1
					    : serving | WEFT__SERVER_STALLED)); /* STALL */
	if (!has_room)
		return false;

	/* Copied out of the full buffer, which so stays in the cache, and is one for all. */
	if (conn->public.input_bytes <= SMALL_INPUT_BYTES)
		weft__conn_shrink(conn);
	weft__limit_set(server, conn, WEFT__LIMIT_IDLE);
	conn->public.write_until_ns = server->now_ns + server->options.write_ns;
	conn->public.draining = weft__server_phase(server) != WEFT__SERVER_SERVES;
	if (weft_pool_submit(server->pool, weft__worker_serve, conn, NULL, NULL) < 0) {
		atomic_sub_acq_rel(&server->serving, 1);
		weft__dispatcher_close(server, conn);
	}
	return true;
}

static void take_linger_turn(struct weft_server *server, struct weft__conn *conn)
{
	int more = discard_input(server, conn);

	if (more < 0 || conn->is_late)
		weft__dispatcher_close(server, conn);
	else if (more > 0)
		weft__dispatcher_queue(server, conn);
	else
		let_go(server, conn);
}

static void hold(struct weft_server *server, struct weft__conn *conn)
{
	if (weft__server_phase(server) != WEFT__SERVER_SERVES) {
		weft__dispatcher_close(server, conn);
		return;
	}
	if (conn->limit != WEFT__LIMIT_HEAD) {
		weft__limit_set(server, conn, WEFT__LIMIT_HEAD);
	} else if (conn->is_late) {
		weft__limit_expire(server, conn);
		return;
	}
	let_go(server, conn);
}

static bool take_read_turn(struct weft_server *server, struct weft__conn *conn)
{
	switch (weft__conn_read(conn)) {
	case WEFT__READ_WHOLE:
		conn->turn = WEFT__TURN_SERVE;
		return submit(server, conn);
	case WEFT__READ_PART:
		hold(server, conn);
		return true;
	case WEFT__READ_FULL:
		if (server->options.refuse != NULL)
			server->options.refuse(conn->public.fd, server->arg, -E2BIG);
		weft__dispatcher_linger(server, conn);
		return true;
	case WEFT__READ_NOTHING:
		if (weft__server_phase(server) == WEFT__SERVER_SERVES) {
			let_go(server, conn);
			return true;
		}
		break;
	case WEFT__READ_END:
		break;
	}
	weft__dispatcher_close(server, conn);
	return true;
}

static bool take_write_turn(struct weft_server *server, struct weft__conn *conn)
{
	weft__limit_set(server, conn, WEFT__LIMIT_WRITE);
	conn->turn = WEFT__TURN_SERVE;
	if (weft__conn_release_to_write(conn))
		return true;
	return submit(server, conn);
}

static void take_close_turn(struct weft_server *server, struct weft__conn *conn)
{
	bool is_sending = conn->public.input_bytes > 0 ||
			  (atomic_load_relaxed(&conn->state) & WEFT__CONN_READ);

	if (is_sending && !conn->is_ended)
		weft__dispatcher_linger(server, conn);
	else
		weft__dispatcher_close(server, conn);
}

/* False: it waits for a worker. */
static bool take_turn(struct weft_server *server, struct weft__conn *conn)
{
	if (weft__server_phase(server) == WEFT__SERVER_STOPS) {
		weft__dispatcher_close(server, conn);
		return true;
	}
	switch ((enum weft__conn_turn)conn->turn) {
	case WEFT__TURN_READ:
		if (conn->is_lingering)
			take_linger_turn(server, conn);
		else if (server->options.frame != NULL)
			return take_read_turn(server, conn);
		else
			return submit(server, conn);
		break;
	case WEFT__TURN_SERVE:
		return submit(server, conn);
	case WEFT__TURN_HOLD:
		hold(server, conn);
		break;
	case WEFT__TURN_WRITE:
		return take_write_turn(server, conn);
	case WEFT__TURN_LINGER:
		weft__dispatcher_linger(server, conn);
		break;
	case WEFT__TURN_CLOSE:
		take_close_turn(server, conn);
		break;
	}
	return true;
}

/* True: there may be more to do at once. */
static bool take_turns(struct weft_server *server)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		struct weft__conn *conn = pop_queue(server);

		if (conn == NULL)
			return false;
		if (!take_turn(server, conn)) {
			conn->next = server->queue_first;
			if (server->queue_first == NULL)
				server->queue_last = conn;
			server->queue_first = conn;
			return false;
		}
	}
	return server->queue_first != NULL;
}

/* ---- round and round */

static void wait_for_bell(struct weft_server *server, int64_t until_ns)
{
	struct weft__waiter waiter;

	weft__waitq_lock(&server->bell);
	if (server->bell_rung) {
		server->bell_rung = false;
		weft__waitq_unlock(&server->bell);
		return;
	}
	weft__waitq_add_firm(&server->bell, &waiter, weft__self());
	weft__waitq_unlock(&server->bell);
	weft__waitq_park(&server->bell, &waiter, "dispatch", until_ns);
}

static int64_t next_deadline(struct weft_server *server)
{
	int64_t next_ns = weft__limits_next(server);

	if (server->accept_at_ns != 0 && server->accept_at_ns < next_ns)
		next_ns = server->accept_at_ns;
	if (weft__server_phase(server) != WEFT__SERVER_SERVES &&
	    server->now_ns + END_LOOK_NS < next_ns)
		next_ns = server->now_ns + END_LOOK_NS;
	return next_ns;
}

static bool accept_some(struct weft_server *server)
{
	if (server->listener < 0)
		return false;
	if (server->accept_at_ns != 0 ? server->now_ns < server->accept_at_ns
				      : !atomic_load_acquire(&server->accept_ready)) /* ACCEPT */
		return false;
	return weft__server_accept(server);
}

static void go_round(struct weft_server *server)
{
	bool has_more;

	for (;;) {
		server->now_ns = weft_now();
		take_arrivals(server);
		if (weft__server_proceed_to_end(server))
			return;
		has_more = accept_some(server);
		weft__limits_check(server);
		has_more |= take_turns(server);
		if (has_more)
			weft_yield();
		else
			wait_for_bell(server, next_deadline(server));
	}
}

static int open_server(struct weft_server *server)
{
	const weft_server_options *options = &server->options;
	bool grows = options->frame == NULL && options->kind != WEFT_KERNEL;
	unsigned most = options->connections_max < 4096 ? options->connections_max : 4096;
	int error = weft_pool_create(
		&(weft_pool_options){
			.name = options->name,
			.kind = options->kind,
			.workers = options->workers,
			.workers_max = grows && most > options->workers ? most : options->workers,
			.queue_max = SIZE_MAX,
		},
		&server->pool);

	if (error < 0)
		return error;
	if (options->frame != NULL)
		weft__workers_warm_up(server);
	/* What came before the watch is tried for once. */
	server->accept_ready = 1;
	return weft__watch(server->listener, &server->listener_watch);
}

int weft__dispatcher_run(void *arg)
{
	struct weft_server *server = arg;
	int error = open_server(server);

	weft_mutex_lock(&server->lock);
	server->start_error = error;
	server->has_started = true;
	weft_cond_wake_all(&server->changed);
	weft_mutex_unlock(&server->lock);
	if (error == 0)
		go_round(server);
	weft__server_close_listener(server);
	weft_mutex_lock(&server->lock);
	server->has_ended = true;
	weft_cond_wake_all(&server->changed);
	weft_mutex_unlock(&server->lock);
	return error;
}
