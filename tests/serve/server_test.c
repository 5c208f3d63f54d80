/* SPDX-License-Identifier: MIT */
/*
 * The framework, with a protocol of lines: "hello\n" is answered by "hello\n". A line "wait" is
 * answered when the test says so, "big" by megabytes, "block" too, by a worker that waits; "bye" by
 * a close.
 */
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
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <weft/io.h>
#include <weft/server.h>
#include <weft/socket.h>
#include <weft/weft.h>

#include "base/atomic.h"
#include "client.h"
#include "kinds.h"

#define BIG_BYTES ((size_t)8 << 20)

static struct rig {
	weft_kind kind;
	weft_server *server;
	char address[64];
	weft_sem waiting; /* posted when a "wait" is being served */
	weft_sem go_on;   /* lets one "wait" end */
	uint32_t closed;
} rig;

/* ---- the protocol */

struct big {
	size_t done;
};

static int frame(weft_conn *conn)
{
	return memchr(conn->input, '\n', conn->input_bytes) != NULL;
}

/* Without waiting: what does not fit goes on when the socket takes more. */
static weft_served write_big(weft_conn *conn)
{
	static char block[65536];
	struct big *big = conn->user;

	while (big->done < BIG_BYTES) {
		size_t left = BIG_BYTES - big->done;
		ssize_t bytes = weft_write_until(conn->fd, block,
						 left < sizeof block ? left : sizeof block, 0);

		if (bytes == -ETIMEDOUT)
			return WEFT_SERVED_WRITE;
		if (bytes < 0)
			return WEFT_SERVED_CLOSE;
		big->done += (size_t)bytes;
	}
	free(big);
	conn->user = NULL;
	return WEFT_SERVED_KEEP;
}

static weft_served serve(weft_conn *conn)
{
	char line[4096];
	char *end;
	size_t bytes;

	if (conn->user != NULL)
		return write_big(conn);
	end = memchr(conn->input, '\n', conn->input_bytes);
	bytes = (size_t)(end + 1 - conn->input);
	memcpy(line, conn->input, bytes);
	weft_conn_consume(conn, bytes);
	if (bytes == 5 && memcmp(line, "wait\n", 5) == 0) {
		weft_sem_wake(&rig.waiting);
		weft_sem_wait(&rig.go_on);
	} else if (bytes == 4 && memcmp(line, "big\n", 4) == 0) {
		conn->user = calloc(1, sizeof(struct big));
		return write_big(conn);
	} else if (bytes == 6 && memcmp(line, "block\n", 6) == 0) {
		static char block[BIG_BYTES];

		weft_sem_wake(&rig.waiting);
		return weft_write_all(conn->fd, block, sizeof block) == 0 ? WEFT_SERVED_KEEP
									  : WEFT_SERVED_CLOSE;
	} else if (bytes == 4 && memcmp(line, "bye\n", 4) == 0) {
		weft_write_all(conn->fd, line, bytes);
		return WEFT_SERVED_LINGER;
	}
	return weft_write_all(conn->fd, line, bytes) == 0 ? WEFT_SERVED_KEEP : WEFT_SERVED_CLOSE;
}

static void refuse(int fd, void *arg, int reason)
{
	char text[32];

	(void)arg;
	snprintf(text, sizeof text, "refused %d\n", -reason);
	weft_write_until(fd, text, strlen(text), 0);
}

static void closed(weft_conn *conn)
{
	free(conn->user);
	atomic_add_relaxed(&rig.closed, 1);
}

/* ---- the rig */

static void start(const weft_server_options *wanted)
{
	weft_server_options options = *wanted;

	options.kind = rig.kind;
	options.frame = frame;
	options.refuse = refuse;
	options.closed = closed;
	rig.closed = 0;
	weft_sem_init(&rig.waiting, 0);
	weft_sem_init(&rig.go_on, 0);
	assert_int_equal(weft_server_create("127.0.0.1:0", serve, &rig, &options, &rig.server), 0);
	assert_true(weft_server_address(rig.server, rig.address, sizeof rig.address) > 0);
}

