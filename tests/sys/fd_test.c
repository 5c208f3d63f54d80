/* SPDX-License-Identifier: MIT */
/* Descriptors that are no sockets, and sendfile. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/linux/force.h"
#include "sys/sys.h"

static bool is_set(int fd, int what, int flag)
{
	return (fcntl(fd, what) & flag) != 0;
}

static void opened_descriptors_close_on_exec(void **state)
{
	int fd = weft__sys_open("/dev/null", O_RDWR, 0);
	int ends[2];

	(void)state;
	assert_true(fd >= 0);
	assert_true(is_set(fd, F_GETFD, FD_CLOEXEC));
	assert_false(weft__sys_is_nonblock(fd));
	assert_int_equal(weft__sys_nonblock(fd), 0);
	assert_int_equal(weft__sys_nonblock(fd), 0);
	assert_true(weft__sys_is_nonblock(fd));
	assert_int_equal(weft__sys_close(fd), 0);
	assert_int_equal(weft__sys_close(fd), -EBADF);
	assert_int_equal(weft__sys_nonblock(fd), -EBADF);
	assert_int_equal(weft__sys_open("/no/such/file", O_RDONLY, 0), -ENOENT);
	assert_int_equal(weft__sys_pipe(ends), 0);
	for (int i = 0; i < 2; i++) {
		assert_true(is_set(ends[i], F_GETFD, FD_CLOEXEC));
		assert_true(weft__sys_is_nonblock(ends[i]));
		weft__sys_close(ends[i]);
	}
}

static void kinds_are_told_apart(void **state)
{
	int file = weft__sys_open("/proc/self/exe", O_RDONLY, 0);
	int device = weft__sys_open("/dev/null", O_RDONLY, 0);
	int socket = weft__sys_socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_true(weft__sys_is_file(file) && !weft__sys_is_socket(file));
	assert_true(!weft__sys_is_file(device) && !weft__sys_is_socket(device));
	assert_true(!weft__sys_is_file(socket) && weft__sys_is_socket(socket));
	assert_true(!weft__sys_is_file(-1) && !weft__sys_is_socket(-1));
	weft__sys_close(file);
	weft__sys_close(device);
	weft__sys_close(socket);
}

static void reading_and_writing_go_through(void **state)
{
	struct iovec out[2] = { { "ab", 2 }, { "cd", 2 } };
	char first[3] = "", second[3] = "";
	struct iovec in[2] = { { first, 2 }, { second, 2 } };
	int ends[2];
	char byte;

	(void)state;
	assert_int_equal(weft__sys_pipe(ends), 0);
	assert_int_equal(weft__sys_read(ends[0], &byte, 1), -EAGAIN);
	assert_int_equal(weft__sys_writev(ends[1], out, 2), 4);
	assert_int_equal(weft__sys_readv(ends[0], in, 2), 4);
	assert_string_equal(first, "ab");
	assert_string_equal(second, "cd");
	assert_int_equal(weft__sys_write(ends[1], "x", 1), 1);
	assert_int_equal(weft__sys_read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	weft__sys_close(ends[1]);
	assert_int_equal(weft__sys_read(ends[0], &byte, 1), 0);
	weft__sys_close(ends[0]);
}

/* A blocking pipe, empty and full: the plain calls would wait for ever. */
static void check_now(bool is_exact)
{
	static char block[8192];
	struct iovec empty_first[2] = { { block, 0 }, { block, sizeof block } };
	struct iovec part = { block, sizeof block };
	ssize_t written = 0, rc;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(weft__sys_readv_now(ends[0], &part, 1), -EAGAIN);
	while ((rc = weft__sys_writev_now(ends[1], empty_first, 2)) > 0) {
		if (!is_exact)
			assert_in_range(rc, 1, 4096);
		written += rc;
	}
	assert_int_equal(rc, -EAGAIN);
	assert_int_equal(written, fcntl(ends[1], F_GETPIPE_SZ));
	while ((rc = weft__sys_readv_now(ends[0], &part, 1)) > 0)
		written -= rc;
	assert_int_equal(rc, -EAGAIN);
	assert_int_equal(written, 0);
	assert_false(weft__sys_is_nonblock(ends[0]) || weft__sys_is_nonblock(ends[1]));
	close(ends[1]);
	assert_int_equal(weft__sys_readv_now(ends[0], &part, 1), 0);
	close(ends[0]);
}

static void a_blocking_pipe_does_not_block(void **state)
{
	(void)state;
	check_now(true);
}

static void nor_does_it_on_older_kernels(void **state)
{
	(void)state;
	weft__sys_force.no_nowait = true;
	check_now(false);
	weft__sys_force.no_nowait = false;
}

static void a_terminal_does_not_block(void **state)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY);
	char text[8];
	struct iovec part = { text, sizeof text };

	(void)state;
	/* Without /dev/pts (a bare chroot) there is no terminal to ask. */
	if (terminal < 0 || unlockpt(terminal) != 0) {
		print_message("no /dev/pts here\n");
		if (terminal >= 0)
			close(terminal);
		skip();
	}
	assert_int_equal(grantpt(terminal), 0);
	assert_int_equal(weft__sys_readv_now(terminal, &part, 1), -EAGAIN);
	close(terminal);
}

/* ---- sendfile */

static int pipe_signals;

static void count_signal(int number)
{
	(void)number;
	pipe_signals++;
}

static int make_file(const char *text)
{
	char path[] = "/tmp/weft-fd-test-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static void sendfile_sends_and_moves_the_offset(void **state)
{
	int file = make_file("0123456789");
	off_t offset = 2;
	char text[16];
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(weft__sys_sendfile(ends[0], file, &offset, 5), 5);
	assert_int_equal(offset, 7);
	assert_int_equal(weft__sys_recv(ends[1], text, sizeof text), 5);
	assert_memory_equal(text, "23456", 5);
	close(ends[0]);
	close(ends[1]);
	close(file);
}

static void sendfile_to_a_closed_peer_raises_no_signal(void **state)
{
	struct sigaction before, count = { .sa_handler = count_signal };
	int file = make_file("0123456789");
	off_t offset = 0;
	sigset_t mask;
	int ends[2];

	(void)state;
	sigaction(SIGPIPE, &count, &before);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	close(ends[1]);
	assert_int_equal(weft__sys_sendfile(ends[0], file, &offset, 5), -EPIPE);
	assert_int_equal(offset, 0);
	assert_int_equal(pipe_signals, 0);
	sigpending(&mask);
	assert_false(sigismember(&mask, SIGPIPE));
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_false(sigismember(&mask, SIGPIPE));
	/* The test would see one. */
	assert_int_equal(write(ends[0], "x", 1), -1);
	assert_int_equal(pipe_signals, 1);
	sigaction(SIGPIPE, &before, NULL);
	close(ends[0]);
	close(file);
}

static void the_limit_is_above_every_descriptor(void **state)
{
	struct rlimit limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(weft__sys_fd_limit() >= 1024);
	assert_true((rlim_t)weft__sys_fd_limit() >= limit.rlim_cur);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opened_descriptors_close_on_exec),
		cmocka_unit_test(kinds_are_told_apart),
		cmocka_unit_test(reading_and_writing_go_through),
		cmocka_unit_test(a_blocking_pipe_does_not_block),
		cmocka_unit_test(nor_does_it_on_older_kernels),
		cmocka_unit_test(a_terminal_does_not_block),
		cmocka_unit_test(sendfile_sends_and_moves_the_offset),
		cmocka_unit_test(sendfile_to_a_closed_peer_raises_no_signal),
		cmocka_unit_test(the_limit_is_above_every_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
