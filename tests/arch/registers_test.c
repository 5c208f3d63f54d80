/* SPDX-License-Identifier: MIT */
/*
 * The switch, register by register, beside its twin in C.  Two contexts fill every register that a
 * switch must keep with patterns of their own, each switches to the other, and both look at what
 * they find when they come back.
 */
#include "arch/arch.h"
#include "arch/portable/twin.h"
#include "probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A way to switch, and the patterns and findings of the two that use it. */
struct exchange {
	change_stacks *change;
	void *(*context)(void *stack_top, void (*entry)(void *), void *arg);
	uint64_t home[WATCHED_COUNT], away[WATCHED_COUNT];
	uint64_t home_saw[WATCHED_COUNT], away_saw[WATCHED_COUNT];
	void *home_sp, *away_sp;
};

static char away_stack[64 * 1024] weft__aligned(64);

static void *assembly_context(void *stack_top, void (*entry)(void *), void *arg)
{
	return weft__arch_context(stack_top, entry, arg);
}

static void stay_away(void *arg)
{
	struct exchange *x = arg;

	probe_scribble();
	probe_registers(x->change, &x->away_sp, x->home_sp, x->away, x->away_saw);
	x->change(&x->away_sp, x->home_sp);
}

/*
 * Home fills and leaves; away fills and leaves; home looks, fills and leaves; away looks.  Only the
 * probe calls change at home, for it survives one that forgets a register.
 */
static void run_exchange(struct exchange *x)
{
	uint64_t unused[WATCHED_COUNT];

	x->away_sp = x->context(away_stack + sizeof(away_stack), stay_away, x);
	probe_registers(x->change, &x->home_sp, x->away_sp, x->home, x->home_saw);
	probe_registers(x->change, &x->home_sp, x->away_sp, x->home, unused);
}

static uint64_t pattern_of(size_t i, uint64_t salt)
{
	uint64_t bits = (i + 1) * 0x9e3779b97f4a7c15u ^ salt;

	return (bits & watched[i].may_set) | watched[i].must_set;
}

/* Patterns differ in every bit that may; only, a lawful away leaves the carrier's alone. */
static void init_exchange(struct exchange *x, change_stacks *change, int is_lawful)
{
	memset(x, 0, sizeof(*x));
	x->change = change;
	x->context = change == weft__twin_switch ? weft__twin_context : assembly_context;
	for (size_t i = 0; i < WATCHED_COUNT; i++) {
		x->home[i] = pattern_of(i, 0);
		x->away[i] = pattern_of(i, is_lawful && !watched[i].is_kept ? 0 : ~0ull);
	}
}

static void assert_register(size_t i, const char *who, uint64_t saw, uint64_t expected)
{
	if (saw != expected)
		fail_msg("%s: %s holds %#llx, not %#llx", who, watched[i].name,
			 (unsigned long long)saw, (unsigned long long)expected);
}

static void assembly_and_twin_keep_every_register(void **state)
{
	struct exchange assembly, twin;

	(void)state;
	init_exchange(&assembly, probe_switch, 1);
	init_exchange(&twin, weft__twin_switch, 1);
	run_exchange(&assembly);
	run_exchange(&twin);
	for (size_t i = 0; i < WATCHED_COUNT; i++) {
		assert_register(i, "the twin, home", twin.home_saw[i], twin.home[i]);
		assert_register(i, "the twin, away", twin.away_saw[i], twin.away[i]);
		assert_register(i, "the switch, home", assembly.home_saw[i], twin.home_saw[i]);
		assert_register(i, "the switch, away", assembly.away_saw[i], twin.away_saw[i]);
	}
}

static void control_registers_stay_with_the_carrier(void **state)
{
	struct exchange assembly, twin;
	size_t count = 0;

	(void)state;
	init_exchange(&assembly, probe_switch, 0);
	init_exchange(&twin, weft__twin_switch, 0);
	run_exchange(&assembly);
	run_exchange(&twin);
	for (size_t i = 0; i < WATCHED_COUNT; i++) {
		assert_int_not_equal(assembly.home[i], assembly.away[i]);
		assert_register(i, "the twin", twin.home_saw[i], twin.home[i]);
		assert_register(i, "the switch", assembly.home_saw[i],
				watched[i].is_kept ? assembly.home[i] : assembly.away[i]);
		count += !watched[i].is_kept;
	}
	assert_true(count > 0);
}

static void a_forgotten_register_is_noticed(void **state)
{
	(void)state;
	for (size_t forgotten = 0; forgotten < WATCHED_COUNT; forgotten++) {
		struct exchange x;

		init_exchange(&x, probe_forgetful[forgotten], 1);
		run_exchange(&x);
		for (size_t i = 0; i < WATCHED_COUNT; i++)
			if ((x.home_saw[i] != x.home[i]) != (i == forgotten))
				fail_msg("without %s, %s holds %#llx", watched[forgotten].name,
					 watched[i].name, (unsigned long long)x.home_saw[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(assembly_and_twin_keep_every_register),
		cmocka_unit_test(control_registers_stay_with_the_carrier),
		cmocka_unit_test(a_forgotten_register_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
