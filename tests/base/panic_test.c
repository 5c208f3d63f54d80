/* SPDX-License-Identifier: MIT */
/* The end of the program: what it says, and by which signal it dies. */
#include "base/panic.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "child.h"

static void panic_about(void *arg)
{
	child_forget_handlers();
	weft__panic("thread %d: %s", 17, (const char *)arg);
}

static void it_says_what_and_dies_by_sigabrt(void **state)
{
	struct child_said said;

	child_listen(panic_about, "gone", &said);
	assert_int_equal(said.status, -SIGABRT);
	assert_string_equal(said.text, "weft: thread 17: gone\n");
}

static void a_long_message_is_cut_and_ends_its_line(void **state)
{
	static char text[2000];
	struct child_said said;
	size_t length;

	memset(text, 'x', sizeof text - 1);
	child_listen(panic_about, text, &said);
	length = strlen(said.text);
	assert_int_equal(said.status, -SIGABRT);
	assert_int_equal(strncmp(said.text, "weft: thread 17: xxx", 20), 0);
	assert_true(length > 400 && length <= 512);
	assert_int_equal(said.text[length - 1], '\n');
	assert_int_equal(said.text[length - 2], 'x');
	assert_int_equal(strspn(said.text + 17, "x"), length - 18);
}

/* With standard error closed it still dies. */
static void panic_unheard(void *arg)
{
	close(STDERR_FILENO);
	panic_about(arg);
}

static void with_nobody_to_tell_it_dies_all_the_same(void **state)
{
	struct child_said said;

	child_listen(panic_unheard, "gone", &said);
	assert_int_equal(said.status, -SIGABRT);
	assert_string_equal(said.text, "");
}

static void assert_number(void *arg)
{
	int number = *(int *)arg;

	child_forget_handlers();
	weft__assert(number++ == 3); /* evaluated once */
	_exit(number);
}

static void an_assertion_that_holds_is_silent(void **state)
{
	struct child_said said;

	child_listen(assert_number, &(int){ 3 }, &said);
	assert_int_equal(said.status, 4);
	assert_string_equal(said.text, "");
}

static void one_that_fails_names_its_condition_and_place(void **state)
{
	struct child_said said;

	child_listen(assert_number, &(int){ 4 }, &said);
	assert_int_equal(said.status, -SIGABRT);
	assert_non_null(strstr(said.text, "panic_test.c:"));
	assert_non_null(strstr(said.text, ": number++ == 3 does not hold\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_what_and_dies_by_sigabrt),
		cmocka_unit_test(a_long_message_is_cut_and_ends_its_line),
		cmocka_unit_test(with_nobody_to_tell_it_dies_all_the_same),
		cmocka_unit_test(an_assertion_that_holds_is_silent),
		cmocka_unit_test(one_that_fails_names_its_condition_and_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
