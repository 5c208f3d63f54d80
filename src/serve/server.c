/* SPDX-License-Identifier: MIT */
/* Server: made, drained, stopped, counted; see server.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weft/cancel.h>
#include <weft/io.h>
#include <weft/socket.h>
#include <weft/time.h>

#include "base/atomic.h"
#include "serve/server.h"
#include "sys/sys.h"

#define LIGHT_WORKERS 64 /* or user ones */
#define KERNEL_WORKERS_PER_CPU 4

void weft__server_ring(struct weft_server *server)
{
	struct weft__wakes wakes = { 0 };

	weft__waitq_lock(&server->bell);
	if (!weft__waitq_wake(&server->bell, 0, &wakes))
		server->bell_rung = true;
	weft__waitq_unlock(&server->bell);
	weft__wakes_ready(&wakes);
}

/*
 * Only the first of a stack rings: the dispatcher takes all of it at once, after it was woken, and
 * looks at the bell before it waits again. Were it to take the stack and wait before the first has
 * rung, that ring would wake it.
 */
void weft__server_hand_over(struct weft__conn *conn)
{
	struct weft_server *server = conn->server;
	struct weft__conn *first = atomic_load_relaxed(&server->arrivals);

	do
		conn->next = first;
	while (!atomic_cas_release(&server->arrivals, &first, conn)); /* ARRIVE */
	if (first == NULL)
		weft__server_ring(server);
}

/* One without end is cut to what a clock's reading can be added to. */
static int64_t fill_duration(int64_t duration_ns, int64_t default_ns)
{
	const int64_t most_ns = WEFT_FOREVER / 2;

	if (duration_ns == 0)
		return default_ns;
	return duration_ns < most_ns ? duration_ns : most_ns;
}

static weft_server_options fill_options(const weft_server_options *options)
{
	weft_server_options filled = options != NULL ? *options : (weft_server_options){ 0 };

	if (filled.name == NULL)
		filled.name = "server";
	if (filled.kind == WEFT_KIND_DEFAULT)
		filled.kind = WEFT_LIGHT;
	if (filled.workers == 0)
		filled.workers = filled.kind == WEFT_KERNEL
					 ? KERNEL_WORKERS_PER_CPU * weft__sys_cpu_count()
					 : LIGHT_WORKERS;
	if (filled.connections_max == 0)
		filled.connections_max = 10000;
	if (filled.input_max == 0)
		filled.input_max = 16384;
	filled.head_ns = fill_duration(filled.head_ns, 10 * WEFT_SECOND);
	filled.idle_ns = fill_duration(filled.idle_ns, 60 * WEFT_SECOND);
	filled.write_ns = fill_duration(filled.write_ns, 30 * WEFT_SECOND);
	filled.drain_ns = fill_duration(filled.drain_ns, 10 * WEFT_SECOND);
	return filled;
}

static struct weft_server *create_server(weft_serve_function *serve, void *arg,
					 const weft_server_options *options)
{
	struct weft_server *server = calloc(1, sizeof *server);

	if (server == NULL)
		return NULL;
	server->options = fill_options(options);
	server->serve = serve;
	server->arg = arg;
	server->listener_watch.ready = weft__server_accept_edge;
	/* A connection without frame needs no buffer, so there may be any number. */
	server->serving_max = server->options.frame != NULL ? 2 * server->options.workers
							    : INT32_MAX;
	server->buffers.bytes = server->options.input_max;
	if (server->buffers.bytes < sizeof(void *))
		server->buffers.bytes = sizeof(void *);
	server->small_buffers.bytes = WEFT__SMALL_BYTES;
	if (server->options.frame != NULL)
		weft__buffers_fill(&server->small_buffers, server->serving_max);
	weft__limits_init(server);
	return server;
}

static void free_server(struct weft_server *server)
{
	weft__conn_slab_fini(&server->slab);
	weft__buffers_fini(&server->buffers);
	weft__buffers_fini(&server->small_buffers);
	free(server);
}

/*
 * The dispatcher, and through it the rest. On failure nothing of it is left. In a shield, as every
 * wait of a caller's for the server's threads is: it is for steps that come to their end soon, and
 * what half a step would leave nobody could give back.
 */
