/* SPDX-License-Identifier: MIT */
/* The spin lock, on kernel threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/spin.h"

#define THREADS 4
#define ROUNDS 20000

static uint32_t lock;
static long count; /* guarded by lock */

static void *add_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		weft__spin_lock(&lock);
		count++;
		weft__spin_unlock(&lock);
	}
	return NULL;
}

static void nobody_is_inside_with_another(void **state)
{
	weft__sys_thread threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(weft__sys_thread_start(add_many, NULL, 0, "spin", &threads[i]), 0);
	for (int i = 0; i < THREADS; i++)
		weft__sys_thread_join(threads[i]);
	assert_int_equal(count, THREADS * ROUNDS);
}

static void a_taken_lock_is_refused(void **state)
{
	uint32_t word = 0;

	(void)state;
	assert_true(weft__spin_try(&word));
	assert_false(weft__spin_try(&word));
	weft__spin_unlock(&word);
	assert_true(weft__spin_try(&word));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_inside_with_another),
		cmocka_unit_test(a_taken_lock_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
