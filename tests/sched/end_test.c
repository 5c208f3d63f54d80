/* SPDX-License-Identifier: MIT */
/*
 * The end of a scheduler: whoever was started in it has run when it is gone, whoever came too late
 * was told so, and nobody else.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "in_sched.h"
#include "mem/stack.h"
#include "sched/engine.h"

struct ending {
	weft_sched *sched;
	weft_sem stay;    /* holds the thread that keeps the scheduler */
	uint32_t begun;   /* atomic: threads that spawn from outside */
	uint32_t refused; /* atomic: how many of those were told to stop */
	uint32_t started; /* atomic: what was started */
	uint32_t ran;     /* atomic: what has run */
	uint32_t gone;    /* atomic */
};

static int run_once(void *arg)
{
	struct ending *ending = arg;

	__atomic_fetch_add(&ending->ran, 1, __ATOMIC_RELAXED);
	return 0;
}

/* Inside, a thread may always start others, with a processor or without: they end before the
 * scheduler does. */
static const weft_thread_options light = { .kind = WEFT_LIGHT }; /* others' stacks are kept */

static int run_with_children(void *arg)
{
	struct ending *ending = arg;

	check(weft_thread_spawn(run_once, ending, &light, NULL) == 0);
	weft_blocking_begin();
	check(weft_thread_spawn(run_once, ending, &light, NULL) == 0);
	weft_blocking_end();
	__atomic_fetch_add(&ending->started, 2, __ATOMIC_RELAXED);
	return run_once(arg);
}

static int stay(void *arg)
{
	struct ending *ending = arg;

	check(weft_sem_wait(&ending->stay) == 0);
	return run_with_children(arg);
}

