/* SPDX-License-Identifier: MIT */
/* Kernel threads that take and give at random, of several sizes, while another walks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "mem/stack.h"
#include "sys/sys.h"

#define THREADS 4
#define ROUNDS 40
#define HELD_MAX 4000

/* In each control block: who has it. atomic; 0: nobody. */
struct block {
	uint32_t owner;
};

struct taker {
	weft__sys_thread thread;
	uint32_t name;
	uint64_t random;
	int errors;
	int held;
	struct block *blocks[HELD_MAX];
};

static uint32_t stop; /* atomic */

static uint32_t next_random(struct taker *taker, uint32_t below)
{
	taker->random = taker->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(taker->random >> 33) % below;
}

static void take_one(struct taker *taker)
{
	void *control;
	size_t usable;
	struct block *block;
	uint32_t nobody = 0;

	if (weft__stack_take((size_t)32768 << next_random(taker, 4), sizeof *block, &control,
			     &usable) != 0) {
		taker->errors++;
		return;
	}
	block = control;
	taker->errors += !atomic_cas_acq_rel(&block->owner, &nobody, taker->name);
	((char *)control)[-1] = (char)taker->name;
	taker->blocks[taker->held++] = block;
}

static void give_one(struct taker *taker)
{
	uint32_t which = next_random(taker, (uint32_t)taker->held);
	struct block *block = taker->blocks[which];
	uint32_t me = taker->name;

	taker->errors += ((char *)block)[-1] != (char)me;
	taker->errors += !atomic_cas_acq_rel(&block->owner, &me, 0u);
	taker->blocks[which] = taker->blocks[--taker->held];
	weft__stack_give(block);
}

static void *take_and_give(void *arg)
{
	struct taker *taker = arg;

	for (int round = 0; round < ROUNDS; round++) {
		int goal = (int)next_random(taker, HELD_MAX);

		while (taker->held < goal)
			take_one(taker);
		while (taker->held > goal)
			give_one(taker);
		if (next_random(taker, 4) == 0)
			weft__stack_settle();
	}
	while (taker->held > 0)
		give_one(taker);
	return NULL;
}

static int look(void *arg, void *control)
{
	int *errors = arg;

	/* May be nobody's by now; never anything else. */
	*errors += atomic_load_relaxed(&((struct block *)control)->owner) > THREADS;
	return 0;
}

static void *walk(void *arg)
{
	while (!atomic_load_acquire(&stop))
		weft__stack_walk(look, arg);
	return NULL;
}

static void nobody_gets_a_stack_that_another_has(void **state)
{
	static struct taker takers[THREADS];
	uint64_t seed = (uint64_t)time(NULL);
	struct weft__stack_counts counts;
	weft__sys_thread walker;
	int walk_errors = 0;

	(void)state;
	if (getenv("WEFT_SEED") != NULL)
		seed = strtoull(getenv("WEFT_SEED"), NULL, 0);
	print_message("WEFT_SEED=%llu\n", (unsigned long long)seed);
	assert_int_equal(weft__sys_thread_start(walk, &walk_errors, 0, "walker", &walker), 0);
	for (uint32_t i = 0; i < THREADS; i++) {
		takers[i] = (struct taker){ .name = i + 1, .random = seed + i };
		assert_int_equal(weft__sys_thread_start(take_and_give, &takers[i], 0, "taker",
							&takers[i].thread),
				 0);
	}
	for (int i = 0; i < THREADS; i++) {
		weft__sys_thread_join(takers[i].thread);
		assert_int_equal(takers[i].errors, 0);
	}
	atomic_store_release(&stop, 1u);
	weft__sys_thread_join(walker);
	assert_int_equal(walk_errors, 0);
	weft__stack_count(&counts);
	assert_int_equal(counts.in_use, 0);
}

/* ---- all of them give at once, so that several find the same arena empty */

#define ALL 4000 /* 16 arenas of this size */
#define ALL_BYTES ((size_t)256 << 10)

static struct block *all[ALL];

static void *give_quarter(void *arg)
{
	struct block **first = arg;

	for (int i = 0; i < ALL; i += THREADS) {
		atomic_store_relaxed(&first[i]->owner, 0u);
		weft__stack_give(first[i]);
	}
	weft__stack_settle();
	return NULL;
}

static void take_all(void)
{
	for (int i = 0; i < ALL; i++) {
		uint32_t nobody = 0;
		void *control;
		size_t usable;

		assert_int_equal(weft__stack_take(ALL_BYTES, sizeof *all[i], &control, &usable), 0);
		all[i] = control;
		assert_true(atomic_cas_acq_rel(&all[i]->owner, &nobody, 1u));
	}
}

static void an_arena_is_unmapped_once(void **state)
{
	weft__sys_thread threads[THREADS];
	struct weft__stack_counts counts;

	(void)state;
	for (int round = 0; round < 20; round++) {
		take_all();
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(weft__sys_thread_start(give_quarter, &all[i], 0, "giver",
								&threads[i]),
					 0);
		for (int i = 0; i < THREADS; i++)
			weft__sys_thread_join(threads[i]);
		weft__stack_count(&counts);
		assert_int_equal(counts.in_use, 0);
		assert_in_range(counts.arenas, 1, 16 + 16);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_gets_a_stack_that_another_has),
		cmocka_unit_test(an_arena_is_unmapped_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
