/* SPDX-License-Identifier: MIT */
/*
 * The server inside: what its files share. One dispatcher, a light thread in the server's
 * scheduler, has the listener, the records and the time limits; workers have a connection each
 * while they serve it.
 *
 *   edge -> arrivals -> dispatcher: reads, frames -> pool -> worker: serves, lets go
 *               ^                                                      |
 *               '---- hands back, if there is more than an answer -----'
 *
 * A connection is owned by one of them at a time (conn.h), and is in exactly one list of limits
 * from its first moment to its last.
 */
#ifndef WEFT_SERVE_SERVER_H
#define WEFT_SERVE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/cond.h>
#include <weft/mutex.h>
#include <weft/pool.h>
#include <weft/sched.h>
#include <weft/server.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "io/watch.h"
#include "sched/waitq.h"
#include "serve/conn.h"

#define WEFT__SERVER_STALLED (UINT32_C(1) << 31)

/* How far the end has come. Grows only. */
enum weft__server_phase {
	WEFT__SERVER_SERVES,
	WEFT__SERVER_DRAINS,
	WEFT__SERVER_STOPS,
};

/* Connections under one time limit, the first to pass first: all have the same time. Dispatcher
 * only. */
struct weft__limit {
	struct weft__list conns;
	int64_t duration_ns;
};

struct weft_server {
	/* constant */
	weft_server_options options; /* with the defaults filled in */
	weft_serve_function *serve;
	void *arg;
	weft_sched *sched;
	weft_pool *pool;
	weft_thread *dispatcher;
	uint32_t serving_max;
	char address[128];
	struct weft__buffers buffers, small_buffers;

	/* dispatcher only */
	int listener; /* -1: closed */
	struct weft__watch listener_watch;
	struct weft__conn_slab slab;
	struct weft__limit limits[WEFT__LIMITS];
	struct weft__conn *queue_first, *queue_last; /* whose turn it is */
	int64_t now_ns;                              /* at the start of this round */
	int64_t accept_at_ns; /* there was no descriptor: try again then; 0: no */
	int64_t drain_until_ns;
	unsigned refused_now; /* refused connections that linger */
	bool was_cut;

	/* atomic */
	struct weft__conn *arrivals; /* a stack; last arrived first */
	uint32_t serving; /* with workers, and STALLED: the dispatcher waits for it to fall */
	uint32_t accept_ready;
	uint32_t phase;
	uint32_t connections;
	uint64_t accepted, refused, closed, timed_out, accept_errors;
	uint64_t served;

	/* the dispatcher's bell */
	weft__waitq bell;
	bool bell_rung; /* guarded by bell's lock */

	weft_mutex lock;
	/* guarded by lock */
	weft_cond changed;
	bool has_started, has_ended;
	int start_error;
};

static inline enum weft__server_phase weft__server_phase(struct weft_server *server)
{
	return atomic_load_relaxed(&server->phase);
}

/* server.c: wakes the dispatcher. From anywhere, also from a carrier's loop. */
void weft__server_ring(struct weft_server *server);
/* Gives a connection that the caller owns to the dispatcher; conn->turn says what for. */
void weft__server_hand_over(struct weft__conn *conn);

/* dispatcher.c */
int weft__dispatcher_run(void *arg); /* the server */
void weft__dispatcher_queue(struct weft_server *server, struct weft__conn *conn);
void weft__dispatcher_close(struct weft_server *server, struct weft__conn *conn);
void weft__dispatcher_linger(struct weft_server *server, struct weft__conn *conn);

/* ending.c: what the end of the server asks of a round. True: everything is over. */
bool weft__server_proceed_to_end(struct weft_server *server);
void weft__server_close_listener(struct weft_server *server);

/* accept.c: takes a few connections. True: there may be more. */
bool weft__server_accept(struct weft_server *server);
void weft__server_accept_edge(struct weft__watch *watch, uint32_t ready);

/* limits.c */
void weft__limits_init(struct weft_server *server);
void weft__limit_set(struct weft_server *server, struct weft__conn *conn,
		     enum weft__conn_limit limit);
void weft__limit_expire(struct weft_server *server,
			struct weft__conn *conn);      /* the dispatcher has it */
int64_t weft__limits_next(struct weft_server *server); /* nothing passes before this */
void weft__limits_check(struct weft_server *server);

/* worker.c: a task of the pool; arg is the connection */
int weft__worker_serve(void *arg);
/* Has each worker use its stack once, as deep as serving does. */
void weft__workers_warm_up(struct weft_server *server);

#endif
