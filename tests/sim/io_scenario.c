/* SPDX-License-Identifier: MIT */
/* Descriptors: bytes come whole, closing wakes who waits, and nobody ever touches a stranger's
 * number. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "engine.h"
#include "io/watch.h"
#include "sched/thread.h"

static const weft_thread_options kernel_kind = { .kind = WEFT_KERNEL };

static weft_thread *spawn_any_kind(weft_function *function, void *arg)
{
	weft_thread *thread = NULL;

	weft__sim_check(weft_thread_spawn(function, arg,
					  weft__sim_choose(4) == 0 ? &kernel_kind : NULL,
					  &thread) == 0);
	return thread;
}

/* ---- bytes through a pipe or a socket */

#define STREAM_BYTES 700

struct stream {
	int in, out;
};

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 13 + i / 256);
}

static int write_stream(void *arg)
{
	const struct stream *stream = arg;
	unsigned char data[STREAM_BYTES];
	size_t at = 0;

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = byte_at(i);
	while (at < sizeof data) {
		size_t bytes = 1 + weft__sim_choose(300);
		ssize_t n;

		if (bytes > sizeof data - at)
			bytes = sizeof data - at;
		if (weft__sim_choose(3) == 0) {
			n = weft_write_all(stream->out, data + at, bytes);
			weft__sim_check(n == 0);
			n = (ssize_t)bytes;
		} else {
			n = weft_write_until(stream->out, data + at, bytes, engine_deadline());
			weft__sim_check(n > 0 || n == -ETIMEDOUT);
		}
		at += n > 0 ? (size_t)n : 0;
	}
	weft__sim_check(weft_close(stream->out) == 0);
	return 0;
}

static int read_stream(void *arg)
{
	const struct stream *stream = arg;
	unsigned char part[200];
	size_t got = 0;

	for (;;) {
		size_t bytes = 1 + weft__sim_choose(sizeof part);
		ssize_t n = weft__sim_choose(3) == 0
				    ? weft_read_until(stream->in, part, bytes, engine_deadline())
				    : weft_read(stream->in, part, bytes);

		weft__sim_check(n >= 0 || n == -ETIMEDOUT);
		if (n == 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			weft__sim_check(part[i] == byte_at(got++));
	}
	weft__sim_check(got == STREAM_BYTES);
	weft__sim_check(weft_close(stream->in) == 0);
	return 0;
}

static void open_pipe(struct stream *stream)
{
	int fds[2];

	weft__sim_check(weft_pipe(fds) == 0);
	stream->in = fds[0];
	stream->out = fds[1];
}

static int streams_app(void *arg)
{
	struct stream streams[2];
	weft_thread *threads[4];

	(void)arg;
	for (int i = 0; i < 2; i++) {
		open_pipe(&streams[i]);
		threads[2 * i] = spawn_any_kind(read_stream, &streams[i]);
		threads[2 * i + 1] = spawn_any_kind(write_stream, &streams[i]);
	}
	for (int i = 0; i < 4; i++)
		engine_join(threads[i], 0);
	return 0;
}

static void pipes_keep_their_bytes(void *arg)
{
	weft__sim_check(engine_run(streams_app, arg) == 0);
	engine_check_clean();
}

/* ---- a server: connections from light, kernel and foreign threads, TCP and Unix */

#define CLIENTS 4

struct server {
	int listener;
	char address[64];
	int32_t served; /* atomic */
};

static int serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char part[64];
	ssize_t n;

	while ((n = weft_read(fd, part, sizeof part)) > 0)
		weft__sim_check(weft_write_all(fd, part, (size_t)n) == 0);
	weft__sim_check(n == 0 || n == -ECONNRESET);
	weft__sim_check(weft_close(fd) == 0);
	return 0;
}

static int accept_all(void *arg)
{
	struct server *server = arg;
	weft_thread *threads[CLIENTS];

	for (int i = 0; i < CLIENTS; i++) {
		int fd;

		do
			fd = weft__sim_choose(3) == 0
				     ? weft_accept_until(server->listener, engine_deadline())
				     : weft_accept(server->listener);
		while (fd == -ETIMEDOUT);
		weft__sim_check(fd >= 0);
		threads[i] = spawn_any_kind(serve_one, (void *)(intptr_t)fd);
	}
	for (int i = 0; i < CLIENTS; i++)
		engine_join(threads[i], 0);
	weft__sim_check(weft_close(server->listener) == 0);
	return 0;
}

