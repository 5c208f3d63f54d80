/* SPDX-License-Identifier: MIT */
/* Schedulers: their life, several in one process, work that spreads, idleness, blocking
 * brackets. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "in_sched.h"
#include "sys/sys.h"

static int return_seven(void *arg)
{
	return 7;
}

static void weft_run_returns_what_app_returns(void **state)
{
	assert_int_equal(weft_run(return_seven, NULL, NULL), 7);
	assert_int_equal(weft_run(return_seven, NULL, &(weft_sched_options){ .strict = true }), 7);
}

static void impossible_schedulers_are_refused(void **state)
{
	weft_sched *sched = NULL;

	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 1025 }, &sched),
			 -EINVAL);
	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 2, .strict = true },
					   &sched),
			 -EINVAL);
	assert_null(sched);
}

static int sched_is(void *arg)
{
	return weft_sched_self() == arg ? 0 : 1;
}

static int destroy_own(void *arg)
{
	return weft_sched_destroy(weft_sched_self());
}

static void a_scheduler_without_weft_run(void **state)
{
	weft_sched *sched;
	weft_thread *thread;
	int result;

	assert_null(weft_sched_self());
	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 3 }, &sched), 0);
	assert_int_equal(weft_sched_processors(sched), 3);
	weft_thread_options options = { .kind = WEFT_LIGHT, .sched = sched };
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(weft_thread_spawn(sched_is, sched, &options, &thread), 0);
		assert_int_equal(weft_thread_join(thread, &result), 0);
		assert_int_equal(result, 0);
	}
	assert_int_equal(weft_thread_spawn(destroy_own, NULL, &options, &thread), 0);
	assert_int_equal(weft_thread_join(thread, &result), 0);
	assert_int_equal(result, -EDEADLK);
	assert_int_equal(weft_sched_destroy(sched), 0);
}

static void a_scheduler_that_nobody_used_ends(void **state)
{
	for (int i = 0; i < 200; i++) {
		weft_sched *sched;

		assert_int_equal(weft_sched_create(
					 &(weft_sched_options){ .processors = 1 + (unsigned)i % 4 },
					 &sched),
				 0);
		assert_int_equal(weft_sched_destroy(sched), 0);
	}
}

/* ---- several schedulers whose threads wait for each other */

struct relay {
	weft_sem to, from;
	int rounds;
};

static int answer(void *arg)
{
	struct relay *relay = arg;

	for (int i = 0; i < relay->rounds; i++) {
		weft_sem_wait(&relay->to);
		weft_sem_wake(&relay->from);
	}
	return 0;
}

static int ask(void *arg)
{
	struct relay *relay = arg;

	for (int i = 0; i < relay->rounds; i++) {
		weft_sem_wake(&relay->to);
		weft_sem_wait(&relay->from);
	}
	return 0;
}

static void threads_of_two_schedulers_wake_each_other(void **state)
{
	struct relay relay = { .rounds = 5000 };
	weft_sched *one, *two;
	weft_thread *a, *b;

	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 1 }, &one), 0);
	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 2 }, &two), 0);
	assert_int_equal(
		weft_thread_spawn(ask, &relay,
				  &(weft_thread_options){ .kind = WEFT_LIGHT, .sched = one }, &a),
		0);
	assert_int_equal(
		weft_thread_spawn(answer, &relay,
				  &(weft_thread_options){ .kind = WEFT_LIGHT, .sched = two }, &b),
		0);
	assert_int_equal(weft_thread_join(a, NULL), 0);
	assert_int_equal(weft_thread_join(b, NULL), 0);
	assert_int_equal(weft_sched_destroy(one), 0);
	assert_int_equal(weft_sched_destroy(two), 0);
}

static void *answer_as_foreign(void *arg)
{
	answer(arg);
	return NULL;
}

