/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for cmocka where there is none: Debian has its headers and libraries for the machine's
 * own processor only, and the cross-built tests need little of it.  The names and meanings are
 * cmocka's, for the part that our tests use; a test that wants more runs on the machine's own
 * processor alone.  Unlike cmocka, the first failure ends the program: no jump leads out of a
 * thread's stack.
 */
#ifndef CMOCKA_H
#define CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
	const char *name;
	void (*test_func)(void **state);
	CMFixtureFunction setup_func;
	CMFixtureFunction teardown_func;
	void *initial_state;
};

#define cmocka_unit_test(f) { #f, f, NULL, NULL, NULL }
#define cmocka_unit_test_setup(f, setup) { #f, f, setup, NULL, NULL }
#define cmocka_unit_test_teardown(f, teardown) { #f, f, NULL, teardown, NULL }
#define cmocka_unit_test_setup_teardown(f, setup, teardown) { #f, f, setup, teardown, NULL }
#define cmocka_unit_test_prestate(f, state) { #f, f, NULL, NULL, state }

static jmp_buf cmocka_skipped;

__attribute__((noreturn, format(printf, 3, 4), unused)) static void
cmocka_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "[  ERROR   ] %s:%d: ", file, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\n[  FAILED  ]\n", stderr);
	exit(1);
}

__attribute__((format(printf, 1, 2), unused)) static void print_message(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

#define print_error print_message
#define skip() longjmp(cmocka_skipped, 1)
#define fail() cmocka_fail(__FILE__, __LINE__, "fail()")
#define fail_msg(...) cmocka_fail(__FILE__, __LINE__, __VA_ARGS__)

#define cmocka_require(holds, text) \
	((holds) ? (void)0 : cmocka_fail(__FILE__, __LINE__, "%s", text))

#define assert_true(c) cmocka_require(c, "not true: " #c)
#define assert_false(c) cmocka_require(!(c), "not false: " #c)
#define assert_null(p) cmocka_require((p) == NULL, "not null: " #p)
#define assert_non_null(p) cmocka_require((p) != NULL, "null: " #p)
#define assert_ptr_equal(a, b) \
	cmocka_require((const void *)(a) == (const void *)(b), "differ: " #a ", " #b)
#define assert_ptr_not_equal(a, b) \
	cmocka_require((const void *)(a) != (const void *)(b), "equal: " #a ", " #b)
#define assert_string_equal(a, b) cmocka_require(strcmp(a, b) == 0, "differ: " #a ", " #b)
#define assert_string_not_equal(a, b) cmocka_require(strcmp(a, b) != 0, "equal: " #a ", " #b)
#define assert_memory_equal(a, b, n) cmocka_require(memcmp(a, b, n) == 0, "differ: " #a ", " #b)
#define assert_memory_not_equal(a, b, n) cmocka_require(memcmp(a, b, n) != 0, "equal: " #a ", " #b)
#define assert_return_code(rc, error) cmocka_require((long long)(rc) >= 0, "negative: " #rc)

#define cmocka_compare(a, op, b)                                                                 \
	do {                                                                                     \
		unsigned long long cmocka_a = (unsigned long long)(a);                           \
		unsigned long long cmocka_b = (unsigned long long)(b);                           \
                                                                                                 \
		if (!(cmocka_a op cmocka_b))                                                     \
			cmocka_fail(__FILE__, __LINE__, "%#llx " #op " %#llx: %s, %s", cmocka_a, \
				    cmocka_b, #a, #b);                                           \
	} while (0)

#define assert_int_equal(a, b) cmocka_compare(a, ==, b)
#define assert_int_not_equal(a, b) cmocka_compare(a, !=, b)
#define assert_in_range(a, low, high)        \
	do {                                 \
		cmocka_compare(a, >=, low);  \
		cmocka_compare(a, <=, high); \
	} while (0)
#define assert_not_in_range(a, low, high)                                            \
	cmocka_require((unsigned long long)(a) < (unsigned long long)(low) ||        \
			       (unsigned long long)(a) > (unsigned long long)(high), \
		       "in range: " #a)

__attribute__((unused)) static int cmocka_run_one(const struct CMUnitTest *test, void **state)
{
	*state = test->initial_state != NULL ? test->initial_state : *state;
	printf("[ RUN      ] %s\n", test->name);
	fflush(stdout);
	if (setjmp(cmocka_skipped) != 0) {
		printf("[  SKIPPED ] %s\n", test->name);
		return 0;
	}
	if (test->setup_func != NULL && test->setup_func(state) != 0)
		cmocka_fail(test->name, 0, "the set-up failed");
	test->test_func(state);
	if (test->teardown_func != NULL && test->teardown_func(state) != 0)
		cmocka_fail(test->name, 0, "the tear-down failed");
	printf("[       OK ] %s\n", test->name);
	return 0;
}

__attribute__((unused)) static int cmocka_run_group(const struct CMUnitTest *tests, size_t count,
						    CMFixtureFunction setup,
						    CMFixtureFunction teardown)
{
	void *group_state = NULL;

	if (setup != NULL && setup(&group_state) != 0)
		cmocka_fail("group", 0, "the set-up failed");
	for (size_t i = 0; i < count; i++) {
		void *state = group_state;

		cmocka_run_one(&tests[i], &state);
	}
	if (teardown != NULL && teardown(&group_state) != 0)
		cmocka_fail("group", 0, "the tear-down failed");
	printf("[  PASSED  ] %zu test(s).\n", count);
	return 0;
}

#define cmocka_run_group_tests(tests, setup, teardown) \
	cmocka_run_group(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown) \
	cmocka_run_group(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

#endif
