/* SPDX-License-Identifier: MIT */
/* Reading and writing: what waits, how long, and what arrives. */
#include "rig.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>

/* ---- waiting */

static int read_one(void *arg)
{
	char byte = 0;
	ssize_t n = weft_read(*(int *)arg, &byte, 1);

	return n == 1 ? byte : (int)n;
}

static int write_one(void *arg)
{
	return (int)weft_write(*(int *)arg, "w", 1);
}

static int a_read_waits_body(void *arg)
{
	int fds[2];
	weft_thread *reader;

	(void)arg;
	for (int kind = 0; kind < 2; kind++) {
		if (kind == 0)
			check_equal(weft_pipe(fds), 0);
		else
			make_pair(fds);
		reader = start(read_one, &fds[0]);
		await_waiters(fds[0], WEFT__POLL_READ, 1);
		check_equal(weft_write(fds[1], "a", 1), 1);
		check_equal(finish(reader), 'a');
		close_pair(fds);
	}
	return 0;
}

static void a_read_waits_for_what_is_written(void **state)
{
	(void)state;
	in_each_setting(a_read_waits_body, NULL);
}

static int a_write_waits_body(void *arg)
{
	static char sink[1 << 20];
	int fds[2];
	weft_thread *writer;

	(void)arg;
	for (int kind = 0; kind < 2; kind++) {
		size_t filled;

		if (kind == 0)
			check_equal(weft_pipe(fds), 0);
		else
			make_pair(fds);
		filled = fill(fds[1]);
		check(filled > 0);
		writer = start(write_one, &fds[1]);
		await_waiters(fds[1], WEFT__POLL_WRITE, 1);
		while (filled > 0)
			filled -= (size_t)weft_read(fds[0], sink,
						    filled < sizeof sink ? filled : sizeof sink);
		check_equal(finish(writer), 1);
		check_equal(weft_read(fds[0], sink, sizeof sink), 1);
		check_equal(sink[0], 'w');
		close_pair(fds);
	}
	return 0;
}

static void a_write_waits_for_room(void **state)
{
	(void)state;
	in_each_setting(a_write_waits_body, NULL);
}

/* Both ends race: the reader's would-block and the writer's byte meet at every distance. */
#define ROUNDS 20000

static int pong(void *arg)
{
	int *fds = arg;
	char byte;

	for (int i = 0; i < ROUNDS; i++) {
		if (weft_read(fds[0], &byte, 1) != 1 || byte != (char)i)
			return i;
		if (weft_write(fds[3], &byte, 1) != 1)
			return i;
	}
	return ROUNDS;
}

static int late_event_body(void *arg)
{
	int fds[4];
	weft_thread *other;
	char byte;

	(void)arg;
	check_equal(weft_pipe(fds), 0);
	check_equal(weft_pipe(fds + 2), 0);
	other = start(pong, fds);
	for (int i = 0; i < ROUNDS; i++) {
		byte = (char)i;
		check_equal(weft_write(fds[1], &byte, 1), 1);
		check_equal(weft_read(fds[2], &byte, 1), 1);
		if (byte != (char)i) {
			check(byte == (char)i);
			break;
		}
	}
	check_equal(finish(other), ROUNDS);
	close_pair(fds);
	close_pair(fds + 2);
	return 0;
}

static void a_late_event_is_not_lost(void **state)
{
	(void)state;
	in_each_setting(late_event_body, NULL);
}

/* ---- amounts */

#define BULK_BYTES (10 << 20)