static void a_foreign_thread_and_a_light_one_wake_each_other(void **state)
{
	struct relay relay = { .rounds = 5000 };
	pthread_t foreign;

	assert_int_equal(pthread_create(&foreign, NULL, answer_as_foreign, &relay), 0);
	assert_int_equal(weft_run(ask, &relay, &(weft_sched_options){ .processors = 1 }), 0);
	assert_int_equal(pthread_join(foreign, NULL), 0);
}

/* ---- spreading and fairness */

struct meeting {
	uint32_t present;
	uint32_t wanted;
};

/* Computes, without giving way, until the others are there: which needs as many processors as there
 * are threads. */
static int attend(void *arg)
{
	struct meeting *meeting = arg;

	__atomic_fetch_add(&meeting->present, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&meeting->present, __ATOMIC_ACQUIRE) < meeting->wanted)
		weft__sys_thread_yield();
	return 0;
}

static int meet(void *arg)
{
	weft_thread *threads[8];

	for (uint32_t wanted = 2; wanted <= weft_sched_processors(weft_sched_self()); wanted++) {
		for (int round = 0; round < 50; round++) {
			struct meeting meeting = { .wanted = wanted };

			for (uint32_t i = 0; i < wanted; i++)
				check(weft_thread_spawn(attend, &meeting, NULL, &threads[i]) == 0);
			for (uint32_t i = 0; i < wanted; i++)
				check(weft_thread_join(threads[i], NULL) == 0);
		}
	}
	return 0;
}

static void work_spawned_on_one_processor_reaches_the_others(void **state)
{
	assert_int_equal(weft_run(meet, NULL, &(weft_sched_options){ .processors = 4 }), 0);
}

struct turns {
	uint32_t taken[64];
	uint32_t stop;
};

struct player {
	struct turns *turns;
	int number;
};

static int take_turns(void *arg)
{
	struct player *player = arg;

	while (!__atomic_load_n(&player->turns->stop, __ATOMIC_RELAXED)) {
		player->turns->taken[player->number]++;
		if (player->turns->taken[player->number] == 1000)
			__atomic_store_n(&player->turns->stop, 1, __ATOMIC_RELAXED);
		weft_yield();
	}
	return 0;
}

static int play(void *arg)
{
	struct turns turns = { { 0 }, 0 };
	struct player players[64];
	weft_thread *threads[64];

	for (int i = 0; i < 64; i++) {
		players[i] = (struct player){ &turns, i };
		check(weft_thread_spawn(take_turns, &players[i], NULL, &threads[i]) == 0);
	}
	for (int i = 0; i < 64; i++)
		weft_thread_join(threads[i], NULL);
	for (int i = 0; i < 64; i++)
		check(turns.taken[i] >= 999 && turns.taken[i] <= 1001);
	return 0;
}

static void yielding_threads_take_strict_turns_on_one_processor(void **state)
{
	/* A turn that lasts a slice, for the machine is busy, would put its thread behind. */
	weft_sched_options options = { .processors = 1, .slice_ns = WEFT_FOREVER };

	assert_int_equal(weft_run(play, NULL, &options), 0);
}

/* A pair that wakes each other through the hot slot does not starve a third that yields. */
struct pair {
	struct relay relay;
	uint32_t third_turns, stop;
};

static int third(void *arg)
{
	struct pair *pair = arg;

	while (!pair->stop) {
		pair->third_turns++;
		weft_yield();
	}
	return 0;
}

static int run_pair(void *arg)
{
	struct pair pair = { .relay = { .rounds = 10000 } };
	weft_thread *threads[3];

	check(weft_thread_spawn(ask, &pair.relay, NULL, &threads[0]) == 0);
	check(weft_thread_spawn(answer, &pair.relay, NULL, &threads[1]) == 0);
	check(weft_thread_spawn(third, &pair, NULL, &threads[2]) == 0);
	weft_thread_join(threads[0], NULL);
	weft_thread_join(threads[1], NULL);
	pair.stop = 1;
	weft_thread_join(threads[2], NULL);
	check(pair.third_turns > 2000);
	return 0;
}

