/* SPDX-License-Identifier: MIT */
/*
 * Servers: a request is a line, its answer the same line twice. However the bytes come, whoever is
 * slow, breaks off or is silent, and whenever the server is stopped: an answer is whole and its own
 * request's, and nothing is left open.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/server.h>

#include "engine.h"

#define CLIENTS 4
#define REQUESTS 3
#define LINE_MAX 60

/* ---- the protocol */

static int frame_line(weft_conn *conn)
{
	return conn->input_bytes > 0 && memchr(conn->input, '\n', conn->input_bytes) != NULL;
}

/* What is still to be written of an answer. */
struct answer {
	size_t bytes, written;
	char text[2 * LINE_MAX];
};

static weft_served write_answer(weft_conn *conn, struct answer *answer)
{
	while (answer->written < answer->bytes) {
		int64_t until = weft__sim_choose(2) ? conn->write_until_ns : 0;
		ssize_t n = weft_write_until(conn->fd, answer->text + answer->written,
					     answer->bytes - answer->written, until);

		if (n == -ETIMEDOUT && until == 0)
			return WEFT_SERVED_WRITE;
		if (n <= 0)
			return WEFT_SERVED_CLOSE;
		answer->written += (size_t)n;
	}
	answer->bytes = 0;
	return WEFT_SERVED_KEEP;
}

/* One line of the input becomes an answer; false: there is none. */
static bool take_line(weft_conn *conn, struct answer *answer)
{
	const char *end = conn->input_bytes > 0 ? memchr(conn->input, '\n', conn->input_bytes)
						: NULL;
	size_t bytes;

	if (end == NULL)
		return false;
	bytes = (size_t)(end + 1 - conn->input);
	weft__sim_check(bytes <= LINE_MAX);
	memcpy(answer->text, conn->input, bytes);
	memcpy(answer->text + bytes, conn->input, bytes);
	answer->bytes = 2 * bytes;
	answer->written = 0;
	weft_conn_consume(conn, bytes);
	return true;
}

static weft_served serve_lines(weft_conn *conn)
{
	struct answer *answer = conn->user;

	if (answer == NULL)
		answer = conn->user = calloc(1, sizeof *answer);
	weft__sim_check(answer != NULL);
	if (weft__sim_choose(4) == 0) {
		weft_blocking_begin();
		engine_dawdle();
		weft_blocking_end();
	} else {
		engine_dawdle();
	}
	while (answer->bytes > 0 || take_line(conn, answer)) {
		weft_served served = write_answer(conn, answer);

		if (served != WEFT_SERVED_KEEP)
			return served;
	}
	return weft__sim_choose(8) == 0 ? WEFT_SERVED_LINGER : WEFT_SERVED_KEEP;
}

static void forget(weft_conn *conn)
{
	free(conn->user);
}

/* ---- clients */

struct meeting {
	weft_server *server;
	char address[64];
	int32_t answered; /* atomic */
	bool patient;     /* every request is answered or refused in an orderly way */
	unsigned numbers; /* atomic */
};

static bool send_some(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		size_t part = 1 + weft__sim_choose((unsigned)count);

		if (weft_write_all(fd, bytes, part) != 0)
			return false;
		bytes += part;
		count -= part;
		engine_dawdle();
	}
	return true;
}

