/* SPDX-License-Identifier: MIT */
/* A program with more thread-local variables than a user thread has room for: they are refused, it
 * is said why, and what asks for no kind gets light threads. */
#include <errno.h>
#include <string.h>

#include "in_sched.h"
#include "mem/stack.h"

static __thread volatile char large[WEFT__STACK_CONTROL_MAX];

static int note_kind(void *arg)
{
	*(weft_kind *)arg = weft_thread_kind(weft_thread_self());
	return 0;
}

static int spawn_each(void *arg)
{
	weft_kind kind = WEFT_KIND_DEFAULT;
	weft_thread *thread = arg;

	check(weft_thread_spawn(note_kind, &kind, &(weft_thread_options){ .kind = WEFT_USER },
				&thread) == -ENOTSUP);
	check(thread == arg);
	check(weft_thread_spawn(note_kind, &kind, NULL, &thread) == 0);
	check(weft_thread_join(thread, NULL) == 0);
	check(kind == WEFT_LIGHT);
	return 0;
}

static void too_large_a_block_is_refused_and_said(void **state)
{
	(void)state;
	large[0] = 1;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(weft_run(spawn_each, NULL, NULL), 0);
		assert_non_null(strstr(weft_user_why(), "thread-local variables need "));
		assert_null(strchr(weft_user_why(), '\n'));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_large_a_block_is_refused_and_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
