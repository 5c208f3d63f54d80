/* SPDX-License-Identifier: MIT */
/* See status.h. */
#include "serve/http/status.h"

#include <errno.h>
#include <stddef.h>

struct status {
	int status;
	const char *reason, *sentence;
};

static const struct status statuses[] = {
	{ 200, "OK", "" },
	{ 301, "Moved Permanently", "It is a directory: its address ends with a slash." },
	{ 304, "Not Modified", "" },
	{ 400, "Bad Request", "The request is not one of HTTP, or its path climbs." },
	{ 403, "Forbidden", "It is there, and not for you." },
	{ 404, "Not Found", "There is nothing of that name here." },
	{ 405, "Method Not Allowed", "Files are given out here (GET, HEAD), and nothing else." },
	{ 408, "Request Timeout", "The request took too long to arrive." },
	{ 413, "Content Too Large", "Requests with a body are not taken." },
	{ 414, "URI Too Long", "The address is too long." },
	{ 421, "Misdirected Request", "This server does not go by that name." },
	{ 431, "Request Header Fields Too Large",
	  "The request's headers are too long, or too many." },
	{ 500, "Internal Server Error", "The file could not be read." },
	{ 501, "Not Implemented", "The method is not known here." },
	{ 503, "Service Unavailable", "There are too many at the moment. Try again soon." },
	{ 505, "HTTP Version Not Supported", "This server speaks HTTP/1.1 and HTTP/1.0." },
};

static const struct status *find(int status)
{
	static const struct status unknown = { 0, "Unknown", "" };

	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		if (statuses[i].status == status)
			return &statuses[i];
	return &unknown;
}

const char *weft__http_status_reason(int status)
{
	return find(status)->reason;
}

const char *weft__http_status_sentence(int status)
{
	return find(status)->sentence;
}

int weft__http_status_of_error(int error)
{
	switch (error) {
	case -EINVAL:
		return 400;
	case -EACCES:
	case -EPERM:
	case -EXDEV:
	case -ELOOP:
		return 403;
	case -ENOENT:
	case -ENOTDIR:
	case -EISDIR:
	case -ENAMETOOLONG:
		return 404;
	case -E2BIG:
		return 414;
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
	case -EAGAIN:
		return 503;
	default:
		return 500;
	}
}
