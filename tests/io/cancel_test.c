/* SPDX-License-Identifier: MIT */
/* Cancelling threads that read, write, accept and connect: nothing is transferred, nobody stays
 * behind, and the descriptor is as good as before. */
#include "rig.h"

#include <weft/cancel.h>

/* ---- who calls: a thread of each kind in turn */

static const weft_kind kinds[] = { WEFT_KERNEL, WEFT_USER, WEFT_LIGHT };
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static weft_thread *start_kind(weft_kind kind, weft_function *function, void *arg)
{
	weft_thread *thread = NULL;

	if (kind == WEFT_USER && weft_user_why() != NULL)
		kind = WEFT_LIGHT;
	check_equal(weft_thread_spawn(function, arg, &(weft_thread_options){ .kind = kind },
				      &thread),
		    0);
	return thread;
}

static void in_two_processors(weft_function *body)
{
	rig_failures = 0;
	assert_int_equal(weft_run(body, NULL, &(weft_sched_options){ .processors = 2 }), 0);
	assert_int_equal(rig_failures, 0);
}

/* ---- what is called */

static int file_fd; /* with a byte in it */

static int read_it(void *arg)
{
	char byte;

	return (int)weft_read(*(int *)arg, &byte, 1);
}

static int readv_it(void *arg)
{
	char byte;

	return (int)weft_readv(*(int *)arg, &(struct iovec){ &byte, 1 }, 1);
}

static int write_it(void *arg)
{
	return (int)weft_write(*(int *)arg, "w", 1);
}

static int writev_it(void *arg)
{
	return (int)weft_writev(*(int *)arg, &(struct iovec){ "w", 1 }, 1);
}

static int write_all_of_it(void *arg)
{
	return weft_write_all(*(int *)arg, "w", 1);
}

static int sendfile_it(void *arg)
{
	off_t offset = 0;
	int sent = (int)weft_sendfile(*(int *)arg, file_fd, &offset, 1);

	check_equal(offset, sent < 0 ? 0 : sent);
	return sent;
}

static int await_input(void *arg)
{
	return weft_fd_wait(*(int *)arg, WEFT_READABLE);
}

static int await_room(void *arg)
{
	return weft_fd_wait_until(*(int *)arg, WEFT_WRITABLE, WEFT_FOREVER);
}

static const struct {
	weft_function *function;
	bool writes;
	bool takes; /* or leaves it there */
} calls[] = {
	{ read_it, false, true },    { readv_it, false, true },   { await_input, false, false },
	{ write_it, true, true },    { writev_it, true, true },   { write_all_of_it, true, true },
	{ sendfile_it, true, true }, { await_room, true, false },
};
enum { CALLS = sizeof calls / sizeof calls[0] };

/* ---- waits end */

/* A byte goes through, and nobody waits. */
static void check_sound(int from, int to)
{
	char byte = 0;

	check(!weft__fd_is_waited(weft__fd_find(from), WEFT__POLL_READ));
	check(!weft__fd_is_waited(weft__fd_find(to), WEFT__POLL_WRITE));
	check_equal(references(from), 1);
	check_equal(references(to), 1);
	while (weft_read_until(from, &byte, 1, 0) == 1)
		;
	check_equal(weft_write_until(to, "s", 1, 0), 1);
	check_equal(weft_read_until(from, &byte, 1, 0), 1);
	check_equal(byte, 's');
}

static void cancel_while_it_waits(weft_kind kind, int call, const int fds[2])
{
	int fd = fds[calls[call].writes];
	size_t filled = 0, left = 0;
	char block[4096];
	weft_thread *thread;
	ssize_t bytes;

	if (calls[call].writes)
		filled = fill(fd);
	thread = start_kind(kind, calls[call].function, &fd);
	await_waiters(fd, calls[call].writes ? WEFT__POLL_WRITE : WEFT__POLL_READ, 1);
	weft_thread_cancel(thread);
	check_equal(finish(thread), -ECANCELED);
	while ((bytes = weft_read_until(fds[0], block, sizeof block, 0)) > 0)
		left += (size_t)bytes;
	check_equal(left, filled);
	check_sound(fds[0], fds[1]);
}

