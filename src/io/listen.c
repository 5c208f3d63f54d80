/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets.
 *
 * A Unix socket leaves its file behind when the program that listened is gone, and nobody can
 * listen at that path until it is removed.
 * So when the path is taken, we knock: if it is a socket and the kernel says that nobody listens,
 * we remove it and try once more.
 * Two programs that do this at the same instant may both think it stale, and the later one takes
 * the path from the other: who starts two servers at one path must lock it himself.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <weft/io.h>
#include <weft/socket.h>

#include "io/table.h"
#include "sys/sys.h"

#define BACKLOG_DEFAULT 1024

struct place {
	const char *text;
	struct sockaddr_storage address;
	socklen_t bytes;
};

static bool is_path(const struct place *place)
{
	return place->address.ss_family == AF_UNIX &&
	       ((const struct sockaddr_un *)&place->address)->sun_path[0] != '\0';
}

static bool is_listened_at(const struct place *place)
{
	int fd = weft__sys_socket(AF_UNIX, SOCK_STREAM, 0);
	int error;

	if (fd < 0)
		return true; /* we cannot know: nothing is removed */
	error = weft__sys_connect(fd, (const struct sockaddr *)&place->address, place->bytes);
	weft__sys_close(fd);
	return error != -ECONNREFUSED;
}

static int bind_to(int fd, const struct place *place)
{
	const struct sockaddr *address = (const struct sockaddr *)&place->address;
	int error = weft__sys_bind(fd, address, place->bytes);

	if (error != -EADDRINUSE || !is_path(place) || is_listened_at(place))
		return error;
	if (weft__sys_unlink_socket(((const struct sockaddr_un *)address)->sun_path) < 0)
		return error;
	return weft__sys_bind(fd, address, place->bytes);
}

/* Fills in a socket; those who cannot be set stay as they are. */
static int prepare(int fd, const struct place *place, int backlog)
{
	int error;

	if (place->address.ss_family != AF_UNIX) {
		(void)weft__sys_socket_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
		/* Linux gives it on to what is accepted, which saves a system call per
		 * connection. */
		(void)weft__sys_socket_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	}
	if (place->text[0] == ':')
		(void)weft__sys_socket_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	error = bind_to(fd, place);
	return error < 0 ? error : weft__sys_listen(fd, backlog > 0 ? backlog : BACKLOG_DEFAULT);
}

/* A kernel without IPv6 has every interface too. */
static void fall_back_to_ipv4(struct place *place)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_port =
					   ((struct sockaddr_in6 *)&place->address)->sin6_port };

	*(struct sockaddr_in *)&place->address = any;
	place->bytes = sizeof any;
}

int weft_listen(const char *address, int backlog)
{
	struct place place = { .text = address };
	int bytes = weft_address_parse(address, &place.address);
	int fd, error;

	if (bytes < 0 || backlog < 0)
		return bytes < 0 ? bytes : -EINVAL;
	place.bytes = (socklen_t)bytes;
	fd = weft_socket(place.address.ss_family, SOCK_STREAM, 0);
	if (fd == -EAFNOSUPPORT && address[0] == ':') {
		fall_back_to_ipv4(&place);
		fd = weft_socket(AF_INET, SOCK_STREAM, 0);
	}
	if (fd < 0)
		return fd;
	error = prepare(fd, &place, backlog);
	if (error < 0) {
		weft_close(fd);
		return error;
	}
	atomic_store_relaxed(&weft__fd_find(fd)->inherits, 1);
	return fd;
}
