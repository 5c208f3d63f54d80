/* SPDX-License-Identifier: MIT */
/* Two threads and two semaphores: each posts the one and waits for the other. */
#include "harness.h"

static weft_sem ping, pong;

static int answer(void *arg)
{
	for (long n = *(long *)arg; n > 0; n--) {
		weft_sem_wait(&ping);
		weft_sem_wake(&pong);
	}
	return 0;
}

static int run(weft_kind kind, long count, double *out)
{
	weft_thread *thread;
	int64_t start_ns;

	count = bench_part(kind, count);
	bench_must(weft_thread_spawn(answer, &count, &bench_options, &thread), "spawn");
	start_ns = weft_now();
	for (long i = 0; i < count; i++) {
		weft_sem_wake(&ping);
		weft_sem_wait(&pong);
	}
	out[0] = (double)(weft_now() - start_ns) / (double)count;
	return weft_thread_join(thread, NULL);
}

static const struct bench_row rows[] = {
	{ .cases = { { "", "ns" } },
	  .run = run,
	  .count = 2000000,
	  .quick_count = 1000,
	  BENCH_ON_ONE },
	{ .cases = { { "2p", "ns" } },
	  .run = run,
	  .count = 500000,
	  .quick_count = 1000,
	  BENCH_ON_TWO },
	{ .run = NULL },
};

const struct bench bench_semaphore = { "semaphore", "a round trip of two threads", rows };
