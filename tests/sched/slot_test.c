/* SPDX-License-Identifier: MIT */
/* Slots: each thread has its own values, they are destroyed when it ends, and an index that is used
 * again shows nothing of its last life. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "in_sched.h"

static uint32_t destroyed, sum; /* atomic */

static void note(void *value)
{
	__atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&sum, (uint32_t)(uintptr_t)value, __ATOMIC_RELAXED);
}

static int reset(void **state)
{
	(void)state;
	destroyed = sum = 0;
	return 0;
}

static void a_value_is_there_until_it_is_set_again(void **state)
{
	weft_slot first, second;
	int here;

	(void)state;
	assert_int_equal(weft_slot_create(NULL, &first), 0);
	assert_int_equal(weft_slot_create(NULL, &second), 0);
	assert_null(weft_slot_get(first));
	assert_int_equal(weft_slot_set(second, NULL), 0);
	assert_int_equal(weft_slot_set(first, &here), 0);
	assert_ptr_equal(weft_slot_get(first), &here);
	assert_null(weft_slot_get(second));
	assert_int_equal(weft_slot_set(first, NULL), 0);
	assert_null(weft_slot_get(first));
	assert_int_equal(weft_slot_destroy(first), 0);
	assert_int_equal(weft_slot_destroy(second), 0);
}

static void what_is_no_slot_is_refused(void **state)
{
	const weft_slot none = { 0, 0 }, beyond = { WEFT_SLOT_MAX, 1 }, never = { 7, 1001 };
	weft_slot slot;
	int here;

	(void)state;
	assert_int_equal(weft_slot_set(none, &here), -EINVAL);
	assert_int_equal(weft_slot_set(beyond, &here), -EINVAL);
	assert_int_equal(weft_slot_set(never, &here), -EINVAL);
	assert_int_equal(weft_slot_destroy(none), -EINVAL);
	assert_int_equal(weft_slot_destroy(beyond), -EINVAL);
	assert_null(weft_slot_get(none));
	assert_null(weft_slot_get(beyond));
	assert_int_equal(weft_slot_create(NULL, &slot), 0);
	assert_int_equal(weft_slot_destroy(slot), 0);
	assert_int_equal(weft_slot_destroy(slot), -EINVAL);
	assert_int_equal(weft_slot_set(slot, &here), -EINVAL);
}

static void an_index_that_is_used_again_shows_no_old_value(void **state)
{
	weft_slot old, young;
	int here, there;

	(void)state;
	assert_int_equal(weft_slot_create(note, &old), 0);
	assert_int_equal(weft_slot_set(old, &here), 0);
	assert_int_equal(weft_slot_destroy(old), 0);
	assert_null(weft_slot_get(old));
	assert_int_equal(weft_slot_create(NULL, &young), 0);
	assert_int_equal(young.index, old.index);
	assert_null(weft_slot_get(young));
	assert_int_equal(weft_slot_set(young, &there), 0);
	assert_null(weft_slot_get(old));
	assert_int_equal(weft_slot_set(old, &here), -EINVAL);
	assert_ptr_equal(weft_slot_get(young), &there);
	assert_int_equal(weft_slot_destroy(young), 0);
	assert_int_equal(destroyed, 0);
}

static void there_are_so_many_and_no_more(void **state)
{
	static weft_slot slots[WEFT_SLOT_MAX];
	weft_slot more = { 5, 5 };

	(void)state;
	for (uintptr_t i = 0; i < WEFT_SLOT_MAX; i++) {
		assert_int_equal(weft_slot_create(NULL, &slots[i]), 0);
		assert_int_equal(weft_slot_set(slots[i], (void *)(i + 1)), 0);
	}
	assert_int_equal(weft_slot_create(NULL, &more), -EAGAIN);
	assert_int_equal(more.index, 5);
	for (uintptr_t i = 0; i < WEFT_SLOT_MAX; i++)
		assert_ptr_equal(weft_slot_get(slots[i]), (void *)(i + 1));
	for (int i = 0; i < WEFT_SLOT_MAX; i++)
		assert_int_equal(weft_slot_destroy(slots[i]), 0);
}