static int be_client(void *arg)
{
	struct server *server = arg;
	char sent[100], got[100];
	size_t at = 0;
	int fd = weft_connect(server->address);

	weft__sim_check(fd >= 0);
	for (size_t i = 0; i < sizeof sent; i++)
		sent[i] = (char)byte_at(i + (size_t)fd);
	weft__sim_check(weft_write_all(fd, sent, sizeof sent) == 0);
	while (at < sizeof got) {
		ssize_t n = weft_read(fd, got + at, sizeof got - at);

		weft__sim_check(n > 0);
		at += (size_t)n;
	}
	weft__sim_check(memcmp(sent, got, sizeof sent) == 0);
	weft__sim_check(weft_close(fd) == 0);
	atomic_add_relaxed(&server->served, 1);
	return 0;
}

static void *be_foreign_client(void *arg)
{
	be_client(arg);
	return NULL;
}

static int server_app(void *arg)
{
	struct server *server = arg;
	weft__sys_thread foreign;
	weft_thread *threads[CLIENTS];

	server->listener = weft_listen(weft__sim_choose(2) ? "127.0.0.1:0" : "unix:@weft", 0);
	weft__sim_check(server->listener >= 0);
	weft__sim_check(
		weft_socket_address(server->listener, server->address, sizeof server->address) > 0);
	foreign = engine_foreign(be_foreign_client, server);
	for (int i = 1; i < CLIENTS; i++)
		threads[i] = spawn_any_kind(be_client, server);
	threads[0] = spawn_any_kind(accept_all, server);
	for (int i = 0; i < CLIENTS; i++)
		engine_join(threads[i], 0);
	weft_blocking_begin();
	weft__sys_thread_join(foreign);
	weft_blocking_end();
	return 0;
}

static void clients_are_served(void *arg)
{
	struct server server = { 0 };

	(void)arg;
	weft__sim_check(engine_run(server_app, &server) == 0);
	weft__sim_check(server.served == CLIENTS);
	engine_check_clean();
}

/* ---- closing: who waits in a call gets -EBADF or his own bytes, never those of the number's next
 * owner */

#define WAITERS 3
#define MINE 'm'
#define STRANGE 's'

struct closing {
	int fds[2];
	weft_thread *waiters[WAITERS];
	int32_t returned; /* atomic */
};

static int wait_in_read(void *arg)
{
	struct closing *closing = arg;
	char byte = 0;
	ssize_t n = weft_read(closing->fds[0], &byte, 1);

	weft__sim_check(n == -EBADF || (n == 1 && byte == MINE));
	atomic_add_acq_rel(&closing->returned, 1);
	return 0;
}

/* Only those who were in the call before the close are promised anything. */
static void wait_until_inside(struct closing *closing)
{
	for (int i = 0; i < WAITERS; i++) {
		const char *reason;

		while ((reason = atomic_load_relaxed(&closing->waiters[i]->reason)) == NULL ||
		       strcmp(reason, "read") != 0) {
			if (atomic_load_acquire(&closing->returned) > 0)
				break;
			weft_yield();
		}
	}
}

/* Whoever gets the number next puts his own bytes there. */
static void be_stranger(void)
{
	struct stream stream;
	char byte = 0;

	open_pipe(&stream);
	weft__sim_check(weft_write(stream.out, &(char){ STRANGE }, 1) == 1);
	engine_dawdle();
	weft__sim_check(weft_read(stream.in, &byte, 1) == 1 && byte == STRANGE);
	weft__sim_check(weft_close(stream.in) == 0);
	weft__sim_check(weft_close(stream.out) == 0);
}

static int close_app(void *arg)
{
	struct closing closing = { 0 };

	(void)arg;
	weft__sim_check(weft_pipe(closing.fds) == 0);
	for (int i = 0; i < WAITERS; i++)
		closing.waiters[i] = spawn_any_kind(wait_in_read, &closing);
	wait_until_inside(&closing);
	/* With a byte under way one of them may have returned: then the rest are not known to be
	 * inside. */
	if (weft__sim_choose(2))
		weft__sim_check(weft_write(closing.fds[1], &(char){ MINE }, 1) == 1);
	engine_dawdle();
	weft__sim_check(weft_close(closing.fds[0]) == 0);
	be_stranger();
	be_stranger();
	for (int i = 0; i < WAITERS; i++)
		engine_join(closing.waiters[i], 0);
	weft__sim_check(weft_close(closing.fds[1]) == 0);
	return 0;
}

