/* SPDX-License-Identifier: MIT */
/*
 * Memory of parked threads: a million, or 100,000 user threads, wait for what never comes. And
 * whether their guards are there: of a thousand, taken evenly from all, how many trap when the byte
 * below the stack is read.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "harness.h"
#include "sched/thread.h"

enum { PROBES = 1000 };

static weft_sem never;
static long parked;       /* atomic: a user thread may be switched away anywhere */
static char **stack_lows; /* by number of the thread */

static int park(void *arg)
{
	(void)arg;
	stack_lows[atomic_add_relaxed(&parked, 1)] = weft__self()->stack_low;
	weft_sem_wait(&never);
	return 0;
}

static sigjmp_buf trapped;

static void leave(int number)
{
	siglongjmp(trapped, number);
}

/* The handler runs on the stack of the thread that probes: what it touches is another's guard. */
static bool traps(const char *at)
{
	if (sigsetjmp(trapped, 1) != 0)
		return true;
	(void)*(const volatile char *)at;
	return false;
}

static int count_traps(long first, long count)
{
	struct sigaction probe = { .sa_handler = leave }, before;
	int sum = 0;

	sigaction(SIGSEGV, &probe, &before);
	for (long i = 0; i < PROBES; i++)
		sum += traps(stack_lows[first + count * i / PROBES] - 1);
	sigaction(SIGSEGV, &before, NULL);
	return sum;
}

static int run(weft_kind kind, long count, double *out)
{
	long before = parked, made = 0;
	double bytes;
	char **lows;

	if (kind == WEFT_USER)
		count = (count + 9) / 10;
	lows = realloc(stack_lows, (size_t)(before + count) * sizeof *lows);
	if (lows == NULL)
		return -1;
	stack_lows = lows;
	/* touched before, for it is not part of what is measured */
	for (long i = before; i < before + count; i++)
		stack_lows[i] = NULL;
	bytes = bench_resident_bytes();
	for (; made < count; made++) {
		int result = weft_thread_spawn(park, NULL, &bench_options, NULL);

		if (result != 0)
			bench_must(made > 0 ? 0 : result, "spawn");
		if (result != 0)
			break;
	}
	while (atomic_load_relaxed(&parked) < before + made)
		weft_yield();
	out[0] = (bench_resident_bytes() - bytes) / (double)made;
	out[1] = (double)made;
	out[2] = count_traps(before, made);
	return 0;
}

static const struct bench_row rows[] = {
	{ .cases = { { "bytes", "bytes" }, { "count", "threads" }, { "trapped", "guards" } },
	  .run = run,
	  .count = 1000000,
	  .quick_count = 1000,
	  .flags = BENCH_ONE_CPU | BENCH_POPULATION,
	  .kinds = BENCH_LIGHT | BENCH_USER,
	  .usual = BENCH_LIGHT | BENCH_USER,
	  .processors = 1 },
	{ .run = NULL },
};

const struct bench bench_park_million = { "park-million",
					  "memory of a parked thread, with a million of them",
					  rows };