/* ---- threads of every kind */
enum { SLOTS = 20, CROWD = 24 };

static weft_slot own[SLOTS];

/* Each has its own number in every slot, across waits. */
static int keep_values(void *arg)
{
	uintptr_t number = (uintptr_t)arg;

	for (uintptr_t i = 0; i < SLOTS; i++) {
		check(weft_slot_get(own[i]) == NULL);
		check(weft_slot_set(own[i], (void *)(number + i)) == 0);
		weft_yield();
	}
	for (int round = 0; round < 20; round++) {
		weft_sleep((int64_t)(number % 7) * 10 * WEFT_US);
		for (uintptr_t i = 0; i < SLOTS; i++)
			check(weft_slot_get(own[i]) == (void *)(number + i));
	}
	return 0;
}

static void *keep_values_foreign(void *arg)
{
	keep_values(arg);
	return NULL;
}

static int spread_values(void *arg)
{
	static const weft_kind kinds[] = { WEFT_KERNEL, WEFT_LIGHT, WEFT_KIND_DEFAULT };
	weft_thread *threads[CROWD];
	pthread_t foreign;
	uint32_t expected = 0;

	(void)arg;
	destroyed = sum = 0;
	check(pthread_create(&foreign, NULL, keep_values_foreign, (void *)1000) == 0);
	for (uintptr_t i = 0; i < CROWD; i++) {
		const weft_thread_options options = { .kind = kinds[i % 3] };

		check(weft_thread_spawn(keep_values, (void *)((i + 2) * 1000), &options,
					&threads[i]) == 0);
	}
	for (int i = 0; i < CROWD; i++)
		check(weft_thread_join(threads[i], NULL) == 0);
	weft_blocking_begin();
	pthread_join(foreign, NULL);
	weft_blocking_end();
	for (uint32_t i = 0; i <= CROWD; i++)
		expected += SLOTS * (i + 1) * 1000 + SLOTS * (SLOTS - 1) / 2;
	check(__atomic_load_n(&destroyed, __ATOMIC_ACQUIRE) == SLOTS * (CROWD + 1));
	check(sum == expected);
	return 0;
}

static void each_thread_has_its_own_and_they_go_with_it(void **state)
{
	(void)state;
	for (int i = 0; i < SLOTS; i++)
		assert_int_equal(weft_slot_create(note, &own[i]), 0);
	on_processors(spread_values, NULL);
	for (int i = 0; i < SLOTS; i++)
		assert_int_equal(weft_slot_destroy(own[i]), 0);
}

/* ---- destructors */
static weft_slot chain, after;

/* Sets itself again, for ever: that is ended after a few rounds. It may wait. */
static void set_again(void *value)
{
	check(weft_slot_get(chain) == NULL);
	weft_yield();
	note((void *)1);
	check(weft_slot_set(chain, value) == 0);
	if (value == (void *)1)
		check(weft_slot_set(after, (void *)100) == 0);
}

static int set_chain(void *arg)
{
	check(weft_slot_set(chain, arg) == 0);
	return 0;
}

static int leave_by_exit(void *arg)
{
	set_chain(arg);
	weft_thread_exit(3);
}

static int end_with_chains(void *arg)
{
	static const weft_kind kinds[] = { WEFT_KERNEL, WEFT_LIGHT, WEFT_KIND_DEFAULT };

	(void)arg;
	for (int i = 0; i < 6; i++) {
		const weft_thread_options options = { .kind = kinds[i / 2] };
		weft_thread *thread;

		destroyed = sum = 0;
		check(weft_thread_spawn(i % 2 ? set_chain : leave_by_exit, (void *)1, &options,
					&thread) == 0);
		check(weft_thread_join(thread, NULL) == 0);
		/* four rounds, and in each the other's too */
		check(destroyed == 8 && sum == 4 + 400);
	}
	return 0;
}

