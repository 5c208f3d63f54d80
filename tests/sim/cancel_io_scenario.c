/* SPDX-License-Identifier: MIT */
/* Cancelling who waits for descriptors: every byte that was written is read once, every connection
 * is accepted once, and nobody waits on. */
#include <errno.h>
#include <stdio.h>

#include "cancel.h"
#include "io/wait.h"

#define PAIRS 2
#define ROUNDS 3

struct pipe {
	int fds[2];
	uint32_t read, written; /* atomic: bytes */
	struct end {
		struct pipe *pipe;
		struct seat seat;
	} readers[PAIRS], writers[PAIRS];
};

static void read_some(struct pipe *pipe)
{
	char bytes[3];
	ssize_t got = weft__sim_choose(2)
			      ? weft_read(pipe->fds[0], bytes, 1 + weft__sim_choose(3))
			      : weft_read_until(pipe->fds[0], bytes, 3, engine_deadline());

	weft__sim_check(got > 0 || got == -ECANCELED || got == -ETIMEDOUT);
	if (got > 0)
		atomic_add_relaxed(&pipe->read, (uint32_t)got);
}

static void write_some(struct pipe *pipe)
{
	ssize_t put = weft__sim_choose(2)
			      ? weft_write(pipe->fds[1], "some", 1 + weft__sim_choose(4))
			      : weft_write_until(pipe->fds[1], "some", 4, engine_deadline());

	weft__sim_check(put > 0 || put == -ECANCELED || put == -ETIMEDOUT);
	if (put > 0)
		atomic_add_relaxed(&pipe->written, (uint32_t)put);
}

static void await_either(struct pipe *pipe)
{
	int code = weft_fd_wait(pipe->fds[weft__sim_choose(2)], WEFT_READABLE | WEFT_WRITABLE);

	weft__sim_check(code > 0 || code == -ECANCELED);
}

static int use_end(struct end *end, void (*use)(struct pipe *))
{
	for (int i = 0; i < ROUNDS; i++) {
		weft_scope scope;

		seat_enter(&end->seat, &scope,
			   weft__sim_choose(4) == 0 ? engine_deadline() : WEFT_FOREVER);
		if (weft__sim_choose(5) == 0)
			await_either(end->pipe);
		use(end->pipe);
		seat_leave(&end->seat, &scope);
	}
	return 0;
}

static int be_reader(void *arg)
{
	return use_end(arg, read_some);
}

static int be_writer(void *arg)
{
	return use_end(arg, write_some);
}

static int pipe_app(void *arg)
{
	struct pipe pipe = { 0 };
	weft_thread *threads[4 * PAIRS];
	ssize_t got;
	char bytes[8];
	int count = 0;

	(void)arg;
	weft__sim_check(weft_pipe(pipe.fds) == 0);
	for (int i = 0; i < PAIRS; i++) {
		pipe.readers[i].pipe = pipe.writers[i].pipe = &pipe;
		pipe.readers[i].seat.rounds = pipe.writers[i].seat.rounds = ROUNDS;
		threads[count++] = spawn_some_kind(be_reader, &pipe.readers[i]);
		threads[count++] = spawn_some_kind(be_writer, &pipe.writers[i]);
		threads[count++] = spawn_some_kind(seat_cancel, &pipe.readers[i].seat);
		threads[count++] = spawn_some_kind(seat_cancel, &pipe.writers[i].seat);
	}
	while (count-- > 0)
		engine_join(threads[count], 0);
	weft__sim_check(!weft__fd_is_waited(weft__fd_find(pipe.fds[0]), WEFT__POLL_READ));
	weft__sim_check(!weft__fd_is_waited(weft__fd_find(pipe.fds[1]), WEFT__POLL_WRITE));
	/* The descriptors are as good as before. */
	while (pipe.read < pipe.written && (got = weft_read(pipe.fds[0], bytes, sizeof bytes)) > 0)
		pipe.read += (uint32_t)got;
	weft__sim_check(pipe.read == pipe.written);
	weft__sim_check(weft_write(pipe.fds[1], "s", 1) == 1);
	weft__sim_check(weft_read(pipe.fds[0], bytes, 1) == 1 && bytes[0] == 's');
	weft__sim_check(weft_close(pipe.fds[0]) == 0 && weft_close(pipe.fds[1]) == 0);
	return 0;
}

static void cancelled_ends_agree(void *arg)
{
	weft__sim_check(engine_run(pipe_app, arg) == 0);
	engine_check_clean();
}

/* ---- threads as a whole, in a wait that nothing else ends */

static int read_for_ever(void *arg)
{
	char byte;

	return (int)weft_read(*(int *)arg, &byte, 1);
}

static int readers_app(void *arg)
{
	weft_thread *threads[2 * PAIRS];
	char byte;
	int fds[2];

	(void)arg;
	weft__sim_check(weft_pipe(fds) == 0);
	for (int i = 0; i < 2 * PAIRS; i++)
		threads[i] = spawn_some_kind(read_for_ever, &fds[0]);
	for (int i = 0; i < 2 * PAIRS; i++) {
		engine_dawdle();
		weft_thread_cancel(threads[i]);
	}
	for (int i = 0; i < 2 * PAIRS; i++)
		engine_join(threads[i], -ECANCELED);
	weft__sim_check(weft_write(fds[1], "s", 1) == 1);
	weft__sim_check(weft_read(fds[0], &byte, 1) == 1);
	weft__sim_check(weft_close(fds[0]) == 0 && weft_close(fds[1]) == 0);
	return 0;
}

static void cancelled_readers_end(void *arg)
{
	weft__sim_check(engine_run(readers_app, arg) == 0);
	engine_check_clean();
}

#define NUISANCES .eintr = 30, .short_io = 100, .again = 50

const struct scenario cancel_io_scenarios[] = {
	{ .name = "cancelled-ends-agree",
	  .run = cancelled_ends_agree,
	  .options = { NUISANCES, .stream_bytes = 4 } },
	{ .name = "cancelled-readers-end",
	  .run = cancelled_readers_end,
	  .options = { .eintr = 30 } },
	{ 0 },
};
