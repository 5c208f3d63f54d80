/* SPDX-License-Identifier: MIT */
/*
 * The light and the heavy barrier: of two kernel threads that each store their own word, pass their
 * barrier and load the other's, at least one sees the other's store. Without the barriers some
 * rounds miss on x86-64 too, where two CPUs run at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "proc.h"
#include "sys/sys.h"

#define ROUNDS 10000

/* Each on a line of its own: they shall not meet by accident. */
static struct {
	uint32_t word weft__aligned(WEFT__CACHE_LINE);
	uint32_t arrived weft__aligned(WEFT__CACHE_LINE);
	uint32_t saw weft__aligned(WEFT__CACHE_LINE);
} side[2];

/* Lets both start a round together. */
static void meet(int mine, uint32_t round)
{
	atomic_store_release(&side[mine].arrived, round);
	for (int i = 1; atomic_load_acquire(&side[!mine].arrived) < round; i++)
		if (i % 2000 == 0)
			weft__sys_thread_yield();
}

/* Returns in how many rounds neither saw the other. */
static int play(int mine, void (*barrier)(void))
{
	uint32_t random = (uint32_t)mine + 1;
	int misses = 0;

	for (uint32_t round = 1; round <= ROUNDS; round++) {
		meet(mine, 3 * round);
		random = random * 1664525u + 1013904223u;
		for (uint32_t i = random >> 24; i > 0; i--) /* who comes first changes */
			atomic_compiler_barrier();
		atomic_store_relaxed(&side[mine].word, round);
		barrier();
		side[mine].saw = atomic_load_relaxed(&side[!mine].word);
		meet(mine, 3 * round + 1);
		misses += side[0].saw != round && side[1].saw != round;
		meet(mine, 3 * round + 2);
	}
	return misses;
}

static void light(void)
{
	weft__sys_light_barrier();
}

static void full(void)
{
	weft__sys_full_barrier();
}

static void (*other_barrier)(void);

static void *play_other(void *arg)
{
	(void)arg;
	play(1, other_barrier);
	return NULL;
}

static void play_both(void (*first)(void), void (*second)(void))
{
	weft__sys_thread thread;
	int misses;

	memset(side, 0, sizeof side);
	other_barrier = second;
	assert_int_equal(weft__sys_thread_start(play_other, NULL, 0, "other", &thread), 0);
	misses = play(0, first);
	weft__sys_thread_join(thread);
	assert_int_equal(misses, 0);
}

static void a_store_is_seen_by_one_of_two(void **state)
{
	(void)state;
	play_both(weft__sys_heavy_barrier, light);
}

static void it_is_so_without_membarrier(void **state)
{
	bool before = weft__sys_has_heavy_barrier;

	(void)state;
	weft__sys_has_heavy_barrier = false;
	play_both(weft__sys_heavy_barrier, light);
	weft__sys_has_heavy_barrier = before;
}

static void two_full_ones_do_as_well(void **state)
{
	(void)state;
	play_both(full, full);
}

static void use_barrier(void *arg)
{
	(void)arg;
	weft__sys_heavy_barrier();
}

static void fork_s_child_has_it_too(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(use_barrier, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_store_is_seen_by_one_of_two),
		cmocka_unit_test(two_full_ones_do_as_well),
		cmocka_unit_test(it_is_so_without_membarrier),
		cmocka_unit_test(fork_s_child_has_it_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