static void a_pair_that_wakes_each_other_starves_nobody(void **state)
{
	/* One whose turn lasts a slice, for the machine is busy, waits longer than the pair. */
	weft_sched_options options = { .processors = 1, .slice_ns = WEFT_FOREVER };

	assert_int_equal(weft_run(run_pair, NULL, &options), 0);
}

/* ---- idleness */

static int sleep_half_a_second(void *arg)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	weft_sleep(500 * WEFT_MS);
	getrusage(RUSAGE_SELF, &after);
	return (int)((after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 +
		     after.ru_utime.tv_usec - before.ru_utime.tv_usec +
		     (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 +
		     after.ru_stime.tv_usec - before.ru_stime.tv_usec);
}

static void an_idle_program_uses_no_cpu(void **state)
{
	/* us of CPU in half a second; 0.1 % would be 500. The accounting of a busy machine is
	 * coarse, and what a wake-up costs there differs: ten times that, once in five tries, but a
	 * spin would be a thousand times, always. */
	for (unsigned processors = 1; processors <= 2; processors++) {
		weft_sched_options options = { .processors = processors };
		int used_us = INT_MAX;

		for (int i = 0; i < 5 && used_us >= 5000; i++)
			used_us = weft_run(sleep_half_a_second, NULL, &options);
		assert_true(used_us < 5000);
	}
}

/* ---- blocking brackets */

struct block {
	int pipe[2];
	uint32_t entered, left, neighbour;
};

static int block_in_read(void *arg)
{
	struct block *block = arg;
	char byte;

	weft_blocking_begin();
	__atomic_fetch_add(&block->entered, 1, __ATOMIC_ACQ_REL);
	check(read(block->pipe[0], &byte, 1) == 1);
	weft_blocking_end();
	__atomic_fetch_add(&block->left, 1, __ATOMIC_ACQ_REL);
	return 0;
}

/* Only a running neighbour writes what the blocked ones read: without the hand-off this never
 * ends. */
static int run_blocked(void *arg)
{
	struct block block = { { 0, 0 }, 0, 0, 0 };
	weft_thread *threads[20];

	check(pipe(block.pipe) == 0);
	for (int round = 0; round < 20; round++) {
		block.entered = 0;
		block.left = 0;
		for (int i = 0; i < 20; i++)
			check(weft_thread_spawn(block_in_read, &block, NULL, &threads[i]) == 0);
		await_word(&block.entered, 20);
		for (int i = 0; i < 20; i++)
			check(write(block.pipe[1], "x", 1) == 1);
		for (int i = 0; i < 20; i++)
			check(weft_thread_join(threads[i], NULL) == 0);
		check(block.left == 20);
	}
	close(block.pipe[0]);
	close(block.pipe[1]);
	return 0;
}

static void blocked_threads_stop_nobody(void **state)
{
	on_processors(run_blocked, NULL);
}

static int bracket_waits(void *arg)
{
	weft_sem sem = WEFT_SEM_INIT(0);
	weft_thread *thread;

	/* Between brackets a thread may do what others do: spawn, join, sleep, wait, yield,
	 * nest. */
	weft_blocking_begin();
	weft_blocking_begin();
	check(weft_thread_spawn(return_seven, NULL, NULL, &thread) == 0);
	check(weft_thread_join(thread, NULL) == 0);
	weft_blocking_end();
	weft_sleep(WEFT_MS);
	check(weft_sem_wait_until(&sem, weft_now() + WEFT_MS) == -ETIMEDOUT);
	weft_yield();
	weft_sem_wake(&sem);
	check(weft_sem_wait(&sem) == 0);
	weft_blocking_end();
	weft_blocking_begin();
	weft_thread_exit(0); /* ends between brackets */
}

static int run_bracket_waits(void *arg)
{
	weft_thread *threads[10];

	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 10; i++)
			check(weft_thread_spawn(bracket_waits, NULL, NULL, &threads[i]) == 0);
		for (int i = 0; i < 10; i++)
			check(weft_thread_join(threads[i], NULL) == 0);
	}
	return 0;
}

