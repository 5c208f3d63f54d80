/* SPDX-License-Identifier: MIT */
/* Running a test's body as light threads. cmocka's asserts jump, so a body on a stack of ours uses
 * check() instead. */
#ifndef WEFT_TESTS_SCHED_IN_SCHED_H
#define WEFT_TESTS_SCHED_IN_SCHED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include <weft/weft.h>

#include "sched/thread.h"

#define check(condition)                                                                 \
	do {                                                                             \
		if (!(condition)) {                                                      \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, \
				#condition);                                             \
			abort();                                                         \
		}                                                                        \
	} while (0)

/* Runs body(arg) on 1, 2 and 4 processors; each time it must return 0. */
static inline void on_processors(weft_function *body, void *arg)
{
	static const unsigned counts[] = { 1, 2, 4 };

	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
		assert_int_equal(
			weft_run(body, arg, &(weft_sched_options){ .processors = counts[i] }), 0);
}

/* Waits, giving way, until the word has this value. Others must bring that about. */
static inline void await_word(const uint32_t *word, uint32_t value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value)
		weft_yield();
}

/* Whether it waits: its registers may not be saved yet. It must not be joined meanwhile. */
static inline bool is_waiting(const struct weft_thread *thread)
{
	return __atomic_load_n(&thread->reason, __ATOMIC_ACQUIRE) != NULL;
}

#endif
