/* SPDX-License-Identifier: MIT */
/* Threads of every kind: spawn, join, detach, exit, names, errors. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "in_sched.h"
#include "sched/user.h"
#include "mem/stack.h"

static int return_arg(void *arg)
{
	return (int)(intptr_t)arg;
}

static int exit_with_arg(void *arg)
{
	weft_thread_exit((int)(intptr_t)arg);
}

static int wait_for_word(void *arg)
{
	await_word(arg, 1);
	return 5;
}

static void results_reach_the_joiner_with(weft_kind kind)
{
	weft_thread_options options = { .kind = kind };
	weft_thread *threads[100];
	int result;

	for (intptr_t i = 0; i < 100; i++)
		check(weft_thread_spawn(i % 2 ? return_arg : exit_with_arg, (void *)(i - 50),
					&options, &threads[i]) == 0);
	for (int i = 99; i >= 0; i--) {
		check(weft_thread_join(threads[i], &result) == 0);
		check(result == i - 50);
	}
}

static int light_results(void *arg)
{
	results_reach_the_joiner_with(WEFT_LIGHT);
	return 0;
}

static int kernel_results(void *arg)
{
	results_reach_the_joiner_with(WEFT_KERNEL);
	return 0;
}

static void results_reach_the_joiner(void **state)
{
	on_processors(light_results, NULL);
	on_processors(kernel_results, NULL);
	results_reach_the_joiner_with(WEFT_KERNEL);
}

static int join_forms(void *arg)
{
	weft_thread_options options = { .kind = (weft_kind)(intptr_t)arg };
	uint32_t go = 0;
	weft_thread *thread;
	int result = 77;

	check(weft_thread_spawn(wait_for_word, &go, &options, &thread) == 0);
	check(weft_thread_join_try(thread, &result) == -EBUSY);
	check(weft_thread_join_until(thread, weft_now() + WEFT_MS, &result) == -ETIMEDOUT);
	check(weft_thread_join_until(thread, 0, &result) == -ETIMEDOUT);
	check(result == 77); /* untouched by failures */
	__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
	check(weft_thread_join_until(thread, weft_now() + 60 * WEFT_SECOND, &result) == 0);
	check(result == 5);
	return 0;
}

static void a_joiner_whose_deadline_passes_may_join_again(void **state)
{
	on_processors(join_forms, (void *)WEFT_LIGHT);
	on_processors(join_forms, (void *)WEFT_KERNEL);
	assert_int_equal(join_forms((void *)WEFT_KERNEL), 0);
}

struct rival {
	weft_thread *target;
	uint32_t waits;
	int result;
};

static int join_target(void *arg)
{
	struct rival *rival = arg;

	__atomic_store_n(&rival->waits, 1, __ATOMIC_RELEASE);
	return weft_thread_join(rival->target, &rival->result);
}

static int misuse(void *arg)
{
	struct rival rival = { 0 };
	uint32_t go = 0;
	weft_thread *joiner;
	int result;

	check(weft_thread_join(weft_thread_self(), NULL) == -EDEADLK);
	check(weft_thread_spawn(wait_for_word, &go, NULL, &rival.target) == 0);
	check(weft_thread_spawn(join_target, &rival, NULL, &joiner) == 0);
	await_word(&rival.waits, 1);
	/* It says so before it waits: until it is in the queue a look finds the thread busy. */
	while ((result = weft_thread_join_try(rival.target, NULL)) == -EBUSY)
		weft_yield();
	check(result == -EINVAL);
	check(weft_thread_detach(rival.target) == -EINVAL);
	__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
	check(weft_thread_join(joiner, &result) == 0);
	check(result == 0 && rival.result == 5);
	return 0;
}

static void a_second_joiner_is_refused(void **state)
{
	on_processors(misuse, NULL);
}

static void bad_arguments_are_refused(void **state)
{
	weft_thread *thread = NULL;

	assert_int_equal(weft_thread_spawn(NULL, NULL, NULL, &thread), -EINVAL);
	assert_int_equal(weft_thread_spawn(return_arg, NULL,
					   &(weft_thread_options){ .kind = WEFT_LIGHT }, &thread),
			 -EINVAL);
	assert_int_equal(weft_thread_spawn(return_arg, NULL,
					   &(weft_thread_options){ .kind = WEFT_USER }, &thread),
			 -EINVAL);
	assert_int_equal(weft_thread_spawn(return_arg, NULL,
					   &(weft_thread_options){ .kind = (weft_kind)99 },
					   &thread),
			 -EINVAL);
	assert_int_equal(
		weft_thread_spawn(return_arg, NULL,
				  &(weft_thread_options){ .stack_bytes = ((size_t)1 << 30) + 1 },
				  &thread),
		-EINVAL);
	assert_null(thread);
}

struct counted {
	uint32_t ended;
};

static int count_end(void *arg)
{
	struct counted *counted = arg;

	weft_yield();
	__atomic_fetch_add(&counted->ended, 1, __ATOMIC_ACQ_REL);
	return 0;
}

static int spawn_detached(void *arg)
{
	weft_thread *thread;

	for (int i = 0; i < 1000; i++)
		check(weft_thread_spawn(count_end, arg, NULL, NULL) == 0);
	for (int i = 0; i < 1000; i++) {
		check(weft_thread_spawn(count_end, arg, NULL, &thread) == 0);
		if (i % 3 == 0)
			weft_yield();
		check(weft_thread_detach(thread) == 0);
	}
	return 0;
}

