/* SPDX-License-Identifier: MIT */
/* Older kernels, limits, and each system call failing in its turn. Each in a child: with a fresh
 * store. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "mem/stack.h"
#include "proc.h"
#include "sys/linux/force.h"
#include "sys/sys.h"

#define KIB ((size_t)1 << 10)
#define MANY 40000

static void *taken[MANY];

/* In a child; its parent prints the line. */
#define EXPECT(holds) expect(holds, #holds, __LINE__)

static void expect(bool holds, const char *text, int line)
{
	if (holds)
		return;
	fprintf(stderr, "line %d: %s does not hold\n", line, text);
	_exit(1);
}

static int take_one(void **out_control)
{
	size_t usable;
	int rc = weft__stack_take(64 * KIB, 448, out_control, &usable);

	if (rc == 0)
		*(char *)*out_control = 1;
	return rc;
}

static int take_until_refused(int *out_count)
{
	for (int i = 0; i < MANY; i++) {
		int rc = take_one(&taken[i]);

		*out_count = i;
		if (rc != 0)
			return rc;
	}
	*out_count = MANY;
	return 0;
}

static void give_all(int count)
{
	for (int i = 0; i < count; i++)
		weft__stack_give(taken[i]);
	weft__stack_settle();
}

static size_t in_use(void)
{
	struct weft__stack_counts counts;

	weft__stack_count(&counts);
	return counts.in_use;
}

/* ---- guards by mprotect */

/* The default limit, where the machine has a higher one. */
static void bound_mappings(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
	int limit = 0;

	EXPECT(file != NULL && fscanf(file, "%d", &limit) == 1);
	fclose(file);
	if (limit > 65530)
		weft__sys_force.mapping_max = 65530 / 2 - 65530 / 64;
}

static void run_to_mapping_limit(void *arg)
{
	int count, again, mappings = proc_mappings();
	struct weft__stack_place place;

	bound_mappings();
	weft__sys_force.no_madvise_guard = arg == NULL;
	weft__sys_force.idle_madvise_guard = arg != NULL;
	EXPECT(take_until_refused(&count) == -EAGAIN);
	EXPECT(count > 30000 && count <= 32765);
	EXPECT(in_use() == (size_t)count);
	for (int i = 0; i < count; i += 1000) {
		EXPECT(weft__stack_find(taken[i], &place));
		EXPECT(proc_traps(place.slot));
		EXPECT(proc_traps(place.slot + WEFT__STACK_GUARD_BYTES - 1));
		EXPECT(!proc_traps(place.slot + WEFT__STACK_GUARD_BYTES));
	}
	/* What runs goes on, the rest of the program can map, and one that goes makes room for
	 * one. */
	free(malloc((size_t)1 << 20));
	EXPECT(take_one(&taken[count]) == -EAGAIN);
	weft__stack_give(taken[0]);
	EXPECT(take_one(&taken[0]) == 0);
	EXPECT(take_one(&taken[count]) == -EAGAIN);

	give_all(count);
	EXPECT(in_use() == 0);
	/* The arenas that stay: up to 1,024 slots each, two mappings a guard. */
	EXPECT(proc_mappings() < mappings + 2 * 2048 + 64);
	EXPECT(take_until_refused(&again) == -EAGAIN);
	EXPECT(again == count);
}

static void guards_by_mappings_end_clearly_and_leak_nothing(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(run_to_mapping_limit, NULL), 0);
}

static void a_kernel_that_installs_nothing_gets_mappings_too(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(run_to_mapping_limit, ""), 0);
}

/* ---- failures in turn */

/* In turn: the arena's records; its stacks; with the records kept, the map's leaf. */
static void fail_each_reserve(void *arg)
{
	const int nth[] = { 1, 2, 2 };
	void *control = NULL;
	size_t before = (size_t)proc_kib("VmSize");

	(void)arg;
	for (int i = 0; i < 3; i++) {
		weft__sys_force.fail_reserve = nth[i];
		EXPECT(take_one(&control) == -ENOMEM);
		EXPECT(weft__sys_force.fail_reserve == 0);
		EXPECT(control == NULL && in_use() == 0);
		/* Records may stay for the next try; an arena's 64 MiB may not. */
		EXPECT((size_t)proc_kib("VmSize") < before + 1024);
	}
	weft__sys_force.fail_reserve = 3; /* there is no third one left */
	EXPECT(take_one(&control) == 0);
	weft__sys_force.fail_reserve = 0;
	weft__stack_give(control);
	EXPECT(in_use() == 0);
}

static void no_address_space_at_any_step_is_enomem_and_leaks_nothing(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(fail_each_reserve, NULL), 0);
}

static void fail_guards(void *arg)
{
	void *first = NULL, *second = NULL;
	struct weft__stack_counts counts;

	(void)arg;
	for (int i = 0; i < 5000; i++) {
		weft__sys_force.fail_guard = 1;
		EXPECT(take_one(&first) == -ENOMEM && first == NULL);
	}
	weft__stack_count(&counts);
	EXPECT(counts.in_use == 0 && counts.warm == 0 && counts.arenas == 1);
	EXPECT(take_one(&first) == 0);
	/* A guarded free slot is taken before one that would need a guard. */
	weft__stack_give(first);
	weft__sys_force.fail_guard = 1;
	EXPECT(take_one(&second) == 0 && second == first);
	EXPECT(weft__sys_force.fail_guard == 1);
}

static void a_failed_guard_leaks_no_slot(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(fail_guards, NULL), 0);
}

/* A limit on address space in which 16 slots of 1 GiB have no room, and then not even one. */
static void limit_address_space(void *arg)
{
	rlim_t bytes = ((rlim_t)proc_kib("VmSize") << 10) + ((rlim_t)4 << 30);
	struct rlimit limit = { bytes, bytes };
	void *controls[8] = { NULL };
	int count = 0, rc;
	size_t usable;

	(void)arg;
	EXPECT(setrlimit(RLIMIT_AS, &limit) == 0);
	while ((rc = weft__stack_take((size_t)1 << 30, 448, &controls[count], &usable)) == 0) {
		EXPECT(usable > (size_t)1023 << 20);
		*((char *)controls[count] - usable) = 1;
		EXPECT(++count < 8);
	}
	EXPECT(rc == -ENOMEM && count >= 2);
	EXPECT(in_use() == (size_t)count);
	weft__stack_give(controls[0]);
	EXPECT(weft__stack_take((size_t)1 << 30, 448, &controls[0], &usable) == 0);
}

static void fewer_large_stacks_where_sixteen_find_no_room(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(limit_address_space, NULL), 0);
}

/* ---- old kernels discard one by one */

static void discard_singly(void *arg)
{
	(void)arg;
	weft__sys_force.no_madvise_many = true;
	for (int i = 0; i < 5000; i++)
		EXPECT(take_one(&taken[i]) == 0);
	give_all(5000);
	for (int i = 0; i < 5000; i++) {
		EXPECT(take_one(&taken[i]) == 0);
		if (i > 2100)
			EXPECT(((char *)taken[i])[1] == 0);
	}
	EXPECT(in_use() == 5000);
}

static void old_kernels_discard_one_by_one(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(discard_singly, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guards_by_mappings_end_clearly_and_leak_nothing),
		cmocka_unit_test(a_kernel_that_installs_nothing_gets_mappings_too),
		cmocka_unit_test(no_address_space_at_any_step_is_enomem_and_leaks_nothing),
		cmocka_unit_test(a_failed_guard_leaks_no_slot),
		cmocka_unit_test(fewer_large_stacks_where_sixteen_find_no_room),
		cmocka_unit_test(old_kernels_discard_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