static char pattern_at(size_t at)
{
	return (char)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

static char *bulk; /* of the pattern */

static int write_bulk(void *arg)
{
	int fd = *(int *)arg;
	int error = weft_write_all(fd, bulk, BULK_BYTES);

	weft_close(fd);
	return error;
}

static int bulk_body(void *arg)
{
	int fds[2];
	weft_thread *writer;

	(void)arg;
	for (int kind = 0; kind < 2; kind++) {
		size_t got = 0;
		bool is_right = true;
		char block[3000]; /* not a divisor of anything */
		ssize_t n;

		if (kind == 0)
			check_equal(weft_pipe(fds), 0);
		else
			make_pair(fds);
		writer = start(write_bulk, &fds[1]);
		while ((n = weft_read(fds[0], block, sizeof block)) > 0) {
			is_right = is_right && got + (size_t)n <= BULK_BYTES &&
				   memcmp(block, bulk + got, (size_t)n) == 0;
			got += (size_t)n;
		}
		check_equal(n, 0);
		check(is_right);
		check_equal(got, BULK_BYTES);
		check_equal(finish(writer), 0);
		check_equal(weft_close(fds[0]), 0);
	}
	return 0;
}

static void ten_megabytes_arrive_whole(void **state)
{
	(void)state;
	bulk = malloc(BULK_BYTES);
	assert_non_null(bulk);
	for (size_t i = 0; i < BULK_BYTES; i++)
		bulk[i] = pattern_at(i);
	in_each_setting(bulk_body, NULL);
	free(bulk);
}

#define PARTS (IOV_MAX + 100)

static int parts_body(void *arg)
{
	static char out[PARTS], in[PARTS];
	static struct iovec parts[PARTS];
	int fds[2];

	(void)arg;
	for (int kind = 0; kind < 2; kind++) {
		if (kind == 0)
			check_equal(weft_pipe(fds), 0);
		else
			make_pair(fds);
		for (int i = 0; i < PARTS; i++) {
			out[i] = pattern_at((size_t)i);
			parts[i] = (struct iovec){ &out[i], 1 };
		}
		check_equal(weft_writev(fds[1], parts, PARTS), IOV_MAX);
		for (int i = 0; i < PARTS; i++)
			parts[i] = (struct iovec){ &in[i], 1 };
		memset(in, 0, sizeof in);
		check_equal(weft_readv(fds[0], parts, PARTS), IOV_MAX);
		check(memcmp(in, out, IOV_MAX) == 0);
		check_equal(weft_readv_until(fds[0], parts, PARTS, weft_now() + WEFT_MS),
			    -ETIMEDOUT);
		check_equal(weft_readv(fds[0], parts, -1), -EINVAL);
		check_equal(weft_writev(fds[1], parts, -1), -EINVAL);
		fill(fds[1]);
		check_equal(weft_writev_until(fds[1], parts, 2, weft_now() + WEFT_MS), -ETIMEDOUT);
		close_pair(fds);
	}
	return 0;
}

static void parts_beyond_what_the_kernel_takes_are_left_over(void **state)
{
	(void)state;
	in_each_setting(parts_body, NULL);
}

/* ---- ends */

static int ends_body(void *arg)
{
	int fds[2];
	char byte;

	(void)arg;
	check_equal(weft_pipe(fds), 0);
	check_equal(weft_write(fds[1], "x", 1), 1);
	check_equal(weft_close(fds[1]), 0);
	check_equal(weft_read(fds[0], &byte, 1), 1);
	check_equal(weft_read(fds[0], &byte, 1), 0);
	check_equal(weft_read(fds[0], &byte, 1), 0);
	check_equal(weft_close(fds[0]), 0);
	make_pair(fds);
	check_equal(weft_close(fds[0]), 0);
	check_equal(weft_read(fds[1], &byte, 1), 0);
	/* SIGPIPE would end this program. */
	check_equal(weft_write(fds[1], "x", 1), -EPIPE);
	check_equal(weft_writev(fds[1], &(struct iovec){ "x", 1 }, 1), -EPIPE);
	check_equal(weft_write_all(fds[1], "x", 1), -EPIPE);
	check_equal(weft_close(fds[1]), 0);
	return 0;
}

static void the_end_of_a_stream_is_told_and_raises_nothing(void **state)
{
	(void)state;
	in_each_setting(ends_body, NULL);
}

static int waits_for_end_body(void *arg)
{
	int fds[2];
	weft_thread *reader;

	(void)arg;
	for (int kind = 0; kind < 2; kind++) {
		if (kind == 0)
			check_equal(weft_pipe(fds), 0);
		else
			make_pair(fds);
		reader = start(read_one, &fds[0]);
		await_waiters(fds[0], WEFT__POLL_READ, 1);
		check_equal(weft_close(fds[1]), 0);
		check_equal(finish(reader), 0);
		check_equal(weft_close(fds[0]), 0);
	}
	return 0;
}

static void a_waiting_reader_is_told_of_the_end(void **state)
{
	(void)state;
	in_each_setting(waits_for_end_body, NULL);
}

/* ---- deadlines */

static int deadline_body(void *arg)
{
	int fds[2];
	char byte;
	int64_t deadline_ns;

	(void)arg;
	check_equal(weft_pipe(fds), 0);
	for (int i = 0; i < 20; i++) {
		deadline_ns = weft_now() + i * 100 * WEFT_US;
		check_equal(weft_read_until(fds[0], &byte, 1, deadline_ns), -ETIMEDOUT);
		check(weft_now() >= deadline_ns);
	}
	check_equal(weft_read_until(fds[0], &byte, 1, 0), -ETIMEDOUT);
	check_equal(weft_read_until(fds[0], &byte, 1, INT64_MIN), -ETIMEDOUT);
	/* What is there is had even when the deadline has passed. */
	check_equal(weft_write_until(fds[1], "d", 1, 0), 1);
	check_equal(weft_read_until(fds[0], &byte, 1, 0), 1);
	fill(fds[1]);
	deadline_ns = weft_now() + WEFT_MS;
	check_equal(weft_write_until(fds[1], "d", 1, deadline_ns), -ETIMEDOUT);
	check(weft_now() >= deadline_ns);
	check_equal(weft_write_all_until(fds[1], "d", 1, weft_now() + WEFT_MS), -ETIMEDOUT);
	close_pair(fds);
	return 0;
}

static void a_deadline_ends_a_wait_and_never_early(void **state)
{
	(void)state;
	in_each_setting(deadline_body, NULL);
}

/* ---- descriptors that weft does not own */

static int unowned_body(void *arg)
{
	int fds[2];
	char byte;
	weft_thread *reader;

	(void)arg;
	for (int kind = 0; kind < 2; kind++) {
		if (kind == 0)
			check_equal(pipe(fds), 0);
		else
			check_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		reader = start(read_one, &fds[0]);
		/* On one processor this thread runs on only if the reader's wait stops no more than
		 * the reader. */
		await_waiters(fds[0], WEFT__POLL_READ, 1);
		check_equal(weft_write(fds[1], "u", 1), 1);
		check_equal(finish(reader), 'u');
		check_equal(weft_read_until(fds[0], &byte, 1, weft_now() + WEFT_MS), -ETIMEDOUT);
		check_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
		close_pair(fds);
	}
	return 0;
}

static void a_blocking_descriptor_of_a_stranger_blocks_only_its_reader(void **state)
{
	(void)state;
	in_each_setting(unowned_body, NULL);
}

static int read_four(void *arg)
{
	char bytes[4];

	for (int i = 0; i < 4; i++)
		if (weft_read(*(int *)arg, &bytes[i], 1) != 1)
			return -1;
	return 4;
}

static int write_much(void *arg)
{
	static char block[100000];

	return weft_write_all(*(int *)arg, block, sizeof block);
}

/* One reader and one writer of the same socket, each in need of its own report. */
static int unowned_both_body(void *arg)
{
	int fds[2];
	char block[1000];
	weft_thread *reader, *writer;
	size_t got = 0;

	(void)arg;
	check_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	check_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &(int){ 4096 }, sizeof(int)), 0);
	reader = start(read_four, &fds[0]);
	writer = start(write_much, &fds[0]);
	await_waiters(fds[0], WEFT__POLL_READ, 1);
	await_waiters(fds[0], WEFT__POLL_WRITE, 1);
	for (int i = 0; i < 4; i++) {
		check_equal(weft_write(fds[1], "4", 1), 1);
		got += (size_t)weft_read(fds[1], block, sizeof block);
	}
	while (got < 100000)
		got += (size_t)weft_read(fds[1], block, sizeof block);
	check_equal(finish(reader), 4);
	check_equal(finish(writer), 0);
	close_pair(fds);
	return 0;
}

