/* SPDX-License-Identifier: MIT */
/* A server from its start to the signal that ends it. */
#include "serve/run.h"

#include "serve/signals.h"

static int drain(void *server)
{
	weft_server_drain(server);
	weft__signals_wake();
	return 0;
}

int weft__server_run_until_signal(weft_server *server, void (*notice)(int count))
{
	weft_thread *drainer;
	int error;

	if (notice != NULL)
		notice(weft__signals_wait(1));
	else
		weft__signals_wait(1);
	/* Somebody must wait for the second signal meanwhile. */
	error = weft_thread_spawn(drain, server,
				  &(weft_thread_options){ .kind = WEFT_KERNEL, .name = "drain" },
				  &drainer);
	if (error < 0) {
		weft_server_drain(server);
		return 0;
	}
	if (weft__signals_wait(2) >= 2) {
		if (notice != NULL)
			notice(2);
		weft_server_stop(server);
	}
	weft_thread_join(drainer, NULL);
	return 0;
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