static int waits_body(void *arg)
{
	int fds[2], pair[2];

	(void)arg;
	check_equal(weft_pipe(fds), 0);
	make_pair(pair);
	for (int kind = 0; kind < KINDS; kind++)
		for (int call = 0; call < CALLS; call++) {
			cancel_while_it_waits(kinds[kind], call, fds);
			cancel_while_it_waits(kinds[kind], call, pair);
		}
	close_pair(fds);
	close_pair(pair);
	return 0;
}

static void a_wait_ends(void **state)
{
	(void)state;
	in_two_processors(waits_body);
}

/* Of a descriptor that weft did not open. */
static int stranger_body(void *arg)
{
	int fds[2];

	(void)arg;
	check_equal(pipe(fds), 0);
	for (int kind = 0; kind < KINDS; kind++) {
		weft_thread *thread = start_kind(kinds[kind], read_it, &fds[0]);
		char byte;

		await_waiters(fds[0], WEFT__POLL_READ, 1);
		weft_thread_cancel(thread);
		check_equal(finish(thread), -ECANCELED);
		check_equal(write(fds[1], "s", 1), 1);
		check_equal(weft_read(fds[0], &byte, 1), 1);
	}
	check_equal(weft_close(fds[0]), 0);
	check_equal(weft_close(fds[1]), 0);
	return 0;
}

static void a_wait_for_what_is_not_ours_ends(void **state)
{
	(void)state;
	in_two_processors(stranger_body);
}

/* Part of it is gone, as after a time-out. */
static int write_much(void *arg)
{
	static const char much[1 << 20];

	return weft_write_all(*(int *)arg, much, sizeof much);
}

static int part_body(void *arg)
{
	(void)arg;
	for (int kind = 0; kind < KINDS; kind++) {
		weft_thread *thread;
		int fds[2];

		check_equal(weft_pipe(fds), 0);
		thread = start_kind(kinds[kind], write_much, &fds[1]);
		await_waiters(fds[1], WEFT__POLL_WRITE, 1);
		weft_thread_cancel(thread);
		check_equal(finish(thread), -ECANCELED);
		check(weft_fd_wait_try(fds[0], WEFT_READABLE) > 0);
		check_sound(fds[0], fds[1]);
		close_pair(fds);
	}
	return 0;
}

static void of_a_long_write_part_is_done(void **state)
{
	(void)state;
	in_two_processors(part_body);
}

/* ---- accept and connect */

static int accept_it(void *arg)
{
	return weft_accept(*(int *)arg);
}

static int accept_body(void *arg)
{
	int listener = weft_listen("127.0.0.1:0", 0);
	char text[64];

	(void)arg;
	check(weft_socket_address(listener, text, sizeof text) > 0);
	for (int kind = 0; kind < KINDS; kind++) {
		weft_thread *thread = start_kind(kinds[kind], accept_it, &listener);
		int ours, theirs;

		await_waiters(listener, WEFT__POLL_READ, 1);
		weft_thread_cancel(thread);
		check_equal(finish(thread), -ECANCELED);
		/* the next connection is the next one's */
		theirs = weft_connect(text);
		ours = weft_accept(listener);
		check(theirs >= 0 && ours >= 0);
		check_equal(weft_close(ours), 0);
		check_equal(weft_close(theirs), 0);
	}
	check_equal(weft_close(listener), 0);
	return 0;
}

static void an_accept_ends(void **state)
{
	(void)state;
	in_two_processors(accept_body);
}

/* The queue of a Unix listener is full: who connects asks again and again. */
static int connect_in_vain(void *arg)
{
	weft_scope scope;
	int fd;

	weft_scope_enter(&scope, weft_now() + 3 * WEFT_MS);
	fd = weft_connect(arg);
	check_equal(weft_scope_leave(&scope), -ETIMEDOUT);
	return fd;
}

static int connect_body(void *arg)
{
	char text[64];
	int listener, fds[8], count = 0;

	(void)arg;
	snprintf(text, sizeof text, "unix:@weft-cancel-%d", getpid());
	listener = weft_listen(text, 1);
	check(listener >= 0);
	while (count < 8 && (fds[count] = weft_connect_until(text, weft_now() + WEFT_MS)) >= 0)
		count++;
	check(count < 8);
	for (int kind = 0; kind < KINDS; kind++)
		check_equal(finish(start_kind(kinds[kind], connect_in_vain, text)), -ECANCELED);
	while (count-- > 0)
		check_equal(weft_close(fds[count]), 0);
	check_equal(weft_close(listener), 0);
	return 0;
}