static void a_reader_and_a_writer_share_a_strangers_descriptor(void **state)
{
	(void)state;
	in_each_setting(unowned_both_body, NULL);
}

static int adopt_body(void *arg)
{
	int fds[2];
	weft_thread *reader;

	(void)arg;
	check_equal(pipe(fds), 0);
	reader = start(read_one, &fds[0]);
	await_waiters(fds[0], WEFT__POLL_READ, 1);
	check_equal(weft_fd_adopt(fds[0]), 0);
	check_equal(weft_fd_adopt(fds[0]), -EEXIST);
	check(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	await_waiters(fds[0], WEFT__POLL_READ, 1);
	check_equal(weft_write(fds[1], "o", 1), 1);
	check_equal(finish(reader), 'o');
	close_pair(fds);
	check_equal(weft_fd_adopt(fds[0]), -EBADF);
	return 0;
}

/* Both directions were ordered in one report, which the writer's event would use up. */
static int adopt_both_body(void *arg)
{
	int fds[2];
	char block[4096];
	size_t filled;
	weft_thread *reader, *writer;

	(void)arg;
	check_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	filled = fill(fds[0]);
	reader = start(read_one, &fds[0]);
	writer = start(write_one, &fds[0]);
	await_waiters(fds[0], WEFT__POLL_READ, 1);
	await_waiters(fds[0], WEFT__POLL_WRITE, 1);
	check_equal(weft_fd_adopt(fds[0]), 0);
	while (filled > 0)
		filled -= (size_t)weft_read(fds[1], block, sizeof block);
	check_equal(finish(writer), 1);
	check_equal(weft_write(fds[1], "o", 1), 1);
	check_equal(finish(reader), 'o');
	close_pair(fds);
	return 0;
}

static void adopting_takes_over_who_waits(void **state)
{
	(void)state;
	in_each_setting(adopt_body, NULL);
	in_each_setting(adopt_both_body, NULL);
}

static int bad_numbers_body(void *arg)
{
	const int bad[] = { -1, INT_MIN, INT_MAX, 900000 };
	char byte;

	(void)arg;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		check_equal(weft_read(bad[i], &byte, 1), -EBADF);
		check_equal(weft_write(bad[i], "b", 1), -EBADF);
		check_equal(weft_close(bad[i]), -EBADF);
		check_equal(weft_fd_adopt(bad[i]), -EBADF);
		check_equal(weft_fd_wait(bad[i], WEFT_READABLE), -EBADF);
		check_equal(weft_fd_wait_try(bad[i], WEFT_READABLE), -EBADF);
		check_equal(weft_accept(bad[i]), -EBADF);
		check_equal(weft_shutdown(bad[i], SHUT_RD), -EBADF);
		check_equal(weft_sendfile(bad[i], 0, NULL, 1), -EBADF);
	}
	return 0;
}

