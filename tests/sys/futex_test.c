/* SPDX-License-Identifier: MIT */
/* Waiting on a word. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weft/time.h>

#include "sys/sys.h"

static void another_value_does_not_wait(void **state)
{
	uint32_t word = 1;

	(void)state;
	assert_int_equal(weft__sys_wait(&word, 0, WEFT_FOREVER), -EAGAIN);
}

static void a_deadline_in_the_past_is_over_at_once(void **state)
{
	uint32_t word = 0;
	const int64_t deadlines[] = { INT64_MIN, -1, 0, 1, weft__sys_now() };

	(void)state;
	for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++)
		assert_int_equal(weft__sys_wait(&word, 0, deadlines[i]), -ETIMEDOUT);
}

static void a_wait_ends_at_its_deadline_and_not_before(void **state)
{
	uint32_t word = 0;

	(void)state;
	for (int64_t wait_ns = 1; wait_ns <= 10 * WEFT_MS; wait_ns *= 10) {
		int64_t deadline_ns = weft__sys_now() + wait_ns;
		int rc;

		do
			rc = weft__sys_wait(&word, 0, deadline_ns);
		while (rc == 0 || rc == -EINTR);
		assert_int_equal(rc, -ETIMEDOUT);
		assert_true(weft__sys_now() >= deadline_ns);
	}
}

struct turns {
	uint32_t whose;
	uint32_t rounds;
};

static void take_turns(struct turns *turns, uint32_t mine)
{
	for (uint32_t i = 0; i < turns->rounds; i++) {
		while (atomic_load_acquire(&turns->whose) != mine)
			weft__sys_wait(&turns->whose, !mine, WEFT_FOREVER);
		atomic_store_release(&turns->whose, (uint32_t)!mine);
		weft__sys_wake(&turns->whose, 1);
	}
}

static void *second(void *arg)
{
	take_turns(arg, 1);
	return NULL;
}

static void two_wake_each_other_in_turn(void **state)
{
	struct turns turns = { .rounds = 2000 };
	weft__sys_thread thread;

	(void)state;
	assert_int_equal(weft__sys_thread_start(second, &turns, 0, "second", &thread), 0);
	take_turns(&turns, 0);
	weft__sys_thread_join(thread);
	assert_int_equal(turns.whose, 0);
}

static uint32_t go;

static void *wait_for_go(void *arg)
{
	(void)arg;
	while (atomic_load_acquire(&go) == 0)
		weft__sys_wait(&go, 0, WEFT_FOREVER);
	return NULL;
}

static void one_call_wakes_all(void **state)
{
	weft__sys_thread threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(weft__sys_thread_start(wait_for_go, NULL, 0, "w", &threads[i]), 0);
	atomic_store_release(&go, 1u);
	weft__sys_wake(&go, INT32_MAX);
	for (int i = 0; i < 4; i++)
		weft__sys_thread_join(threads[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_value_does_not_wait),
		cmocka_unit_test(a_deadline_in_the_past_is_over_at_once),
		cmocka_unit_test(a_wait_ends_at_its_deadline_and_not_before),
		cmocka_unit_test(two_wake_each_other_in_turn),
		cmocka_unit_test(one_call_wakes_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