static void stop(void)
{
	weft_server_stop(rig.server);
	weft_server_destroy(rig.server);
}

static weft_server_stats stats(void)
{
	weft_server_stats now;

	weft_server_stats_get(rig.server, &now);
	return now;
}

static void until_connected(unsigned count)
{
	int64_t end_ns = weft_now() + CLIENT_PATIENCE_S * WEFT_SECOND;

	while (stats().connections != count) {
		assert_true(weft_now() < end_ns);
		usleep(1000);
	}
}

#define WAITERS 8

/* ---- */

static void lines_are_answered_in_order(void **state)
{
	int fd;

	(void)state;
	start(&(weft_server_options){ 0 });
	fd = client_connect(rig.address);
	client_send(fd, "one\n");
	client_expect(fd, "one\n");
	client_send(fd, "two\nthree\nfo");
	client_expect(fd, "two\nthree\n");
	client_send(fd, "ur\n");
	client_expect(fd, "four\n");
	client_send(fd, "bye\nnever read\n");
	client_expect(fd, "bye\n");
	client_expect_end(fd);
	client_close(fd);
	until_connected(0);
	assert_int_equal(atomic_load_acquire(&rig.closed), 1);
	stop();
}

static void what_comes_with_the_end_is_answered(void **state)
{
	(void)state;
	start(&(weft_server_options){ 0 });
	/* Now and then the end arrives together with the request, as one event. */
	for (int i = 0; i < 200; i++) {
		int fd = client_connect(rig.address);

		client_send(fd, "last\n");
		shutdown(fd, SHUT_WR);
		client_expect(fd, "last\n");
		client_expect_end(fd);
		client_close(fd);
	}
	until_connected(0);
	stop();
}

static void a_worker_may_block_and_others_are_served(void **state)
{
	int waits[WAITERS], fd;

	(void)state;
	start(&(weft_server_options){ .workers = WAITERS + 1 });
	for (int i = 0; i < WAITERS; i++) {
		waits[i] = client_connect(rig.address);
		client_send(waits[i], "wait\n");
		weft_sem_wait(&rig.waiting);
	}
	fd = client_connect(rig.address);
	client_send(fd, "hello\n");
	client_expect(fd, "hello\n");
	assert_true(stats().serving >= WAITERS);
	for (int i = 0; i < WAITERS; i++)
		assert_true(client_is_silent(waits[i]));
	for (int i = 0; i < WAITERS; i++)
		weft_sem_wake(&rig.go_on);
	for (int i = 0; i < WAITERS; i++) {
		client_expect(waits[i], "wait\n");
		client_close(waits[i]);
	}
	client_close(fd);
	stop();
}

static void slow_clients_occupy_no_worker(void **state)
{
	int slow[100], fd;

	(void)state;
	start(&(weft_server_options){ .workers = 1, .head_ns = 60 * WEFT_SECOND });
	for (int i = 0; i < 100; i++) {
		slow[i] = client_connect(rig.address);
		client_send(slow[i], "half a li");
	}
	fd = client_connect(rig.address);
	for (int i = 0; i < 100; i++) {
		client_send(fd, "quick\n");
		client_expect(fd, "quick\n");
	}
	for (int i = 0; i < 100; i++) {
		client_send(slow[i], "ne\n");
		client_expect(slow[i], "half a line\n");
		client_close(slow[i]);
	}
	client_close(fd);
	stop();
}

static void slow_readers_occupy_no_worker(void **state)
{
	static char buffer[65536];
	int slow[4], fd;

	(void)state;
	start(&(weft_server_options){ .workers = 1 });
	for (int i = 0; i < 4; i++) {
		slow[i] = client_connect(rig.address);
		client_send(slow[i], "big\n");
	}
	fd = client_connect(rig.address);
	client_send(fd, "quick\n");
	client_expect(fd, "quick\n");
	for (int i = 0; i < 4; i++) {
		for (size_t got = 0; got < BIG_BYTES;) {
			ssize_t bytes = client_receive(slow[i], buffer, sizeof buffer);

			assert_true(bytes > 0);
			got += (size_t)bytes;
		}
		client_send(slow[i], "and on\n");
		client_expect(slow[i], "and on\n");
		client_close(slow[i]);
	}
	client_close(fd);
	stop();
}

