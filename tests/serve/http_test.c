/* SPDX-License-Identifier: MIT */
/* The HTTP server with real files, over real sockets, in this process; with workers of both
 * kinds. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <weft/server.h>
#include <weft/weft.h>

#include "client.h"
#include "folder.h"
#include "kinds.h"
#include "serve/http/site.h"

#define KEPT 1000 /* connections at once */
#define BIG_BYTES 3000000
#define HUGE_BYTES ((size_t)256 << 20)

static struct rig {
	weft_kind kind;
	weft_server *server;
	struct weft__http_site *site;
	char address[64];
} rig;

static const struct {
	const char *path, *file, *type;
	size_t bytes;
} files[] = {
	{ "/", "index.html", "text/html; charset=utf-8", 900 },
	{ "/empty.txt", "empty.txt", "text/plain; charset=utf-8", 0 },
	{ "/one", "one", "application/octet-stream", 1 },
	{ "/style.css", "style.css", "text/css; charset=utf-8", 5000 },
	{ "/sub/", "sub/index.html", "text/html; charset=utf-8", 1234 },
	{ "/sub/picture.svg", "sub/picture.svg", "image/svg+xml", 65536 },
	{ "/sub/a%20b.png", "sub/a b.png", "image/png", 65537 },
	{ "/big.bin", "big.bin", "application/octet-stream", BIG_BYTES },
};

enum { FILES = sizeof files / sizeof *files };

static char *contents[FILES];

static void start(void)
{
	weft_server_options options = {
		.kind = rig.kind,
		.connections_max = 2000,
		.frame = weft__http_frame,
		.refuse = weft__http_refuse,
		.closed = weft__http_site_closed,
	};

	folder_create();
	folder_print("outside", "secret");
	for (int i = 0; i < FILES; i++) {
		char name[256];

		contents[i] = malloc(files[i].bytes + 1);
		for (size_t at = 0; at < files[i].bytes; at++)
			contents[i][at] = (char)(at * 7 + at / 251 + (size_t)i);
		snprintf(name, sizeof name, "site/%s", files[i].file);
		folder_write(name, contents[i], files[i].bytes);
	}
	folder_link("site/escape", "../outside");
	assert_int_equal(weft__http_site_open(folder_path("site"), &rig.site), 0);
	assert_int_equal(weft_server_create("127.0.0.1:0", weft__http_site_serve, rig.site,
					    &options, &rig.server),
			 0);
	weft_server_address(rig.server, rig.address, sizeof rig.address);
}

static void stop(void)
{
	assert_int_equal(weft_server_drain(rig.server), 0);
	weft_server_destroy(rig.server);
	weft__http_site_close(rig.site);
	for (int i = 0; i < FILES; i++)
		free(contents[i]);
	folder_destroy();
}

static void expect_file(struct answer *answer, int i)
{
	assert_int_equal(answer->status, 200);
	assert_string_equal(answer_header(answer, "Content-Type"), files[i].type);
	assert_int_equal(answer->body_bytes, files[i].bytes);
	assert_memory_equal(answer->body, contents[i], files[i].bytes);
	free(answer->body);
}

/* ---- */

/* Each asks for another file than its neighbour; the large one is for a few: it is large. */
static void ask_all(const int *fds, int round)
{
	for (int i = 0; i < KEPT; i++) {
		int file = (i + round) % FILES;
		char request[128];

		if (files[file].bytes == BIG_BYTES && i >= 20)
			file = 0;
		snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n",
			 files[file].path);
		client_send(fds[i], request);
	}
	for (int i = 0; i < KEPT; i++) {
		int file = (i + round) % FILES;
		struct answer answer;

		client_answer(fds[i], true, &answer);
		expect_file(&answer, files[file].bytes == BIG_BYTES && i >= 20 ? 0 : file);
	}
}

