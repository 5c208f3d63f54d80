/* SPDX-License-Identifier: MIT */
/* See client.h. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define FDS_MAX 32768

/* What came after an answer, by descriptor. */
static struct rest {
	char *at;
	size_t bytes, room;
} rests[FDS_MAX];

int client_socket(void)
{
	struct timeval patience = { .tv_sec = CLIENT_PATIENCE_S };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && fd < FDS_MAX);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	return fd;
}

bool client_try_connect(int fd, const char *address)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	const char *colon = strrchr(address, ':');

	assert_non_null(colon);
	to.sin_port = htons((uint16_t)atoi(colon + 1));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
}

void client_connect_socket(int fd, const char *address)
{
	if (!client_try_connect(fd, address))
		fail_msg("connect %s: %s", address, strerror(errno));
}

int client_connect(const char *address)
{
	int fd = client_socket();

	client_connect_socket(fd, address);
	return fd;
}

void client_send_bytes(int fd, const void *bytes, size_t count)
{
	for (size_t done = 0; done < count;) {
		ssize_t sent = send(fd, (const char *)bytes + done, count - done, MSG_NOSIGNAL);

		if (sent < 0)
			fail_msg("send: %s", strerror(errno));
		done += (size_t)sent;
	}
}

void client_send(int fd, const char *text)
{
	client_send_bytes(fd, text, strlen(text));
}

ssize_t client_receive(int fd, void *out, size_t count)
{
	ssize_t bytes = recv(fd, out, count, 0);

	if (bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		fail_msg("nothing came in %d s", CLIENT_PATIENCE_S);
	return bytes;
}

void client_expect(int fd, const char *text)
{
	char got[4096];
	size_t wanted = strlen(text), bytes = 0;

	assert_true(wanted < sizeof got);
	while (bytes < wanted) {
		ssize_t more = client_receive(fd, got + bytes, wanted - bytes);

		if (more <= 0)
			fail_msg("'%s': the connection ended after '%.*s'", text, (int)bytes, got);
		bytes += (size_t)more;
	}
	assert_memory_equal(got, text, wanted);
}

void client_expect_end(int fd)
{
	char byte;

	assert_int_equal(client_receive(fd, &byte, 1), 0);
}

bool client_is_silent(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

void client_close(int fd)
{
	free(rests[fd].at);
	rests[fd] = (struct rest){ 0 };
	close(fd);
}

/* ---- HTTP */

const char *answer_header(const struct answer *answer, const char *name)
{
	static char value[1024];
	const char *at = answer->head;
	size_t bytes = strlen(name);

	while ((at = strstr(at, "\r\n")) != NULL) {
		at += 2;
		if (strncasecmp(at, name, bytes) == 0 && at[bytes] == ':') {
			at += bytes + 1 + strspn(at + bytes + 1, " ");
			snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
			return value;
		}
	}
	return "";
}

/* Waits until the store has at least that many bytes, or a whole head. */
static void fill(int fd, size_t wanted)
{
	struct rest *rest = &rests[fd];

	while (rest->bytes < wanted) {
		ssize_t bytes;

		/* Twice as much each time: under a sanitizer each copies all. */
		if (rest->room - rest->bytes < 65536) {
			rest->room = 2 * rest->room + 65536;
			rest->at = realloc(rest->at, rest->room + 1);
			assert_non_null(rest->at);
		}
		bytes = client_receive(fd, rest->at + rest->bytes, 65536);
		if (bytes <= 0)
			fail_msg("the connection ended after %zu of %zu bytes", rest->bytes,
				 wanted);
		rest->bytes += (size_t)bytes;
		rest->at[rest->bytes] = '\0';
	}
}

void client_answer(int fd, bool has_body, struct answer *out)
{
	struct rest *rest = &rests[fd];
	char *end = NULL;
	size_t head_bytes;

	memset(out, 0, sizeof *out);
	while (rest->bytes == 0 || (end = memmem(rest->at, rest->bytes, "\r\n\r\n", 4)) == NULL)
		fill(fd, rest->bytes + 1);
	head_bytes = (size_t)(end + 4 - rest->at);
	assert_true(head_bytes < sizeof out->head);
	memcpy(out->head, rest->at, head_bytes);
	assert_int_equal(sscanf(out->head, "HTTP/1.1 %d ", &out->status), 1);
	out->closes = strcasecmp(answer_header(out, "Connection"), "close") == 0;
	if (has_body && out->status != 304) {
		assert_string_not_equal(answer_header(out, "Content-Length"), "");
		out->body_bytes = strtoul(answer_header(out, "Content-Length"), NULL, 10);
	}
	fill(fd, head_bytes + out->body_bytes);
	out->body = malloc(out->body_bytes + 1);
	assert_non_null(out->body);
	memcpy(out->body, rest->at + head_bytes, out->body_bytes);
	out->body[out->body_bytes] = '\0';
	rest->bytes -= head_bytes + out->body_bytes;
	memmove(rest->at, rest->at + head_bytes + out->body_bytes, rest->bytes + 1);
}

void client_get(int fd, const char *path, const char *headers, struct answer *out)
{
	char request[16384];

	snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: test\r\n%s\r\n", path, headers);
	client_send(fd, request);
	client_answer(fd, true, out);
}