static void one_who_never_stops_sending_starves_nobody(void **state)
{
	static char flood[1 << 16];
	int greedy, fd;
	bool has_room = true;

	(void)state;
	start(&(weft_server_options){ .workers = 1, .processors = 1 });
	memset(flood, '\n', sizeof flood);
	greedy = client_connect(rig.address);
	fd = client_connect(rig.address);
	/* The greedy one always has thousands of requests waiting. */
	for (int i = 0; i < 50; i++) {
		char drain[4096];

		while (has_room && send(greedy, flood, sizeof flood, MSG_DONTWAIT) > 0)
			has_room = stats().served < 100000;
		client_send(fd, "me too\n");
		client_expect(fd, "me too\n");
		while (recv(greedy, drain, sizeof drain, MSG_DONTWAIT) > 0)
			;
	}
	client_close(greedy);
	client_close(fd);
	stop();
}

static void one_too_many_is_told_so(void **state)
{
	int fds[4], extra;

	(void)state;
	start(&(weft_server_options){ .connections_max = 4 });
	for (int i = 0; i < 4; i++) {
		fds[i] = client_connect(rig.address);
		client_send(fds[i], "in\n");
		client_expect(fds[i], "in\n");
	}
	for (int i = 0; i < 20; i++) {
		extra = client_connect(rig.address);
		client_send(extra, "hello?\n"); /* unread input must not cost it the answer */
		client_expect(extra, "refused 24\n");
		client_expect_end(extra);
		client_close(extra);
	}
	assert_int_equal(stats().refused, 20);
	client_close(fds[0]);
	until_connected(3);
	extra = client_connect(rig.address);
	client_send(extra, "now\n");
	client_expect(extra, "now\n");
	client_close(extra);
	for (int i = 1; i < 4; i++)
		client_close(fds[i]);
	stop();
}

static void a_request_that_takes_too_long_is_refused(void **state)
{
	int slow, fd;

	(void)state;
	start(&(weft_server_options){ .head_ns = 50 * WEFT_MS, .idle_ns = 60 * WEFT_SECOND });
	slow = client_connect(rig.address);
	fd = client_connect(rig.address);
	client_send(slow, "half a li");
	client_expect(slow, "refused 110\n");
	client_expect_end(slow);
	client_close(slow);
	client_send(fd, "idle is not slow\n");
	client_expect(fd, "idle is not slow\n");
	client_close(fd);
	assert_int_equal(stats().timed_out, 1);
	stop();
}

/* The dispatcher has no worker to give, and so holds the slow one too when its time is over. */
static void a_part_that_comes_in_time_gains_none(void **state)
{
	int waits[3], slow, fd;

	(void)state;
	start(&(weft_server_options){ .workers = 1, .head_ns = 200 * WEFT_MS });
	slow = client_connect(rig.address);
	fd = client_connect(rig.address);
	client_send(slow, "half");
	for (int i = 0; i < 2; i++) {
		client_send(fd, "quick\n");
		client_expect(fd, "quick\n");
	}
	for (int i = 0; i < 3; i++) {
		waits[i] = client_connect(rig.address);
		client_send(waits[i], "wait\n");
	}
	weft_sem_wait(&rig.waiting);
	while (stats().serving < 2)
		usleep(1000);
	client_send(slow, " a li");
	usleep(300 * 1000); /* past the limit */
	for (int i = 0; i < 3; i++)
		weft_sem_wake(&rig.go_on);
	for (int i = 0; i < 3; i++) {
		client_expect(waits[i], "wait\n");
		client_close(waits[i]);
	}
	client_send(fd, "quick\n");
	client_expect(fd, "quick\n");
	client_send(slow, "ne\n");
	client_expect(slow, "refused 110\n");
	client_close(slow);
	client_close(fd);
	stop();
}