static void a_number_that_is_not_open_is_refused(void **state)
{
	(void)state;
	in_each_setting(bad_numbers_body, NULL);
}

/* ---- files */

static int file_body(void *arg)
{
	char path[] = "/tmp/weft-io-XXXXXX";
	char back[16] = "";
	int fd = mkstemp(path);

	(void)arg;
	check(fd >= 0);
	/* Not owned. */
	check_equal(weft_write_all(fd, "a file", 6), 0);
	check_equal(weft_fd_wait(fd, WEFT_READABLE), -EPERM);
	check_equal(weft_fd_wait_try(fd, WEFT_READABLE), -EPERM);
	check_equal(lseek(fd, 0, SEEK_SET), 0);
	check_equal(weft_readv(fd, &(struct iovec){ back, sizeof back }, 1), 6);
	check_equal(weft_close(fd), 0);
	/* Owned. */
	fd = weft_open(path, O_RDWR, 0);
	check(fd >= 0);
	check(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	check_equal(weft_read(fd, back, sizeof back), 6);
	check(memcmp(back, "a file", 6) == 0);
	check_equal(weft_read(fd, back, sizeof back), 0);
	check_equal(weft_fd_wait(fd, WEFT_READABLE | WEFT_WRITABLE), -EPERM);
	check_equal(weft_close(fd), 0);
	check_equal(unlink(path), 0);
	check_equal(weft_open(path, O_RDONLY, 0), -ENOENT);
	return 0;
}

static void a_regular_file_is_always_ready(void **state)
{
	(void)state;
	in_each_setting(file_body, NULL);
}

static int fifo_body(void *arg)
{
	char path[] = "/tmp/weft-io-XXXXXX";
	weft_thread *reader;
	int in, out;

	(void)arg;
	check(mkdtemp(path) != NULL);
	check_equal(rmdir(path), 0);
	check_equal(mkfifo(path, 0600), 0);
	/* Where open(2) would wait for the other end. */
	check_equal(weft_open(path, O_WRONLY, 0), -ENXIO);
	in = weft_open(path, O_RDONLY, 0);
	check(in >= 0);
	out = weft_open(path, O_WRONLY, 0);
	check(out >= 0);
	reader = start(read_one, &in);
	await_waiters(in, WEFT__POLL_READ, 1);
	check_equal(weft_write(out, "f", 1), 1);
	check_equal(finish(reader), 'f');
	check_equal(weft_close(in), 0);
	check_equal(weft_close(out), 0);
	check_equal(unlink(path), 0);
	return 0;
}

static void a_fifo_is_opened_without_waiting(void **state)
{
	(void)state;
	in_each_setting(fifo_body, NULL);
}

#define FILE_BYTES (3 << 20)

struct sink {
	int fd;
	size_t got;
	bool is_right;
};

static int drain_pattern(void *arg)
{
	struct sink *sink = arg;
	char block[5000];
	ssize_t n;

	while ((n = weft_read(sink->fd, block, sizeof block)) > 0)
		for (ssize_t i = 0; i < n; i++)
			sink->is_right = sink->is_right && block[i] == pattern_at(sink->got++);
	return (int)n;
}

/* bool: to a descriptor that weft owns. */
static int sendfile_body(void *arg)
{
	bool owned = *(bool *)arg;
	int file = memfd_create("weft", MFD_CLOEXEC);
	char *content;
	int fds[2];

	check_equal(ftruncate(file, FILE_BYTES), 0);
	content = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	for (size_t i = 0; i < FILE_BYTES; i++)
		content[i] = pattern_at(i);
	munmap(content, FILE_BYTES);
	for (int kind = 0; kind < 2; kind++) {
		struct sink sink = { .is_right = true };
		weft_thread *reader;
		off_t offset = 0;
		ssize_t n;

		if (kind == 0)
			check_equal(owned ? weft_pipe(fds) : pipe(fds), 0);
		else if (owned)
			make_pair(fds);
		else
			check_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		sink.fd = fds[0];
		reader = start(drain_pattern, &sink);
		while ((n = weft_sendfile(fds[1], file, &offset, FILE_BYTES)) > 0)
			;
		check_equal(n, 0);
		check_equal(offset, FILE_BYTES);
		check_equal(weft_close(fds[1]), 0);
		check_equal(finish(reader), 0);
		check(sink.is_right);
		check_equal(sink.got, FILE_BYTES);
		check_equal(weft_close(fds[0]), 0);
	}
	make_pair(fds);
	fill(fds[1]);
	check_equal(weft_sendfile_until(fds[1], file, &(off_t){ 0 }, 1, weft_now() + WEFT_MS),
		    -ETIMEDOUT);
	check_equal(weft_close(fds[0]), 0);
	/* SIGPIPE would end this program. */
	check_equal(weft_sendfile(fds[1], file, &(off_t){ 0 }, 1), -EPIPE);
	check_equal(weft_close(fds[1]), 0);
	close(file);
	return 0;
}

static void sendfile_sends_all_and_moves_the_offset(void **state)
{
	(void)state;
	in_each_setting(sendfile_body, &(bool){ true });
	in_each_setting(sendfile_body, &(bool){ false });
}

/* ---- turns */

static int read_zeroes(void *arg)
{
	bool *stop = arg;
	int fd = weft_open("/dev/zero", O_RDONLY, 0);
	char byte;

	check(fd >= 0);
	while (!atomic_load_relaxed(stop))
		check_equal(weft_read(fd, &byte, 1), 1);
	return weft_close(fd);
}

static int turns_body(void *arg)
{
	bool stop = false;
	weft_thread *greedy = start(read_zeroes, &stop);

	(void)arg;
	/* Comes to an end only if the other lets this thread run again. */
	for (int i = 0; i < 100; i++)
		weft_yield();
	atomic_store_relaxed(&stop, true);
	check_equal(finish(greedy), 0);
	return 0;
}

static void a_stream_that_never_runs_dry_starves_nobody(void **state)
{
	(void)state;
	in_each_setting(turns_body, NULL);
}

/* ---- readiness */

static int wait_both(void *arg)
{
	return weft_fd_wait(*(int *)arg, WEFT_READABLE | WEFT_WRITABLE);
}

static int wait_readable(void *arg)
{
	return weft_fd_wait(*(int *)arg, WEFT_READABLE);
}

static int ready_body(void *arg)
{
	int fds[2];
	char block[4096];
	size_t filled;
	weft_thread *both;

	(void)arg;
	for (int owned = 0; owned < 2; owned++) {
		if (owned)
			make_pair(fds);
		else
			check_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
		check_equal(weft_fd_wait_try(fds[0], WEFT_READABLE), 0);
		check_equal(weft_fd_wait_try(fds[0], WEFT_WRITABLE), WEFT_WRITABLE);
		check_equal(weft_fd_wait(fds[0], WEFT_READABLE | WEFT_WRITABLE), WEFT_WRITABLE);
		check_equal(weft_fd_wait_until(fds[0], WEFT_READABLE, weft_now() + WEFT_MS),
			    -ETIMEDOUT);
		check_equal(weft_fd_wait(fds[0], 0), -EINVAL);
		check_equal(weft_fd_wait(fds[0], 4), -EINVAL);
		filled = fill(fds[0]);
		/* Either direction ends it, */
		both = start(wait_both, &fds[0]);
		await_waiters(fds[0], WEFT__POLL_READ, 1);
		check_equal(weft_write(fds[1], "r", 1), 1);
		check_equal(finish(both), WEFT_READABLE);
		check_equal(weft_read(fds[0], block, 1), 1);
		/* the other too, */
		both = start(wait_both, &fds[0]);
		await_waiters(fds[0], WEFT__POLL_READ, 1);
		while (filled > 0)
			filled -= (size_t)weft_read(fds[1], block, sizeof block);
		check_equal(finish(both), WEFT_WRITABLE);
		/* and the end is readable. */
		both = start(wait_readable, &fds[0]);
		await_waiters(fds[0], WEFT__POLL_READ, 1);
		check_equal(weft_close(fds[1]), 0);
		check_equal(finish(both), WEFT_READABLE);
		check_equal(weft_close(fds[0]), 0);
	}
	return 0;
}

static void readiness_can_be_waited_for(void **state)
{
	(void)state;
	in_each_setting(ready_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_waits_for_what_is_written),
		cmocka_unit_test(a_write_waits_for_room),
		cmocka_unit_test(a_late_event_is_not_lost),
		cmocka_unit_test(ten_megabytes_arrive_whole),
		cmocka_unit_test(parts_beyond_what_the_kernel_takes_are_left_over),
		cmocka_unit_test(the_end_of_a_stream_is_told_and_raises_nothing),
		cmocka_unit_test(a_waiting_reader_is_told_of_the_end),
		cmocka_unit_test(a_deadline_ends_a_wait_and_never_early),
		cmocka_unit_test(a_blocking_descriptor_of_a_stranger_blocks_only_its_reader),
		cmocka_unit_test(a_reader_and_a_writer_share_a_strangers_descriptor),
		cmocka_unit_test(adopting_takes_over_who_waits),
		cmocka_unit_test(a_number_that_is_not_open_is_refused),
		cmocka_unit_test(a_regular_file_is_always_ready),
		cmocka_unit_test(a_fifo_is_opened_without_waiting),
		cmocka_unit_test(sendfile_sends_all_and_moves_the_offset),
		cmocka_unit_test(a_stream_that_never_runs_dry_starves_nobody),
		cmocka_unit_test(readiness_can_be_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