static void weft_run_waits_for_detached_threads(void **state)
{
	for (unsigned processors = 1; processors <= 3; processors++) {
		struct counted counted = { 0 };

		assert_int_equal(weft_run(spawn_detached, &counted,
					  &(weft_sched_options){ .processors = processors }),
				 0);
		assert_int_equal(counted.ended, 2000);
	}
}

static int names(void *arg)
{
	weft_thread_options options = { .name = "a name that is longer than thirty-one bytes" };
	weft_thread *self = weft_thread_self(), *thread;
	uint32_t go = 0;
	char name[64];

	check(weft_thread_name(self, name, sizeof name) == 4 && strcmp(name, "main") == 0);
	check(weft_thread_spawn(wait_for_word, &go, &options, &thread) == 0);
	check(weft_thread_name(thread, name, sizeof name) == 31);
	check(strcmp(name, "a name that is longer than thir") == 0);
	check(weft_thread_name(thread, name, 3) == 2 && strcmp(name, "a ") == 0);
	check(weft_thread_name(thread, name, 0) == -EINVAL);
	check(weft_thread_id(thread) != weft_thread_id(self) && weft_thread_id(thread) != 0);
	check(weft_thread_kind(thread) == (weft_user_why()[0] == '\0' ? WEFT_USER : WEFT_LIGHT));
	check(weft_thread_name_set(self, NULL) == -EINVAL);
	check(weft_thread_name_set(self, "app") == 0);
	__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
	weft_thread_join(thread, NULL);
	/* A child without a name has its parent's. */
	check(weft_thread_spawn(return_arg, NULL, NULL, &thread) == 0);
	check(weft_thread_name(thread, name, sizeof name) == 3 && strcmp(name, "app") == 0);
	weft_thread_join(thread, NULL);
	return 0;
}

static void names_ids_and_kinds(void **state)
{
	on_processors(names, NULL);
}

static int recurse(int depth)
{
	volatile char frame[1000];

	frame[0] = (char)depth;
	return depth == 0 ? 0 : recurse(depth - 1) + frame[0] - (char)depth + 1;
}

static int use_stack(void *arg)
{
	size_t usable = weft_thread_stack_bytes(weft_thread_self());
	int depth = (int)(usable * 3 / 4 / 1100);

	return recurse(depth) == depth ? 0 : 1;
}

static int stack_sizes(void *arg)
{
	for (size_t bytes = 1; bytes <= (size_t)64 << 20; bytes *= 4) {
		weft_thread_options options = { .stack_bytes = bytes };
		weft_thread *thread;
		int result;

		check(weft_thread_spawn(use_stack, NULL, &options, &thread) == 0);
		check(weft_thread_stack_bytes(thread) + 24 * 1024 >= bytes);
		check(weft_thread_join(thread, &result) == 0 && result == 0);
	}
	return 0;
}

static void stacks_are_as_large_as_asked(void **state)
{
	on_processors(stack_sizes, NULL);
}

static void *foreign_main(void *arg)
{
	weft_thread *self = weft_thread_self();
	char name[32];

	check(self != NULL && weft_thread_kind(self) == WEFT_KERNEL);
	check(weft_thread_name(self, name, sizeof name) > 0 && strcmp(name, "foreign") == 0);
	check(weft_thread_self() == self);
	results_reach_the_joiner_with(WEFT_KERNEL);
	weft_thread_exit(0);
}

static void a_foreign_kernel_thread_is_a_thread(void **state)
{
	pthread_t foreign;

	assert_int_equal(pthread_create(&foreign, NULL, foreign_main, NULL), 0);
	assert_int_equal(pthread_join(foreign, NULL), 0);
}

static int spawn_tree(void *arg)
{
	intptr_t depth = (intptr_t)arg;
	weft_thread *left, *right;
	int a, b;

	if (depth == 0)
		return 1;
	check(weft_thread_spawn(spawn_tree, (void *)(depth - 1), NULL, &left) == 0);
	check(weft_thread_spawn(spawn_tree, (void *)(depth - 1), NULL, &right) == 0);
	check(weft_thread_join(left, &a) == 0 && weft_thread_join(right, &b) == 0);
	return a + b;
}

static int grow_tree(void *arg)
{
	return spawn_tree((void *)11) == 1 << 11 ? 0 : 1;
}

static void a_tree_of_threads_is_joined_whole(void **state)
{
	on_processors(grow_tree, NULL);
}

static void stacks_come_back(void **state)
{
	struct weft__stack_counts counts;

	weft__stack_count(&counts);
	/* Every scheduler of the tests before has ended. What was a user thread's stays one's. */
	assert_int_equal(counts.in_use, weft__user_kept());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_reach_the_joiner),
		cmocka_unit_test(a_joiner_whose_deadline_passes_may_join_again),
		cmocka_unit_test(a_second_joiner_is_refused),
		cmocka_unit_test(bad_arguments_are_refused),
		cmocka_unit_test(weft_run_waits_for_detached_threads),
		cmocka_unit_test(names_ids_and_kinds),
		cmocka_unit_test(stacks_are_as_large_as_asked),
		cmocka_unit_test(a_foreign_kernel_thread_is_a_thread),
		cmocka_unit_test(a_tree_of_threads_is_joined_whole),
		cmocka_unit_test(stacks_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