static void destructors_may_set_others_for_some_rounds(void **state)
{
	(void)state;
	assert_int_equal(weft_slot_create(set_again, &chain), 0);
	assert_int_equal(weft_slot_create(note, &after), 0);
	on_processors(end_with_chains, NULL);
	assert_int_equal(weft_slot_destroy(chain), 0);
	assert_int_equal(weft_slot_destroy(after), 0);
}

static weft_slot short_lived;

static int set_and_wait(void *arg)
{
	check(weft_slot_set(short_lived, (void *)1) == 0);
	__atomic_store_n((uint32_t *)arg, 1, __ATOMIC_RELEASE);
	await_word(arg, 2);
	return 0;
}

static int destroy_meanwhile(void *arg)
{
	uint32_t word = 0;
	weft_thread *thread;
	weft_slot young;

	(void)arg;
	destroyed = 0;
	check(weft_slot_create(note, &short_lived) == 0);
	check(weft_thread_spawn(set_and_wait, &word, NULL, &thread) == 0);
	await_word(&word, 1);
	check(weft_slot_destroy(short_lived) == 0);
	check(weft_slot_create(note, &young) == 0);
	__atomic_store_n(&word, 2, __ATOMIC_RELEASE);
	check(weft_thread_join(thread, NULL) == 0);
	check(destroyed == 0);
	check(weft_slot_destroy(young) == 0);
	return 0;
}

static void the_value_of_a_slot_that_is_no_more_is_not_destroyed(void **state)
{
	(void)state;
	on_processors(destroy_meanwhile, NULL);
}

/* ---- no memory */
static int set_without_memory(weft_slot low, weft_slot high)
{
	const struct rlimit none = { 0, 0 };
	void *volatile taken; /* a compiler may leave out what nobody keeps */
	int here;

	if (weft_slot_set(low, &here) != 0 || setrlimit(RLIMIT_AS, &none) != 0)
		return 1;
	for (size_t bytes = 1 << 16; bytes >= 16; bytes /= 2)
		while ((taken = malloc(bytes)) != NULL)
			;
	if (weft_slot_set(high, &here) != -ENOMEM)
		return 2;
	return weft_slot_get(low) == &here && weft_slot_get(high) == NULL ? 0 : 3;
}

static void without_memory_what_was_there_stays(void **state)
{
	weft_slot slots[200];
	int status = -1;
	pid_t child;

	(void)state;
	/* Sanitizers and the emulator take memory of their own that the limit would keep from
	 * them. */
	if (getenv("WEFT_SANITIZED") != NULL || getenv("MESON_EXE_WRAPPER") != NULL)
		skip();
	for (int i = 0; i < 200; i++)
		assert_int_equal(weft_slot_create(NULL, &slots[i]), 0);
	child = fork();
	if (child == 0)
		_exit(set_without_memory(slots[0], slots[199]));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(weft_slot_destroy(slots[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* first: this thread's array has not grown yet */
		cmocka_unit_test(without_memory_what_was_there_stays),
		cmocka_unit_test_setup(a_value_is_there_until_it_is_set_again, reset),
		cmocka_unit_test_setup(what_is_no_slot_is_refused, reset),
		cmocka_unit_test_setup(an_index_that_is_used_again_shows_no_old_value, reset),
		cmocka_unit_test_setup(there_are_so_many_and_no_more, reset),
		cmocka_unit_test_setup(each_thread_has_its_own_and_they_go_with_it, reset),
		cmocka_unit_test_setup(destructors_may_set_others_for_some_rounds, reset),
		cmocka_unit_test_setup(the_value_of_a_slot_that_is_no_more_is_not_destroyed, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