static void a_connect_that_asks_again_ends(void **state)
{
	(void)state;
	in_two_processors(connect_body);
}

/* ---- what is at hand is left there */

struct looker {
	const int *fds;
	int listener;
	struct sockaddr_storage address;
	socklen_t bytes;
};

static int look_first(void *arg)
{
	const struct looker *looker = arg;
	weft_scope scope;
	int fd;

	weft_scope_enter(&scope, WEFT_FOREVER);
	weft_scope_cancel(&scope);
	for (int call = 0; call < CALLS; call++) {
		fd = looker->fds[calls[call].writes];
		check_equal(calls[call].function(&fd), -ECANCELED);
	}
	check_equal(weft_accept(looker->listener), -ECANCELED);
	check_equal(weft_accept_until(looker->listener, 0), -ECANCELED);
	fd = weft_socket(looker->address.ss_family, SOCK_STREAM, 0);
	check_equal(weft_socket_connect_until(fd, (const struct sockaddr *)&looker->address,
					      looker->bytes, WEFT_FOREVER),
		    -ECANCELED);
	/* these do not wait */
	check_equal(weft_fd_wait_try(looker->fds[0], WEFT_READABLE), WEFT_READABLE);
	check_equal(weft_close(fd), 0);
	check_equal(weft_scope_leave(&scope), -ECANCELED);
	return 0;
}

static int looks_body(void *arg)
{
	struct looker looker;
	int fds[2], theirs, ours;
	char text[64], bytes[4];

	(void)arg;
	check_equal(weft_pipe(fds), 0);
	check_equal(weft_write(fds[1], "w", 1), 1);
	looker.fds = fds;
	looker.listener = weft_listen("127.0.0.1:0", 0);
	check(weft_socket_address(looker.listener, text, sizeof text) > 0);
	looker.bytes = (socklen_t)weft_address_parse(text, &looker.address);
	theirs = weft_connect(text);
	for (int kind = 0; kind < KINDS; kind++)
		check_equal(finish(start_kind(kinds[kind], look_first, &looker)), 0);
	check_equal(weft_read(fds[0], bytes, sizeof bytes), 1);
	ours = weft_accept(looker.listener);
	check(ours >= 0);
	check_equal(weft_accept_until(looker.listener, 0), -ETIMEDOUT);
	check_equal(weft_close(ours), 0);
	check_equal(weft_close(theirs), 0);
	check_equal(weft_close(looker.listener), 0);
	close_pair(fds);
	return 0;
}

static void it_looks_before_it_tries(void **state)
{
	(void)state;
	in_two_processors(looks_body);
}

/* ---- deadlines of scopes and of calls */

static int read_by(void *arg)
{
	int fd = *(int *)arg;
	int64_t now_ns = weft_now();
	weft_scope scope;
	char byte;

	weft_scope_enter(&scope, now_ns + 3600 * WEFT_SECOND);
	check_equal(weft_read_until(fd, &byte, 1, now_ns + WEFT_MS), -ETIMEDOUT);
	check_equal(weft_scope_leave(&scope), 0);

	now_ns = weft_now();
	weft_scope_enter(&scope, now_ns + 20 * WEFT_MS);
	check_equal(weft_read_until(fd, &byte, 1, now_ns + 3600 * WEFT_SECOND), -ECANCELED);
	check(weft_now() >= now_ns + 20 * WEFT_MS);
	check_equal(weft_read(fd, &byte, 1), -ECANCELED);
	check_equal(weft_scope_leave(&scope), -ETIMEDOUT);
	check_equal(weft_read_until(fd, &byte, 1, weft_now() + WEFT_MS / 2), -ETIMEDOUT);
	return 0;
}

static int deadlines_body(void *arg)
{
	int fds[2];

	(void)arg;
	check_equal(weft_pipe(fds), 0);
	for (int kind = 0; kind < KINDS; kind++)
		check_equal(finish(start_kind(kinds[kind], read_by, &fds[0])), 0);
	check_sound(fds[0], fds[1]);
	close_pair(fds);
	return 0;
}

