/* SPDX-License-Identifier: MIT */
/* The simulated kernel itself, without the engine: does it keep sys.h's promises, and does it find
 * what is to be found? */
#include <errno.h>
#include <string.h>

#include <weft/time.h>

#include "base/atomic.h"
#include "scenario.h"
#include "sys/spin.h"
#include "sys/sys.h"

static weft__sys_thread start(void *(*function)(void *), void *arg, const char *name)
{
	weft__sys_thread thread;

	weft__sim_check(weft__sys_thread_start(function, arg, 0, name, &thread) == 0);
	return thread;
}

/* ---- two threads pass a turn to and fro on two words */

#define ROUNDS 20

struct table {
	uint32_t turn; /* 0: the scenario's, 1: the other's */
};

static void pass_turns(struct table *table, uint32_t mine)
{
	for (int i = 0; i < ROUNDS; i++) {
		while (atomic_load_acquire(&table->turn) != mine)
			weft__sys_wait(&table->turn, !mine, WEFT_FOREVER);
		atomic_store_release(&table->turn, !mine);
		weft__sys_wake(&table->turn, 1);
	}
}

static void *return_turns(void *arg)
{
	pass_turns(arg, 1);
	return NULL;
}

static void futex_ping_pong(void *arg)
{
	struct table table = { 0 };
	weft__sys_thread other = start(return_turns, &table, "other");

	(void)arg;
	pass_turns(&table, 0);
	weft__sys_thread_join(other);
}

/* ---- a lock that forgets a waiter: it looks whether somebody waits before it gives the lock
 * free */

struct bad_lock {
	uint32_t held, waiters;
	unsigned inside;
};

static void bad_lock(struct bad_lock *lock)
{
	while (atomic_swap_acquire(&lock->held, 1u) != 0) {
		atomic_add_relaxed(&lock->waiters, 1u);
		weft__sys_wait(&lock->held, 1, WEFT_FOREVER);
		atomic_add_relaxed(&lock->waiters, (uint32_t)-1);
	}
}

static void bad_unlock(struct bad_lock *lock)
{
	uint32_t waiters = atomic_load_relaxed(&lock->waiters);

	atomic_store_release(&lock->held, 0u);
	if (waiters != 0)
		weft__sys_wake(&lock->held, 1);
}

static void *use_bad_lock(void *arg)
{
	struct bad_lock *lock = arg;

	for (int i = 0; i < 5; i++) {
		bad_lock(lock);
		weft__sim_check(lock->inside++ == 0);
		weft__sys_now();
		lock->inside--;
		bad_unlock(lock);
	}
	return NULL;
}

static void lost_wake_up(void *arg)
{
	struct bad_lock lock = { 0 };
	weft__sys_thread other = start(use_bad_lock, &lock, "other");

	(void)arg;
	use_bad_lock(&lock);
	weft__sys_thread_join(other);
}

/* ---- a counter that is read and written in two steps */

static void *count_badly(void *arg)
{
	uint32_t *counter = arg;

	for (int i = 0; i < 3; i++) {
		uint32_t seen = atomic_load_relaxed(counter);

		atomic_store_relaxed(counter, seen + 1);
	}
	return NULL;
}

static void lost_update(void *arg)
{
	uint32_t counter = 0;
	weft__sys_thread other = start(count_badly, &counter, "other");

	(void)arg;
	count_badly(&counter);
	weft__sys_thread_join(other);
	weft__sim_check(counter == 6);
}

/* ---- three threads wait in one poller for bytes on four pipes: each byte is read, nothing is left
 * asleep */

#define PIPES 4
#define BYTES_EACH 6
#define WAITERS 3

struct readers {
	int poller, bell;
	int pipes[PIPES][2];
	uint32_t seen; /* atomic */
};

static void drain(struct readers *readers, uint64_t tag)
{
	char byte;
	ssize_t got;

	while ((got = weft__sys_read(readers->pipes[tag][0], &byte, 1)) == 1 || got == -EINTR)
		if (got == 1)
			atomic_add_relaxed(&readers->seen, 1u);
	weft__sim_check(got == -EAGAIN);
}

