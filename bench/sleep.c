/* SPDX-License-Identifier: MIT */
/* A crowd of sleepers: the CPU time from before the first is made until the last has been
 * joined. */
#include <stdlib.h>

#include "harness.h"

enum { SLEEPS = 10 };

static int sleep_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < SLEEPS; i++)
		weft_sleep(10 * WEFT_MS);
	return 0;
}

static int run(weft_kind kind, long count, double *out)
{
	weft_thread **threads = calloc((size_t)count, sizeof(weft_thread *));
	int64_t cpu_ns = bench_cpu_ns();

	(void)kind;
	if (threads == NULL)
		return -1;
	for (long i = 0; i < count; i++)
		bench_must(weft_thread_spawn(sleep_often, NULL, &bench_options, &threads[i]),
			   "spawn");
	for (long i = 0; i < count; i++)
		weft_thread_join(threads[i], NULL);
	out[0] = (double)(bench_cpu_ns() - cpu_ns) / (double)WEFT_SECOND;
	free(threads);
	return 0;
}

static const struct bench_row rows[] = {
	{ .cases = { { "", "s" } },
	  .run = run,
	  .count = 100000,
	  .quick_count = 100,
	  .flags = BENCH_ONE_CPU | BENCH_POPULATION,
	  .kinds = BENCH_LIGHT | BENCH_USER,
	  .usual = BENCH_LIGHT | BENCH_USER,
	  .processors = 1 },
	{ .run = NULL },
};

const struct bench bench_sleep = { "sleep-100k",
				   "CPU time of 100,000 threads that sleep 10 x 10 ms", rows };