static void a_thousand_connections_get_what_the_files_hold(void **state)
{
	static int fds[KEPT];

	(void)state;
	start();
	for (int i = 0; i < KEPT; i++)
		fds[i] = client_connect(rig.address);
	for (int round = 0; round < FILES; round++)
		ask_all(fds, round);
	for (int i = 0; i < KEPT; i++)
		client_close(fds[i]);
	stop();
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	char requests[16 * 128] = "";
	struct answer answer;
	int fd;

	(void)state;
	start();
	fd = client_connect(rig.address);
	for (int i = 0; i < 16; i++) {
		char request[128];

		snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: a\r\n\r\n",
			 i % 5 == 4 ? "HEAD" : "GET", files[i % FILES].path);
		strcat(requests, request);
	}
	for (int round = 0; round < 20; round++) {
		client_send(fd, requests);
		for (int i = 0; i < 16; i++) {
			bool is_head = i % 5 == 4;

			client_answer(fd, !is_head, &answer);
			if (!is_head) {
				expect_file(&answer, i % FILES);
				continue;
			}
			assert_int_equal(answer.status, 200);
			assert_int_equal(atol(answer_header(&answer, "Content-Length")),
					 files[i % FILES].bytes);
			free(answer.body);
		}
	}
	/* A byte at a time, too. */
	for (const char *at = requests; at < requests + 200; at++)
		client_send_bytes(fd, at, 1);
	client_close(fd);
	stop();
}

/* More requests than one batch holds, in one stream. */
static void a_long_pipeline_is_answered_to_its_end(void **state)
{
	static const char request[] = "GET /one HTTP/1.1\r\nHost: a\r\n\r\n";
	enum { REQUESTS = 3000 };
	struct answer answer;
	char *all = malloc(REQUESTS * (sizeof request - 1) + 1), *to = all;
	int fd;

	(void)state;
	start();
	for (int i = 0; i < REQUESTS; i++)
		to = stpcpy(to, request);
	fd = client_connect(rig.address);
	client_send(fd, all);
	for (int i = 0; i < REQUESTS; i++) {
		client_answer(fd, true, &answer);
		expect_file(&answer, 2);
	}
	free(all);
	client_close(fd);
	stop();
}

static void what_the_client_has_is_not_sent_again(void **state)
{
	char headers[256], etag[128], date[64];
	struct answer answer;
	int fd;

	(void)state;
	start();
	fd = client_connect(rig.address);
	client_get(fd, "/style.css", "", &answer);
	strcpy(etag, answer_header(&answer, "ETag"));
	strcpy(date, answer_header(&answer, "Last-Modified"));
	assert_true(etag[0] == '"' && etag[strlen(etag) - 1] == '"');
	expect_file(&answer, 3);

	snprintf(headers, sizeof headers, "If-None-Match: \"x\", %s\r\n", etag);
	client_get(fd, "/style.css", headers, &answer);
	assert_int_equal(answer.status, 304);
	assert_string_equal(answer_header(&answer, "ETag"), etag);
	free(answer.body);
	snprintf(headers, sizeof headers, "If-Modified-Since: %s\r\n", date);
	client_get(fd, "/style.css", headers, &answer);
	assert_int_equal(answer.status, 304);
	free(answer.body);
	client_get(fd, "/style.css", "If-None-Match: \"x\"\r\n", &answer);
	expect_file(&answer, 3);
	client_close(fd);
	stop();
}

static void a_changed_file_is_seen_at_once(void **state)
{
	struct answer answer;
	char text[64];
	int fd;

	(void)state;
	start();
	fd = client_connect(rig.address);
	for (int i = 0; i < 300; i++) {
		/* The same length each time, so that nothing but time and content differ. */
		snprintf(text, sizeof text, "version %06d", i);
		if (i % 3 == 0) {
			char from[256];

			folder_print("site/new", text);
			strcpy(from, folder_path("site/new"));
			assert_int_equal(rename(from, folder_path("site/changing.txt")), 0);
		} else {
			folder_print("site/changing.txt", text);
		}
		for (int again = 0; again < 2; again++) {
			client_get(fd, "/changing.txt", "", &answer);
			assert_int_equal(answer.status, 200);
			assert_string_equal(answer.body, text);
			free(answer.body);
		}
	}
	unlink(folder_path("site/changing.txt"));
	client_get(fd, "/changing.txt", "", &answer);
	assert_int_equal(answer.status, 404);
	free(answer.body);
	client_close(fd);
	stop();
}

