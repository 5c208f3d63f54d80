/* SPDX-License-Identifier: MIT */
/*
 * What the tests of this room share: checks that any thread may make, and each test's body run
 * three times: by a light thread on one processor, on two, and by a kernel thread.
 *
 * Threads that a body spawns are of its own kind. A failed cmocka assertion leaves by a jump, which
 * must not lead out of a thread's stack: bodies use check(), and the test asserts that all held,
 * and that no descriptor more is open than before.
 */
#ifndef WEFT_TESTS_IO_RIG_H
#define WEFT_TESTS_IO_RIG_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <weft/weft.h>

#include "base/atomic.h"
#include "io/table.h"
#include "io/wait.h"
#include "sched/waitq.h"

static int rig_failures; /* atomic */
static const char *rig_setting = "";

#define check(condition)                                                                    \
	do {                                                                                \
		if (!(condition)) {                                                         \
			fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, \
				rig_setting);                                               \
			atomic_add_relaxed(&rig_failures, 1);                               \
		}                                                                           \
	} while (0)

#define check_equal(value, expected)                                                              \
	do {                                                                                      \
		long long rig_value = (long long)(value), rig_expected = (long long)(expected);   \
		if (rig_value != rig_expected) {                                                  \
			fprintf(stderr, "%s:%d: %s is %lld, not %lld (%s)\n", __FILE__, __LINE__, \
				#value, rig_value, rig_expected, rig_setting);                    \
			atomic_add_relaxed(&rig_failures, 1);                                     \
		}                                                                                 \
	} while (0)

static inline int open_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

static inline void in_kernel_thread(weft_function *body, void *arg)
{
	weft_thread *thread;

	rig_setting = "kernel thread";
	assert_int_equal(weft_thread_spawn(body, arg, NULL, &thread), 0);
	assert_int_equal(weft_thread_join(thread, NULL), 0);
}

static inline void in_each_setting(weft_function *body, void *arg)
{
	int before;

	rig_failures = 0;
	weft_thread_self();
	before = open_fds();
	rig_setting = "one processor";
	assert_int_equal(weft_run(body, arg, &(weft_sched_options){ .processors = 1 }), 0);
	assert_int_equal(rig_failures, 0);
	assert_int_equal(open_fds(), before);
	rig_setting = "two processors";
	assert_int_equal(weft_run(body, arg, &(weft_sched_options){ .processors = 2 }), 0);
	assert_int_equal(rig_failures, 0);
	assert_int_equal(open_fds(), before);
	in_kernel_thread(body, arg);
	assert_int_equal(rig_failures, 0);
	assert_int_equal(open_fds(), before);
}

/* Where no monitor opens descriptors of its own meanwhile: for who counts on which number is
 * free. */
static inline void in_each_quiet_setting(weft_function *body, void *arg)
{
	const weft_sched_options options = { .processors = 1, .strict = true };

	rig_failures = 0;
	rig_setting = "one processor, strict";
	assert_int_equal(weft_run(body, arg, &options), 0);
	assert_int_equal(rig_failures, 0);
	in_kernel_thread(body, arg);
	assert_int_equal(rig_failures, 0);
}

static inline weft_thread *start(weft_function *function, void *arg)
{
	weft_thread *thread = NULL;

	check_equal(weft_thread_spawn(function, arg, NULL, &thread), 0);
	return thread;
}

static inline int finish(weft_thread *thread)
{
	int result = -1;

	check_equal(weft_thread_join(thread, &result), 0);
	return result;
}

/* Gives way until so many threads wait for the descriptor on that side. */
static inline void await_waiters(int fd, uint32_t wanted, int count)
{
	struct weft__fd *entry;
	int waiting;

	do {
		weft_yield();
		waiting = 0;
		entry = weft__fd_find(fd);
		if (entry == NULL)
			continue;
		weft__waitq_lock(&weft__fd_side(entry, wanted)->waiters);
		for (struct weft__waiter *waiter = weft__fd_side(entry, wanted)->waiters.first;
		     waiter != NULL; waiter = waiter->next)
			waiting++;
		weft__waitq_unlock(&weft__fd_side(entry, wanted)->waiters);
	} while (waiting < count);
}

/* How many calls use it, the table's own reference included. */
static inline uint64_t references(int fd)
{
	return atomic_load_acquire(&weft__fd_find(fd)->state) & WEFT__FD_REFERENCES;
}

/* WEFT_SEED repeats what was chosen; the order in which threads run it cannot repeat. */
static inline uint64_t rig_seed(void)
{
	const char *text = getenv("WEFT_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : (uint64_t)weft_now();

	printf("WEFT_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

/* From 0 to below n. */
static inline unsigned choose(uint64_t *random, unsigned n)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (unsigned)(*random >> 32) % n;
}

/* A connected pair of stream sockets that weft owns. */
static inline void make_pair(int out_fds[2])
{
	check_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out_fds), 0);
	check_equal(weft_fd_adopt(out_fds[0]), 0);
	check_equal(weft_fd_adopt(out_fds[1]), 0);
}

static inline void close_pair(const int fds[2])
{
	check_equal(weft_close(fds[0]), 0);
	check_equal(weft_close(fds[1]), 0);
}

/* Whether a TCP listener's queue takes no more: on a busy machine a connection that it takes may
 * miss its deadline, too. */
static inline bool is_full(int listener)
{
	struct tcp_info info = { 0 };
	socklen_t bytes = sizeof info;

	check_equal(getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &bytes), 0);
	return info.tcpi_unacked > info.tcpi_sacked; /* for a listener: queued, the backlog */
}

/* Writes until it would block. Returns how much went in. */
static inline size_t fill(int fd)
{
	static const char block[4096];
	size_t filled = 0;
	ssize_t n;

	while ((n = weft_write_until(fd, block, sizeof block, 0)) > 0)
		filled += (size_t)n;
	check_equal(n, -ETIMEDOUT);
	return filled;
}

#endif