/* The answer is whole, or cut off where the connection ends. True: whole. */
static bool read_answer(int fd, const char *line, size_t bytes)
{
	char got[2 * LINE_MAX];
	size_t at = 0;

	while (at < 2 * bytes) {
		ssize_t n = weft_read(fd, got + at, 2 * bytes - at);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	for (size_t i = 0; i < at; i++)
		weft__sim_check(got[i] == line[i % bytes]);
	return at == 2 * bytes;
}

/* False: the connection is over. */
static bool ask(struct meeting *meeting, int fd, unsigned number, unsigned request)
{
	char line[LINE_MAX];
	int bytes = snprintf(line, sizeof line, "%u %u %.*s\n", number, request,
			     (int)weft__sim_choose(40),
			     "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");

	if (!send_some(fd, line, (size_t)bytes) || !read_answer(fd, line, (size_t)bytes))
		return false;
	atomic_add_relaxed(&meeting->answered, 1);
	return true;
}

static int be_client(void *arg)
{
	struct meeting *meeting = arg;
	unsigned number = atomic_add_relaxed(&meeting->numbers, 1u);

	for (unsigned request = 0; request < REQUESTS;) {
		int fd = weft_connect(meeting->address);

		if (fd < 0) {
			weft__sim_check(!meeting->patient);
			return 0;
		}
		if (weft__sim_choose(6) == 0)
			(void)weft_write(fd, "half a li", 9); /* and no more */
		else
			while (request < REQUESTS && ask(meeting, fd, number, request))
				request++;
		weft__sim_check(weft_close(fd) == 0);
		if (!meeting->patient)
			request++;
	}
	return 0;
}

static void *be_foreign_client(void *arg)
{
	be_client(arg);
	return NULL;
}

/* ---- */

static void open_server(struct meeting *meeting, const weft_server_options *wanted)
{
	weft_server_options options = *wanted;

	engine_watch();
	options.kind = weft__sim_choose(3) == 0 ? WEFT_KERNEL : WEFT_LIGHT;
	options.workers = 1 + weft__sim_choose(3);
	options.processors = 1 + weft__sim_choose(2);
	options.frame = frame_line;
	options.closed = forget;
	weft__sim_check(weft_server_create(weft__sim_choose(2) ? "127.0.0.1:0" : "unix:@weft",
					   serve_lines, NULL, &options, &meeting->server) == 0);
	weft__sim_check(weft_server_address(meeting->server, meeting->address,
					    sizeof meeting->address) > 0);
}

static void every_request_is_answered(void *arg)
{
	const weft_server_options options = { .connections_max = 100 };
	struct meeting meeting = { .patient = true };
	weft__sys_thread clients[CLIENTS];
	weft_server_stats stats;

	(void)arg;
	open_server(&meeting, &options);
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = engine_foreign(be_foreign_client, &meeting);
	for (int i = 0; i < CLIENTS; i++)
		weft__sys_thread_join(clients[i]);
	weft__sim_check(meeting.answered == CLIENTS * REQUESTS);
	weft__sim_check(weft_server_drain(meeting.server) == 0);
	weft_server_stats_get(meeting.server, &stats);
	weft__sim_check(stats.connections == 0 && stats.accepted == stats.closed);
	/* A wake-up that was lost would have been made good by a limit. */
	weft__sim_check(stats.timed_out == 0);
	weft_server_destroy(meeting.server);
	engine_check_clean();
}

static void servers_end_at_any_time(void *arg)
{
	const weft_server_options options = {
		.connections_max = 1 + weft__sim_choose(4),
		.input_max = 80,
		.head_ns = 1 + weft__sim_choose(2000000),
		.idle_ns = 1 + weft__sim_choose(2000000),
		.write_ns = 1 + weft__sim_choose(2000000),
		.drain_ns = 1 + weft__sim_choose(500000),
	};
	struct meeting meeting = { 0 };
	weft__sys_thread clients[CLIENTS];

	(void)arg;
	open_server(&meeting, &options);
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = engine_foreign(be_foreign_client, &meeting);
	for (int i = (int)weft__sim_choose(30); i > 0; i--)
		engine_dawdle();
	if (weft__sim_choose(3) != 0) {
		int code = weft_server_drain(meeting.server);

		weft__sim_check(code == 0 || code == -ETIMEDOUT);
	}
	if (weft__sim_choose(2))
		weft_server_stop(meeting.server);
	weft_server_destroy(meeting.server);
	for (int i = 0; i < CLIENTS; i++)
		weft__sys_thread_join(clients[i]);
	engine_check_clean();
}

#define NUISANCES .eintr = 20, .short_io = 50, .again = 30

const struct scenario serve_scenarios[] = {
	{ .name = "every-request-is-answered",
	  .run = every_request_is_answered,
	  .options = { NUISANCES, .stream_bytes = 64 } },
	{ .name = "servers-end-at-any-time",
	  .run = servers_end_at_any_time,
	  .options = { NUISANCES, .stream_bytes = 64 } },
	{ 0 },
};
