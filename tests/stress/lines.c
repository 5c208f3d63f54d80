/* SPDX-License-Identifier: MIT */
/*
 * Lines: pipes and sockets that everybody reads, writes and closes.
 *
 * Each byte on a line bears its tag, which changes with every opening: a call that touched a
 * stranger's descriptor would find another's tag, or leave its own there. A call must have begun
 * before the close of its descriptor, or nothing is promised: so who closes waits until all who use
 * the line are inside their calls, which the table tells.
 */
#include "acts.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/table.h"

#define LINES 16
#define BLOCK_MAX 20000

enum { IN, OUT };
enum { PIPE, PAIR, TCP, STRANGE, KINDS };

struct line {
	weft_mutex lock;
	/* guarded by lock */
	bool is_open;
	int kind;
	int fds[2];
	/* atomic */
	bool closing;
	bool counts; /* every byte written has been counted */
	unsigned char tag;
	int users[2];
	uint64_t written, got;
};

static struct line lines[LINES];
static unsigned char blocks[256][BLOCK_MAX]; /* for each tag what is written */

/* ---- opening */

static void open_tcp(int fds[2])
{
	char text[64];
	int listener = weft_listen("127.0.0.1:0", 1);

	must_be(listener >= 0, listener);
	must(weft_socket_address(listener, text, sizeof text) > 0);
	fds[OUT] = weft_connect(text);
	must_be(fds[OUT] >= 0, fds[OUT]);
	fds[IN] = weft_accept(listener);
	must_be(fds[IN] >= 0, fds[IN]);
	must(weft_close(listener) == 0);
}

/* With the lock. Whoever waits for it cannot be cancelled: so it is opened whole. */
static void open_line(struct line *line, struct actor *actor)
{
	weft_shield shield;

	weft_shield_enter(&shield);
	line->kind = (int)choose(actor, KINDS);
	switch (line->kind) {
	case PIPE:
		must(weft_pipe(line->fds) == 0);
		break;
	case PAIR:
		must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line->fds) == 0);
		must(weft_fd_adopt(line->fds[IN]) == 0);
		must(weft_fd_adopt(line->fds[OUT]) == 0);
		break;
	case TCP:
		open_tcp(line->fds);
		break;
	case STRANGE:
		must(pipe(line->fds) == 0);
		break;
	}
	weft_shield_leave(&shield);
	line->tag = (unsigned char)(line->tag + LINES + 1);
	line->counts = true;
	line->written = 0;
	line->got = 0;
	atomic_store_release(&line->closing, false);
	line->is_open = true;
}

/* The number of the end, for one call; -1: not now. */
static int enter(struct line *line, struct actor *actor, int end)
{
	int fd = -1;

	weft_mutex_lock(&line->lock);
	if (!line->is_open && !atomic_load_relaxed(&stress_stop))
		open_line(line, actor);
	if (line->is_open && !atomic_load_relaxed(&line->closing)) {
		atomic_add_acq_rel(&line->users[end], 1);
		fd = line->fds[end];
	}
	weft_mutex_unlock(&line->lock);
	return fd;
}

static void leave(struct line *line, int end)
{
	atomic_sub_acq_rel(&line->users[end], 1);
}

/* ---- using */

static void check_tags(const struct line *line, const unsigned char *block, ssize_t n)
{
	for (ssize_t i = 0; i < n; i++)
		must_be(block[i] == line->tag, block[i]);
}

/* What a call may say beside success. */
static void check_failure(struct line *line, ssize_t code, int64_t deadline_ns)
{
	if (code == -ETIMEDOUT || code == -ECANCELED) {
		ended_well(code, deadline_ns);
		return;
	}
	must_be(code == 0 || code == -EBADF || code == -EPIPE || code == -ECONNRESET, code);
	must(atomic_load_acquire(&line->closing));
}

static int await_line(struct actor *actor, int fd, int64_t deadline_ns)
{
	static weft_event never;
	weft_case cases[] = { WEFT_EVENT(&never), WEFT_FD(fd, WEFT_READABLE) };
	int code;

	if (choose(actor, 2) == 0)
		return weft_fd_wait_until(fd, WEFT_READABLE, deadline_ns);
	code = weft_select(cases, 2, deadline_ns);
	must_be(code != 0, code);
	return code == 1 ? cases[1].result : code;
}