static const struct {
	int status;
	bool closes;
	const char *request;
} others[] = {
	{ 301, false, "GET /sub HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ 404, false, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ 404, false, "GET /sub/none/ HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ 404, false, "GET /style.css/x HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ 404, false, "GET /style.css/ HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ 403, false, "GET /escape HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ 400, false, "GET /../outside HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ 400, false, "GET /%2e%2e/outside HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ 400, false, "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ 405, false, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" },
	{ 405, false, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ 405, false, "DELETE /one HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ 413, true, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" },
	{ 413, true, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
	{ 400, true, "GET / HTTP/1.1\r\n\r\n" },
	{ 400, true, "nonsense\r\n\r\n" },
	{ 501, true, "BREW / HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ 505, true, "GET / HTTP/2.0\r\nHost: a\r\n\r\n" },
	{ 200, true, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" },
	{ 200, true, "GET / HTTP/1.0\r\n\r\n" },
	{ 200, false, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" },
	{ 200, false, "\r\nGET http://a/one HTTP/1.1\r\nHost: a\r\n\r\n" },
	{ 200, false, "GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\n\r\n" },
};

static void what_is_not_done_is_said_clearly(void **state)
{
	(void)state;
	start();
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		int fd = client_connect(rig.address);
		struct answer answer;

		client_send(fd, others[i].request);
		client_answer(fd, true, &answer);
		if (answer.status != others[i].status || answer.closes != others[i].closes)
			fail_msg("%d: %s", answer.status, others[i].request);
		if (answer.status == 405)
			assert_string_equal(answer_header(&answer, "Allow"), "GET, HEAD");
		if (answer.status == 301)
			assert_string_equal(answer_header(&answer, "Location"), "/sub/");
		if (answer.status >= 400)
			assert_non_null(strstr(answer.body, "<h1>"));
		free(answer.body);
		if (answer.closes) {
			client_expect_end(fd);
		} else {
			client_get(fd, "/one", "", &answer);
			expect_file(&answer, 2);
		}
		client_close(fd);
	}
	stop();
}

static void heads_have_limits(void **state)
{
	static char head[40000];
	struct answer answer;
	int fd;

	(void)state;
	start();
	fd = client_connect(rig.address);
	memset(head, 'a', sizeof head);
	memcpy(head, "GET /", 5);
	client_send_bytes(fd, head, 12000); /* no line ends */
	client_answer(fd, true, &answer);
	assert_int_equal(answer.status, 414);
	free(answer.body);
	client_expect_end(fd);
	client_close(fd);

	fd = client_connect(rig.address);
	memcpy(head, "GET / HTTP/1.1\r\nHost: a\r\nA: ", 28);
	client_send_bytes(fd, head, 20000);
	client_answer(fd, true, &answer);
	assert_int_equal(answer.status, 431);
	free(answer.body);
	client_expect_end(fd);
	client_close(fd);
	stop();
}

static void a_file_that_shrinks_ends_the_connection(void **state)
{
	static char buffer[65536];
	size_t got = 0;
	ssize_t bytes;
	int fd;

	(void)state;
	start();
	fd = client_connect(rig.address);
	/* More than all socket buffers hold. */
	folder_print("site/huge", "");
	assert_int_equal(truncate(folder_path("site/huge"), HUGE_BYTES), 0);
	client_send(fd, "GET /huge HTTP/1.1\r\nHost: a\r\n\r\n");
	while (got < 100000) {
		bytes = client_receive(fd, buffer, 10000);
		assert_true(bytes > 0);
		got += (size_t)bytes;
	}
	assert_int_equal(truncate(folder_path("site/huge"), 10), 0);
	while ((bytes = client_receive(fd, buffer, sizeof buffer)) > 0)
		got += (size_t)bytes;
	assert_true(got < HUGE_BYTES);
	client_close(fd);
	stop();
}

/* ---- a hostile client */

static uint64_t seed;

static unsigned choose(unsigned below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % below;
}

static size_t write_hostile(char *to, size_t room)
{
	static const char *const pieces[] = {
		"GET ",
		"HEAD ",
		"POST ",
		"/",
		"/one",
		"/style.css",
		"/../",
		"/%2e%2e/",
		"%00",
		"%",
		" HTTP/1.1",
		" HTTP/1.0",
		" HTTP/9.9",
		"\r\n",
		"\r\n\r\n",
		"\n",
		"\r",
		"Host: a\r\n",
		"Content-Length: 3\r\n",
		"Content-Length: -1\r\n",
		"Transfer-Encoding: chunked\r\n",
		"Connection: close\r\n",
		"If-None-Match: *\r\n",
		"A: ",
		":",
		"\x00",
		"\xff\xfe",
		" ",
		"GET /one HTTP/1.1\r\nHost: a\r\n\r\n",
		"Upgrade: h2c\r\n",
		"\x16\x03\x01",
	};
	size_t used = 0;

	for (unsigned left = 1 + choose(20); left > 0; left--) {
		const char *piece = pieces[choose(sizeof pieces / sizeof *pieces)];
		size_t bytes = *piece == '\0' ? 1 : strlen(piece);

		if (used + bytes > room)
			break;
		memcpy(to + used, piece, bytes);
		used += bytes;
	}
	return used;
}

static void hostile_clients_harm_nobody(void **state)
{
	const char *given = getenv("WEFT_SEED");
	char buffer[4096];
	struct answer answer;
	int good;

	(void)state;
	seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	print_message("WEFT_SEED=%llu\n", (unsigned long long)seed);
	start();
	good = client_connect(rig.address);
	for (int i = 0; i < 2000; i++) {
		int fd = client_connect(rig.address);

		for (unsigned writes = 1 + choose(4); writes > 0; writes--) {
			size_t bytes = write_hostile(buffer, sizeof buffer);

			if (send(fd, buffer, bytes, MSG_NOSIGNAL) < 0)
				break;
		}
		switch (choose(4)) {
		case 0:
			shutdown(fd, SHUT_WR);
			while (client_receive(fd, buffer, sizeof buffer) > 0)
				;
			break;
		case 1: {
			struct linger linger = { .l_onoff = 1 };

			setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
			break;
		}
		case 2:
			(void)recv(fd, buffer, 100, MSG_DONTWAIT);
			break;
		default:
			break;
		}
		client_close(fd);
		if (i % 50 == 0) {
			client_get(good, "/one", "", &answer);
			expect_file(&answer, 2);
		}
	}
	client_close(good);
	stop();
}

/* ---- */

static int choose_light(void **state)
{
	(void)state;
	rig.kind = WEFT_LIGHT;
	return 0;
}

static int choose_user(void **state)
{
	(void)state;
	rig.kind = WEFT_USER;
	return 0;
}

static int choose_kernel(void **state)
{
	(void)state;
	rig.kind = WEFT_KERNEL;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_connections_get_what_the_files_hold),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(a_long_pipeline_is_answered_to_its_end),
		cmocka_unit_test(what_the_client_has_is_not_sent_again),
		cmocka_unit_test(a_changed_file_is_seen_at_once),
		cmocka_unit_test(what_is_not_done_is_said_clearly),
		cmocka_unit_test(heads_have_limits),
		cmocka_unit_test(a_file_that_shrinks_ends_the_connection),
		cmocka_unit_test(hostile_clients_harm_nobody),
	};
	int failed = cmocka_run_group_tests_name("light workers", tests, choose_light, NULL);

	if (has_user_threads())
		failed += cmocka_run_group_tests_name("user workers", tests, choose_user, NULL);
	return failed + cmocka_run_group_tests_name("kernel workers", tests, choose_kernel, NULL);
}