static void between_brackets_everything_works(void **state)
{
	on_processors(run_bracket_waits, NULL);
	assert_int_equal(weft_run(run_bracket_waits, NULL, &(weft_sched_options){ .strict = true }),
			 0);
}

static int many_short_brackets(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		weft_blocking_begin();
		weft_blocking_end();
	}
	return 0;
}

static int count_carriers(void *arg, const weft_sched_info *sched)
{
	*(unsigned *)arg = sched->carriers;
	return 0;
}

static int few_carriers(void *arg)
{
	unsigned carriers = 0;

	many_short_brackets(NULL);
	weft_inspect_scheds(count_carriers, &carriers);
	check(carriers >= 1 && carriers <= 16);
	return 0;
}

static void a_series_of_short_brackets_needs_few_carriers(void **state)
{
	on_processors(few_carriers, NULL);
}

/* ---- inspection */

struct seen {
	uint64_t id;
	unsigned matches;
	char reason[16];
	char state[16];
};

static int look_at(void *arg, const weft_thread_info *thread)
{
	struct seen *seen = arg;

	if (thread->id != seen->id)
		return 0;
	seen->matches++;
	snprintf(seen->reason, sizeof seen->reason, "%s", thread->reason);
	snprintf(seen->state, sizeof seen->state, "%s", thread->state);
	return 0;
}

static int wait_for_sem(void *arg)
{
	return weft_sem_wait(arg);
}

static int inspect(void *arg)
{
	weft_sem sem = WEFT_SEM_INIT(0);
	struct seen seen = { 0 };
	weft_thread *thread;

	check(weft_thread_spawn(wait_for_sem, &sem, arg, &thread) == 0);
	seen.id = weft_thread_id(thread);
	do {
		weft_yield();
		seen.matches = 0;
		check(weft_inspect_threads(look_at, &seen) == 0);
		check(seen.matches == 1);
	} while (strcmp(seen.state, "waiting") != 0);
	check(strcmp(seen.reason, "semaphore") == 0);
	weft_sem_wake(&sem);
	check(weft_thread_join(thread, NULL) == 0);
	seen.matches = 0;
	weft_inspect_threads(look_at, &seen);
	check(seen.matches == 0);
	return 0;
}

static void a_waiting_thread_is_seen_with_its_reason(void **state)
{
	weft_thread_options kernel = { .kind = WEFT_KERNEL }, large = { .stack_bytes = 1 << 20 };

	on_processors(inspect, NULL);
	on_processors(inspect, &kernel);
	on_processors(inspect, &large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weft_run_returns_what_app_returns),
		cmocka_unit_test(impossible_schedulers_are_refused),
		cmocka_unit_test(a_scheduler_without_weft_run),
		cmocka_unit_test(a_scheduler_that_nobody_used_ends),
		cmocka_unit_test(threads_of_two_schedulers_wake_each_other),
		cmocka_unit_test(a_foreign_thread_and_a_light_one_wake_each_other),
		cmocka_unit_test(work_spawned_on_one_processor_reaches_the_others),
		cmocka_unit_test(yielding_threads_take_strict_turns_on_one_processor),
		cmocka_unit_test(a_pair_that_wakes_each_other_starves_nobody),
		cmocka_unit_test(an_idle_program_uses_no_cpu),
		cmocka_unit_test(blocked_threads_stop_nobody),
		cmocka_unit_test(between_brackets_everything_works),
		cmocka_unit_test(a_series_of_short_brackets_needs_few_carriers),
		cmocka_unit_test(a_waiting_thread_is_seen_with_its_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
