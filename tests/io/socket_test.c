/* SPDX-License-Identifier: MIT */
/* Sockets: listening, accepting and connecting, over every family. */
#include "rig.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

static char folder[] = "/tmp/weft-io-XXXXXX";

static const char *in_folder(const char *format, const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, format, folder, name);
	return path;
}

static int nodelay(int fd)
{
	int value = -1;
	socklen_t bytes = sizeof value;

	return getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &bytes) == 0 ? value != 0 : -errno;
}

/* ---- there and back */

static int echo(void *arg)
{
	int fd = weft_accept(*(int *)arg);
	char block[512];
	ssize_t n;

	if (fd < 0)
		return fd;
	check(fcntl(fd, F_GETFL) & O_NONBLOCK);
	check(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	check(nodelay(fd) != 0);
	while ((n = weft_read(fd, block, sizeof block)) > 0)
		check_equal(weft_write_all(fd, block, (size_t)n), 0);
	check_equal(weft_close(fd), 0);
	return (int)n;
}

static int echo_body(void *arg)
{
	static const char *const addresses[] = { "127.0.0.1:0", "[::1]:0", "unix:%s/echo",
						 "unix:@weft-io-test", ":0" };

	(void)arg;
	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		char text[160], mine[160], back[6] = "";
		int listener, fd;
		weft_thread *server;

		snprintf(text, sizeof text, addresses[i], folder);
		listener = weft_listen(text, 0);
		check(listener >= 0);
		check(weft_socket_address(listener, text, sizeof text) > 0);
		server = start(echo, &listener);
		fd = weft_connect(text);
		check(fd >= 0);
		check(weft_socket_address(fd, mine, sizeof mine) > 0);
		check(nodelay(fd) != 0);
		check_equal(weft_write(fd, "hello", 5), 5);
		check_equal(weft_read(fd, back, 5), 5);
		check(strcmp(back, "hello") == 0);
		/* The end of what is sent, not of what is received. */
		check_equal(weft_shutdown(fd, SHUT_WR), 0);
		check_equal(weft_read(fd, back, 5), 0);
		check_equal(finish(server), 0);
		check_equal(weft_close(fd), 0);
		check_equal(weft_close(listener), 0);
		check_equal(weft_shutdown(fd, SHUT_WR), -EBADF);
	}
	unlink(in_folder("%s/%s", "echo"));
	return 0;
}

static void an_echo_comes_back_over_every_family(void **state)
{
	(void)state;
	in_each_setting(echo_body, NULL);
}

static int every_interface_body(void *arg)
{
	int listener = weft_listen(":0", 0);
	char text[64], to[64];
	const char *port;

	(void)arg;
	check(weft_socket_address(listener, text, sizeof text) > 0);
	port = strrchr(text, ':') + 1;
	for (int i = 0; i < 3; i++) {
		static const char *const hosts[] = { "127.0.0.1", "[::1]", "" };
		weft_thread *server = start(echo, &listener);
		int fd;

		snprintf(to, sizeof to, "%s:%s", hosts[i], port);
		fd = weft_connect(to);
		check(fd >= 0);
		check_equal(weft_close(fd), 0);
		check_equal(finish(server), 0);
	}
	check_equal(weft_close(listener), 0);
	return 0;
}

static void an_address_without_host_is_every_interface(void **state)
{
	(void)state;
	in_each_setting(every_interface_body, NULL);
}

static int nodelay_body(void *arg)
{
	/* Not made by weft_listen: nothing is inherited, and it is set one by one. */
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char text[64];

	(void)arg;
	for (int owned = 0; owned < 2; owned++) {
		int listener = owned ? weft_socket(AF_INET, SOCK_STREAM, 0)
				     : socket(AF_INET, SOCK_STREAM, 0);
		weft_thread *server;
		int fd;

		check_equal(bind(listener, (struct sockaddr *)&any, sizeof any), 0);
		check_equal(listen(listener, 5), 0);
		check(weft_socket_address(listener, text, sizeof text) > 0);
		server = start(echo, &listener);
		await_waiters(listener, WEFT__POLL_READ, 1);
		fd = weft_connect(text);
		check(fd >= 0);
		check_equal(weft_close(fd), 0);
		check_equal(finish(server), 0);
		check_equal(weft_close(listener), 0);
	}
	return 0;
}

static void accepted_connections_do_not_delay(void **state)
{
	(void)state;
	in_each_setting(nodelay_body, NULL);
}

/* ---- many */

#define CONNECTIONS 200
#define ACCEPTORS 4

