/* SPDX-License-Identifier: MIT */
/* Requests; see request.h. */
#include "serve/http/request.h"

#include <string.h>
#include <strings.h>

#include "llhttp.h"

enum header {
	HEADER_OTHER,
	HEADER_HOST,
	HEADER_TAGS,
	HEADER_MODIFIED_SINCE,
};

struct parse {
	struct weft__http_request *request;
	enum header header;
	bool has_field, has_value; /* of the present header */
	bool is_whole;
};

size_t weft__http_head_end(const char *input, size_t bytes)
{
	const char *end = input + bytes;
	const char *at = input;

	while (at < end && (*at == '\r' || *at == '\n'))
		at++;
	while (at < end) {
		const char *line = memchr(at, '\n', (size_t)(end - at));

		if (line == NULL)
			return 0;
		at = line + 1;
		if (at < end && *at == '\n')
			return (size_t)(at + 1 - input);
		if (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
			return (size_t)(at + 2 - input);
	}
	return 0;
}

/* ---- what llhttp calls. Anything but 0 ends the parse. */

static int take_url(llhttp_t *parser, const char *at, size_t bytes)
{
	struct parse *parse = parser->data;

	parse->request->target = (struct weft__http_text){ at, bytes };
	if (bytes > WEFT__HTTP_TARGET_BYTES)
		parse->request->status = 414;
	return 0;
}

static bool is_named(const char *at, size_t bytes, const char *name, size_t name_bytes)
{
	return bytes == name_bytes && strncasecmp(at, name, bytes) == 0;
}

static int take_field(llhttp_t *parser, const char *at, size_t bytes)
{
	struct parse *parse = parser->data;

	parse->has_field = bytes > 0;
	parse->header = HEADER_OTHER;
	if (++parse->request->header_count > WEFT__HTTP_HEADERS_MAX)
		parse->request->status = 431;
	if (is_named(at, bytes, "host", 4)) {
		parse->header = HEADER_HOST;
		parse->request->host_count++;
	} else if (is_named(at, bytes, "if-none-match", 13)) {
		parse->header = HEADER_TAGS;
	} else if (is_named(at, bytes, "if-modified-since", 17)) {
		parse->header = HEADER_MODIFIED_SINCE;
	}
	return 0;
}

static int take_value(llhttp_t *parser, const char *at, size_t bytes)
{
	struct parse *parse = parser->data;
	struct weft__http_request *request = parse->request;
	struct weft__http_text text = { at, bytes };

	/* A value in two pieces goes over two lines: obsolete, and a way to hide things. So is one
	 * without a name. */
	if (parse->has_value || !parse->has_field)
		request->status = 400;
	parse->has_value = true;
	switch (parse->header) {
	case HEADER_HOST:
		request->host = text;
		break;
	case HEADER_TAGS:
		if (request->tag_count < WEFT__HTTP_TAGS_MAX)
			request->tags[request->tag_count] = text;
		request->tag_count++;
		break;
	case HEADER_MODIFIED_SINCE:
		request->modified_since = text;
		break;
	case HEADER_OTHER:
		break;
	}
	return 0;
}

static int end_value(llhttp_t *parser)
{
	struct parse *parse = parser->data;

	parse->has_field = parse->has_value = false;
	return 0;
}

static int end_headers(llhttp_t *parser)
{
	struct weft__http_request *request = ((struct parse *)parser->data)->request;

	request->keep_alive = llhttp_should_keep_alive(parser) != 0;
	request->has_body = (parser->flags & (F_CHUNKED | F_TRANSFER_ENCODING)) != 0 ||
			    ((parser->flags & F_CONTENT_LENGTH) && parser->content_length > 0);
	/* An offer of another protocol is not taken up; the request is answered in this one. */
	parser->upgrade = 0;
	return 1; /* no body follows: one that is announced is refused */
}

static int end_message(llhttp_t *parser)
{
	((struct parse *)parser->data)->is_whole = true;
	return HPE_PAUSED; /* here, so that where it ended can be compared */
}

static const llhttp_settings_t settings = {
	.on_url = take_url,
	.on_header_field = take_field,
	.on_header_value = take_value,
	.on_header_value_complete = end_value,
	.on_headers_complete = end_headers,
	.on_message_complete = end_message,
};

/* ---- */

/* Does the head begin with a word and a space, as a method would? */
static bool has_method(const char *head, size_t bytes)
{
	size_t length = 0;

	while (length < bytes && length < 32 && head[length] >= 'A' && head[length] <= 'Z')
		length++;
	return length > 0 && length < bytes && head[length] == ' ';
}

static int status_of_error(llhttp_errno_t error, const char *head, size_t bytes)
{
	if (error == HPE_INVALID_METHOD && has_method(head, bytes))
		return 501;
	if (error == HPE_INVALID_VERSION)
		return 505;
	return 400;
}

static int status_of_request(const llhttp_t *parser, const struct weft__http_request *request)
{
	if (parser->http_major != 1 || parser->http_minor > 1)
		return 505;
	if (request->has_body)
		return 413;
	if (request->host_count > 1 || (request->host_count == 0 && parser->http_minor == 1))
		return 400;
	return 0;
}

void weft__http_request_parse(const char *head, size_t bytes,
			      struct weft__http_request *out_request)
{
	struct parse parse = { .request = out_request };
	llhttp_t parser;
	llhttp_errno_t error;

	memset(out_request, 0, sizeof *out_request);
	while (bytes > 0 && (*head == '\r' || *head == '\n'))
		head++, bytes--;
	out_request->method = (struct weft__http_text){ head, 0 };
	while (out_request->method.bytes < bytes && out_request->method.bytes < 32 &&
	       head[out_request->method.bytes] > ' ')
		out_request->method.bytes++;

	llhttp_init(&parser, HTTP_REQUEST, &settings);
	parser.data = &parse;
	error = llhttp_execute(&parser, head, bytes);
	if (error != HPE_PAUSED || !parse.is_whole ||
	    llhttp_get_error_pos(&parser) != head + bytes) {
		out_request->status = status_of_error(error, head, bytes);
		out_request->keep_alive = false;
		return;
	}
	out_request->is_get = parser.method == HTTP_GET;
	out_request->is_head = parser.method == HTTP_HEAD;
	out_request->is_old = parser.http_minor == 0;
	if (out_request->status == 0)
		out_request->status = status_of_request(&parser, out_request);
}
