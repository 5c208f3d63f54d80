/* SPDX-License-Identifier: MIT */
/* What fetch_all.c does with --test: a server, and what must come of three sets of fetches. */
#ifndef FETCH_ALL_TEST_H
#define FETCH_ALL_TEST_H

static int is_request(weft_conn *conn)
{
	return conn->input_bytes >= 4 &&
	       memcmp(conn->input + conn->input_bytes - 4, "\r\n\r\n", 4) == 0;
}

static int asks_for(weft_conn *conn, const char *path)
{
	return conn->input_bytes > 4 + strlen(path) &&
	       memcmp(conn->input + 4, path, strlen(path)) == 0;
}

/* /silent is not answered as long as the client stays; /none is not there; all else is "weft". */
static weft_served answer(weft_conn *conn)
{
	const char *text = asks_for(conn, "/none ") ? "HTTP/1.0 404 Not Found\r\n\r\n"
						    : "HTTP/1.0 200 OK\r\n\r\nweft";
	char byte;

	if (asks_for(conn, "/silent "))
		while (weft_read(conn->fd, &byte, 1) > 0)
			;
	else
		weft_write_all_until(conn->fd, text, strlen(text), conn->write_until_ns);
	return WEFT_SERVED_CLOSE;
}

/* Returns what the fetches of these paths do, within so long, and how much they have got. */
static int result_of(const char *address, const char *const paths[3], int64_t duration_ns,
		     size_t *out_bytes)
{
	char urls[3][96];
	struct given given = { .count = 3, .deadline_ns = weft_now() + duration_ns };
	int result;

	for (int i = 0; i < 3; i++) {
		snprintf(urls[i], sizeof urls[i], "%s%s", address, paths[i]);
		given.jobs[i].url = urls[i];
	}
	result = weft_run(app, &given, NULL);
	*out_bytes = given.jobs[0].bytes + given.jobs[1].bytes + given.jobs[2].bytes;
	return result;
}

static int test(void)
{
	const char *const good[] = { "/warp", "/weft", "/" };
	const char *const one_missing[] = { "/silent", "/none", "/silent" };
	const char *const silent[] = { "/weft", "/silent", "/weft" };
	char address[64];
	weft_server *server;
	size_t bytes;
	int failed = weft_server_create("127.0.0.1:0", answer, NULL,
					&(weft_server_options){ .frame = is_request }, &server);

	if (failed != 0)
		return 1;
	failed = weft_server_address(server, address, sizeof address) < 0 ||
		 result_of(address, good, 20 * WEFT_SECOND, &bytes) != 0 ||
		 bytes != 3 * strlen("HTTP/1.0 200 OK\r\n\r\nweft") ||
		 result_of(address, one_missing, WEFT_FOREVER / 2, &bytes) != -ENOENT ||
		 result_of(address, silent, 50 * WEFT_MS, &bytes) != -ETIMEDOUT;
	weft_server_destroy(server);
	puts(failed ? "not what was to be expected" : "all, the first failure, the deadline");
	return failed;
}

#endif