static void closing_wakes(void *arg)
{
	weft__sim_check(engine_run(close_app, arg) == 0);
	engine_check_clean();
}

/* Many close the same descriptor: one succeeds. */
struct contended {
	int fd;
	int32_t closed; /* atomic */
};

static int close_it(void *arg)
{
	struct contended *contended = arg;
	int code;

	engine_dawdle();
	code = weft_close(contended->fd);
	weft__sim_check(code == 0 || code == -EBADF);
	if (code == 0)
		atomic_add_relaxed(&contended->closed, 1);
	return 0;
}

static int contended_app(void *arg)
{
	struct contended contended = { 0 };
	struct stream stream;
	weft_thread *threads[4];

	(void)arg;
	open_pipe(&stream);
	contended.fd = stream.in;
	for (int i = 0; i < 4; i++)
		threads[i] = spawn_any_kind(close_it, &contended);
	for (int i = 0; i < 4; i++)
		engine_join(threads[i], 0);
	weft__sim_check(contended.closed == 1);
	weft__sim_check(weft_close(stream.out) == 0);
	return 0;
}

static void one_closes(void *arg)
{
	weft__sim_check(engine_run(contended_app, arg) == 0);
	engine_check_clean();
}

/* ---- a stranger's descriptors: used as they are, or adopted while somebody waits */

static int adopt_both(void *arg)
{
	const struct stream *stream = arg;

	engine_dawdle();
	weft__sim_check(weft_fd_adopt(stream->in) == 0);
	engine_dawdle();
	weft__sim_check(weft_fd_adopt(stream->out) == 0);
	return 0;
}

static int count_down(void *arg)
{
	const struct stream *stream = arg;
	char byte;

	for (char expected = 20; expected > 0; expected--) {
		weft__sim_check(weft_read(stream->in, &byte, 1) == 1);
		weft__sim_check(byte == expected);
	}
	return 0;
}

static int send_down(void *arg)
{
	const struct stream *stream = arg;

	for (char byte = 20; byte > 0; byte--) {
		int code = weft_write_all(stream->out, &byte, 1);

		if (code != 0)
			weft__sim_fail("write: %d", code);
	}
	return 0;
}

static int strange_app(void *arg)
{
	int fds[2];
	struct stream stream;
	weft_thread *threads[3];

	(void)arg;
	weft__sim_check(weft__sim_socketpair(weft__sim_choose(2), fds) == 0);
	stream = (struct stream){ fds[0], fds[1] };
	threads[0] = spawn_any_kind(count_down, &stream);
	threads[1] = spawn_any_kind(send_down, &stream);
	threads[2] = spawn_any_kind(adopt_both, &stream);
	for (int i = 0; i < 3; i++)
		engine_join(threads[i], 0);
	weft__sim_check(weft_close(fds[0]) == 0);
	weft__sim_check(weft_close(fds[1]) == 0);
	return 0;
}

static void strange_descriptors(void *arg)
{
	weft__sim_check(engine_run(strange_app, arg) == 0);
	engine_check_clean();
}

/* ---- waiting for one direction, the other, or whichever comes first, of a stranger's descriptor
 * and an own one */

struct watched {
	int fd;
	int direction; /* what it becomes ready for */
	int32_t woken; /* atomic */
};

static int wait_for_either(void *arg)
{
	struct watched *watched = arg;
	int wanted = weft__sim_choose(2) ? watched->direction : WEFT_READABLE | WEFT_WRITABLE;
	int ready = weft_fd_wait(watched->fd, wanted);

	weft__sim_check(ready == watched->direction);
	atomic_add_relaxed(&watched->woken, 1);
	return 0;
}