static int accept_many(void *arg)
{
	int listener = *(int *)arg;
	int count = 0;
	int fd;

	while ((fd = weft_accept(listener)) >= 0) {
		check_equal(weft_write(fd, "m", 1), 1);
		check_equal(weft_close(fd), 0);
		count++;
	}
	check_equal(fd, -EBADF);
	return count;
}

static int many_body(void *arg)
{
	int listener = weft_listen("127.0.0.1:0", 0);
	weft_thread *acceptors[ACCEPTORS];
	int fds[CONNECTIONS];
	char text[64], byte;
	int count = 0;

	(void)arg;
	check(weft_socket_address(listener, text, sizeof text) > 0);
	for (int i = 0; i < ACCEPTORS; i++)
		acceptors[i] = start(accept_many, &listener);
	await_waiters(listener, WEFT__POLL_READ, ACCEPTORS);
	/* On one processor nobody accepts until this thread waits: one event then stands for
	 * many. */
	for (int i = 0; i < CONNECTIONS; i++)
		check((fds[i] = weft_connect(text)) >= 0);
	for (int i = 0; i < CONNECTIONS; i++) {
		check_equal(weft_read(fds[i], &byte, 1), 1);
		check_equal(weft_close(fds[i]), 0);
	}
	check_equal(weft_close(listener), 0);
	for (int i = 0; i < ACCEPTORS; i++)
		count += finish(acceptors[i]);
	check_equal(count, CONNECTIONS);
	return 0;
}

static void several_acceptors_share_a_listener(void **state)
{
	(void)state;
	in_each_setting(many_body, NULL);
}

/* ---- what goes wrong */

static int refused_body(void *arg)
{
	int fd = weft_listen("127.0.0.1:0", 0);
	char text[160];

	(void)arg;
	check(weft_socket_address(fd, text, sizeof text) > 0);
	check_equal(weft_listen(text, 0), -EADDRINUSE);
	check_equal(weft_listen(text, -1), -EINVAL);
	check_equal(weft_close(fd), 0);
	check_equal(weft_connect(text), -ECONNREFUSED);
	check_equal(weft_connect(in_folder("unix:%s/%s", "nobody")), -ENOENT);
	check_equal(weft_connect("unix:@weft-nobody"), -ECONNREFUSED);
	check_equal(weft_listen("unix:/nowhere/at/all", 0), -ENOENT);
	check_equal(weft_listen("192.0.2.77:0", 0), -EADDRNOTAVAIL);
	fd = weft_listen("127.0.0.1:0", 0);
	check_equal(weft_accept_until(fd, weft_now() + WEFT_MS), -ETIMEDOUT);
	check_equal(weft_close(fd), 0);
	return 0;
}

static void failures_are_told_and_leave_nothing_open(void **state)
{
	(void)state;
	in_each_setting(refused_body, NULL);
}

static int full_queue_body(void *arg)
{
	int listener = weft_listen("127.0.0.1:0", 1);
	int fds[16];
	int count = 0;
	char text[64];
	int64_t deadline_ns;

	(void)arg;
	check(weft_socket_address(listener, text, sizeof text) > 0);
	while (count < 16) {
		fds[count] = weft_connect_until(text, weft_now() + 20 * WEFT_MS);
		if (fds[count] >= 0)
			count++;
		else if (is_full(listener))
			break;
	}
	check(count < 16);
	check_equal(fds[count], -ETIMEDOUT);
	deadline_ns = weft_now() + 5 * WEFT_MS;
	check_equal(weft_connect_until(text, deadline_ns), -ETIMEDOUT);
	check(weft_now() >= deadline_ns);
	while (count > 0)
		check_equal(weft_close(fds[--count]), 0);
	check_equal(weft_close(listener), 0);
	return 0;
}

static void a_connect_that_is_not_answered_ends_at_its_deadline(void **state)
{
	(void)state;
	in_each_setting(full_queue_body, NULL);
}

static int connect_text(void *arg)
{
	return weft_connect(arg);
}

static int full_unix_body(void *arg)
{
	int listener = weft_listen("unix:@weft-full", 1);
	int fds[16];
	int count = 0;
	int fd;
	weft_thread *thread;

	(void)arg;
	while (count < 16 && (fds[count] = weft_connect_until("unix:@weft-full", weft_now())) >= 0)
		count++;
	check(count > 0 && count < 16);
	check_equal(fds[count], -ETIMEDOUT);
	thread = start(connect_text, "unix:@weft-full");
	/* One is taken, and so there is room for the one who waits. */
	fd = weft_accept(listener);
	check(fd >= 0);
	check_equal(weft_close(fd), 0);
	fd = finish(thread);
	check(fd >= 0);
	check_equal(weft_close(fd), 0);
	while (count > 0)
		check_equal(weft_close(fds[--count]), 0);
	check_equal(weft_close(listener), 0);
	return 0;
}