static void limits_without_end_are_none(void **state)
{
	int fd, slow;

	(void)state;
	start(&(weft_server_options){ .head_ns = WEFT_FOREVER,
				      .idle_ns = WEFT_FOREVER,
				      .write_ns = WEFT_FOREVER,
				      .drain_ns = WEFT_FOREVER });
	slow = client_connect(rig.address);
	fd = client_connect(rig.address);
	client_send(slow, "half a li");
	for (int i = 0; i < 10; i++) {
		client_send(fd, "hello\n");
		client_expect(fd, "hello\n");
	}
	client_send(slow, "ne\n");
	client_expect(slow, "half a line\n");
	assert_int_equal(stats().timed_out, 0);
	client_close(slow);
	client_send(fd, "wait\n");
	weft_sem_wait(&rig.waiting);
	weft_sem_wake(&rig.go_on);
	assert_int_equal(weft_server_drain(rig.server), 0);
	client_expect(fd, "wait\n");
	client_expect_end(fd);
	client_close(fd);
	weft_server_destroy(rig.server);
}

static void an_idle_connection_is_closed(void **state)
{
	weft_server_options options = { .idle_ns = 50 * WEFT_MS };
	int64_t begun_ns;
	bool was_late;
	char byte;
	int fd;

	(void)state;
	/* If the machine is so slow that it was idle for too long before it had asked, again. */
	do {
		start(&options);
		begun_ns = weft_now();
		fd = client_connect(rig.address);
		client_send(fd, "hello\n");
		was_late = weft_now() - begun_ns >= options.idle_ns;
		if (!was_late) {
			client_expect(fd, "hello\n");
			client_expect_end(fd);
		}
		while (was_late && client_receive(fd, &byte, 1) > 0)
			;
		client_close(fd);
		until_connected(0);
		assert_int_equal(stats().timed_out, 1);
		stop();
		options.idle_ns *= 2;
	} while (was_late && options.idle_ns < 10 * WEFT_SECOND);
	assert_false(was_late);
}

static void idleness_begins_when_the_answer_is_written(void **state)
{
	weft_server_options options = { .idle_ns = WEFT_SECOND };
	int64_t asked_ns, answered_ns;
	bool was_late;
	char byte;
	int fd;

	(void)state;
	do { /* until the machine was not so slow that it was idle for too long */
		start(&options);
		asked_ns = weft_now();
		fd = client_connect(rig.address);
		client_send(fd, "wait\n");
		weft_sem_wait(&rig.waiting);
		weft_sleep_until(asked_ns + options.idle_ns * 8 / 10);
		answered_ns = weft_now();
		weft_sem_wake(&rig.go_on);
		client_expect(fd, "wait\n");
		/* longer ago than the limit was the request, not the answer */
		weft_sleep_until(asked_ns + options.idle_ns * 12 / 10);
		client_send(fd, "hello\n");
		was_late = weft_now() - answered_ns >= options.idle_ns;
		if (was_late) {
			while (client_receive(fd, &byte, 1) > 0 && byte != '\n')
				;
		} else {
			client_expect(fd, "hello\n");
			assert_int_equal(stats().timed_out, 0);
		}
		client_close(fd);
		stop();
		options.idle_ns *= 2;
	} while (was_late && options.idle_ns < 10 * WEFT_SECOND);
	assert_false(was_late);
}

static void who_floods_after_the_answer_is_cut_off(void **state)
{
	static char flood[1 << 16];
	size_t sent = 0;
	ssize_t bytes;
	int fd;

	(void)state;
	start(&(weft_server_options){ 0 });
	fd = client_connect(rig.address);
	client_send(fd, "bye\n");
	while ((bytes = send(fd, flood, sizeof flood, MSG_NOSIGNAL)) > 0 && sent < 64 << 20)
		sent += (size_t)bytes;
	assert_true(bytes < 0); /* after 1 MiB, and what the kernel holds */
	client_close(fd);
	until_connected(0);
	stop();
}