static void read_line(struct line *line, struct actor *actor)
{
	unsigned char block[2048];
	size_t bytes = 1 + choose(actor, sizeof block);
	int64_t deadline_ns = choose(actor, 4) == 0 ? WEFT_FOREVER : soon(actor);
	int fd = enter(line, actor, IN);
	ssize_t n;

	if (fd < 0)
		return;
	if (choose(actor, 8) == 0) {
		n = await_line(actor, fd, deadline_ns);
		if (n != WEFT_READABLE)
			check_failure(line, n, deadline_ns);
	} else {
		if (choose(actor, 4) == 0)
			n = weft_readv_until(
				fd,
				(struct iovec[2]){ { block, bytes / 2 },
						   { block + bytes / 2, bytes - bytes / 2 } },
				2, deadline_ns);
		else
			n = weft_read_until(fd, block, bytes, deadline_ns);
		if (n <= 0) {
			check_failure(line, n, deadline_ns);
		} else {
			check_tags(line, block, n);
			atomic_add_relaxed(&line->got, (uint64_t)n);
			stress_add(STRESS_BYTES, (uint64_t)n);
		}
	}
	leave(line, IN);
}

static void write_line(struct line *line, struct actor *actor)
{
	size_t bytes = 1 + choose(actor, choose(actor, 4) == 0 ? BLOCK_MAX : 300);
	int64_t deadline_ns = soon(actor);
	int fd = enter(line, actor, OUT);
	const unsigned char *block;
	ssize_t n;

	if (fd < 0)
		return;
	block = blocks[line->tag];
	if (choose(actor, 6) == 0) {
		n = weft_write_all_until(fd, block, bytes, deadline_ns);
		if (n < 0)
			atomic_store_relaxed(&line->counts, false);
		else
			n = (ssize_t)bytes;
	} else {
		n = weft_write_until(fd, block, bytes, deadline_ns);
	}
	if (n > 0)
		atomic_add_relaxed(&line->written, (uint64_t)n);
	else
		check_failure(line, n, deadline_ns);
	leave(line, OUT);
}

/* ---- closing */

static bool all_are_inside(struct line *line, int end)
{
	struct weft__fd *entry = weft__fd_find(line->fds[end]);
	uint64_t users = (uint64_t)atomic_load_acquire(&line->users[end]);
	uint64_t state;

	if (users == 0)
		return true;
	if (entry == NULL)
		return false;
	state = atomic_load_acquire(&entry->state);
	return (state & WEFT__FD_REFERENCES) == users + ((state & WEFT__FD_OWNED) != 0);
}

static void close_end(struct line *line, int end)
{
	while (!all_are_inside(line, end))
		weft_yield();
	must(weft_close(line->fds[end]) == 0);
	stress_add(STRESS_CLOSES, 1);
}

static void drain(struct line *line)
{
	unsigned char block[4096];
	ssize_t n = 0;

	/* Who still writes is let finish; then the end of the stream is what was written. */
	for (bool out_is_open = true; out_is_open || n != 0;) {
		n = weft_read_until(line->fds[IN], block, sizeof block, weft_now() + WEFT_MS);
		must_be(n >= 0 || n == -ETIMEDOUT, n);
		check_tags(line, block, n);
		if (n > 0)
			atomic_add_relaxed(&line->got, (uint64_t)n);
		if (out_is_open && atomic_load_acquire(&line->users[OUT]) == 0) {
			close_end(line, OUT);
			out_is_open = false;
			n = -1;
		}
	}
}

static void close_line(struct line *line, struct actor *actor)
{
	bool in_order = choose(actor, 2) == 0;
	weft_shield shield;

	weft_shield_enter(&shield);
	weft_mutex_lock(&line->lock);
	if (line->is_open && !atomic_load_relaxed(&line->closing)) {
		atomic_store_release(&line->closing, true);
		if (in_order) {
			drain(line);
			/* Readers meet the end by themselves. */
			while (atomic_load_acquire(&line->users[IN]) != 0)
				weft_yield();
			close_end(line, IN);
			if (atomic_load_relaxed(&line->counts))
				must_be(line->got == line->written,
					(int64_t)(line->got - line->written));
		} else {
			int first = (int)choose(actor, 2);

			close_end(line, first);
			close_end(line, !first);
		}
		while (atomic_load_acquire(&line->users[IN]) != 0 ||
		       atomic_load_acquire(&line->users[OUT]) != 0)
			weft_yield();
		line->is_open = false;
	}
	weft_mutex_unlock(&line->lock);
	weft_shield_leave(&shield);
}

/* ---- a server beside */

static struct {
	int listener;
	char address[64];
	weft_thread *acceptors[3];
	weft_sched *sched;
	weft_wait_group handlers;
	bool ending;   /* atomic: no acceptor enters its call again */
	int accepting; /* atomic: acceptors that have not ended */
} server;

