/* SPDX-License-Identifier: MIT */
/*
 * The atomic operations by name: what each answers and what it leaves, on words and pointers; that
 * those that read and write are one step; and, as far as this machine can show it, that they order.
 */
#include "base/atomic.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void loads_and_stores(void **state)
{
	uint64_t word = 1;
	int there, *pointer = NULL;

	atomic_store_relaxed(&word, UINT64_C(1) << 40);
	assert_true(atomic_load_relaxed(&word) == UINT64_C(1) << 40);
	atomic_store_release(&word, 5u);
	assert_int_equal(atomic_load_acquire(&word), 5);
	atomic_store_release(&pointer, &there);
	assert_ptr_equal(atomic_load_acquire(&pointer), &there);
}

static void a_swap_answers_what_was_there(void **state)
{
	int there, *pointer = NULL;
	uint32_t word = 3;

	assert_int_equal(atomic_swap_acquire(&word, 4u), 3);
	assert_int_equal(atomic_swap_acq_rel(&word, 5u), 4);
	assert_int_equal(word, 5);
	assert_null(atomic_swap_acq_rel(&pointer, &there));
	assert_ptr_equal(pointer, &there);
}

#define assert_cas(operation)                              \
	do {                                               \
		uint64_t word = 7, seen = 8;               \
                                                           \
		assert_false(operation(&word, &seen, 9u)); \
		assert_int_equal(word, 7);                 \
		assert_int_equal(seen, 7);                 \
		assert_true(operation(&word, &seen, 9u));  \
		assert_int_equal(word, 9);                 \
		assert_int_equal(seen, 7);                 \
	} while (0)

static void a_compare_and_swap_stores_or_says_what_is_there(void **state)
{
	assert_cas(atomic_cas_acq_rel);
	assert_cas(atomic_cas_acquire);
	assert_cas(atomic_cas_release);
}

static void arithmetic_answers_the_value_before(void **state)
{
	uint32_t word = 10;

	assert_int_equal(atomic_add_relaxed(&word, 1), 10);
	assert_int_equal(atomic_add_acq_rel(&word, 2), 11);
	assert_int_equal(atomic_sub_acq_rel(&word, 5), 13);
	assert_int_equal(atomic_or_acq_rel(&word, 7), 8);
	assert_int_equal(word, 15);
	atomic_bump(&word, 3);
	assert_int_equal(word, 18);
	atomic_compiler_barrier();
	atomic_full_fence();
}

/* ---- one step, seen by two kernel threads */

#define ROUNDS 400000

struct tally {
	uint64_t added, counted, tried, token, tokens;
	uint32_t bits;
	uint32_t present; /* both, so that they run at once */
};

static void *tally_up(void *arg)
{
	struct tally *tally = arg;

	atomic_add_acq_rel(&tally->present, 1);
	while (atomic_load_acquire(&tally->present) < 2)
		sched_yield();
	for (uint64_t i = 0; i < ROUNDS; i++) {
		uint64_t seen = atomic_load_relaxed(&tally->tried);

		atomic_add_relaxed(&tally->added, 3);
		atomic_add_acq_rel(&tally->counted, 2);
		atomic_sub_acq_rel(&tally->counted, 1);
		while (!atomic_cas_acq_rel(&tally->tried, &seen, seen + 1))
			;
		if (atomic_swap_acq_rel(&tally->token, 0) != 0) { /* whoever has it may count */
			atomic_bump(&tally->tokens, 1);
			atomic_store_release(&tally->token, 1);
		}
		atomic_or_acq_rel(&tally->bits, UINT32_C(1) << i % 32);
	}
	return NULL;
}

static void no_step_of_two_threads_is_lost(void **state)
{
	struct tally tally = { .token = 1 };
	pthread_t other;

	assert_int_equal(pthread_create(&other, NULL, tally_up, &tally), 0);
	tally_up(&tally);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(tally.added, 2 * 3 * ROUNDS);
	assert_int_equal(tally.counted, 2 * ROUNDS);
	assert_int_equal(tally.tried, 2 * ROUNDS);
	assert_int_equal(tally.bits, UINT32_MAX);
	assert_true(tally.tokens >= ROUNDS && tally.tokens <= 2 * ROUNDS);
}

/* ---- the fence: of two who each write and then read the other's, one sees the other */

#define CELLS 256
#define FENCE_ROUNDS 1000

struct cell {
	uint32_t wrote[2], saw[2];
	char apart[48]; /* a cache line each: the write waits, the read need not */
};

struct pair {
	struct cell cells[CELLS];
	uint64_t round[2]; /* of a round's steps, how far each has come */
};

struct side {
	struct pair *pair;
	int me;
	int both_blind;
};

static void meet(struct side *side, uint64_t step)
{
	int spins = 0;

	atomic_store_release(&side->pair->round[side->me], step);
	while (atomic_load_acquire(&side->pair->round[!side->me]) < step)
		if (++spins > 1000)
			sched_yield(); /* the other has no CPU */
}

static void write_and_look(struct side *side)
{
	for (int i = 0; i < CELLS; i++) {
		struct cell *cell = &side->pair->cells[i];

		atomic_store_relaxed(&cell->wrote[side->me], 1);
		atomic_full_fence();
		atomic_store_relaxed(&cell->saw[side->me],
				     atomic_load_relaxed(&cell->wrote[!side->me]));
	}
}

static void *play(void *arg)
{
	struct side *side = arg;

	for (uint64_t step = 1; step < 3 * FENCE_ROUNDS; step += 3) {
		for (int i = 0; i < CELLS; i++)
			atomic_store_relaxed(&side->pair->cells[i].wrote[side->me], 0);
		meet(side, step);
		write_and_look(side);
		meet(side, step + 1);
		for (int i = 0; i < CELLS; i++)
			side->both_blind += !atomic_load_relaxed(&side->pair->cells[i].saw[0]) &&
					    !atomic_load_relaxed(&side->pair->cells[i].saw[1]);
		meet(side, step + 2);
	}
	return NULL;
}

static void behind_a_full_fence_one_of_two_sees_the_other(void **state)
{
	static struct pair pair;
	struct side sides[2] = { { &pair, 0, 0 }, { &pair, 1, 0 } };
	pthread_t other;

	assert_int_equal(pthread_create(&other, NULL, play, &sides[1]), 0);
	play(&sides[0]);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(sides[0].both_blind + sides[1].both_blind, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_and_stores),
		cmocka_unit_test(a_swap_answers_what_was_there),
		cmocka_unit_test(a_compare_and_swap_stores_or_says_what_is_there),
		cmocka_unit_test(arithmetic_answers_the_value_before),
		cmocka_unit_test(no_step_of_two_threads_is_lost),
		cmocka_unit_test(behind_a_full_fence_one_of_two_sees_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
