/* SPDX-License-Identifier: MIT */
/* Reserving and discarding memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "proc.h"
#include "sys/linux/force.h"
#include "sys/sys.h"

static void *reserve(size_t bytes, size_t align)
{
	void *at = NULL;

	assert_int_equal(weft__sys_reserve(bytes, align, &at), 0);
	return at;
}

static void reserved_memory_is_aligned_zero_and_writable(void **state)
{
	(void)state;
	for (size_t align = WEFT__PAGE; align <= (size_t)1 << 30; align *= 4) {
		size_t bytes = 3 * WEFT__PAGE;
		char *at = reserve(bytes, align);

		assert_int_equal((uintptr_t)at % align, 0);
		for (size_t i = 0; i < bytes; i += WEFT__PAGE) {
			assert_int_equal(at[i], 0);
			at[i] = 1;
		}
		weft__sys_unreserve(at, bytes);
		assert_true(proc_traps(at));
	}
}

/* Alignment leaves nothing mapped at either side. */
static void no_address_space_is_left_behind(void **state)
{
	long before = proc_kib("VmSize");

	(void)state;
	for (int i = 0; i < 50; i++)
		weft__sys_unreserve(reserve((size_t)64 << 20, (size_t)64 << 20), (size_t)64 << 20);
	assert_in_range(proc_kib("VmSize"), 0, before + 1024);
}

static void one_touched_page_is_one_page(void **state)
{
	size_t bytes = (size_t)64 << 20;
	char *at = reserve(bytes, bytes);
	long before = proc_kib("VmRSS");

	(void)state;
	for (size_t i = 0; i < bytes; i += (size_t)4 << 20)
		at[i + WEFT__PAGE] = 1;
	assert_in_range(proc_kib("VmRSS"), 0, before + 1024); /* 16 pages; 32 MiB in huge ones */
	weft__sys_unreserve(at, bytes);
}

static void too_much_is_enomem_and_leaves_the_output_alone(void **state)
{
	void *at = &at;

	(void)state;
	assert_int_equal(weft__sys_reserve((size_t)1 << 62, WEFT__PAGE, &at), -ENOMEM);
	assert_ptr_equal(at, &at);
}

static void a_forced_failure_comes_once(void **state)
{
	void *first, *second = NULL;

	(void)state;
	weft__sys_force.fail_reserve = 2;
	first = reserve(WEFT__PAGE, WEFT__PAGE);
	assert_int_equal(weft__sys_reserve(WEFT__PAGE, WEFT__PAGE, &second), -ENOMEM);
	assert_null(second);
	second = reserve(WEFT__PAGE, WEFT__PAGE);
	weft__sys_unreserve(first, WEFT__PAGE);
	weft__sys_unreserve(second, WEFT__PAGE);
}

static void check_discard(size_t pages, bool is_locked)
{
	size_t bytes = pages * WEFT__PAGE;
	char *at = reserve(bytes, WEFT__PAGE);

	if (is_locked) /* mlock itself is nothing under the sanitizers */
		assert_int_equal(syscall(SYS_mlock, at, bytes), 0);
	memset(at, 0x55, bytes);
	weft__sys_discard(at + WEFT__PAGE, bytes - 2 * WEFT__PAGE);
	for (size_t i = 0; i < bytes; i++) {
		bool is_kept = i < WEFT__PAGE || i >= bytes - WEFT__PAGE;

		if (at[i] != (is_kept ? 0x55 : 0))
			fail_msg("byte %zu is %d", i, at[i]);
	}
	weft__sys_unreserve(at, bytes);
}

static void discarded_memory_is_zero_and_its_neighbours_stay(void **state)
{
	(void)state;
	check_discard(8, false);
}

static void locked_memory_is_zero_too(void **state)
{
	(void)state;
	check_discard(8, true);
	weft__sys_force.no_discard_locked = true;
	check_discard(8, true);
	weft__sys_force.no_discard_locked = false;
}

static void check_discard_each(void)
{
	size_t stride = 4 * WEFT__PAGE, bytes = WEFT__DISCARD_MAX * stride;
	char *at = reserve(bytes, WEFT__PAGE);
	void *pieces[WEFT__DISCARD_MAX];
	long before, after;

	memset(at, 0x55, bytes);
	for (int i = 0; i < WEFT__DISCARD_MAX; i++)
		pieces[i] = at + (size_t)i * stride + WEFT__PAGE;
	before = proc_kib("VmRSS");
	weft__sys_discard_each(pieces, 3 * WEFT__PAGE, WEFT__DISCARD_MAX);
	after = proc_kib("VmRSS");
	for (size_t i = 0; i < bytes; i += WEFT__PAGE)
		assert_int_equal(at[i], i % stride == 0 ? 0x55 : 0);
	assert_in_range(before - after, 200, 384); /* 32 times 12 KiB, counted in batches */
	weft__sys_discard_each(pieces, 3 * WEFT__PAGE, 1);
	weft__sys_discard_each(pieces, 3 * WEFT__PAGE, 0);
	weft__sys_unreserve(at, bytes);
}

static void many_ranges_are_discarded_together(void **state)
{
	(void)state;
	check_discard_each();
}

static void many_ranges_are_discarded_one_by_one_on_older_kernels(void **state)
{
	(void)state;
	weft__sys_force.no_madvise_many = true;
	check_discard_each();
	weft__sys_force.no_madvise_many = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserved_memory_is_aligned_zero_and_writable),
		cmocka_unit_test(no_address_space_is_left_behind),
		cmocka_unit_test(one_touched_page_is_one_page),
		cmocka_unit_test(too_much_is_enomem_and_leaves_the_output_alone),
		cmocka_unit_test(a_forced_failure_comes_once),
		cmocka_unit_test(discarded_memory_is_zero_and_its_neighbours_stay),
		cmocka_unit_test(locked_memory_is_zero_too),
		cmocka_unit_test(many_ranges_are_discarded_together),
		cmocka_unit_test(many_ranges_are_discarded_one_by_one_on_older_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
