/* SPDX-License-Identifier: MIT */
/* A mutex that nobody else wants. */
#include "harness.h"

static int run(weft_kind kind, long count, double *out)
{
	static weft_mutex mutex = WEFT_MUTEX_INIT;
	int64_t start_ns = weft_now();

	(void)kind;
	for (long i = 0; i < count; i++) {
		weft_mutex_lock(&mutex);
		weft_mutex_unlock(&mutex);
	}
	out[0] = (double)(weft_now() - start_ns) / (double)count;
	return 0;
}

static const struct bench_row rows[] = {
	{ .cases = { { "", "ns" } },
	  .run = run,
	  .count = 20000000,
	  .quick_count = 1000,
	  .flags = BENCH_ONE_CPU,
	  .kinds = BENCH_LIGHT | BENCH_USER | BENCH_KERNEL,
	  .usual = BENCH_LIGHT | BENCH_USER,
	  .processors = 1 },
	{ .run = NULL },
};

const struct bench bench_mutex = { "mutex", "lock and unlock, with nobody in the way", rows };
