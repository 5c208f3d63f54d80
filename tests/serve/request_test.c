/* SPDX-License-Identifier: MIT */
/* Requests: where a head ends, and what is in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "serve/http/request.h"

#define HOST "Host: a\r\n"

static struct weft__http_request parse(const char *head)
{
	struct weft__http_request request;

	assert_int_equal(weft__http_head_end(head, strlen(head)), strlen(head));
	weft__http_request_parse(head, strlen(head), &request);
	return request;
}

static void a_head_ends_at_its_empty_line(void **state)
{
	static const char two[] = "GET / HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n\r\n";

	(void)state;
	assert_int_equal(weft__http_head_end(two, sizeof two - 1), 27);
	for (size_t bytes = 0; bytes < 27; bytes++)
		assert_int_equal(weft__http_head_end(two, bytes), 0);
	assert_int_equal(weft__http_head_end("\r\n\r\n", 4), 0);
	assert_int_equal(weft__http_head_end("\r\nG / H\r\n\r\n", 11), 11);
}

static void what_is_asked_for_is_understood(void **state)
{
	struct weft__http_request request;

	(void)state;
	request = parse("GET /a?b HTTP/1.1\r\n" HOST "If-None-Match: \"x\"\r\n"
			"IF-MODIFIED-SINCE: now\r\nif-none-match: *\r\n\r\n");
	assert_int_equal(request.status, 0);
	assert_true(request.is_get && request.keep_alive && !request.is_old && !request.is_head);
	assert_memory_equal(request.target.at, "/a?b ", 5);
	assert_int_equal(request.target.bytes, 4);
	assert_int_equal(request.tag_count, 2);
	assert_memory_equal(request.tags[0].at, "\"x\"", 3);
	assert_int_equal(request.tags[1].bytes, 1);
	assert_memory_equal(request.modified_since.at, "now", 3);
	assert_int_equal(request.host.bytes, 1);

	assert_true(parse("HEAD / HTTP/1.1\r\n" HOST "\r\n").is_head);
	assert_false(parse("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n").keep_alive);
	request = parse("GET / HTTP/1.0\r\n\r\n");
	assert_true(request.status == 0 && request.is_old && !request.keep_alive);
	assert_true(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
	assert_int_equal(parse("GET / HTTP/1.1\r\n" HOST
			       "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
				 .status,
			 0);
}

static const struct {
	int status;
	const char *head;
} refused[] = {
	{ 400, "GET / HTTP/1.1\r\n\r\n" },                       /* no Host */
	{ 400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n" },          /* two */
	{ 400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n" },           /* a space before the colon */
	{ 400, "GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n" }, /* over two lines */
	{ 400, "GET / HTTP/1.1\r\n" HOST "A: b\rC: d\r\n\r\n" }, /* a bare CR */
	{ 400, "GET / HTTP/1.1\r\n" HOST "\r\rGET /x HTTP/1.1\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" HOST "A\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n" },
	{ 400, "GET\r\n\r\n" },
	{ 400, "GET /\x01 HTTP/1.1\r\n" HOST "\r\n" },
	{ 400, "\x16\x03\x01\x02\r\n\r\n" }, /* TLS */
	{ 400, "get / HTTP/1.1\r\n" HOST "\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\n" },
	{ 400, "GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n" },
	{ 400,
	  "GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" },
	{ 413, "GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n" },
	{ 413, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n" },
	{ 501, "BREW / HTTP/1.1\r\n" HOST "\r\n" },
	{ 505, "GET / HTTP/2.0\r\n" HOST "\r\n" },
	{ 505, "GET / HTTP/1.2\r\n" HOST "\r\n" },
	{ 505, "GET /\r\n\r\n" },
};

static void what_is_not_http_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct weft__http_request request;
		size_t bytes = strlen(refused[i].head);

		weft__http_request_parse(refused[i].head, bytes, &request);
		if (request.status != refused[i].status)
			fail_msg("%zu: %d instead of %d: %s", i, request.status, refused[i].status,
				 refused[i].head);
	}
}

static void an_empty_body_is_none(void **state)
{
	struct weft__http_request request =
		parse("POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");

	(void)state;
	assert_int_equal(request.status, 0);
	assert_false(request.is_get || request.is_head);
}

static void limits_hold(void **state)
{
	static char head[20000];
	size_t bytes;

	(void)state;
	bytes = (size_t)sprintf(head, "GET /");
	memset(head + bytes, 'a', WEFT__HTTP_TARGET_BYTES);
	strcpy(head + bytes + WEFT__HTTP_TARGET_BYTES, " HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(parse(head).status, 414);

	bytes = (size_t)sprintf(head, "GET / HTTP/1.1\r\n" HOST);
	for (int i = 1; i < WEFT__HTTP_HEADERS_MAX; i++)
		bytes += (size_t)sprintf(head + bytes, "A: b\r\n");
	strcpy(head + bytes, "\r\n");
	assert_int_equal(parse(head).status, 0);
	strcpy(head + bytes, "A: b\r\n\r\n");
	assert_int_equal(parse(head).status, 431);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_ends_at_its_empty_line),
		cmocka_unit_test(what_is_asked_for_is_understood),
		cmocka_unit_test(what_is_not_http_is_refused),
		cmocka_unit_test(an_empty_body_is_none),
		cmocka_unit_test(limits_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
