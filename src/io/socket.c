/* SPDX-License-Identifier: MIT */
/* Sockets: made, accepted, connected. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <weft/io.h>
#include <weft/socket.h>
#include <weft/time.h>

#include "io/call.h"

int weft_socket(int domain, int type, int protocol)
{
	int fd = weft__sys_socket(domain, type, protocol);

	return fd < 0 ? fd : weft__fd_open(fd, WEFT__FD_SOCKET);
}

int weft_shutdown(int fd, int how)
{
	struct weft__use use;
	int result = weft__fd_begin(fd, &use);

	if (result < 0)
		return result;
	result = weft__sys_shutdown(fd, how);
	weft__fd_end(&use);
	return result;
}

int weft_socket_address(int fd, char *out_text, size_t out_bytes)
{
	struct sockaddr_storage address;
	struct weft__use use;
	socklen_t bytes;
	int result = weft__fd_begin(fd, &use);

	if (result < 0)
		return result;
	result = weft__sys_socket_name(fd, &address, &bytes);
	weft__fd_end(&use);
	if (result < 0)
		return result;
	return weft_address_format((struct sockaddr *)&address, bytes, out_text, out_bytes);
}

/* ---- accept */

/* What accept(2) says of a connection that broke off while it waited in the queue: the next may be
 * sound. */
static bool is_broken_off(int error)
{
	switch (-error) {
	case ECONNABORTED:
	case EPROTO:
	case ENOPROTOOPT:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
		return true;
	default:
		return false;
	}
}

static ssize_t attempt_accept(struct weft__use *use, void *arg)
{
	int fd;

	(void)arg;
	/* A listener that nobody owns may be a blocking one. */
	if (!use->owned && !use->plain) {
		int ready = weft__sys_poll(use->fd, WEFT__POLL_READ, -1, 0);

		if (ready <= 0)
			return ready == -ETIMEDOUT || ready == 0 ? -EAGAIN : ready;
	}
	do
		fd = weft__sys_accept(use->fd);
	while (is_broken_off(fd));
	if (fd < 0)
		return fd;
	/* Fails on what is not TCP: then there is nothing to delay. */
	if (!use->owned || !atomic_load_relaxed(&use->entry->inherits))
		(void)weft__sys_socket_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	return weft__fd_open(fd, WEFT__FD_SOCKET);
}

int weft_accept_until(int fd, int64_t deadline_ns)
{
	return (int)weft__call(fd, &(struct weft__call){ attempt_accept, NULL, "accept",
							 deadline_ns, WEFT__POLL_READ, false });
}

int weft_accept(int fd)
{
	return weft_accept_until(fd, WEFT_FOREVER);
}

/* ---- connect */

struct connecting {
	const struct sockaddr *address;
	socklen_t bytes;
	int64_t deadline_ns;
	int64_t pause_ns;
	bool has_begun;
};

#define PAUSE_MIN_NS (100 * WEFT_US)
#define PAUSE_MAX_NS (20 * WEFT_MS)

/* The queue of a Unix listener is full, and the kernel does not tell when it no longer is: we ask
 * again, less and less often. */
static ssize_t pause_before_retry(struct weft__use *use, struct connecting *connecting)
{
	int64_t now_ns = weft__sys_now();
	int64_t until_ns = now_ns + connecting->pause_ns;
	int error;

	if (now_ns >= connecting->deadline_ns)
		return -ETIMEDOUT;
	if (until_ns > connecting->deadline_ns)
		until_ns = connecting->deadline_ns;
	error = weft_sleep_until(until_ns);
	if (error < 0)
		return error;
	if (connecting->pause_ns < PAUSE_MAX_NS)
		connecting->pause_ns *= 2;
	error = weft__fd_check(use);
	return error < 0 ? error : -EINTR;
}

static ssize_t begin_connect(struct weft__use *use, struct connecting *connecting)
{
	int error = weft__sys_connect(use->fd, connecting->address, connecting->bytes);

	if (error == -EAGAIN)
		return pause_before_retry(use, connecting);
	/* Interrupted, it goes on all the same. */
	if (error != -EINPROGRESS && error != -EINTR)
		return error;
	connecting->has_begun = true;
	return -EAGAIN;
}

static ssize_t attempt_connect(struct weft__use *use, void *arg)
{
	struct connecting *connecting = arg;
	int ready;

	if (!connecting->has_begun)
		return begin_connect(use, connecting);
	ready = weft__sys_poll(use->fd, WEFT__POLL_WRITE, -1, 0);
	if (ready <= 0)
		return ready == -ETIMEDOUT || ready == 0 ? -EAGAIN : ready;
	return weft__sys_socket_error(use->fd);
}

int weft_socket_connect_until(int fd, const struct sockaddr *address, socklen_t address_bytes,
			      int64_t deadline_ns)
{
	struct connecting connecting = { address, address_bytes, deadline_ns, PAUSE_MIN_NS, false };

	return (int)weft__call(fd, &(struct weft__call){ attempt_connect, &connecting, "connect",
							 deadline_ns, WEFT__POLL_WRITE, true });
}

int weft_connect_until(const char *address, int64_t deadline_ns)
{
	struct sockaddr_storage to;
	int bytes = weft_address_parse(address, &to);
	int fd, error;

	if (bytes < 0)
		return bytes;
	/* Every interface is a place to listen; who connects to it means this machine, by whichever
	 * protocol it listens. */
	if (address[0] == ':') {
		struct sockaddr_in local = { .sin_family = AF_INET,
					     .sin_port = ((struct sockaddr_in6 *)&to)->sin6_port,
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

		*(struct sockaddr_in *)&to = local;
		bytes = sizeof local;
	}
	fd = weft_socket(to.ss_family, SOCK_STREAM, 0);
	if (fd < 0)
		return fd;
	if (to.ss_family != AF_UNIX)
		(void)weft__sys_socket_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	error = weft_socket_connect_until(fd, (struct sockaddr *)&to, (socklen_t)bytes,
					  deadline_ns);
	if (error < 0) {
		weft_close(fd);
		return error;
	}
	return fd;
}

int weft_connect(const char *address)
{
	return weft_connect_until(address, WEFT_FOREVER);
}