static void a_reader_that_stops_is_cut_off(void **state)
{
	int fd;

	(void)state;
	start(&(weft_server_options){ .write_ns = 50 * WEFT_MS });
	fd = client_connect(rig.address);
	until_connected(1);
	client_send(fd, "big\n");
	until_connected(0);
	assert_int_equal(stats().timed_out, 1);
	client_close(fd);
	stop();
}

static void a_request_that_is_too_long_is_refused(void **state)
{
	char text[64];
	int fd;

	(void)state;
	start(&(weft_server_options){ .input_max = 64 });
	fd = client_connect(rig.address);
	memset(text, 'x', sizeof text);
	text[62] = '\n';
	client_send_bytes(fd, text, 63);
	client_expect(fd, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n");
	memset(text, 'x', sizeof text);
	client_send_bytes(fd, text, 64);
	client_expect(fd, "refused 7\n");
	client_expect_end(fd);
	client_close(fd);
	stop();
}

/* ---- no descriptors */

#define KNOCKERS 12

/*
 * How many get in at once is not the test's to say: the runtime too gives back a descriptor now and
 * then. So there are more knockers than could ever be let in, and the last one waits.
 */
static void without_descriptors_the_rest_waits_its_turn(void **state)
{
	struct rlimit limit, low;
	int fds[KNOCKERS], fillers[64], filler_count = 0, spare[2];
	int64_t begun_ns, end_ns = weft_now() + CLIENT_PATIENCE_S * WEFT_SECOND;
	uint64_t errors;

	(void)state;
	start(&(weft_server_options){ 0 });
	spare[0] = client_connect(rig.address); /* what opens once, opens now */
	client_send(spare[0], "hello\n");
	client_expect(spare[0], "hello\n");
	for (int i = 0; i < KNOCKERS; i++)
		fds[i] = client_socket();
	spare[0] = (client_close(spare[0]), until_connected(0), dup(0));
	spare[1] = dup(0);
	getrlimit(RLIMIT_NOFILE, &limit);
	low = limit;
	low.rlim_cur = (rlim_t)spare[1] + 32;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	while (filler_count < 64 && (fillers[filler_count] = dup(0)) >= 0)
		filler_count++;
	assert_int_equal(errno, EMFILE);
	close(spare[0]);
	close(spare[1]);

	/* Two or a few more are let in; the others are in the kernel's queue. */
	for (int i = 0; i < KNOCKERS; i++) {
		client_connect_socket(fds[i], rig.address);
		client_send(fds[i], "knock\n");
	}
	client_expect(fds[0], "knock\n");
	client_expect(fds[1], "knock\n");
	while (stats().accept_errors == 0) {
		assert_true(weft_now() < end_ns);
		usleep(1000);
	}
	begun_ns = weft_now();
	errors = stats().accept_errors;
	usleep(250 * 1000);
	errors = stats().accept_errors - errors;
	assert_true((int64_t)errors < (weft_now() - begun_ns) / (25 * WEFT_MS));
	assert_true(client_is_silent(fds[KNOCKERS - 1]));
	/* They come in as somebody leaves. */
	for (int i = 2; i < KNOCKERS; i++) {
		shutdown(fds[i - 2], SHUT_RDWR);
		client_expect(fds[i], "knock\n");
	}
	/* Descriptors that others give back are found too. */
	for (int i = 0; i < filler_count; i++)
		close(fillers[i]);
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < KNOCKERS; i++)
		client_close(fds[i]);
	until_connected(0);
	stop();
}

/* ---- the end */

static int drain(void *out_result)
{
	*(int *)out_result = weft_server_drain(rig.server);
	return 0;
}