static void *read_events(void *arg)
{
	struct readers *readers = arg;
	struct weft__sys_event events[2];

	while (atomic_load_relaxed(&readers->seen) < PIPES * BYTES_EACH) {
		int count = weft__sys_poller_wait(readers->poller, events, 2, WEFT_FOREVER);

		weft__sim_check(count > 0 || count == -EINTR);
		for (int i = 0; i < count; i++)
			if (events[i].tag < PIPES && (events[i].ready & WEFT__POLL_READ))
				drain(readers, events[i].tag);
	}
	weft__sys_bell_ring(readers->bell); /* the next one may go, too */
	return NULL;
}

static void open_readers(struct readers *readers)
{
	readers->poller = weft__sys_poller_open();
	readers->bell = weft__sys_bell_open();
	weft__sim_check(weft__sys_poller_add(readers->poller, readers->bell, PIPES) == 0);
	for (int i = 0; i < PIPES; i++) {
		weft__sim_check(weft__sys_pipe(readers->pipes[i]) == 0);
		weft__sim_check(weft__sys_poller_add(readers->poller, readers->pipes[i][0],
						     (uint64_t)i) == 0);
	}
}

static void close_readers(struct readers *readers)
{
	struct weft__sim_usage usage;

	weft__sys_close(readers->poller);
	weft__sys_close(readers->bell);
	for (int i = 0; i < PIPES; i++) {
		weft__sys_close(readers->pipes[i][0]);
		weft__sys_close(readers->pipes[i][1]);
	}
	weft__sim_usage(&usage);
	weft__sim_check(usage.fds == 0);
}

static void poller_with_many_waiters(void *arg)
{
	struct readers readers = { 0 };
	weft__sys_thread waiters[WAITERS];

	(void)arg;
	open_readers(&readers);
	for (int i = 0; i < WAITERS; i++)
		waiters[i] = start(read_events, &readers, "waiter");
	for (int i = 0; i < PIPES * BYTES_EACH; i++)
		while (weft__sys_write(
			       readers.pipes[weft__sim_choose(2) ? i % PIPES : (i / BYTES_EACH)][1],
			       "x", 1) != 1)
			;
	for (int i = 0; i < WAITERS; i++)
		weft__sys_thread_join(waiters[i]);
	close_readers(&readers);
}

/* ---- time: a wait ends at its deadline or later, never earlier; nobody is needed to make time
 * pass */

static void *sleep_a_while(void *arg)
{
	uint32_t word = 0;
	int64_t until = weft__sys_now() + *(int64_t *)arg;

	while (weft__sys_wait(&word, 0, until) != -ETIMEDOUT)
		;
	weft__sim_check(weft__sys_now() >= until);
	return NULL;
}

static void time_passes(void *arg)
{
	int64_t pauses[3] = { WEFT_US, WEFT_MS, 3600 * WEFT_SECOND };
	weft__sys_thread sleepers[3];

	(void)arg;
	for (int i = 0; i < 3; i++)
		sleepers[i] = start(sleep_a_while, &pauses[i], "sleeper");
	for (int i = 0; i < 3; i++)
		weft__sys_thread_join(sleepers[i]);
	weft__sim_check(weft__sys_now() >= 3600 * WEFT_SECOND);
}

/* ---- a spin lock under four threads: whoever spins lets the holder go on */

struct spun {
	uint32_t lock;
	unsigned inside, total;
};

static void *spin_around(void *arg)
{
	struct spun *spun = arg;

	for (int i = 0; i < 10; i++) {
		weft__spin_lock(&spun->lock);
		weft__sim_check(spun->inside++ == 0);
		weft__sys_now();
		spun->inside--;
		spun->total++;
		weft__spin_unlock(&spun->lock);
	}
	return NULL;
}

