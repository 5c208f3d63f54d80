/* SPDX-License-Identifier: MIT */
/*
 * A mutex that all want all the time, for as long as the run takes: how often it was had, and of
 * that the thread that had it least, by what would have been fair.
 */
#include <stdbool.h>
#include <stdio.h>

#include "base/atomic.h"
#include "harness.h"

enum { THREADS_MAX = 64, APART = 128 };

/* What all threads write stands apart from what all of them read. */
static struct {
	weft_mutex mutex;
	long taken; /* guarded by mutex */
	char apart[APART];
	bool stop; /* atomic */
} shared;

struct taker {
	long times; /* written once, at its end */
};

static int take(void *arg)
{
	struct taker *taker = arg;
	long times = 0;

	while (!atomic_load_relaxed(&shared.stop)) {
		weft_mutex_lock(&shared.mutex);
		shared.taken++;
		weft_mutex_unlock(&shared.mutex);
		times++;
	}
	taker->times = times;
	return 0;
}

static int contend(int count, long milliseconds, double *out)
{
	static weft_thread *threads[THREADS_MAX];
	static struct taker takers[THREADS_MAX];
	long sum = 0, least;
	int64_t start_ns, took_ns;

	shared.taken = 0;
	atomic_store_relaxed(&shared.stop, false);
	start_ns = weft_now();
	bench_spawn(threads, count, take, takers, sizeof takers[0]);
	weft_sleep(milliseconds * WEFT_MS);
	atomic_store_relaxed(&shared.stop, true);
	took_ns = weft_now() - start_ns;
	bench_join(threads, count);
	least = takers[0].times;
	for (int i = 0; i < count; i++) {
		sum += takers[i].times;
		least = takers[i].times < least ? takers[i].times : least;
	}
	if (sum != shared.taken) {
		fprintf(stderr, "mutex-contended: %ld were in, %ld were counted\n", sum,
			shared.taken);
		return -1;
	}
	out[0] = (double)sum * 1e3 / (double)took_ns;
	out[1] = (double)least * count / (double)sum;
	return 0;
}

static int run_2(weft_kind kind, long milliseconds, double *out)
{
	(void)kind;
	return contend(2, milliseconds, out);
}

static int run_8(weft_kind kind, long milliseconds, double *out)
{
	(void)kind;
	return contend(8, milliseconds, out);
}

static int run_64(weft_kind kind, long milliseconds, double *out)
{
	(void)kind;
	return contend(64, milliseconds, out);
}

static const struct bench_row rows[] = {
	{ .cases = { { "1p-2", "M/s" }, { "1p-2-least", "of mean" } },
	  .run = run_2,
	  .count = 300,
	  .quick_count = 20,
	  BENCH_ON_ONE },
	{ .cases = { { "1p-8", "M/s" }, { "1p-8-least", "of mean" } },
	  .run = run_8,
	  .count = 1000,
	  .quick_count = 20,
	  BENCH_ON_ONE },
	{ .cases = { { "1p-64", "M/s" }, { "1p-64-least", "of mean" } },
	  .run = run_64,
	  .count = 1500,
	  .quick_count = 20,
	  BENCH_ON_ONE },
	{ .cases = { { "2p-2", "M/s" }, { "2p-2-least", "of mean" } },
	  .run = run_2,
	  .count = 300,
	  .quick_count = 20,
	  BENCH_ON_TWO },
	{ .cases = { { "2p-8", "M/s" }, { "2p-8-least", "of mean" } },
	  .run = run_8,
	  .count = 1000,
	  .quick_count = 20,
	  BENCH_ON_TWO },
	{ .cases = { { "2p-64", "M/s" }, { "2p-64-least", "of mean" } },
	  .run = run_64,
	  .count = 1500,
	  .quick_count = 20,
	  BENCH_ON_TWO },
	{ .run = NULL },
};

const struct bench bench_mutex_contended = {
	"mutex-contended", "lock and unlock, among 2, 8 and 64 threads; the least one's share", rows
};
