/* SPDX-License-Identifier: MIT */
/*
 * Server: a listener, a dispatcher and workers, for any protocol. The dispatcher (one light thread)
 * accepts connections, holds them while they are silent or while their request is incomplete, and
 * gives each complete request to a worker of a pool, which may block as it likes. A slow client
 * occupies no worker, an idle one less than 1 KiB.
 *
 * The program supplies `serve`, which a worker calls when a connection has something for it, and
 * perhaps `frame`, which tells the dispatcher whether what has arrived so far is a complete
 * request.
 *
 * When not to use it: for a protocol in which both sides speak when they like (a chat, a tunnel);
 * two light threads for each connection, with <weft/socket.h>, are plainer there.
 *
 * Example:
 *
 *	// A line is a request, and its own answer.
 *	static int is_line(weft_conn *conn)
 *	{
 *		return memchr(conn->input, '\n', conn->input_bytes) != NULL;
 *	}
 *
 *	static weft_served echo(weft_conn *conn)
 *	{
 *		char *end = memchr(conn->input, '\n', conn->input_bytes);
 *		size_t bytes = end == NULL ? 0 : end + 1 - conn->input;
 *
 *		if (bytes == 0 || weft_write_all_until(conn->fd, conn->input, bytes,
 *						       conn->write_until_ns) < 0)
 *			return WEFT_SERVED_CLOSE;
 *		weft_conn_consume(conn, bytes);
 *		return WEFT_SERVED_KEEP;
 *	}
 *
 *	int start_echo(const char *address, weft_server **out_server)
 *	{
 *		return weft_server_create(address, echo, NULL,
 *					  &(weft_server_options){ .frame = is_line }, out_server);
 *	}
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

/* A connection, as serve and frame see it. One of them at a time has it. */
typedef struct weft_conn {
	int fd;        /* weft's own: non-blocking; the server closes it */
	bool draining; /* the server will close it after this answer: say so, if the protocol can */
	void *server_arg; /* what weft_server_create was given */
	void *user;       /* the program's; NULL at first */
	char *input; /* what the dispatcher has read and nobody consumed; NULL without `frame` */
	size_t input_bytes;
	int64_t write_until_ns; /* a deadline for writing the answer, from the server's limits */
} weft_conn;

typedef enum weft_served {
	WEFT_SERVED_CLOSE, /* close the connection */
	/* serve again when there is another request (without frame: more input) */
	WEFT_SERVED_KEEP,
	/* close it, though the client may still be sending: it gets the answer first */
	WEFT_SERVED_LINGER,
	WEFT_SERVED_WRITE, /* the socket takes no more at present: serve again when it does. Without
			       this a slow reader occupies a worker for as long as it likes */
} weft_served;

/*
 * A worker serves the connection. With frame it is called when a complete request is at the start
 * of conn->input, and consumes one or more. Without, it is called as soon as the connection is
 * accepted, and reads for itself. When reading or writing fails because the server stops, it
 * returns.
 */
typedef weft_served weft_serve_function(weft_conn *conn);

/* Is there a complete request at the start of the input? 1: yes; 0: not yet; negative: it never
 * will be (serve is called all the same, to answer and close). It is quick, and does not wait. */
typedef int weft_frame_function(weft_conn *conn);

typedef struct weft_server_options {
	const char *name;
	weft_kind kind;      /* of the workers: WEFT_LIGHT (default), WEFT_USER or WEFT_KERNEL */
	unsigned workers;    /* default: 64 light or user ones, or 4 kernel ones per CPU. Light and
				     user workers of a server without frame grow in number with the
				     connections */
	unsigned processors; /* of the server's scheduler; default: CPUs */
	unsigned connections_max; /* default 10000; further ones are refused in an orderly way */
	size_t input_max;         /* bytes of one request that are held; default 16 KiB */
	/* WEFT_FOREVER, in these four: no limit */
	int64_t head_ns;  /* from the first byte of a request to its end; default 10 s */
	int64_t idle_ns;  /* between requests; default 60 s */
	int64_t write_ns; /* for writing an answer, without progress; default 30 s */
	int64_t drain_ns; /* how long a drain waits for what runs; default 10 s */
	weft_frame_function *frame;
	/*
	 * Writes a refusal, without waiting. reason: -EMFILE: too many connections; -ETIMEDOUT: a
	 * request that did not come to its end; -E2BIG: it is longer than input_max. Default: none
	 * is written.
	 */
	void (*refuse)(int fd, void *arg, int reason);
	/* The connection is about to be closed: gives `user` back. Does not wait. */
	void (*closed)(weft_conn *conn);
} weft_server_options;

typedef struct weft_server_stats {
	uint64_t accepted, refused, closed, served, timed_out, accept_errors;
	unsigned connections, waiting, serving;
} weft_server_stats;

/*
 * Listens at `address` (see weft_listen) and serves, in a scheduler of its own, until it is
 * stopped.
 * Returns 0; what weft_listen, weft_sched_create and weft_pool_create return (-ENOTSUP: user
 * workers, and there can be none here); -EINVAL: no address or no serve.
 */
WEFT_API int weft_server_create(const char *address, weft_serve_function *serve, void *arg,
				const weft_server_options *options, weft_server **out_server);

/*
 * Stops accepting, closes connections that have no request, lets what runs finish (drain_ns at
 * most), then cuts off the rest. Waits for that. Not from a thread of the server's own.
 * Returns 0; -ETIMEDOUT: some had to be cut off; -ECANCELED: the caller was (<weft/cancel.h>): the
 * drain goes on, and can be waited for again.
 */
WEFT_API int weft_server_drain(weft_server *server);

/* Cuts everything off at once, and waits until all that runs has seen it. A drain under way ends
 * too. No cancellation ends that, nor what destroy waits for. Not from a thread of the server's
 * own. */
WEFT_API void weft_server_stop(weft_server *server);

/* Drains if need be, and gives everything back. Not from a thread of the server's own. */
WEFT_API void weft_server_destroy(weft_server *server);

/* Where it listens, as text, with the port that was chosen. Returns its length; -ENOSPC: it does
 * not fit. */
WEFT_API int weft_server_address(weft_server *server, char *out_text, size_t out_bytes);
WEFT_API void weft_server_stats_get(weft_server *server, weft_server_stats *out_stats);

/* Inside serve: the first `bytes` of the input are done with. */
WEFT_API void weft_conn_consume(weft_conn *conn, size_t bytes);

/*
 * create, then serve until SIGINT or SIGTERM: drain, return 0. A second signal stops at once.
 * A caller that is cancelled drains likewise, and gets -ECANCELED.
 * What handled the two signals before does so again afterwards. Returns 0; what weft_server_create
 * returns; -EBUSY: another call of this is under way in the process; -EMFILE, -ENFILE.
 */
WEFT_API int weft_server_run(const char *address, weft_serve_function *serve, void *arg,
			     const weft_server_options *options);

WEFT_API_END

#endif