static void until_refused(const char *address)
{
	int64_t end_ns = weft_now() + CLIENT_PATIENCE_S * WEFT_SECOND;

	for (;;) {
		int fd = client_socket();
		bool is_refused = !client_try_connect(fd, address);

		close(fd);
		if (is_refused)
			return;
		assert_true(weft_now() < end_ns);
		usleep(1000);
	}
}

static void a_drain_finishes_what_runs(void **state)
{
	int running, idle, half, result = 1;
	weft_thread *drainer;

	(void)state;
	start(&(weft_server_options){ 0 });
	running = client_connect(rig.address);
	idle = client_connect(rig.address);
	half = client_connect(rig.address);
	client_send(idle, "hello\n");
	client_expect(idle, "hello\n");
	client_send(half, "half a li");
	client_send(running, "wait\n");
	weft_sem_wait(&rig.waiting);
	assert_int_equal(weft_thread_spawn(drain, &result, NULL, &drainer), 0);
	client_expect_end(idle);
	client_expect_end(half);
	until_refused(rig.address);
	assert_true(client_is_silent(running));
	assert_int_equal(result, 1);
	weft_sem_wake(&rig.go_on);
	client_expect(running, "wait\n");
	client_expect_end(running);
	weft_thread_join(drainer, NULL);
	assert_int_equal(result, 0);
	assert_int_equal(atomic_load_acquire(&rig.closed), 3);
	client_close(running);
	client_close(idle);
	client_close(half);
	weft_server_destroy(rig.server);
}

static void a_drain_cuts_off_what_does_not_end(void **state)
{
	int fd;

	(void)state;
	start(&(weft_server_options){ .drain_ns = 50 * WEFT_MS });
	fd = client_connect(rig.address);
	client_send(fd, "block\n");
	weft_sem_wait(&rig.waiting);
	assert_int_equal(weft_server_drain(rig.server), -ETIMEDOUT);
	assert_int_equal(stats().connections, 0);
	client_close(fd);
	weft_server_destroy(rig.server);
}

static void a_stop_waits_for_nobody(void **state)
{
	int fds[3];

	(void)state;
	start(&(weft_server_options){ .drain_ns = 3600 * WEFT_SECOND });
	for (int i = 0; i < 3; i++)
		fds[i] = client_connect(rig.address);
	client_send(fds[0], "block\n");
	weft_sem_wait(&rig.waiting);
	client_send(fds[1], "big\n");
	client_send(fds[2], "hello\n");
	client_expect(fds[2], "hello\n");
	weft_server_stop(rig.server);
	assert_int_equal(stats().connections, 0);
	assert_int_equal(atomic_load_acquire(&rig.closed), 3);
	for (int i = 0; i < 3; i++)
		client_close(fds[i]);
	weft_server_destroy(rig.server);
}

static void a_stop_ends_a_drain(void **state)
{
	int fd, result = 1;
	weft_thread *drainer;

	(void)state;
	start(&(weft_server_options){ .drain_ns = 3600 * WEFT_SECOND });
	fd = client_connect(rig.address);
	client_send(fd, "block\n");
	weft_sem_wait(&rig.waiting);
	assert_int_equal(weft_thread_spawn(drain, &result, NULL, &drainer), 0);
	until_refused(rig.address);
	weft_server_stop(rig.server);
	weft_thread_join(drainer, NULL);
	assert_int_equal(result, -ETIMEDOUT);
	client_close(fd);
	weft_server_destroy(rig.server);
}

/* ---- without frame */

static weft_served echo_once(weft_conn *conn)
{
	char bytes[16];
	ssize_t got = weft_read(conn->fd, bytes, sizeof bytes);

	if (got <= 0 || weft_write_all(conn->fd, bytes, (size_t)got) < 0)
		return WEFT_SERVED_CLOSE;
	return WEFT_SERVED_KEEP;
}

