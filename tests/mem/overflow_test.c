/* SPDX-License-Identifier: MIT */
/* Overflows, each in a child: the report on standard error, then the usual death. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "mem/overflow.h"
#include "mem/stack.h"
#include "proc.h"
#include "sys/sys.h"

static void *home_sp, *away_sp;
static char *control;
static size_t usable;

static uint64_t give_id(const void *of)
{
	return of == control ? 17 : 0;
}

static const char *name; /* of the thread */

static const char *give_name(const void *of)
{
	(void)of;
	return name;
}

static const struct weft__overflow_table table = { .id = give_id, .name = give_name };

/* Not static, and the program exports its symbols: dladdr knows it by name. */
__attribute__((noinline)) int weft_test_dig(int depth);

int weft_test_dig(int depth)
{
	volatile char frame[512];

	frame[0] = (char)depth;
	if (depth < 0)
		return 0;
	return weft_test_dig(depth + 1) + frame[0];
}

static void dig_without_end(void *arg)
{
	(void)arg;
	weft_test_dig(0);
	abort();
}

static void write_above(void *arg)
{
	struct weft__stack_place place;

	(void)arg;
	weft__stack_find(control, &place);
	*(volatile char *)(place.slot + place.slot_bytes + 8) = 1;
	abort();
}

static volatile char *volatile nowhere;

static void write_to_zero(void *arg)
{
	(void)arg;
	*nowhere = 1;
	abort();
}

static void forget_sanitizer(void)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	sigaltstack(&none, NULL);
}

static void run_on_a_stack(size_t bytes, void (*function)(void *))
{
	void *alternate, *taken, *neighbour;

	forget_sanitizer();
	if (weft__sys_fault_stack(&alternate) != 0 ||
	    weft__sys_fault_install(weft__overflow_on_fault) != 0 ||
	    weft__stack_take(bytes, 448, &taken, &usable) != 0)
		_exit(1);
	control = taken;
	if (weft__stack_take(bytes, 448, &neighbour, &usable) != 0)
		_exit(2);
	weft__overflow_fasten(&table);
	weft__arch_self_set(control);
	away_sp = weft__arch_context(control, function, NULL);
	weft__arch_switch(&home_sp, away_sp);
}

static void dig_default(void *arg)
{
	name = arg;
	run_on_a_stack(65536, dig_without_end);
}

static void dig_large(void *arg)
{
	name = arg;
	run_on_a_stack((size_t)4 << 20, dig_without_end);
}

static void hit_neighbour(void *arg)
{
	name = arg;
	run_on_a_stack(65536, write_above);
}

static void hit_zero(void *arg)
{
	name = arg;
	run_on_a_stack(65536, write_to_zero);
}

/* What the child wrote to standard error; and how it ended. */
static int run_child(void (*function)(void *), void *arg, char *out_text, size_t text_bytes)
{
	int ends[2], saved = dup(STDERR_FILENO), status;
	size_t used = 0;
	ssize_t count;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	status = proc_in_child(function, arg); /* it writes less than a pipe holds */
	dup2(saved, STDERR_FILENO);
	close(saved);
	while ((count = read(ends[0], out_text + used, text_bytes - 1 - used)) > 0)
		used += (size_t)count;
	out_text[used] = '\0';
	close(ends[0]);
	return status;
}

static void assert_contains(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" has no \"%s\"", text, part);
}

static void an_overflow_names_thread_size_function_and_remedy(void **state)
{
	char text[2048];

	(void)state;
	assert_int_equal(run_child(dig_default, "worker", text, sizeof text), -SIGSEGV);
	assert_contains(text, "weft: stack overflow in thread 17 \"worker\" (64 KiB stack): "
			      "in function weft_test_dig (");
	assert_contains(text, "+0x");
	assert_contains(text, "Give it more with weft_thread_options.stack_bytes");
	assert_contains(text, "recursion off its stack.\n");
}

static void one_without_a_name_has_its_number(void **state)
{
	char text[2048];

	(void)state;
	assert_int_equal(run_child(dig_large, "", text, sizeof text), -SIGSEGV);
	assert_contains(text, "weft: stack overflow in thread 17 (4 MiB stack): ");
}

static void another_fault_is_no_overflow(void **state)
{
	char text[2048];

	(void)state;
	assert_int_equal(run_child(hit_zero, "worker", text, sizeof text), -SIGSEGV);
	assert_null(strstr(text, "weft")); /* an emulator may say something of its own */
}

/* A write past the upper end runs into the guard of the next slot: not that one's overflow. */
static void a_neighbour_s_guard_is_no_overflow(void **state)
{
	char text[2048];

	(void)state;
	assert_int_equal(run_child(hit_neighbour, "worker", text, sizeof text), -SIGSEGV);
	assert_null(strstr(text, "weft")); /* an emulator may say something of its own */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_overflow_names_thread_size_function_and_remedy),
		cmocka_unit_test(one_without_a_name_has_its_number),
		cmocka_unit_test(another_fault_is_no_overflow),
		cmocka_unit_test(a_neighbour_s_guard_is_no_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
