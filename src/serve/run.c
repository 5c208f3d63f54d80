/* SPDX-License-Identifier: MIT */
/* A server from its start to the signal that ends it. */
#include "serve/run.h"

#include <weft/cancel.h>

#include "serve/signals.h"

static int drain(void *server)
{
	weft_server_drain(server);
	weft__signals_wake();
	return 0;
}

/* In a shield: however it came to its end, it ends in good order. again: how many signals ask for
 * one at once. */
static void end_server(weft_server *server, int again, void (*notice)(int count))
{
	weft_thread *drainer;
	/* Somebody must wait for that signal meanwhile. */
	int error = weft_thread_spawn(
		drain, server, &(weft_thread_options){ .kind = WEFT_KERNEL, .name = "drain" },
		&drainer);

	if (error < 0) {
		weft_server_drain(server);
		return;
	}
	if (weft__signals_wait(again) >= again) {
		if (notice != NULL)
			notice(again);
		weft_server_stop(server);
	}
	weft_thread_join(drainer, NULL);
}

int weft__server_run_until_signal(weft_server *server, void (*notice)(int count))
{
	int count = weft__signals_wait(1);
	weft_shield shield;

	if (notice != NULL && count > 0)
		notice(count);
	weft_shield_enter(&shield);
	end_server(server, count < 0 ? 1 : 2, notice);
	weft_shield_leave(&shield);
	return count < 0 ? count : 0;
}

int weft_server_run(const char *address, weft_serve_function *serve, void *arg,
		    const weft_server_options *options)
{
	weft_server *server;
	int error = weft__signals_open();

	if (error < 0)
		return error;
	error = weft_server_create(address, serve, arg, options, &server);
	if (error == 0) {
		error = weft__server_run_until_signal(server, NULL);
		weft_server_destroy(server);
	}
	weft__signals_close();
	return error;
}