static void without_frame_serve_reads_for_itself(void **state)
{
	weft_server_options options = { .kind = rig.kind, .workers = 4, .connections_max = 4 };
	int fds[4];

	(void)state;
	assert_int_equal(weft_server_create("127.0.0.1:0", echo_once, NULL, &options, &rig.server),
			 0);
	weft_server_address(rig.server, rig.address, sizeof rig.address);
	for (int i = 0; i < 4; i++)
		fds[i] = client_connect(rig.address);
	for (int round = 0; round < 100; round++)
		for (int i = 0; i < 4; i++) {
			/* More than one read takes: none of it is left lying. */
			client_send(fds[i], "a line that is longer than one read\n");
			client_expect(fds[i], "a line that is longer than one read\n");
		}
	for (int i = 0; i < 4; i++)
		client_close(fds[i]);
	until_connected(0);
	stop();
}

/* ---- run */

static const char *run_address(void)
{
	static __thread char address[64];

	snprintf(address, sizeof address, "unix:@weft-server-test-%d", (int)getpid());
	return address;
}

static int run_server(void *arg)
{
	(void)arg;
	return weft_server_run(run_address(), echo_once, NULL,
			       &(weft_server_options){ .kind = rig.kind });
}

static volatile sig_atomic_t signals_seen;

static void see_signal(int number)
{
	(void)number;
	signals_seen++;
}

static void a_server_runs_until_a_signal(void **state)
{
	struct sigaction mine = { .sa_handler = see_signal }, before;
	int64_t end_ns = weft_now() + CLIENT_PATIENCE_S * WEFT_SECOND;
	weft_thread *runner;
	char bytes[8];
	int fd, result = 1;

	(void)state;
	signals_seen = 0;
	sigaction(SIGTERM, &mine, &before);
	assert_int_equal(weft_thread_spawn(run_server, NULL,
					   &(weft_thread_options){ .kind = WEFT_KERNEL }, &runner),
			 0);
	while ((fd = weft_connect(run_address())) == -ECONNREFUSED) {
		assert_true(weft_now() < end_ns);
		weft_yield();
	}
	assert_true(fd >= 0);
	assert_int_equal(weft_write_all(fd, "there", 5), 0);
	assert_int_equal(weft_read_until(fd, bytes, sizeof bytes, end_ns), 5);
	assert_memory_equal(bytes, "there", 5);
	assert_int_equal(run_server(NULL), -EBUSY); /* one at a time has the signals */
	assert_int_equal(kill(getpid(), SIGTERM), 0);
	assert_int_equal(weft_thread_join(runner, &result), 0);
	assert_int_equal(result, 0);
	assert_int_equal(weft_read_until(fd, bytes, sizeof bytes, end_ns), 0);
	assert_int_equal(weft_close(fd), 0);
	/* What handled them before does so again. */
	assert_int_equal(signals_seen, 0);
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(signals_seen, 1);
	sigaction(SIGTERM, &before, NULL);
}

static void a_server_that_is_cancelled_ends_in_good_order(void **state)
{
	int64_t end_ns = weft_now() + CLIENT_PATIENCE_S * WEFT_SECOND;
	weft_thread *runner;
	char bytes[8];
	int fd, result = 1;

	(void)state;
	assert_int_equal(weft_thread_spawn(run_server, NULL,
					   &(weft_thread_options){ .kind = WEFT_KERNEL }, &runner),
			 0);
	while ((fd = weft_connect(run_address())) == -ECONNREFUSED) {
		assert_true(weft_now() < end_ns);
		weft_yield();
	}
	assert_true(fd >= 0);
	assert_int_equal(weft_write_all(fd, "there", 5), 0);
	assert_int_equal(weft_read_until(fd, bytes, sizeof bytes, end_ns), 5);
	weft_thread_cancel(runner);
	assert_int_equal(weft_thread_join(runner, &result), 0);
	assert_int_equal(result, -ECANCELED);
	assert_int_equal(weft_read_until(fd, bytes, sizeof bytes, end_ns), 0);
	assert_int_equal(weft_close(fd), 0);
	assert_int_equal(weft_connect(run_address()), -ECONNREFUSED);
}