static int start_dispatcher(struct weft_server *server)
{
	weft_thread_options thread = { .kind = WEFT_LIGHT,
				       .name = "dispatcher",
				       .sched = server->sched };
	weft_shield shield;
	int error = weft_thread_spawn(weft__dispatcher_run, server, &thread, &server->dispatcher);

	if (error < 0)
		return error;
	weft_shield_enter(&shield);
	weft_mutex_lock(&server->lock);
	while (!server->has_started)
		weft_cond_wait(&server->changed, &server->lock);
	weft_mutex_unlock(&server->lock);
	if (server->start_error < 0)
		weft_thread_join(server->dispatcher, NULL);
	weft_shield_leave(&shield);
	if (server->start_error == 0)
		return 0;
	server->listener = -1;
	if (server->pool != NULL)
		weft_pool_destroy(server->pool);
	return server->start_error;
}

int weft_server_create(const char *address, weft_serve_function *serve, void *arg,
		       const weft_server_options *options, weft_server **out_server)
{
	struct weft_server *server;
	int error;

	if (serve == NULL || address == NULL)
		return -EINVAL;
	server = create_server(serve, arg, options);
	if (server == NULL)
		return -ENOMEM;
	server->listener = error = weft_listen(address, 0);
	if (error < 0)
		goto fail_listen;
	error = weft_socket_address(server->listener, server->address, sizeof server->address);
	if (error < 0)
		goto fail_sched;
	error = weft_sched_create(&(weft_sched_options){ .name = server->options.name,
							 .processors = server->options.processors },
				  &server->sched);
	if (error < 0)
		goto fail_sched;
	error = start_dispatcher(server);
	if (error < 0)
		goto fail_start;
	*out_server = server;
	return 0;

fail_start:
	weft_sched_destroy(server->sched);
fail_sched:
	if (server->listener >= 0)
		weft_close(server->listener);
fail_listen:
	free_server(server);
	return error;
}

/* ---- the end */

static void raise_phase(struct weft_server *server, enum weft__server_phase phase)
{
	uint32_t seen = atomic_load_relaxed(&server->phase);

	while (seen < (uint32_t)phase &&
	       !atomic_cas_acq_rel(&server->phase, &seen, (uint32_t)phase))
		;
	weft__server_ring(server);
}

/* 0; -ECANCELED: the caller was, in a wait that is open to it. */
static int wait_for_end(struct weft_server *server)
{
	int code = 0;

	weft_mutex_lock(&server->lock);
	while (!server->has_ended && code == 0)
		code = weft_cond_wait(&server->changed, &server->lock);
	if (server->has_ended)
		code = 0;
	weft_mutex_unlock(&server->lock);
	return code;
}

int weft_server_drain(weft_server *server)
{
	int code;

	raise_phase(server, WEFT__SERVER_DRAINS);
	code = wait_for_end(server);
	if (code < 0)
		return code;
	return server->was_cut ? -ETIMEDOUT : 0;
}

void weft_server_stop(weft_server *server)
{
	weft_shield shield;

	weft_shield_enter(&shield);
	raise_phase(server, WEFT__SERVER_STOPS);
	(void)wait_for_end(server);
	weft_shield_leave(&shield);
}

void weft_server_destroy(weft_server *server)
{
	weft_shield shield;

	weft_shield_enter(&shield);
	weft_server_drain(server);
	weft_thread_join(server->dispatcher, NULL);
	weft_pool_destroy(server->pool);
	weft_sched_destroy(server->sched);
	free_server(server);
	weft_shield_leave(&shield);
}

/* ---- what it tells */

int weft_server_address(weft_server *server, char *out_text, size_t out_bytes)
{
	size_t bytes = strlen(server->address);

	if (bytes >= out_bytes)
		return -ENOSPC;
	memcpy(out_text, server->address, bytes + 1);
	return (int)bytes;
}

void weft_server_stats_get(weft_server *server, weft_server_stats *out_stats)
{
	unsigned connections = atomic_load_relaxed(&server->connections);
	unsigned serving = atomic_load_relaxed(&server->serving) & ~WEFT__SERVER_STALLED;

	*out_stats = (weft_server_stats){
		.accepted = atomic_load_relaxed(&server->accepted),
		.refused = atomic_load_relaxed(&server->refused),
		.closed = atomic_load_relaxed(&server->closed),
		.served = atomic_load_relaxed(&server->served),
		.timed_out = atomic_load_relaxed(&server->timed_out),
		.accept_errors = atomic_load_relaxed(&server->accept_errors),
		.connections = connections,
		.serving = serving,
		.waiting = connections > serving ? connections - serving : 0,
	};
}