static void whose_deadline_it_was_is_told(void **state)
{
	(void)state;
	in_two_processors(deadlines_body);
}

/* ---- cancelled at any moment: what was read and what was written agree */

#define BYTES 3000

struct stream {
	int fds[2];
	uint32_t read, written, cancelled, over; /* atomic */
	struct end {
		struct stream *stream;
		uint64_t random;
		bool writes;
		uint32_t lock; /* guards scope */
		weft_scope *scope;
	} ends[2 * KINDS];
};

static void set_scope(struct end *end, weft_scope *scope)
{
	weft__spin_lock(&end->lock);
	end->scope = scope;
	weft__spin_unlock(&end->lock);
}

static int use_stream(void *arg)
{
	struct end *end = arg;
	struct stream *stream = end->stream;
	uint32_t *count = end->writes ? &stream->written : &stream->read;

	while (!atomic_load_acquire(&stream->over)) {
		int fd = stream->fds[end->writes];
		weft_scope scope;
		ssize_t bytes;
		char byte;

		weft_scope_enter(&scope, weft_now() + choose(&end->random, 200) * WEFT_US);
		set_scope(end, &scope);
		bytes = end->writes ? weft_write(fd, "b", 1) : weft_read(fd, &byte, 1);
		set_scope(end, NULL);
		weft_scope_leave(&scope);
		check(bytes == 1 || bytes == -ECANCELED);
		if (bytes == 1)
			atomic_add_relaxed(count, 1);
		else
			atomic_add_relaxed(&stream->cancelled, 1);
		if (end->writes && atomic_load_relaxed(&stream->written) >= BYTES)
			break;
	}
	return 0;
}

static void cancel_one(struct end *end)
{
	weft__spin_lock(&end->lock);
	if (end->scope != NULL)
		weft_scope_cancel(end->scope);
	weft__spin_unlock(&end->lock);
}

static int any_moment_body(void *arg)
{
	uint64_t random = rig_seed() | 1;
	weft_thread *threads[2 * KINDS];
	static struct stream stream;
	char byte;

	(void)arg;
	memset(&stream, 0, sizeof stream);
	check_equal(weft_pipe(stream.fds), 0);
	for (int i = 0; i < 2 * KINDS; i++) {
		stream.ends[i] = (struct end){ .stream = &stream,
					       .random = random + (uint64_t)i * 7919,
					       .writes = i < KINDS };
		threads[i] = start_kind(kinds[i % KINDS], use_stream, &stream.ends[i]);
	}
	while (atomic_load_relaxed(&stream.written) < BYTES) {
		cancel_one(&stream.ends[choose(&random, 2 * KINDS)]);
		weft_yield();
	}
	for (int i = 0; i < KINDS; i++)
		finish(threads[i]);
	atomic_store_release(&stream.over, 1u);
	for (int i = KINDS; i < 2 * KINDS; i++)
		finish(threads[i]);
	while (weft_read_until(stream.fds[0], &byte, 1, 0) == 1)
		stream.read++;
	check_equal(stream.read, stream.written);
	check(stream.cancelled > 0);
	close_pair(stream.fds);
	return 0;
}

static void nothing_is_lost_or_doubled(void **state)
{
	(void)state;
	in_two_processors(any_moment_body);
}

static int open_file(void **state)
{
	char path[] = "/tmp/weft-cancel-XXXXXX";

	(void)state;
	file_fd = mkstemp(path);
	if (file_fd < 0)
		return -1;
	unlink(path);
	return write(file_fd, "f", 1) == 1 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_ends),
		cmocka_unit_test(a_wait_for_what_is_not_ours_ends),
		cmocka_unit_test(of_a_long_write_part_is_done),
		cmocka_unit_test(an_accept_ends),
		cmocka_unit_test(a_connect_that_asks_again_ends),
		cmocka_unit_test(it_looks_before_it_tries),
		cmocka_unit_test(whose_deadline_it_was_is_told),
		cmocka_unit_test(nothing_is_lost_or_doubled),
	};

	return cmocka_run_group_tests(tests, open_file, NULL);
}
