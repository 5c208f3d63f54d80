/* SPDX-License-Identifier: MIT */
/* First contexts, and what C code may rely on across a switch. */
#include "arch/arch.h"
#include "probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define STACK_BYTES (64 * 1024)

static char stack[STACK_BYTES] weft__aligned(64);
static void *home_sp, *away_sp;

/* First contexts. */

typedef float four_floats __attribute__((vector_size(16)));

static void *seen_arg;
static uintptr_t seen_frame;

static void note_alignment(void *arg)
{
	/* The compiler trusts the alignment of the stack: a wrong one faults here on x86-64. */
	volatile four_floats aligned = { 1, 2, 3, 4 };

	seen_arg = arg;
	seen_frame = (uintptr_t)__builtin_frame_address(0) | (uintptr_t)&aligned;
	weft__arch_switch(&away_sp, home_sp);
}

static void entry_gets_its_argument_on_an_aligned_stack(void **state)
{
	(void)state;
	for (int below = 0; below < 64; below++) {
		char *top = stack + sizeof(stack) - below;

		seen_frame = 1;
		away_sp = weft__arch_context(top, note_alignment, top);
		weft__arch_switch(&home_sp, away_sp);
		assert_ptr_equal(seen_arg, top);
		assert_int_equal(seen_frame % 16, 0);
	}
}

static void a_context_stays_within_its_room(void **state)
{
	(void)state;
	for (int below = 0; below < 64; below++) {
		char *top = stack + sizeof(stack) - below;
		char *end = top - WEFT__ARCH_FRAME_BYTES;

		memset(stack, 0x7e, sizeof(stack));
		assert_in_range((uintptr_t)weft__arch_context(top, note_alignment, top),
				(uintptr_t)end, (uintptr_t)top);
		for (char *p = stack; p < stack + sizeof(stack); p++)
			if (p < end || p >= top)
				assert_int_equal(*p, 0x7e);
	}
}

static void return_at_once(void *arg)
{
	(void)arg;
}

static void an_entry_that_returns_is_stopped(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		signal(SIGILL, SIG_DFL);
		away_sp = weft__arch_context(stack + sizeof(stack), return_at_once, NULL);
		weft__arch_switch(&home_sp, away_sp);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGILL);
}

/* A chain of contexts, each entered from the one before, and left the same way. */

#define CHAIN_COUNT 1000

struct link {
	char stack[16 * 1024];
};

static struct link *links;
static void *link_sp[CHAIN_COUNT + 1];
static size_t links_intact;

static void enter_link(void *arg)
{
	size_t i = (uintptr_t)arg;
	unsigned char mark[512];

	memset(mark, (int)(i & 0xff), sizeof(mark));
	__asm__ volatile("" : : "r"(mark) : "memory");
	if (i < CHAIN_COUNT) {
		void *next = weft__arch_context(&links[i + 1], enter_link, (void *)(i + 1));

		weft__arch_switch(&link_sp[i], next);
	}
	links_intact += mark[0] == (i & 0xff) && memcmp(mark, mark + 1, sizeof(mark) - 1) == 0;
	weft__arch_switch(&away_sp, link_sp[i - 1]);
}

static void a_chain_of_1000_contexts_unwinds(void **state)
{
	(void)state;
	links = malloc(CHAIN_COUNT * sizeof(links[0]));
	assert_non_null(links);
	links_intact = 0;
	weft__arch_switch(&link_sp[0], weft__arch_context(&links[1], enter_link, (void *)1));
	assert_int_equal(links_intact, CHAIN_COUNT);
	free(links);
}

/* What the compiler believes. */

static long counter;

static weft__noinline void switch_home(void)
{
	weft__arch_switch(&away_sp, home_sp);
}

static weft__noinline void switch_away(void)
{
	weft__arch_switch(&home_sp, away_sp);
}

static void count_down(void *arg)
{
	(void)arg;
	for (;;) {
		counter--;
		switch_home();
	}
}

/* Nobody takes its address, and it is the other context that makes the loop end. */
static void a_static_variable_changed_meanwhile_is_seen(void **state)
{
	long rounds = 0;

	(void)state;
	counter = 1000;
	away_sp = weft__arch_context(stack + sizeof(stack), count_down, NULL);
	while (counter > 0 && rounds < 2000) {
		switch_away();
		rounds++;
	}
	assert_int_equal(rounds, 1000);
}

static void scribble(void *arg)
{
	(void)arg;
	for (;;) {
		probe_scribble();
		weft__arch_switch(&away_sp, home_sp);
	}
}

/* A value that the compiler cannot foresee, in a register of its choice. */
static long some_long(long value)
{
	__asm__("" : "+r"(value));
	return value;
}

static double some_double(double value)
{
	__asm__("" : "+" FLOATING_REGISTER(value));
	return value;
}

static void values_in_use_outlive_a_switch(void **state)
{
	long i1 = some_long(1), i2 = some_long(2), i3 = some_long(3), i4 = some_long(4);
	long i5 = some_long(5), i6 = some_long(6), i7 = some_long(7), i8 = some_long(8);
	double d1 = some_double(1), d2 = some_double(2), d3 = some_double(3);
	double d4 = some_double(4), d5 = some_double(5), d6 = some_double(6);

	(void)state;
	away_sp = weft__arch_context(stack + sizeof(stack), scribble, NULL);
	for (int round = 0; round < 3; round++) {
		weft__arch_switch(&home_sp, away_sp);
		i1 += i8, i2 += i7, i3 += i6, i4 += i5;
		d1 += d6, d2 += d5, d3 += d4;
	}
	assert_int_equal(i1, 25);
	assert_int_equal(i2, 23);
	assert_int_equal(i3, 21);
	assert_int_equal(i4, 19);
	assert_true(d1 == 19 && d2 == 17 && d3 == 15);
}

static void what_lies_below_the_stack_pointer_outlives_a_switch(void **state)
{
	(void)state;
	if (RED_ZONE_BYTES == 0)
		skip();
	away_sp = weft__arch_context(stack + sizeof(stack), scribble, NULL);
	assert_int_equal(probe_red_zone(&home_sp, away_sp), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_gets_its_argument_on_an_aligned_stack),
		cmocka_unit_test(a_context_stays_within_its_room),
		cmocka_unit_test(an_entry_that_returns_is_stopped),
		cmocka_unit_test(a_chain_of_1000_contexts_unwinds),
		cmocka_unit_test(a_static_variable_changed_meanwhile_is_seen),
		cmocka_unit_test(values_in_use_outlive_a_switch),
		cmocka_unit_test(what_lies_below_the_stack_pointer_outlives_a_switch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