static void a_full_unix_listener_is_waited_for(void **state)
{
	(void)state;
	in_each_setting(full_unix_body, NULL);
}

static int stale_body(void *arg)
{
	const char *address = in_folder("unix:%s/%s", "stale");
	const char *path = address + 5;
	int first, second, file;
	struct stat status;

	(void)arg;
	first = weft_listen(address, 0);
	check(first >= 0);
	/* Somebody listens there: it is his. */
	check_equal(weft_listen(address, 0), -EADDRINUSE);
	check_equal(lstat(path, &status), 0);
	/* He is gone, and his file is left. */
	check_equal(weft_close(first), 0);
	check_equal(lstat(path, &status), 0);
	second = weft_listen(address, 0);
	check(second >= 0);
	first = weft_connect(address);
	check(first >= 0);
	check_equal(weft_close(first), 0);
	check_equal(weft_close(second), 0);
	check_equal(unlink(path), 0);
	/* What is no socket is nobody's to remove. */
	file = open(path, O_CREAT | O_WRONLY, 0600);
	check(file >= 0);
	close(file);
	check_equal(weft_listen(address, 0), -EADDRINUSE);
	check_equal(lstat(path, &status), 0);
	check(S_ISREG(status.st_mode));
	check_equal(unlink(path), 0);
	/* Nor is what a link leads to. */
	check_equal(symlink("/dev/null", path), 0);
	check_equal(weft_listen(address, 0), -EADDRINUSE);
	check_equal(unlink(path), 0);
	return 0;
}

static void only_a_stale_socket_is_replaced(void **state)
{
	(void)state;
	in_each_setting(stale_body, NULL);
}

/* The descriptors run out while connections wait to be accepted. */
static int emfile_body(void *arg)
{
	struct rlimit before, few;
	int listener = weft_listen("127.0.0.1:0", 0);
	int clients[3], taken[64];
	int count = 0, fd;
	char text[64], byte;

	(void)arg;
	check(weft_socket_address(listener, text, sizeof text) > 0);
	for (int i = 0; i < 3; i++)
		check((clients[i] = weft_connect(text)) >= 0);
	check_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)clients[2] + 6;
	check_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (count < 64 && (taken[count] = weft_open("/dev/null", O_RDONLY, 0)) >= 0)
		count++;
	check_equal(taken[count], -EMFILE);
	check_equal(weft_accept(listener), -EMFILE);
	check_equal(weft_accept_until(listener, weft_now() + WEFT_MS), -EMFILE);
	check_equal(weft_pipe((int[2]){ 0, 0 }), -EMFILE);
	check_equal(weft_connect(text), -EMFILE);
	for (int i = 0; i < 3; i++) {
		check_equal(weft_close(taken[--count]), 0);
		fd = weft_accept(listener);
		check(fd >= 0);
		check_equal(weft_write(fd, "e", 1), 1);
		check_equal(weft_read(clients[i], &byte, 1), 1);
		check_equal(weft_close(fd), 0);
	}
	check_equal(weft_accept_until(listener, weft_now() + WEFT_MS), -ETIMEDOUT);
	check_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	while (count > 0)
		check_equal(weft_close(taken[--count]), 0);
	for (int i = 0; i < 3; i++)
		check_equal(weft_close(clients[i]), 0);
	check_equal(weft_close(listener), 0);
	return 0;
}

static void a_lack_of_descriptors_is_told_and_passes(void **state)
{
	(void)state;
	in_each_quiet_setting(emfile_body, NULL);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_echo_comes_back_over_every_family),
		cmocka_unit_test(an_address_without_host_is_every_interface),
		cmocka_unit_test(accepted_connections_do_not_delay),
		cmocka_unit_test(several_acceptors_share_a_listener),
		cmocka_unit_test(failures_are_told_and_leave_nothing_open),
		cmocka_unit_test(a_connect_that_is_not_answered_ends_at_its_deadline),
		cmocka_unit_test(a_full_unix_listener_is_waited_for),
		cmocka_unit_test(only_a_stale_socket_is_replaced),
		cmocka_unit_test(a_lack_of_descriptors_is_told_and_passes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
