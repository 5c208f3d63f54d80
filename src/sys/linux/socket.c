/* SPDX-License-Identifier: MIT */
/* Sockets. MSG_DONTWAIT: they never wait, even where somebody else owns the descriptor and wants it
 * blocking. */
#include <errno.h>
#include <sys/socket.h>

#include "sys/sys.h"

static ssize_t answer(ssize_t rc)
{
	return rc >= 0 ? rc : -errno;
}

ssize_t weft__sys_recv(int fd, void *out, size_t bytes)
{
	return answer(recv(fd, out, bytes, MSG_DONTWAIT));
}

ssize_t weft__sys_send(int fd, const void *from, size_t bytes)
{
	return answer(send(fd, from, bytes, MSG_DONTWAIT | MSG_NOSIGNAL));
}

ssize_t weft__sys_recvv(int fd, const struct iovec *parts, int count)
{
	struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count };

	return answer(recvmsg(fd, &message, MSG_DONTWAIT));
}

ssize_t weft__sys_sendv(int fd, const struct iovec *parts, int count)
{
	struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count };

	return answer(sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

int weft__sys_socket(int domain, int type, int protocol)
{
	return (int)answer(socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

int weft__sys_bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
	return (int)answer(bind(fd, address, bytes));
}

int weft__sys_listen(int fd, int backlog)
{
	return (int)answer(listen(fd, backlog));
}

int weft__sys_accept(int fd)
{
	return (int)answer(accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int weft__sys_connect(int fd, const struct sockaddr *address, socklen_t bytes)
{
	return (int)answer(connect(fd, address, bytes));
}

int weft__sys_shutdown(int fd, int how)
{
	return (int)answer(shutdown(fd, how));
}

int weft__sys_socket_error(int fd)
{
	int error = 0;
	socklen_t bytes = sizeof error;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0)
		return -errno;
	return -error;
}

int weft__sys_socket_option(int fd, int level, int option, int value)
{
	return (int)answer(setsockopt(fd, level, option, &value, sizeof value));
}

int weft__sys_socket_name(int fd, struct sockaddr_storage *out_address, socklen_t *out_bytes)
{
	struct sockaddr_storage address;
	socklen_t bytes = sizeof address;

	if (getsockname(fd, (struct sockaddr *)&address, &bytes) != 0)
		return -errno;
	*out_address = address;
	*out_bytes = bytes;
	return 0;
}
