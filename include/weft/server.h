/* SPDX-License-Identifier: MIT */
/*
 * Server: a listener, a dispatcher and workers, for any protocol. The dispatcher (one light thread) accepts connections, holds
 * them while they are silent or while their request is incomplete, and gives each complete request to a worker of a pool,
 * which may block as it likes. A slow client occupies no worker, an idle one less than 1 KiB.
 *
 * The program supplies `serve`, which a worker calls when a connection has something for it, and perhaps `frame`, which tells the
 * dispatcher whether what has arrived so far is a complete request.
 */
#ifndef WEFT_SERVER_H
#define WEFT_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/api.h>
#include <weft/pool.h>
#include <weft/thread.h>

WEFT_API_BEGIN

typedef struct weft_server weft_server;

/* A connection. `fd`, `server_arg` and the input may be used by `serve`; `user` is the program's, zero at first. */
typedef struct weft_conn {
	int fd;
	void *server_arg;
	void *user;
	char *input;        /* what the dispatcher has read and nobody consumed; NULL without `frame` */
	size_t input_bytes; /* serve subtracts what it consumed by weft_conn_consume */
	int64_t write_until_ns; /* the deadline for writing the answer, from the server's limits */
} weft_conn;

typedef enum weft_served {
	WEFT_SERVED_CLOSE, /* close the connection */
	WEFT_SERVED_KEEP,  /* back to the dispatcher, wait for more input */
} weft_served;

/* A worker serves the connection. Without `frame` it is called once, as soon as the connection is accepted, and reads for itself. */
typedef weft_served weft_serve_function(weft_conn *conn);

/* Is there a complete request at the start of input? Returns 1: yes; 0: not yet; negative: it never will be (serve is called all the same, to
 * answer and close). Called by the dispatcher: it must be quick and must not wait. */
typedef int weft_frame_function(weft_conn *conn);

typedef struct weft_server_options {
	const char *name;
	weft_kind kind;              /* of the workers; default WEFT_LIGHT */
	unsigned workers;            /* default: 64 light or 4 per CPU kernel workers */
	unsigned processors;         /* of the server's scheduler; default: CPUs */
	unsigned connections_max;    /* default 10000; further ones are refused in an orderly way */
	size_t input_max;            /* bytes of one request that the dispatcher holds; default 16 KiB */
	int64_t head_ns;             /* from the first byte of a request to its end; default 10 s */
	int64_t idle_ns;             /* between requests; default 60 s */
	int64_t write_ns;            /* for writing an answer without progress; default 30 s */
	int64_t drain_ns;            /* how long a drain waits for what runs; default 10 s */
	weft_frame_function *frame;
	void (*refuse)(int fd, void *arg, int reason); /* writes a refusal without waiting: -EMFILE: too many connections, -ETIMEDOUT: head
							  too slow, -E2BIG: input_max; default: none */
	void (*closed)(weft_conn *conn);               /* the connection is about to be closed: free `user` */
} weft_server_options;

typedef struct weft_server_stats {
	uint64_t accepted, refused, closed, served, timed_out, accept_errors;
	unsigned connections, waiting, serving;
} weft_server_stats;

/* Listens at `address` and serves until stopped. Returns 0; what weft_listen, weft_pool_create and weft_sched_create return. */
WEFT_API int weft_server_create(const char *address, weft_serve_function *serve, void *arg, const weft_server_options *options,
				weft_server **out_server);

/* Stops accepting, closes idle connections, lets running requests finish (drain_ns at most), then closes the rest. Waits for that. Returns 0; -ETIMEDOUT: some had to be cut
 * off. */
WEFT_API int weft_server_drain(weft_server *server);

/* Cuts everything off at once. */
WEFT_API void weft_server_stop(weft_server *server);

/* Drains if need be, and gives everything back. */
WEFT_API void weft_server_destroy(weft_server *server);

WEFT_API int weft_server_address(weft_server *server, char *out_text, size_t out_bytes);
WEFT_API void weft_server_stats_get(weft_server *server, weft_server_stats *out_stats);

/* Inside serve: the first `bytes` of the input are done with. */
WEFT_API void weft_conn_consume(weft_conn *conn, size_t bytes);

/* create, then serve until SIGINT or SIGTERM: drain, return 0; a second signal stops at once. */
WEFT_API int weft_server_run(const char *address, weft_serve_function *serve, void *arg, const weft_server_options *options);

WEFT_API_END

#endif
