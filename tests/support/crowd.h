/* SPDX-License-Identifier: MIT */
/*
 * What tests of several rooms share: checks that any thread may make, scenarios on one processor,
 * and crowds of threads of all kinds.
 *
 * A failed cmocka assertion leaves by a jump, which must not lead out of a thread's stack. So the
 * threads use check(), and the test asserts that all held.
 */
#ifndef WEFT_TESTS_SUPPORT_CROWD_H
#define WEFT_TESTS_SUPPORT_CROWD_H

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <weft/weft.h>

#include "base/atomic.h"
#include "sched/waitq.h"

static int crowd_failures; /* atomic */

#define check(condition)                                                                \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			atomic_add_relaxed(&crowd_failures, 1);                         \
		}                                                                       \
	} while (0)

/*
 * ---- one processor: threads that run in turn, so that the order is the test's
 *
 * Strict: a scheduler that is not would switch the running one away at the end of a slice, and give
 * the processor to others while it is blocked in the kernel, which on a busy machine is anywhere.
 */
static inline void scenario(weft_function *app, void *arg)
{
	crowd_failures = 0;
	assert_int_equal(weft_run(app, arg, &(weft_sched_options){ .strict = true }), 0);
	assert_int_equal(crowd_failures, 0);
}

static inline weft_thread *start(weft_function *function, void *arg)
{
	weft_thread *thread = NULL;

	check(weft_thread_spawn(function, arg, NULL, &thread) == 0);
	return thread;
}

static inline int finish(weft_thread *thread)
{
	int result = -1;

	check(weft_thread_join(thread, &result) == 0);
	return result;
}

/* Until that many wait there. */
static inline void await_waiters(weft__waitq *queue, int count)
{
	for (int seen = -1; seen != count; weft_yield()) {
		seen = 0;
		weft__waitq_lock(queue);
		for (struct weft__waiter *at = queue->first; at != NULL; at = at->next)
			seen++;
		weft__waitq_unlock(queue);
	}
}

/* Keeps the processor, so that nobody else there runs. */
static inline void stay_until(int64_t when_ns)
{
	while (weft_now() < when_ns)
		;
}

/* ---- crowds: kernel threads, light and user ones of two schedulers, and one that weft did not
 * make */
enum {
	CROWD_KERNEL = 2,
	CROWD_LIGHT = 6,  /* on one processor */
	CROWD_SPREAD = 6, /* on two; every other a user thread, where there are such */
	CROWD = CROWD_KERNEL + CROWD_LIGHT + CROWD_SPREAD + 1,
};

struct member {
	int index;
	uint64_t random;
	void *shared;
	int (*body)(struct member *self);
};

/* From 0 to below n. */
static inline unsigned member_choose(struct member *self, unsigned n)
{
	self->random ^= self->random << 13;
	self->random ^= self->random >> 7;
	self->random ^= self->random << 17;
	return (unsigned)(self->random >> 32) % n;
}

static int crowd_arrived; /* atomic */

/* All begin together, or the first would be done before the last is there. */
static inline int crowd_run_member(void *arg)
{
	struct member *self = arg;

	atomic_add_acq_rel(&crowd_arrived, 1);
	while (atomic_load_acquire(&crowd_arrived) < CROWD)
		weft_yield();
	return self->body(self);
}

static inline void *crowd_run_foreign(void *arg)
{
	crowd_run_member(arg);
	return NULL;
}

