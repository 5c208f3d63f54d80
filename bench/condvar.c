/* SPDX-License-Identifier: MIT */
/* Two threads, a mutex, a condition variable and a turn: each waits for its own and gives it to the
 * other. */
#include "harness.h"

static struct {
	weft_mutex mutex;
	weft_cond changed;
	int turn; /* guarded by mutex */
} table;

static void take_turns(int me, long count)
{
	for (; count > 0; count--) {
		weft_mutex_lock(&table.mutex);
		while (table.turn != me)
			weft_cond_wait(&table.changed, &table.mutex);
		table.turn = 1 - me;
		weft_cond_wake(&table.changed);
		weft_mutex_unlock(&table.mutex);
	}
}

static int answer(void *arg)
{
	take_turns(1, *(long *)arg);
	return 0;
}

static int run(weft_kind kind, long count, double *out)
{
	weft_thread *thread;
	int64_t start_ns = weft_now();

	count = bench_part(kind, count);
	bench_spawn(&thread, 1, answer, &count, sizeof count);
	take_turns(0, count);
	bench_join(&thread, 1);
	out[0] = (double)(weft_now() - start_ns) / (double)count;
	return 0;
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

const struct bench bench_condvar = { "condvar", "a round trip of two threads that take turns",
				     rows };