/* Full and empty at first: only what the other end does makes it ready. */
static int readiness_app(void *arg)
{
	struct watched watched = { .direction = weft__sim_choose(2) ? WEFT_READABLE
								    : WEFT_WRITABLE };
	weft_thread *threads[3];
	char part[16];
	int fds[2];

	(void)arg;
	weft__sim_check(weft__sim_socketpair(true, fds) == 0);
	if (weft__sim_choose(2))
		weft__sim_check(weft_fd_adopt(fds[0]) == 0);
	watched.fd = fds[0];
	while (weft__sys_send(fds[0], "xxxxxxxx", 8) != -EAGAIN)
		;
	for (int i = 0; i < 3; i++)
		threads[i] = spawn_any_kind(wait_for_either, &watched);
	engine_dawdle();
	if (watched.direction == WEFT_READABLE)
		weft__sim_check(weft_write_all(fds[1], "y", 1) == 0);
	else
		while (weft__sys_recv(fds[1], part, sizeof part) != -EAGAIN)
			;
	for (int i = 0; i < 3; i++)
		engine_join(threads[i], 0);
	weft__sim_check(watched.woken == 3);
	weft__sim_check(weft_close(fds[0]) == 0);
	weft__sim_check(weft_close(fds[1]) == 0);
	return 0;
}

static void readiness(void *arg)
{
	weft__sim_check(engine_run(readiness_app, arg) == 0);
	engine_check_clean();
}

/* ---- descriptors move between schedulers, one of which goes away */

static int use_for_a_while(void *arg)
{
	const struct stream *stream = arg;
	char byte = 0;

	for (int i = 0; i < 5; i++) {
		ssize_t n = weft_read_until(stream->in, &byte, 1, engine_deadline());

		weft__sim_check(n == 1 || n == -ETIMEDOUT);
		n = weft_write_until(stream->out, "x", 1, engine_deadline());
		weft__sim_check(n == 1 || n == -ETIMEDOUT);
	}
	return 0;
}

static void *use_in_own_scheduler(void *arg)
{
	const weft_sched_options options = { .processors = 1 + weft__sim_choose(2) };

	for (int i = 0; i < 2; i++)
		weft__sim_check(weft_run(use_for_a_while, arg, &options) == 0);
	return NULL;
}

static void schedulers_share(void *arg)
{
	struct stream stream;
	weft__sys_thread threads[3];

	(void)arg;
	engine_watch();
	open_pipe(&stream);
	for (int i = 0; i < 3; i++)
		threads[i] = engine_foreign(use_in_own_scheduler, &stream);
	for (int i = 0; i < 3; i++)
		weft__sys_thread_join(threads[i]);
	weft__sim_check(weft_close(stream.in) == 0);
	weft__sim_check(weft_close(stream.out) == 0);
}

/* ---- a watch that begins while its descriptor is closed ends with it */

static void hear_nothing(struct weft__watch *watch, uint32_t ready)
{
	(void)watch;
	(void)ready;
}

static int watch_it(void *arg)
{
	static struct weft__watch watch = { hear_nothing };
	int error;

	engine_dawdle();
	error = weft__watch(*(const int *)arg, &watch);
	weft__sim_check(error == 0 || error == -EBADF || error == -EINVAL);
	return 0;
}

static int late_watch_app(void *arg)
{
	weft_thread *thread;
	int fds[2];

	(void)arg;
	weft__sim_check(weft_pipe(fds) == 0);
	thread = engine_spawn(watch_it, &fds[0]);
	engine_dawdle();
	weft__sim_check(weft_close(fds[0]) == 0);
	engine_join(thread, 0);
	weft__sim_check(!weft__watch_is_set(weft__fd_find(fds[0])));
	weft__sim_check(weft_close(fds[1]) == 0);
	return 0;
}

static void late_watches_end(void *arg)
{
	weft__sim_check(engine_run(late_watch_app, arg) == 0);
	engine_check_clean();
}

#define NUISANCES .eintr = 30, .short_io = 100, .again = 50

const struct scenario io_scenarios[] = {
	{ .name = "pipes-keep-their-bytes",
	  .run = pipes_keep_their_bytes,
	  .options = { NUISANCES, .stream_bytes = 100 } },
	{ .name = "clients-are-served",
	  .run = clients_are_served,
	  .options = { NUISANCES, .stream_bytes = 64 } },
	{ .name = "closing-wakes", .run = closing_wakes, .options = { NUISANCES } },
	{ .name = "one-closes", .run = one_closes },
	{ .name = "strange-descriptors",
	  .run = strange_descriptors,
	  .options = { NUISANCES, .stream_bytes = 4 } },
	{ .name = "readiness", .run = readiness, .options = { .stream_bytes = 16 } },
	{ .name = "late-watches-end", .run = late_watches_end },
	{ .name = "schedulers-share",
	  .run = schedulers_share,
	  .options = { NUISANCES, .stream_bytes = 4 } },
	{ 0 },
};
