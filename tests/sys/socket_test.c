/* SPDX-License-Identifier: MIT */
/* Sockets. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/sys.h"

static int pipe_signals;

static void count_signal(int number)
{
	(void)number;
	pipe_signals++;
}

static void a_blocking_socket_does_not_block(void **state)
{
	static char block[65536];
	struct iovec part = { block, sizeof block };
	ssize_t sent = 0, rc;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(weft__sys_recv(ends[0], block, sizeof block), -EAGAIN);
	assert_int_equal(weft__sys_recvv(ends[0], &part, 1), -EAGAIN);
	while ((rc = weft__sys_send(ends[1], block, sizeof block)) > 0)
		sent += rc;
	assert_int_equal(rc, -EAGAIN);
	assert_int_equal(weft__sys_sendv(ends[1], &part, 1), -EAGAIN);
	while ((rc = weft__sys_recvv(ends[0], &part, 1)) > 0)
		sent -= rc;
	assert_int_equal(rc, -EAGAIN);
	assert_int_equal(sent, 0);
	sent = weft__sys_sendv(ends[1], &part, 1);
	assert_true(sent > 0);
	assert_int_equal(weft__sys_recv(ends[0], block, sizeof block), sent);
	close(ends[0]);
	close(ends[1]);
}

static void a_closed_peer_raises_no_signal(void **state)
{
	struct sigaction before, count = { .sa_handler = count_signal };
	struct iovec part = { "x", 1 };
	char byte;
	int ends[2];

	(void)state;
	sigaction(SIGPIPE, &count, &before);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	close(ends[1]);
	assert_int_equal(weft__sys_send(ends[0], "x", 1), -EPIPE);
	assert_int_equal(weft__sys_sendv(ends[0], &part, 1), -EPIPE);
	assert_int_equal(weft__sys_recv(ends[0], &byte, 1), 0);
	assert_int_equal(pipe_signals, 0);
	assert_int_equal(write(ends[0], "x", 1), -1);
	assert_int_equal(pipe_signals, 1);
	sigaction(SIGPIPE, &before, NULL);
	close(ends[0]);
}

static int listen_on_loopback(struct sockaddr_storage *out_address, socklen_t *out_bytes)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int listener = weft__sys_socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(listener >= 0);
	assert_int_equal(weft__sys_socket_option(listener, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	assert_int_equal(weft__sys_bind(listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(weft__sys_listen(listener, 16), 0);
	assert_int_equal(weft__sys_socket_name(listener, out_address, out_bytes), 0);
	assert_int_equal(*out_bytes, sizeof address);
	return listener;
}

static void assert_ours(int fd)
{
	assert_true(fd >= 0);
	assert_true(weft__sys_is_nonblock(fd));
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void connections_are_made_and_end(void **state)
{
	struct sockaddr_storage address;
	socklen_t bytes;
	int listener = listen_on_loopback(&address, &bytes);
	int client = weft__sys_socket(AF_INET, SOCK_STREAM, 0);
	int server, rc;
	char byte;

	(void)state;
	assert_ours(listener);
	assert_ours(client);
	assert_int_equal(weft__sys_accept(listener), -EAGAIN);
	rc = weft__sys_connect(client, (struct sockaddr *)&address, bytes);
	assert_true(rc == 0 || rc == -EINPROGRESS);
	assert_int_equal(weft__sys_poll(listener, WEFT__POLL_READ, -1, INT64_MAX), WEFT__POLL_READ);
	server = weft__sys_accept(listener);
	assert_ours(server);
	assert_int_equal(weft__sys_poll(client, WEFT__POLL_WRITE, -1, INT64_MAX), WEFT__POLL_WRITE);
	assert_int_equal(weft__sys_socket_error(client), 0);
	assert_int_equal(weft__sys_shutdown(client, SHUT_WR), 0);
	assert_int_equal(weft__sys_poll(server, WEFT__POLL_READ, -1, INT64_MAX), WEFT__POLL_READ);
	assert_int_equal(weft__sys_recv(server, &byte, 1), 0);
	weft__sys_close(server);
	weft__sys_close(client);
	weft__sys_close(listener);
}

static void a_refused_connection_is_an_error_taken_once(void **state)
{
	struct sockaddr_storage address;
	socklen_t bytes;
	int client = weft__sys_socket(AF_INET, SOCK_STREAM, 0);
	int rc;

	(void)state;
	weft__sys_close(listen_on_loopback(&address, &bytes));
	rc = weft__sys_connect(client, (struct sockaddr *)&address, bytes);
	if (rc == -EINPROGRESS) {
		weft__sys_poll(client, WEFT__POLL_WRITE, -1, INT64_MAX);
		rc = weft__sys_socket_error(client);
	}
	assert_int_equal(rc, -ECONNREFUSED);
	assert_int_equal(weft__sys_socket_error(client), 0);
	weft__sys_close(client);
}

static void errors_leave_the_outputs_alone(void **state)
{
	struct sockaddr_storage address;
	socklen_t bytes = 77;

	(void)state;
	assert_int_equal(weft__sys_socket_name(-1, &address, &bytes), -EBADF);
	assert_int_equal(bytes, 77);
	assert_int_equal(weft__sys_socket(-1, SOCK_STREAM, 0), -EAFNOSUPPORT);
	assert_int_equal(weft__sys_accept(-1), -EBADF);
	assert_int_equal(weft__sys_shutdown(-1, SHUT_RD), -EBADF);
	assert_int_equal(weft__sys_socket_error(-1), -EBADF);
	assert_int_equal(weft__sys_listen(-1, 1), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_blocking_socket_does_not_block),
		cmocka_unit_test(a_closed_peer_raises_no_signal),
		cmocka_unit_test(connections_are_made_and_end),
		cmocka_unit_test(a_refused_connection_is_an_error_taken_once),
		cmocka_unit_test(errors_leave_the_outputs_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