/* Its own waits for its threads are no cancellation points, but for the drain's. */
static void who_is_cancelled_makes_and_ends_servers_all_the_same(void **state)
{
	weft_server *server;
	weft_scope scope;
	int code;

	(void)state;
	weft_scope_enter(&scope, WEFT_FOREVER);
	weft_scope_cancel(&scope);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(weft_server_create("127.0.0.1:0", serve, NULL,
						    &(weft_server_options){ .kind = rig.kind },
						    &server),
				 0);
		code = weft_server_drain(server);
		assert_true(code == 0 || code == -ECANCELED);
		if (i % 2 == 0) {
			weft_server_stop(server);
			/* All of it has ended, so nothing is left to wait for. */
			assert_int_equal(weft_server_drain(server), 0);
		}
		weft_server_destroy(server);
	}
	assert_int_equal(weft_scope_leave(&scope), -ECANCELED);
}

/* ---- */

static void what_cannot_be_started_leaves_nothing(void **state)
{
	weft_server *other = NULL;

	(void)state;
	start(&(weft_server_options){ 0 });
	assert_int_equal(weft_server_create(rig.address, serve, NULL, NULL, &other), -EADDRINUSE);
	assert_int_equal(weft_server_create("nonsense", serve, NULL, NULL, &other), -EINVAL);
	assert_int_equal(weft_server_create("127.0.0.1:0", NULL, NULL, NULL, &other), -EINVAL);
	assert_null(other);
	stop();
}

static int choose_light(void **state)
{
	(void)state;
	rig.kind = WEFT_LIGHT;
	return 0;
}

static int choose_user(void **state)
{
	(void)state;
	rig.kind = WEFT_USER;
	return 0;
}

static int choose_kernel(void **state)
{
	(void)state;
	rig.kind = WEFT_KERNEL;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_answered_in_order),
		cmocka_unit_test(what_comes_with_the_end_is_answered),
		cmocka_unit_test(a_worker_may_block_and_others_are_served),
		cmocka_unit_test(slow_clients_occupy_no_worker),
		cmocka_unit_test(slow_readers_occupy_no_worker),
		cmocka_unit_test(one_who_never_stops_sending_starves_nobody),
		cmocka_unit_test(one_too_many_is_told_so),
		cmocka_unit_test(a_request_that_takes_too_long_is_refused),
		cmocka_unit_test(a_part_that_comes_in_time_gains_none),
		cmocka_unit_test(limits_without_end_are_none),
		cmocka_unit_test(an_idle_connection_is_closed),
		cmocka_unit_test(idleness_begins_when_the_answer_is_written),
		cmocka_unit_test(who_floods_after_the_answer_is_cut_off),
		cmocka_unit_test(a_reader_that_stops_is_cut_off),
		cmocka_unit_test(a_request_that_is_too_long_is_refused),
		cmocka_unit_test(without_descriptors_the_rest_waits_its_turn),
		cmocka_unit_test(a_drain_finishes_what_runs),
		cmocka_unit_test(a_drain_cuts_off_what_does_not_end),
		cmocka_unit_test(a_stop_waits_for_nobody),
		cmocka_unit_test(a_stop_ends_a_drain),
		cmocka_unit_test(without_frame_serve_reads_for_itself),
		cmocka_unit_test(a_server_runs_until_a_signal),
		cmocka_unit_test(a_server_that_is_cancelled_ends_in_good_order),
		cmocka_unit_test(who_is_cancelled_makes_and_ends_servers_all_the_same),
		cmocka_unit_test(what_cannot_be_started_leaves_nothing),
	};
	int failed = cmocka_run_group_tests_name("light workers", tests, choose_light, NULL);

	if (has_user_threads())
		failed += cmocka_run_group_tests_name("user workers", tests, choose_user, NULL);
	return failed + cmocka_run_group_tests_name("kernel workers", tests, choose_kernel, NULL);
}
