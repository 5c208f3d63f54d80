/* SPDX-License-Identifier: MIT */
/* The word of each kernel thread that says who runs on it. */
#include "arch/arch.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char stack[64 * 1024] weft__aligned(64);
static void *home_sp, *away_sp;
static int first, second, third;
static void *seen[3];

static void self_is_what_was_set(void **state)
{
	(void)state;
	assert_null(weft__arch_self());
	weft__arch_self_set(&first);
	assert_ptr_equal(weft__arch_self(), &first);
	assert_ptr_equal(weft__arch_current.thread, &first);
	weft__arch_self_set(&second);
	assert_ptr_equal(weft__arch_self(), &second);
	weft__arch_self_set(NULL);
	assert_null(weft__arch_self());
}

static void *set_own_self(void *arg)
{
	(void)arg;
	seen[0] = weft__arch_self();
	weft__arch_self_set(&second);
	seen[1] = weft__arch_self();
	return NULL;
}

static void each_kernel_thread_has_its_own(void **state)
{
	pthread_t other;

	(void)state;
	weft__arch_self_set(&first);
	seen[0] = &third;
	assert_int_equal(pthread_create(&other, NULL, set_own_self, NULL), 0);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_null(seen[0]);
	assert_ptr_equal(seen[1], &second);
	assert_ptr_equal(weft__arch_self(), &first);
	weft__arch_self_set(NULL);
}

/* Looks before and after a switch in one function, where a compiler would keep the address. */
static void look_around(void *arg)
{
	(void)arg;
	seen[0] = weft__arch_self();
	weft__arch_switch(&away_sp, home_sp);
	seen[1] = weft__arch_self();
	weft__arch_self_set(&third);
	seen[2] = weft__arch_self();
	weft__arch_switch(&away_sp, home_sp);
}

static void *carry_on(void *arg)
{
	(void)arg;
	weft__arch_self_set(&second);
	weft__arch_switch(&home_sp, away_sp);
	return weft__arch_self();
}

static void a_context_that_moved_sees_its_new_carrier(void **state)
{
	pthread_t other;
	void *result;

	(void)state;
	weft__arch_self_set(&first);
	weft__arch_switch(&home_sp, weft__arch_context(stack + sizeof(stack), look_around, NULL));
	assert_int_equal(pthread_create(&other, NULL, carry_on, NULL), 0);
	assert_int_equal(pthread_join(other, &result), 0);
	assert_ptr_equal(seen[0], &first);
	assert_ptr_equal(seen[1], &second);
	assert_ptr_equal(seen[2], &third);
	assert_ptr_equal(result, &third);
	assert_ptr_equal(weft__arch_self(), &first);
	weft__arch_self_set(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(self_is_what_was_set),
		cmocka_unit_test(each_kernel_thread_has_its_own),
		cmocka_unit_test(a_context_that_moved_sees_its_new_carrier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
