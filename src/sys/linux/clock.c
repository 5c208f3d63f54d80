/* SPDX-License-Identifier: MIT */
/* The clock, and the CPUs that it runs on. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "sys/sys.h"

int64_t weft__sys_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The kernel refuses a set that is smaller than its own: grow it. */
unsigned weft__sys_cpu_count(void)
{
	for (int cpus = 1024; cpus <= 1 << 20; cpus *= 4) {
		size_t bytes = CPU_ALLOC_SIZE(cpus);
		cpu_set_t *set = CPU_ALLOC(cpus);
		int count = 0;
		int rc;

		if (set == NULL)
			return 1;
		rc = sched_getaffinity(0, bytes, set);
		if (rc == 0)
			count = CPU_COUNT_S(bytes, set);
		CPU_FREE(set);
		if (rc == 0)
			return count > 0 ? (unsigned)count : 1;
		if (errno != EINVAL)
			return 1;
	}
	return 1;
}