static int handle(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char block[256];
	ssize_t n;

	while ((n = weft_read(fd, block, sizeof block)) > 0)
		if (weft_write_all(fd, block, (size_t)n) < 0)
			break;
	must(weft_close(fd) == 0);
	weft_wait_group_done(&server.handlers);
	return 0;
}

static int accept_some(void *arg)
{
	struct actor *actor = arg;

	while (!atomic_load_acquire(&server.ending)) {
		int fd = choose(actor, 2) == 0 ? weft_accept(server.listener)
					       : weft_accept_until(server.listener, soon(actor));

		if (fd == -EBADF)
			break;
		if (fd == -ETIMEDOUT)
			continue;
		must_be(fd >= 0, fd);
		weft_wait_group_add(&server.handlers, 1);
		must(weft_thread_spawn(handle, (void *)(intptr_t)fd, NULL, NULL) == 0);
	}
	atomic_sub_acq_rel(&server.accepting, 1);
	return 0;
}

static void be_client(struct actor *actor)
{
	int64_t deadline_ns = weft_now() + 5 * WEFT_SECOND;
	int fd = weft_connect_until(server.address, deadline_ns);
	char out[64], in[64];
	size_t bytes = 1 + choose(actor, sizeof out), got = 0;
	ssize_t n;

	/* No port is free, so soon after the last connection. */
	if (fd == -EADDRNOTAVAIL || !ended_well(fd, deadline_ns))
		return;
	stress_add(STRESS_CONNECTIONS, 1);
	for (size_t i = 0; i < bytes; i++)
		out[i] = (char)choose(actor, 256);
	n = weft_write_all(fd, out, bytes);
	if (!ended_well(n, WEFT_FOREVER))
		bytes = 0;
	while (got < bytes && choose(actor, 50) != 0) {
		deadline_ns = soon(actor);
		n = weft_read_until(fd, in + got, bytes - got, deadline_ns);
		must(n != 0);
		if (!ended_well(n, deadline_ns) && n == -ECANCELED)
			break;
		for (ssize_t i = 0; i < n; i++)
			must(in[got + (size_t)i] == out[got + (size_t)i]);
		got += n > 0 ? (size_t)n : 0;
	}
	must(weft_close(fd) == 0);
}

void lines_begin(void)
{
	static struct actor actors[3] = { { .random = 11 }, { .random = 22 }, { .random = 33 } };

	for (int i = 0; i < LINES; i++)
		lines[i].tag = (unsigned char)i;
	for (int tag = 0; tag < 256; tag++)
		memset(blocks[tag], tag, BLOCK_MAX);
	server.accepting = 3;
	server.listener = weft_listen("127.0.0.1:0", 0);
	must_be(server.listener >= 0, server.listener);
	must(weft_socket_address(server.listener, server.address, sizeof server.address) > 0);
	must(weft_sched_create(&(weft_sched_options){ .name = "server", .processors = 2 },
			       &server.sched) == 0);
	for (int i = 0; i < 3; i++)
		must(weft_thread_spawn(
			     accept_some, &actors[i],
			     &(weft_thread_options){ .kind = i == 0 ? WEFT_KERNEL : WEFT_LIGHT,
						     .name = "acceptor",
						     .sched = i == 0 ? NULL : server.sched },
			     &server.acceptors[i]) == 0);
}

/* Somebody may wait for ever on a line: that ends here, and none is opened any more. */
void lines_stop(void)
{
	struct actor actor = { .random = 1 };

	for (int i = 0; i < LINES; i++)
		close_line(&lines[i], &actor);
}

void lines_end(void)
{
	/* As with a line: who is left is inside his call. */
	atomic_store_release(&server.ending, true);
	while ((atomic_load_acquire(&weft__fd_find(server.listener)->state) &
		WEFT__FD_REFERENCES) != (uint64_t)atomic_load_acquire(&server.accepting) + 1)
		weft_yield();
	must(weft_close(server.listener) == 0);
	for (int i = 0; i < 3; i++)
		must(weft_thread_join(server.acceptors[i], NULL) == 0);
	weft_wait_group_wait(&server.handlers);
	must(weft_sched_destroy(server.sched) == 0);
}

void lines_act(struct actor *actor)
{
	struct line *line = &lines[choose(actor, LINES)];
	unsigned what = choose(actor, 100);

	if (what < 45)
		read_line(line, actor);
	else if (what < 90)
		write_line(line, actor);
	else if (what < 95)
		close_line(line, actor);
	else
		be_client(actor);
}
