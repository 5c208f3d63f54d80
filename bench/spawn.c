/* SPDX-License-Identifier: MIT */
/* Threads that return at once: one after the other, and a thousand at a time. */
#include "harness.h"

enum { BATCH = 1000 };

static int return_at_once(void *arg)
{
	(void)arg;
	return 0;
}

static long part(weft_kind kind, long count)
{
	count = kind == WEFT_KERNEL ? count / 100 : bench_part(kind, count);
	return count > 0 ? count : 1;
}

static int run_join(weft_kind kind, long count, double *out)
{
	int64_t start_ns = weft_now();

	count = part(kind, count);
	for (long i = 0; i < count; i++) {
		weft_thread *thread;

		bench_must(weft_thread_spawn(return_at_once, NULL, &bench_options, &thread),
			   "spawn");
		weft_thread_join(thread, NULL);
	}
	out[0] = (double)(weft_now() - start_ns) / (double)count;
	return 0;
}

static int run_batch(weft_kind kind, long rounds, double *out)
{
	static weft_thread *threads[BATCH];
	int64_t start_ns = weft_now();

	rounds = part(kind, rounds);
	for (long round = 0; round < rounds; round++) {
		for (int i = 0; i < BATCH; i++)
			bench_must(weft_thread_spawn(return_at_once, NULL, &bench_options,
						     &threads[i]),
				   "spawn");
		for (int i = 0; i < BATCH; i++)
			weft_thread_join(threads[i], NULL);
	}
	out[0] = (double)(weft_now() - start_ns) / (double)(rounds * BATCH);
	return 0;
}

static const struct bench_row join_rows[] = {
	{ .cases = { { "", "ns" } },
	  .run = run_join,
	  .count = 1000000,
	  .quick_count = 1000,
	  BENCH_ON_ONE },
	{ .cases = { { "2p", "ns" } },
	  .run = run_join,
	  .count = 200000,
	  .quick_count = 1000,
	  BENCH_ON_TWO },
	{ .run = NULL },
};

static const struct bench_row batch_rows[] = {
	{ .cases = { { "", "ns" } },
	  .run = run_batch,
	  .count = 1000,
	  .quick_count = 1,
	  .flags = BENCH_ONE_CPU,
	  .kinds = BENCH_LIGHT | BENCH_USER | BENCH_KERNEL,
	  .usual = BENCH_LIGHT | BENCH_USER,
	  .processors = 1 },
	{ .run = NULL },
};

const struct bench bench_spawn_join = { "spawn-join", "make a thread and join it", join_rows };
const struct bench bench_spawn_batch = { "spawn-batch", "make 1,000 threads, then join them",
					 batch_rows };