static void spin_lock_is_fair_enough(void *arg)
{
	struct spun spun = { 0 };
	weft__sys_thread threads[4];

	(void)arg;
	for (int i = 0; i < 4; i++)
		threads[i] = start(spin_around, &spun, "spinner");
	for (int i = 0; i < 4; i++)
		weft__sys_thread_join(threads[i]);
	weft__sim_check(spun.total == 40);
}

/* ---- bytes through a socket come whole and in order, in whatever portions */

#define STREAM_BYTES 3000

static void wait_for(int fd, uint32_t wanted)
{
	while (weft__sys_poll(fd, wanted, -1, WEFT_FOREVER) <= 0)
		;
}

static void *send_bytes(void *arg)
{
	int fd = *(int *)arg;
	unsigned char data[STREAM_BYTES];
	size_t sent = 0;

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)(i * 7);
	while (sent < sizeof data) {
		ssize_t n = weft__sys_send(fd, data + sent, sizeof data - sent);

		if (n > 0)
			sent += (size_t)n;
		else if (n == -EAGAIN)
			wait_for(fd, WEFT__POLL_WRITE);
		else
			weft__sim_check(n == -EINTR);
	}
	weft__sim_check(weft__sys_shutdown(fd, SHUT_WR) == 0);
	return NULL;
}

static int connect_pair(int out_fds[2])
{
	struct sockaddr_storage address = { .ss_family = AF_INET };
	socklen_t bytes = sizeof address;
	int listener = weft__sys_socket(AF_INET, SOCK_STREAM, 0);
	int rc;

	weft__sim_check(weft__sys_bind(listener, (struct sockaddr *)&address, 16) == 0);
	weft__sim_check(weft__sys_listen(listener, 4) == 0);
	weft__sim_check(weft__sys_socket_name(listener, &address, &bytes) == 0);
	out_fds[0] = weft__sys_socket(AF_INET, SOCK_STREAM, 0);
	rc = weft__sys_connect(out_fds[0], (struct sockaddr *)&address, bytes);
	weft__sim_check(rc == 0 || rc == -EINPROGRESS);
	while ((out_fds[1] = weft__sys_accept(listener)) < 0)
		if (out_fds[1] == -EAGAIN)
			wait_for(listener, WEFT__POLL_READ);
	wait_for(out_fds[0], WEFT__POLL_WRITE);
	weft__sim_check(weft__sys_socket_error(out_fds[0]) == 0);
	return weft__sys_close(listener);
}

static void stream_keeps_its_bytes(void *arg)
{
	int fds[2];
	unsigned char part[100];
	size_t got = 0;
	ssize_t n;
	weft__sys_thread sender;

	(void)arg;
	connect_pair(fds);
	sender = start(send_bytes, &fds[0], "sender");
	while ((n = weft__sys_recv(fds[1], part, sizeof part)) != 0) {
		if (n == -EAGAIN)
			wait_for(fds[1], WEFT__POLL_READ);
		for (ssize_t i = 0; i < n; i++)
			weft__sim_check(part[i] == (unsigned char)(got++ * 7));
	}
	weft__sim_check(got == STREAM_BYTES);
	weft__sys_thread_join(sender);
	weft__sys_close(fds[0]);
	weft__sys_close(fds[1]);
}

const struct scenario sys_scenarios[] = {
	{ .name = "futex-ping-pong",
	  .run = futex_ping_pong,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "lost-wake-up", .run = lost_wake_up, .must_fail = true },
	{ .name = "lost-update", .run = lost_update, .must_fail = true },
	{ .name = "poller-with-many-waiters",
	  .run = poller_with_many_waiters,
	  .options = { .eintr = 50, .short_io = 100, .stream_bytes = 4, .again = 50 } },
	{ .name = "time-passes", .run = time_passes, .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "spin-lock-is-fair-enough", .run = spin_lock_is_fair_enough },
	{ .name = "stream-keeps-its-bytes",
	  .run = stream_keeps_its_bytes,
	  .options = { .eintr = 50, .short_io = 200, .again = 100, .stream_bytes = 256 } },
	{ 0 },
};
