/* SPDX-License-Identifier: MIT */
/* What 100,000 parked stacks cost, page tables included, and that it all goes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem/stack.h"
#include "proc.h"
#include "sys/sys.h"

#define COUNT 100000
#define CONTROL_BYTES 448

static void *controls[COUNT];

struct footprint {
	long resident_kib, tables_kib;
	int mappings;
};

static struct footprint footprint(void)
{
	return (struct footprint){ proc_kib("VmRSS"), proc_kib("VmPTE"), proc_mappings() };
}

static void take_all(void)
{
	for (int i = 0; i < COUNT; i++) {
		size_t usable;

		assert_int_equal(weft__stack_take(65536, CONTROL_BYTES, &controls[i], &usable), 0);
		memset((char *)controls[i] - 800, 1, 800 + CONTROL_BYTES);
	}
}

static void give_all(void)
{
	for (int i = 0; i < COUNT; i++)
		weft__stack_give(controls[i]);
	weft__stack_settle();
}

static void a_parked_stack_costs_one_page_and_its_tables(void **state)
{
	struct footprint before, now;
	long bytes;

	(void)state;
	memset(controls, 1, sizeof controls);
	before = footprint();
	take_all();
	now = footprint();
	bytes = (now.resident_kib - before.resident_kib + now.tables_kib - before.tables_kib) *
		1024 / COUNT;
	print_message("%ld bytes a stack, %ld of them page tables; %d mappings more\n", bytes,
		      (now.tables_kib - before.tables_kib) * 1024 / COUNT,
		      now.mappings - before.mappings);
	assert_in_range(bytes, 4096, 4300);
	assert_in_range(now.mappings - before.mappings, 0, 300);

	give_all();
	now = footprint();
	/* 1,024 warm stacks of one page, and the records of arenas. */
	assert_in_range(now.resident_kib, 0, before.resident_kib + 1024 * 4 + 1024);
	assert_in_range(now.tables_kib, 0, before.tables_kib + 512);
	assert_in_range(now.mappings, 0, before.mappings + 110);
}

static void a_second_round_leaves_no_more_than_the_first(void **state)
{
	struct footprint first, second;

	(void)state;
	take_all();
	give_all();
	first = footprint();
	take_all();
	give_all();
	second = footprint();
	/* 100,000 stacks; the kernel counts its pages in batches for each CPU. */
	assert_in_range(second.resident_kib, 0, first.resident_kib + 512);
	assert_in_range(second.tables_kib, 0, first.tables_kib + 16);
	assert_in_range(second.mappings, 0, first.mappings + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_parked_stack_costs_one_page_and_its_tables),
		cmocka_unit_test(a_second_round_leaves_no_more_than_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
