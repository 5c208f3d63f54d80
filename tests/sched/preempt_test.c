/* SPDX-License-Identifier: MIT */
/* Preemption and hand-off: nobody who computes or blocks stops the others. Each test would hang,
 * and not fail by luck, if it did. */
#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "in_sched.h"

static weft_kind kind;
static int stop;
static long turns[4];

static int spin(void *arg)
{
	long *turn = arg;

	while (!atomic_load_relaxed(&stop))
		atomic_bump(turn, 1);
	return 0;
}

static int spawn(weft_function *function, void *arg, weft_thread **out_thread)
{
	return weft_thread_spawn(function, arg, &(weft_thread_options){ .kind = kind }, out_thread);
}

/* Until each has had the CPU 20 times after another had it. */
static int watch_turns(void *arg)
{
	weft_thread *threads[3];
	long seen[3];

	(void)arg;
	atomic_store_relaxed(&stop, 0);
	for (int i = 0; i < 3; i++)
		check(spawn(spin, &turns[i], &threads[i]) == 0);
	for (int round = 0; round < 20; round++)
		for (int i = 0; i < 3; i++) {
			seen[i] = atomic_load_relaxed(&turns[i]);
			while (atomic_load_relaxed(&turns[i]) == seen[i])
				weft_sleep(WEFT_MS);
		}
	atomic_store_relaxed(&stop, 1);
	for (int i = 0; i < 3; i++)
		check(weft_thread_join(threads[i], NULL) == 0);
	return 0;
}

static void who_computes_stops_nobody(void **state)
{
	(void)state;
	for (unsigned processors = 1; processors <= 2; processors++)
		assert_int_equal(weft_run(watch_turns, NULL,
					  &(weft_sched_options){ .processors = processors,
								 .slice_ns = WEFT_MS }),
				 0);
}

/* Compiled code, as it comes, while ticks fall; registers_test.c has each register. */
static int compute_twice(void *arg)
{
	double own = (double)(intptr_t)arg, sum = 0;
	uint64_t hash = (uint64_t)(uintptr_t)arg, expected = hash;
	double values[16];

	for (int i = 0; i < 16; i++)
		values[i] = own + i;
	while (!atomic_load_relaxed(&stop)) {
		uint64_t a = hash, b = hash * 3, c = hash * 5, d = hash * 7;

		for (int i = 0; i < 1000; i++) {
			a = a * 25214903917u + 11;
			b ^= a >> 7;
			c += b;
			d ^= c << 3;
			for (int k = 0; k < 16; k++)
				values[k] = values[k] * 1.5 - (own + k) * 0.5;
		}
		expected = d;
		a = hash, b = hash * 3, c = hash * 5, d = hash * 7;
		for (int i = 0; i < 1000; i++) {
			a = a * 25214903917u + 11;
			b ^= a >> 7;
			c += b;
			d ^= c << 3;
		}
		if (d != expected)
			return -1;
		hash = d;
		sum = 0;
		for (int k = 0; k < 16; k++)
			sum += values[k];
		if (sum != 16 * own + 120)
			return -2;
	}
	return 0;
}

static int compute_under_ticks(void *arg)
{
	weft_thread *threads[8];
	int result;

	atomic_store_relaxed(&stop, 0);
	for (intptr_t i = 0; i < 8; i++)
		check(spawn(compute_twice, (void *)(i * 1000003), &threads[i]) == 0);
	do {
		weft_sleep(WEFT_MS);
		weft_sched_stats_get(weft_sched_self(), arg);
	} while (((weft_sched_stats *)arg)->preemptions < 200);
	atomic_store_relaxed(&stop, 1);
	for (int i = 0; i < 8; i++) {
		check(weft_thread_join(threads[i], &result) == 0);
		check(result == 0);
	}
	return 0;
}

static void results_are_the_same(void **state)
{
	weft_sched_stats stats;

	(void)state;
	for (unsigned processors = 1; processors <= 2; processors++)
		assert_int_equal(weft_run(compute_under_ticks, &stats,
					  &(weft_sched_options){ .processors = processors,
								 .slice_ns = 200 * WEFT_US }),
				 0);
}

/* Raw calls. */
static int read_pipe(void *arg)
{
	char byte;

	return (int)read(*(int *)arg, &byte, 1);
}

static int act_while_blocked(void *arg)
{
	weft_thread *reader;
	int fds[2], result;

	(void)arg;
	check(pipe(fds) == 0);
	for (int round = 0; round < 20; round++) {
		check(spawn(read_pipe, &fds[0], &reader) == 0);
		weft_yield(); /* it blocks, and with it the only processor */
		weft_sleep(WEFT_MS);
		check(write(fds[1], "x", 1) == 1);
		check(weft_thread_join(reader, &result) == 0);
		check(result == 1);
	}
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static void who_blocks_stops_nobody(void **state)
{
	(void)state;
	assert_int_equal(
		weft_run(act_while_blocked, NULL, &(weft_sched_options){ .processors = 1 }), 0);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long counted;

static int count_under_lock(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&lock);
		counted++;
		for (int k = 0; k < 200; k++)
			atomic_compiler_barrier();
		pthread_mutex_unlock(&lock);
	}
	return 0;
}

