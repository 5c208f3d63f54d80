/* SPDX-License-Identifier: MIT */
/*
 * Sockets: TCP over IPv4 and IPv6, and Unix stream sockets. Descriptors are non-blocking and
 * close-on-exec; read, write and close them with <weft/io.h>.
 *
 * An address is text: "127.0.0.1:8080", "[::1]:8080", ":8080" (every interface),
 * "unix:/run/app.sock", "unix:@name" (Linux's abstract names). Port 0 takes any free one;
 * weft_socket_address says which. Names are not looked up: numbers only.
 *
 * Accepting and connecting are cancellation points, as reading is (<weft/io.h>).
 *
 * Example:
 *
 *	// Asks a server, and has its answer within the time, or -ETIMEDOUT.
 *	ssize_t ask(const char *address, const char *question, char *out_answer, size_t bytes,
 *		    int64_t deadline_ns)
 *	{
 *		int fd = weft_connect_until(address, deadline_ns);
 *		ssize_t result;
 *
 *		if (fd < 0)
 *			return fd;
 *		result = weft_write_all_until(fd, question, strlen(question), deadline_ns);
 *		if (result == 0)
 *			result = weft_read_until(fd, out_answer, bytes, deadline_ns);
 *		weft_close(fd);
 *		return result;
 *	}
 */
#ifndef WEFT_SOCKET_H
#define WEFT_SOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <weft/api.h>

WEFT_API_BEGIN

/* Reads an address as above. Returns its length in bytes; -EINVAL: not one; -ENAMETOOLONG: a path
 * that does not fit. */
WEFT_API int weft_address_parse(const char *text, struct sockaddr_storage *out_address);
/* Writes it as above. Returns the length of the text; -EINVAL: of another family, or cut short;
 * -ENOSPC: it does not fit. */
WEFT_API int weft_address_format(const struct sockaddr *address, socklen_t address_bytes,
				 char *out_text, size_t out_bytes);

/* socket(2) with a table entry. Returns a descriptor; what socket(2) says; -ENOMEM. */
WEFT_API int weft_socket(int domain, int type, int protocol);

/* A listening socket at that address (SO_REUSEADDR; a Unix socket's stale file, one that nobody
 * listens on, is replaced). ":8080" takes IPv4 and IPv6. backlog 0 means 1024.
 * Returns a descriptor; -EADDRINUSE, -EACCES, -EADDRNOTAVAIL; -EINVAL: not an address, or a backlog
 * below 0; and what socket, bind and listen say else. */
WEFT_API int weft_listen(const char *address, int backlog);

/* Waits for a connection. Returns its descriptor; -EMFILE, -ENFILE, -ENOBUFS: wait for a descriptor
 * to be closed and try again; -EBADF: the listener was closed; -ECANCELED: no
 * connection was taken.
 * A connection that broke off before it was taken is passed over. TCP_NODELAY is set. */
WEFT_API int weft_accept(int fd);
WEFT_API int weft_accept_until(int fd, int64_t deadline_ns);

/* Connects to that address (":8080": on this machine; TCP_NODELAY is set) / connects that socket.
 * Returns a descriptor / 0; -ECONNREFUSED, -EINVAL, -ETIMEDOUT, -ECANCELED (after these two a
 * socket of the caller's may go on connecting: close it) … */
WEFT_API int weft_connect(const char *address);
WEFT_API int weft_connect_until(const char *address, int64_t deadline_ns);
WEFT_API int weft_socket_connect_until(int fd, const struct sockaddr *address,
				       socklen_t address_bytes, int64_t deadline_ns);

/* shutdown(2): SHUT_RD, SHUT_WR, SHUT_RDWR. Returns 0, or -errno. Never waits. */
WEFT_API int weft_shutdown(int fd, int how);

/* The socket's own address as text. Returns its length; -EBADF, -ENOTSOCK; -EINVAL: of another
 * family; -ENOSPC: it does not fit. */
WEFT_API int weft_socket_address(int fd, char *out_text, size_t out_bytes);

WEFT_API_END

#endif
