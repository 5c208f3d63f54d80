/* SPDX-License-Identifier: MIT */
/* See load.h. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX 64
#define REQUEST_BYTES 256

struct client {
	int fd;
	size_t expected; /* bytes of answers still to come */
};

struct state {
	const struct load *load;
	char requests[DEPTH_MAX * REQUEST_BYTES];
	size_t requests_bytes, answer_bytes;
	struct client *clients;
	int poller;
	long answered;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int connect_client(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		fprintf(stderr, "load: 127.0.0.1:%u: %s\n", port, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

/* Asks once, and measures the answer. */
static bool learn(struct state *state)
{
	char answer[65536];
	size_t bytes = 0, body;
	const char *end, *length;
	int fd = connect_client(state->load->port);

	if (fd < 0)
		return false;
	if (write(fd, state->requests, state->requests_bytes / (size_t)state->load->depth) < 0)
		goto fail;
	for (;;) {
		ssize_t got = read(fd, answer + bytes, sizeof answer - 1 - bytes);

		if (got <= 0)
			goto fail;
		bytes += (size_t)got;
		answer[bytes] = '\0';
		end = strstr(answer, "\r\n\r\n");
		if (end == NULL)
			continue;
		length = strcasestr(answer, "\r\ncontent-length:");
		if (strncmp(answer, "HTTP/1.1 200", 12) != 0 || length == NULL)
			goto fail;
		body = strtoul(length + 17, NULL, 10);
		state->answer_bytes = (size_t)(end + 4 - answer) + body;
		close(fd);
		return true;
	}
fail:
	fprintf(stderr, "load: no good answer for %s\n", state->load->path);
	close(fd);
	return false;
}

static bool ask(struct state *state, struct client *client)
{
	client->expected = state->answer_bytes * (size_t)state->load->depth;
	return write(client->fd, state->requests, state->requests_bytes) ==
	       (ssize_t)state->requests_bytes;
}

static bool take_answers(struct state *state, struct client *client)
{
	static char buffer[262144];
	ssize_t got = recv(client->fd, buffer, sizeof buffer, MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return true;
	if (got <= 0 || (size_t)got > client->expected) {
		fprintf(stderr, "load: %s\n", got > 0 ? "an answer is too long" : "cut off");
		return false;
	}
	client->expected -= (size_t)got;
	if (client->expected > 0)
		return true;
	state->answered += state->load->depth;
	return ask(state, client);
}

static bool open_clients(struct state *state)
{
	for (int i = 0; i < state->load->connections; i++) {
		struct client *client = &state->clients[i];
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };

		client->fd = connect_client(state->load->port);
		if (client->fd < 0 ||
		    epoll_ctl(state->poller, EPOLL_CTL_ADD, client->fd, &event) < 0 ||
		    !ask(state, client))
			return false;
	}
	return true;
}

static bool go_round(struct state *state)
{
	int64_t end_ns = now_ns() + state->load->duration_ns;
	struct epoll_event events[256];

	while (now_ns() < end_ns) {
		int count = epoll_wait(state->poller, events, 256, 100);

		for (int i = 0; i < count; i++)
			if (!take_answers(state, events[i].data.ptr))
				return false;
	}
	return true;
}

long load_run(const struct load *load)
{
	struct state *state = calloc(1, sizeof *state);
	long answered = -1;
	int bytes = 0;

	if (state == NULL)
		return -1;
	state->load = load;
	for (int i = 0; i < load->depth; i++)
		bytes += snprintf(state->requests + bytes, REQUEST_BYTES,
				  "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", load->path,
				  load->port);
	state->requests_bytes = (size_t)bytes;
	state->clients = calloc((size_t)load->connections, sizeof *state->clients);
	state->poller = epoll_create1(EPOLL_CLOEXEC);
	if (state->clients != NULL && learn(state) && open_clients(state) && go_round(state))
		answered = state->answered;
	for (int i = 0; state->clients != NULL && i < load->connections; i++)
		if (state->clients[i].fd > 0)
			close(state->clients[i].fd);
	close(state->poller);
	free(state->clients);
	free(state);
	return answered;
}