static int share_a_lock(void *arg)
{
	weft_thread *threads[10];

	(void)arg;
	counted = 0;
	for (int i = 0; i < 10; i++)
		check(weft_thread_spawn(count_under_lock, NULL,
					&(weft_thread_options){ .kind = WEFT_USER },
					&threads[i]) == 0);
	for (int i = 0; i < 10; i++)
		check(weft_thread_join(threads[i], NULL) == 0);
	return counted == 20000 ? 0 : -1;
}

static void a_lock_of_libc_is_no_deadlock(void **state)
{
	(void)state;
	for (unsigned processors = 1; processors <= 2; processors++)
		assert_int_equal(weft_run(share_a_lock, NULL,
					  &(weft_sched_options){ .processors = processors,
								 .slice_ns = 200 * WEFT_US }),
				 0);
}

/* ---- what a thread has that its carrier has too: errno, and how floating-point numbers are
 * rounded */

#define ROUNDS 30

static int give_way_late(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		int64_t until_ns = weft_now() + WEFT_MS;

		weft_preempt_disable();
		while (weft_now() < until_ns)
			;
		errno = 77;
		weft_preempt_enable();
		check(errno == 77);
	}
	return 0;
}

static int give_way_late_in_turn(void *arg)
{
	weft_thread *threads[4];

	(void)arg;
	for (int i = 0; i < 4; i++)
		check(spawn(give_way_late, NULL, &threads[i]) == 0);
	for (int i = 0; i < 4; i++)
		check(weft_thread_join(threads[i], NULL) == 0);
	return 0;
}

static void giving_way_late_leaves_errno(void **state)
{
	(void)state;
	for (unsigned processors = 1; processors <= 2; processors++)
		assert_int_equal(weft_run(give_way_late_in_turn, NULL,
					  &(weft_sched_options){ .processors = processors,
								 .slice_ns = 200 * WEFT_US }),
				 0);
}

static int round_upward(void *arg)
{
	(void)arg;
	check(fesetround(FE_UPWARD) == 0);
	while (!atomic_load_relaxed(&stop)) {
		check(fegetround() == FE_UPWARD);
		weft_preempt_disable();
		for (int k = 0; k < 100; k++)
			atomic_compiler_barrier();
		weft_preempt_enable();
	}
	check(fesetround(FE_DOWNWARD) == 0);
	return 0;
}

/* What was so when the scheduler was made is so for whoever has not changed it. */
static int round_among_others(void *arg)
{
	weft_thread *threads[3];

	(void)arg;
	check(fegetround() == FE_DOWNWARD);
	atomic_store_relaxed(&stop, 0);
	for (int i = 0; i < 3; i++)
		check(spawn(round_upward, NULL, &threads[i]) == 0);
	for (int i = 0; i < 2 * ROUNDS; i++) {
		weft_sleep(WEFT_MS / 2);
		check(fegetround() == FE_DOWNWARD);
	}
	atomic_store_relaxed(&stop, 1);
	for (int i = 0; i < 3; i++)
		check(weft_thread_join(threads[i], NULL) == 0);
	return 0;
}

static void rounding_is_each_ones_own(void **state)
{
	(void)state;
	assert_int_equal(fesetround(FE_DOWNWARD), 0);
	for (unsigned processors = 1; processors <= 2; processors++)
		assert_int_equal(weft_run(round_among_others, NULL,
					  &(weft_sched_options){ .processors = processors,
								 .slice_ns = 200 * WEFT_US }),
				 0);
	assert_int_equal(fesetround(FE_TONEAREST), 0);
}

static int both_kinds(void (*test)(void **))
{
	for (kind = WEFT_USER; kind <= WEFT_LIGHT; kind++)
		test(NULL);
	return 0;
}

static void computing(void **state)
{
	(void)state;
	both_kinds(who_computes_stops_nobody);
}

static void what_is_computed(void **state)
{
	(void)state;
	both_kinds(results_are_the_same);
}

static void blocking(void **state)
{
	(void)state;
	both_kinds(who_blocks_stops_nobody);
}

static void late(void **state)
{
	(void)state;
	both_kinds(giving_way_late_leaves_errno);
}

static void rounding(void **state)
{
	(void)state;
	both_kinds(rounding_is_each_ones_own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(computing), cmocka_unit_test(what_is_computed),
		cmocka_unit_test(blocking),  cmocka_unit_test(a_lock_of_libc_is_no_deadlock),
		cmocka_unit_test(late),      cmocka_unit_test(rounding),
	};

	alarm(120); /* a hang is a failure */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
