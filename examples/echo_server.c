/* SPDX-License-Identifier: MIT */
/*
 * A server that sends every line back. The dispatcher waits for whole lines, so a client that types
 * slowly keeps no worker busy; a worker answers one line at a time, and may block as it likes.
 *
 *	echo_server [ADDRESS]     127.0.0.1:7777 if none is given; try it with: nc 127.0.0.1 7777
 *	echo_server --test        serves itself a hundred lines
 */
#include <stdio.h>
#include <string.h>

#include <weft/server.h>
#include <weft/weft.h>

/* Dispatcher: is there a whole line? */
static int frame(weft_conn *conn)
{
	return memchr(conn->input, '\n', conn->input_bytes) != NULL;
}

/* Worker: answers it. */
static weft_served serve(weft_conn *conn)
{
	char *end = memchr(conn->input, '\n', conn->input_bytes);
	size_t bytes = (size_t)(end + 1 - conn->input);

	if (weft_write_all_until(conn->fd, conn->input, bytes, conn->write_until_ns) < 0)
		return WEFT_SERVED_CLOSE;
	weft_conn_consume(conn, bytes);
	return WEFT_SERVED_KEEP;
}

static const weft_server_options options = { .name = "echo", .workers = 8, .frame = frame };

static int talk(const char *address)
{
	char line[64], back[64];
	int fd = weft_connect(address);

	for (int i = 0; fd >= 0 && i < 100; i++) {
		int bytes = snprintf(line, sizeof line, "line %d\n", i);

		if (weft_write_all(fd, line, (size_t)bytes) < 0 ||
		    weft_read(fd, back, sizeof back) != bytes ||
		    memcmp(line, back, (size_t)bytes) != 0)
			return 1;
	}
	return weft_close(fd) < 0;
}

static int test(void)
{
	char address[64];
	weft_server *server;
	int failed = weft_server_create("127.0.0.1:0", serve, NULL, &options, &server);

	if (failed != 0)
		return 1;
	failed = weft_server_address(server, address, sizeof address) < 0 || talk(address);
	failed |= weft_server_drain(server) < 0;
	weft_server_destroy(server);
	puts(failed ? "what came back is not what was sent" : "100 lines came back");
	return failed;
}

int main(int argc, char **argv)
{
	const char *address = argc > 1 ? argv[1] : "127.0.0.1:7777";
	int error;

	if (strcmp(address, "--test") == 0)
		return test();
	printf("echo on %s; Ctrl-C ends it\n", address);
	error = weft_server_run(address, serve, NULL, &options);
	if (error < 0)
		fprintf(stderr, "echo_server: cannot listen at %s: %s\n", address,
			strerror(-error));
	return error < 0;
}