/* WEFT_SEED repeats what was chosen; the order in which threads run it cannot repeat. */
static inline uint64_t crowd_seed(void)
{
	const char *text = getenv("WEFT_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : (uint64_t)weft_now();

	printf("WEFT_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

static inline weft_thread *crowd_start(struct member *member, weft_kind kind, weft_sched *sched)
{
	weft_thread *thread = NULL;

	assert_int_equal(weft_thread_spawn(crowd_run_member, member,
					   &(weft_thread_options){ .kind = kind, .sched = sched },
					   &thread),
			 0);
	return thread;
}

/* Each member runs body once. */
static inline void crowd(int (*body)(struct member *), void *shared)
{
	const uint64_t seed = crowd_seed();
	struct member members[CROWD];
	weft_thread *threads[CROWD - 1];
	weft_sched *one, *two;
	pthread_t foreign;
	int next = 0;

	crowd_failures = 0;
	crowd_arrived = 0;
	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 1 }, &one), 0);
	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 2 }, &two), 0);
	for (int i = 0; i < CROWD; i++)
		members[i] = (struct member){
			.index = i,
			.random = (seed + (uint64_t)i) * UINT64_C(0x9e3779b97f4a7c15) | 1,
			.shared = shared,
			.body = body
		};
	for (int i = 0; i < CROWD_KERNEL; i++, next++)
		threads[next] = crowd_start(&members[next], WEFT_KERNEL, NULL);
	for (int i = 0; i < CROWD_LIGHT; i++, next++)
		threads[next] = crowd_start(&members[next], WEFT_LIGHT, one);
	for (int i = 0; i < CROWD_SPREAD; i++, next++)
		threads[next] =
			crowd_start(&members[next], i % 2 ? WEFT_LIGHT : WEFT_KIND_DEFAULT, two);
	assert_int_equal(pthread_create(&foreign, NULL, crowd_run_foreign, &members[next]), 0);
	for (int i = 0; i < next; i++)
		assert_int_equal(weft_thread_join(threads[i], NULL), 0);
	pthread_join(foreign, NULL);
	assert_int_equal(weft_sched_destroy(one), 0);
	assert_int_equal(weft_sched_destroy(two), 0);
	assert_int_equal(crowd_failures, 0);
}

/*
 * A kernel thread that a spin lock of the test's is to stop. Where it is nobody sees; but who spins
 * runs, so when it has run for a while by its own clock it is there. That much it has on a slow
 * machine too.
 */
struct kept {
	weft_function *function;
	void *arg;
	weft_thread *thread;
	clockid_t clock;
	bool has_begun, has_returned; /* atomic */
};

static inline int kept_run(void *arg)
{
	struct kept *kept = arg;
	int result;

	pthread_getcpuclockid(pthread_self(), &kept->clock);
	atomic_store_release(&kept->has_begun, true);
	result = kept->function(kept->arg);
	atomic_store_release(&kept->has_returned, true);
	return result;
}

static inline void kept_start(struct kept *kept, weft_function *function, void *arg)
{
	const weft_thread_options kernel = { .kind = WEFT_KERNEL };

	*kept = (struct kept){ .function = function, .arg = arg };
	assert_int_equal(weft_thread_spawn(kept_run, kept, &kernel, &kept->thread), 0);
	while (!atomic_load_acquire(&kept->has_begun))
		weft_yield();
}

static inline int64_t kept_ran_ns(const struct kept *kept)
{
	struct timespec ran = { 0, 0 };

	clock_gettime(kept->clock, &ran); /* not of one that has ended */
	return ran.tv_sec * WEFT_SECOND + ran.tv_nsec;
}

/* False: it has not been stopped. */
static inline bool kept_is_stopped(struct kept *kept)
{
	const int64_t end_ns = kept_ran_ns(kept) + 3 * WEFT_MS;

	while (!atomic_load_acquire(&kept->has_returned) && kept_ran_ns(kept) < end_ns)
		weft_yield();
	return !atomic_load_acquire(&kept->has_returned);
}

static inline int kept_finish(struct kept *kept)
{
	int result = -1;

	assert_int_equal(weft_thread_join(kept->thread, &result), 0);
	return result;
}

/*
 * A waiter that was let go on while its waker still holds the queue's lock must not return: its
 * caller may give the memory away, with the lock in it. `wait` waits in that queue, as a kernel
 * thread; `code` lets it go on.
 */
static inline void waiter_is_held_back(weft__waitq *queue, weft_function *wait, void *arg, int code)
{
	struct weft__wakes wakes = { NULL, NULL };
	struct kept kept;

	kept_start(&kept, wait, arg);
	for (weft__waitq_lock(queue); weft__waitq_is_empty(queue); weft__waitq_lock(queue)) {
		weft__waitq_unlock(queue);
		weft_yield();
	}
	assert_true(weft__waitq_wake(queue, code, &wakes));
	weft__wakes_ready(&wakes);
	assert_true(kept_is_stopped(&kept));
	weft__waitq_unlock(queue);
	assert_int_equal(kept_finish(&kept), 0);
}

/* What a program that does this says before it stops. out_said is empty if it does not stop. */
static inline void last_words(void (*misuse)(void *), void *arg, char *out_said, size_t out_bytes)
{
	int ends[2], status = 0;
	ssize_t bytes;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		misuse(arg);
		_exit(0);
	}
	close(ends[1]);
	bytes = read(ends[0], out_said, out_bytes - 1);
	close(ends[0]);
	waitpid(child, &status, 0);
	out_said[bytes > 0 ? bytes : 0] = '\0';
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
		out_said[0] = '\0';
}

#endif