static void *spawn_until_refused(void *arg)
{
	struct ending *ending = arg;
	weft_thread_options options = { .kind = WEFT_LIGHT, .sched = ending->sched };

	for (uint32_t i = 0;; i++) {
		weft_thread *thread = (weft_thread *)ending, **out = i % 2 ? &thread : NULL;
		int error = weft_thread_spawn(i % 3 ? run_once : run_with_children, ending,
					      &options, out);

		if (i == 100)
			__atomic_fetch_add(&ending->begun, 1, __ATOMIC_RELEASE);
		if (error == -ESHUTDOWN) {
			check(i > 100 && thread == (weft_thread *)ending);
			break;
		}
		check(error == 0 && !__atomic_load_n(&ending->gone, __ATOMIC_ACQUIRE));
		__atomic_fetch_add(&ending->started, 1, __ATOMIC_RELAXED);
		if (out != NULL && i % 4 == 1)
			check(weft_thread_join(thread, NULL) == 0);
		else if (out != NULL)
			check(weft_thread_detach(thread) == 0);
	}
	__atomic_fetch_add(&ending->refused, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void *destroy_it(void *arg)
{
	struct ending *ending = arg;

	check(weft_sched_destroy(ending->sched) == 0);
	__atomic_store_n(&ending->gone, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void await_count(const uint32_t *word, uint32_t value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) < value)
		weft__sys_thread_yield();
}

static void who_starts_from_outside_is_refused_or_has_run(void **state)
{
	for (unsigned round = 0; round < 20; round++) {
		struct ending ending = { .stay = WEFT_SEM_INIT(0), .started = 1 };
		pthread_t spawners[3], destroyer;
		weft_thread_options options = { .kind = WEFT_LIGHT };
		struct weft__stack_counts stacks;

		assert_int_equal(
			weft_sched_create(&(weft_sched_options){ .processors = 1 + round % 3 },
					  &ending.sched),
			0);
		options.sched = ending.sched;
		assert_int_equal(weft_thread_spawn(stay, &ending, &options, NULL), 0);
		for (int i = 0; i < 3; i++)
			assert_int_equal(pthread_create(&spawners[i], NULL, spawn_until_refused,
							&ending),
					 0);
		await_count(&ending.begun, 3);
		assert_int_equal(pthread_create(&destroyer, NULL, destroy_it, &ending), 0);
		/* While one stays, the scheduler is there for those who ask it. */
		await_count(&ending.refused, 3);
		assert_false(__atomic_load_n(&ending.gone, __ATOMIC_ACQUIRE));
		weft_sem_wake(&ending.stay);
		for (int i = 0; i < 3; i++)
			pthread_join(spawners[i], NULL);
		pthread_join(destroyer, NULL);
		assert_int_equal(ending.ran, ending.started);
		weft__stack_count(&stacks);
		assert_int_equal(stacks.in_use, 0);
	}
}

/* ---- those who are counted by credit: born on one processor, ended on another */

static int hand_on(void *arg)
{
	struct ending *ending = arg;

	weft_yield(); /* perhaps to be stolen */
	return run_once(ending);
}

static int bear_many(void *arg)
{
	struct ending *ending = arg;

	for (int i = 0; i < 700; i++) { /* more than a block of credit */
		check(weft_thread_spawn(hand_on, ending, NULL, NULL) == 0);
		__atomic_fetch_add(&ending->started, 1, __ATOMIC_RELAXED);
		if (i % 100 == 99) {
			weft_blocking_begin();
			weft_blocking_end();
		}
	}
	return 0;
}

static int bear_and_rest(void *arg)
{
	for (int i = 0; i < 4; i++) {
		check(weft_thread_spawn(bear_many, arg, NULL, NULL) == 0);
		weft_sleep(WEFT_MS); /* all processors fall asleep and give their credit back */
	}
	return 0;
}

static void the_end_waits_for_all_wherever_they_were_born_and_died(void **state)
{
	for (unsigned processors = 1; processors <= 4; processors++)
		for (int round = 0; round < 2; round++) {
			struct ending ending = { .ran = 0 };

			assert_int_equal(
				weft_run(bear_and_rest, &ending,
					 &(weft_sched_options){ .processors = processors }),
				0);
			assert_int_equal(ending.started, 2800);
			assert_int_equal(ending.ran, 2800);
		}
}

/* At rest the count is exact. */
static void a_scheduler_at_rest_counts_its_threads_exactly(void **state)
{
	struct ending ending = { .stay = WEFT_SEM_INIT(0) };
	weft_thread_options options = { .kind = WEFT_LIGHT };

	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 2 }, &ending.sched),
			 0);
	options.sched = ending.sched;
	for (int i = 0; i < 10; i++)
		assert_int_equal(weft_thread_spawn(stay, &ending, &options, NULL), 0);
	while (__atomic_load_n(&ending.sched->live, __ATOMIC_ACQUIRE) != 10 ||
	       __atomic_load_n(&ending.sched->idle, __ATOMIC_ACQUIRE) != 2)
		weft__sys_thread_yield();
	for (int i = 0; i < 10; i++)
		weft_sem_wake(&ending.stay);
	while (__atomic_load_n(&ending.sched->live, __ATOMIC_ACQUIRE) != 0)
		weft__sys_thread_yield();
	assert_int_equal(ending.ran, 10 + 20);
	assert_int_equal(weft_sched_destroy(ending.sched), 0);
}

/* Ended by a thread of another scheduler, which waits as any other does. */
static int destroy_other(void *arg)
{
	return weft_sched_destroy(arg);
}

static int end_from_inside_another(void *arg)
{
	struct ending ending = { .stay = WEFT_SEM_INIT(0) };
	weft_thread_options options = { .kind = WEFT_LIGHT };
	weft_thread *destroyer;
	int result = 1;

	for (int round = 0; round < 20; round++) {
		ending.ran = 0;
		check(weft_sched_create(&(weft_sched_options){ .processors = 2 }, &ending.sched) ==
		      0);
		options.sched = ending.sched;
		check(weft_thread_spawn(stay, &ending, &options, NULL) == 0);
		check(weft_thread_spawn(destroy_other, ending.sched, NULL, &destroyer) == 0);
		weft_yield();
		check(weft_thread_join_try(destroyer, &result) == -EBUSY);
		weft_sem_wake(&ending.stay);
		check(weft_thread_join(destroyer, &result) == 0 && result == 0);
		check(ending.ran == 3);
	}
	return 0;
}

static void a_thread_of_another_scheduler_ends_it(void **state)
{
	on_processors(end_from_inside_another, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_starts_from_outside_is_refused_or_has_run),
		cmocka_unit_test(the_end_waits_for_all_wherever_they_were_born_and_died),
		cmocka_unit_test(a_scheduler_at_rest_counts_its_threads_exactly),
		cmocka_unit_test(a_thread_of_another_scheduler_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
