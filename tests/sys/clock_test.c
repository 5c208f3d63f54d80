/* SPDX-License-Identifier: MIT */
/* The clock and the CPUs. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "sys/sys.h"

static void it_is_the_monotonic_clock(void **state)
{
	struct timespec before, after;
	int64_t now;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &before);
	now = weft__sys_now();
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(now >= before.tv_sec * INT64_C(1000000000) + before.tv_nsec);
	assert_true(now <= after.tv_sec * INT64_C(1000000000) + after.tv_nsec);
}

static void affinity_bounds_the_cpus(void **state)
{
	cpu_set_t before, one;
	unsigned all = weft__sys_cpu_count();

	(void)state;
	assert_true(all >= 1);
	assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
	assert_int_equal(all, CPU_COUNT(&before));
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
		if (CPU_ISSET(cpu, &before))
			CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
	assert_int_equal(weft__sys_cpu_count(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_monotonic_clock),
		cmocka_unit_test(affinity_bounds_the_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
