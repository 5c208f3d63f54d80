/* SPDX-License-Identifier: MIT */
/* Guards: by marks, by mappings, on a kernel that lies, under mlock, at the limit. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
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

#define GUARD_BYTES (4 * WEFT__PAGE)
#define ALL_BYTES (16 * WEFT__PAGE)

static char *at; /* a fresh range for each test, its guard in the middle */
static char *guard;

static int make_range(void **state)
{
	void *range;

	(void)state;
	memset(&weft__sys_force, 0, sizeof weft__sys_force);
	weft__sys_guard_forget();
	if (weft__sys_reserve(ALL_BYTES, WEFT__PAGE, &range) != 0)
		return -1;
	at = range;
	guard = at + 4 * WEFT__PAGE;
	return 0;
}

static int drop_range(void **state)
{
	(void)state;
	weft__sys_unreserve(at, ALL_BYTES);
	return 0;
}

static void check_guarded(void)
{
	for (size_t i = 0; i < ALL_BYTES; i += WEFT__PAGE) {
		bool is_guard = at + i >= guard && at + i < guard + GUARD_BYTES;

		assert_int_equal(proc_traps(at + i), is_guard);
		assert_int_equal(proc_traps(at + i + WEFT__PAGE - 1), is_guard);
	}
}

/* What guards cost here: 0 with marks (Linux 6.13 and later), 1 with mappings. */
static int usual_way(void)
{
	int rc = madvise(at, WEFT__PAGE, 102);
	bool is_marked = rc == 0 && proc_traps(at);

	madvise(at, WEFT__PAGE, 103);
	return is_marked ? 0 : 1;
}

static void exactly_the_guard_traps(void **state)
{
	int how = usual_way();

	(void)state;
	assert_int_equal(weft__sys_guard(guard, GUARD_BYTES), how);
	check_guarded();
	weft__sys_unguard(guard, GUARD_BYTES, how);
	assert_false(proc_traps(guard));
}

static void touch_guard(void *arg)
{
	(void)arg;
	signal(SIGSEGV, SIG_DFL);
	*(volatile char *)(guard + GUARD_BYTES - 1) = 1;
}

static void the_program_s_own_access_dies(void **state)
{
	(void)state;
	assert_true(weft__sys_guard(guard, GUARD_BYTES) >= 0);
	assert_int_equal(proc_in_child(touch_guard, NULL), -SIGSEGV);
}

static void a_guard_stays_through_discard(void **state)
{
	(void)state;
	assert_true(weft__sys_guard(guard, GUARD_BYTES) >= 0);
	memset(guard + GUARD_BYTES, 1, WEFT__PAGE);
	weft__sys_discard(guard + GUARD_BYTES, ALL_BYTES - 8 * WEFT__PAGE);
	assert_int_equal(guard[GUARD_BYTES], 0);
	check_guarded();
}

static void without_marks_it_costs_a_mapping(void **state)
{
	(void)state;
	weft__sys_force.no_madvise_guard = true;
	assert_int_equal(weft__sys_guard(guard, GUARD_BYTES), 1);
	check_guarded();
	weft__sys_unguard(guard, GUARD_BYTES, 1);
	assert_false(proc_traps(guard));
	guard[0] = 1;
}

/* As under qemu-user: 0 is answered and nothing traps. */
static void a_kernel_that_installs_nothing_is_seen_through(void **state)
{
	(void)state;
	weft__sys_force.idle_madvise_guard = true;
	assert_int_equal(weft__sys_guard(guard, GUARD_BYTES), 1);
	check_guarded();
	weft__sys_unguard(guard, GUARD_BYTES, 1);
	/* It is remembered: no more is asked of it. */
	weft__sys_force.idle_madvise_guard = false;
	assert_int_equal(weft__sys_guard(guard, GUARD_BYTES), 1);
	check_guarded();
}

/* mlock itself is nothing under the sanitizers. */
static int lock_memory(void *from, size_t bytes)
{
	return (int)syscall(SYS_mlock, from, bytes);
}

/* Locked memory takes no marks; that may begin at any time. */
static void locked_memory_is_guarded_by_a_mapping(void **state)
{
	int how = usual_way();

	(void)state;
	assert_int_equal(weft__sys_guard(guard, GUARD_BYTES), how);
	weft__sys_unguard(guard, GUARD_BYTES, how);
	assert_int_equal(lock_memory(at, ALL_BYTES), 0);
	assert_int_equal(weft__sys_guard(guard, GUARD_BYTES), 1);
	check_guarded();
	weft__sys_unguard(guard, GUARD_BYTES, 1);
	assert_int_equal(syscall(SYS_munlock, at, ALL_BYTES), 0);
	assert_int_equal(weft__sys_guard(guard, GUARD_BYTES), how);
	check_guarded();
}

static void the_limit_on_mappings_is_eagain(void **state)
{
	char *pages[3] = { at, at + 2 * WEFT__PAGE, at + 4 * WEFT__PAGE };

	(void)state;
	weft__sys_force.no_madvise_guard = true;
	weft__sys_force.mapping_max = 2;
	assert_int_equal(weft__sys_guard(pages[0], WEFT__PAGE), 1);
	assert_int_equal(weft__sys_guard(pages[1], WEFT__PAGE), 1);
	assert_int_equal(weft__sys_guard(pages[2], WEFT__PAGE), -EAGAIN);
	assert_int_equal(weft__sys_guard(pages[2], WEFT__PAGE), -EAGAIN);
	assert_false(proc_traps(pages[2]));
	weft__sys_unguard(pages[0], WEFT__PAGE, 1);
	assert_int_equal(weft__sys_guard(pages[2], WEFT__PAGE), 1);
	assert_true(proc_traps(pages[2]));
	weft__sys_unguard(pages[1], WEFT__PAGE, 1);
	weft__sys_unguard(pages[2], WEFT__PAGE, 1);
}

static void a_refused_guard_leaves_the_range_as_it_was(void **state)
{
	(void)state;
	guard[0] = 7;
	weft__sys_force.fail_guard = 1;
	assert_int_equal(weft__sys_guard(guard, GUARD_BYTES), -ENOMEM);
	assert_int_equal(guard[0], 7);
	assert_true(weft__sys_guard(guard, GUARD_BYTES) >= 0);
	check_guarded();
}

int main(void)
{
#define WITH_RANGE(test) cmocka_unit_test_setup_teardown(test, make_range, drop_range)
	const struct CMUnitTest tests[] = {
		WITH_RANGE(exactly_the_guard_traps),
		WITH_RANGE(the_program_s_own_access_dies),
		WITH_RANGE(a_guard_stays_through_discard),
		WITH_RANGE(without_marks_it_costs_a_mapping),
		WITH_RANGE(a_kernel_that_installs_nothing_is_seen_through),
		WITH_RANGE(locked_memory_is_guarded_by_a_mapping),
		WITH_RANGE(the_limit_on_mappings_is_eagain),
		WITH_RANGE(a_refused_guard_leaves_the_range_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
