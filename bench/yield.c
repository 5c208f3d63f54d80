/* SPDX-License-Identifier: MIT */
/* Giving way: all yield equally often; from the first that is started to the last that has
 * ended. */
#include "harness.h"

enum { THREADS_MAX = 1000 };

static weft_thread *threads[THREADS_MAX];

static int yield_many(void *arg)
{
	for (long n = *(long *)arg; n > 0; n--)
		weft_yield();
	return 0;
}

static double yield_among(long count, long total)
{
	long each = total / count;
	int64_t start_ns = weft_now();

	for (long i = 0; i < count; i++)
		bench_must(weft_thread_spawn(yield_many, &each, &bench_options, &threads[i]),
			   "spawn");
	for (long i = 0; i < count; i++)
		weft_thread_join(threads[i], NULL);
	return (double)(weft_now() - start_ns) / (double)(each * count);
}

static int run_2(weft_kind kind, long count, double *out)
{
	out[0] = yield_among(2, bench_part(kind, count));
	return 0;
}

static int run_1000(weft_kind kind, long count, double *out)
{
	out[0] = yield_among(1000, bench_part(kind, count));
	return 0;
}

static const struct bench_row rows[] = {
	{ .cases = { { "2", "ns" } },
	  .run = run_2,
	  .count = 10000000,
	  .quick_count = 2000,
	  .flags = BENCH_ONE_CPU,
	  .kinds = BENCH_LIGHT | BENCH_USER | BENCH_KERNEL,
	  .usual = BENCH_LIGHT | BENCH_USER,
	  .processors = 1 },
	{ .cases = { { "1000", "ns" } },
	  .run = run_1000,
	  .count = 10000000,
	  .quick_count = 200000,
	  .flags = BENCH_ONE_CPU,
	  .kinds = BENCH_LIGHT | BENCH_USER | BENCH_KERNEL,
	  .usual = BENCH_LIGHT | BENCH_USER,
	  .processors = 1 },
	{ .run = NULL },
};

const struct bench bench_yield = { "yield", "one yield, among 2 and among 1,000 threads", rows };
