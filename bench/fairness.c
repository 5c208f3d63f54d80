/* SPDX-License-Identifier: MIT */
/*
 * Fairness: on one processor, four threads that compute and never give way, and one that wants 1 ms
 * of CPU every 20 ms. How long after it is due does it run? With the usual slice of 10 ms.
 *
 * The times are due on a fixed schedule: one that is missed makes the next ones late too, so a
 * delay of 100 ms counts five times, as it should. The clock starts when each of the four has used
 * up its first slice: until then they are new here, and new threads come in their turn.
 */
#include <stdlib.h>

#include "base/atomic.h"
#include "harness.h"

enum { SPINNERS = 4, SETTLE_MS = 300 };

static int ended; /* atomic */

static int spin(void *arg)
{
	(void)arg;
	while (!atomic_load_relaxed(&ended))
		;
	return 0;
}

static void compute(int64_t duration_ns)
{
	int64_t until_ns = weft_now() + duration_ns;

	while (weft_now() < until_ns)
		;
}

static int run(weft_kind kind, long count, double *out)
{
	double *late_ms = calloc((size_t)count, sizeof *late_ms);
	weft_thread *spinners[SPINNERS];
	int64_t due_ns;

	(void)kind;
	if (late_ms == NULL)
		return -1;
	atomic_store_relaxed(&ended, 0);
	for (int i = 0; i < SPINNERS; i++)
		bench_must(weft_thread_spawn(spin, NULL, &bench_options, &spinners[i]), "spawn");
	weft_sleep(SETTLE_MS * WEFT_MS);
	due_ns = weft_now();
	for (long i = 0; i < count; i++) {
		due_ns += 20 * WEFT_MS;
		weft_sleep_until(due_ns);
		late_ms[i] = (double)(weft_now() - due_ns) / (double)WEFT_MS;
		compute(WEFT_MS);
	}
	atomic_store_relaxed(&ended, 1);
	for (int i = 0; i < SPINNERS; i++)
		weft_thread_join(spinners[i], NULL);
	out[0] = bench_quantile(late_ms, count, 0.5);
	out[1] = bench_quantile(late_ms, count, 0.99);
	free(late_ms);
	return 0;
}

static const struct bench_row rows[] = {
	{ .cases = { { "user-p50", "ms" }, { "user-p99", "ms" } },
	  .run = run,
	  .count = 200,
	  .quick_count = 3,
	  .kinds = BENCH_USER,
	  .usual = BENCH_USER,
	  .processors = 1 },
	{ .cases = { { "light-p50", "ms" }, { "light-p99", "ms" } },
	  .run = run,
	  .count = 200,
	  .quick_count = 3,
	  .kinds = BENCH_LIGHT,
	  .usual = BENCH_LIGHT,
	  .processors = 1 },
	{ .run = NULL },
};

const struct bench bench_fairness = { "fairness",
				      "from due to running, beside 4 threads that never give way",
				      rows };
