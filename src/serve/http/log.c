/* SPDX-License-Identifier: MIT */
/* One line for each request, on standard output: who, what, and what came of it. */
#include <stdio.h>
#include <unistd.h>

#include <weft/socket.h>

#include "serve/http/site.h"

#define LINE_BYTES 512

/* What came from a stranger is shown in plain characters. */
static size_t put_plain(char *to, size_t room, struct weft__http_text text)
{
	size_t used = 0;

	for (size_t i = 0; i < text.bytes && used < room; i++)
		to[used++] = text.at[i] > ' ' && text.at[i] < 0x7f ? text.at[i] : '?';
	return used;
}

void weft__http_log(int fd, const struct weft__http_request *request, int status,
		    uint64_t body_bytes)
{
	char line[LINE_BYTES];
	struct sockaddr_storage address;
	socklen_t address_bytes = sizeof address;
	size_t used = 0;
	ssize_t written;
	int bytes = -1;

	if (getpeername(fd, (struct sockaddr *)&address, &address_bytes) == 0)
		bytes = weft_address_format((struct sockaddr *)&address, address_bytes, line, 128);
	if (bytes > 0)
		used = (size_t)bytes;
	else
		line[used++] = '-';
	line[used++] = ' ';
	used += put_plain(line + used, 32, request->method);
	line[used++] = ' ';
	used += put_plain(line + used, sizeof line - used - 64, request->target);
	used += (size_t)snprintf(line + used, sizeof line - used, " %d %llu\n", status,
				 (unsigned long long)body_bytes);
	written = write(STDOUT_FILENO, line, used); /* a log that cannot be written stops nobody */
	(void)written;
}
