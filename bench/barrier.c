/* SPDX-License-Identifier: MIT */
/* Eight threads meet, again and again. */
#include <stdio.h>

#include "base/atomic.h"
#include "harness.h"

enum { THREADS = 8 };

static weft_barrier barrier;
static long lasts; /* atomic: how often somebody was the last */

static int meet(void *arg)
{
	for (long n = *(long *)arg; n > 0; n--)
		if (weft_barrier_wait(&barrier) == WEFT_BARRIER_LAST)
			atomic_add_relaxed(&lasts, 1);
	return 0;
}

static int run(weft_kind kind, long count, double *out)
{
	weft_thread *threads[THREADS];
	long rounds = (bench_part(kind, count) + THREADS - 1) / THREADS;
	int64_t start_ns;

	weft_barrier_init(&barrier, THREADS);
	lasts = 0;
	start_ns = weft_now();
	bench_spawn(threads, THREADS, meet, &rounds, 0);
	bench_join(threads, THREADS);
	out[0] = (double)(weft_now() - start_ns) / (double)(rounds * THREADS);
	if (lasts == rounds)
		return 0;
	fprintf(stderr, "barrier: opened %ld times of %ld\n", lasts, rounds);
	return -1;
}

static const struct bench_row rows[] = {
	{ .cases = { { "1p", "ns" } },
	  .run = run,
	  .count = 1000000,
	  .quick_count = 1000,
	  BENCH_ON_ONE },
	{ .cases = { { "2p", "ns" } },
	  .run = run,
	  .count = 300000,
	  .quick_count = 1000,
	  BENCH_ON_TWO },
	{ .run = NULL },
};

const struct bench bench_barrier = { "barrier", "an arrival, where 8 threads meet", rows };
