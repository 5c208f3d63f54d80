/* SPDX-License-Identifier: MIT */
/* A bare switch: two stacks that switch to each other, without a scheduler. */
#include "arch/arch.h"
#include "harness.h"

static char other_stack[64 * 1024] weft__aligned(64);
static void *here, *there;

static void bounce(void *arg)
{
	(void)arg;
	for (;;)
		weft__arch_switch(&there, here);
}

/* A round trip is two switches. */
static int run(weft_kind kind, long count, double *out)
{
	const long rounds = count / 2;
	int64_t start_ns;

	(void)kind;
	there = weft__arch_context(other_stack + sizeof other_stack, bounce, NULL);
	start_ns = weft_now();
	for (long i = 0; i < rounds; i++)
		weft__arch_switch(&here, there);
	out[0] = (double)(weft_now() - start_ns) / (double)(rounds * 2);
	return 0;
}

static const struct bench_row rows[] = {
	{ .cases = { { "", "ns" } },
	  .run = run,
	  .count = 50000000,
	  .quick_count = 1000,
	  .flags = BENCH_ONE_CPU,
	  .kinds = BENCH_LIGHT,
	  .usual = BENCH_LIGHT },
	{ .run = NULL },
};

const struct bench bench_switch_raw = { "switch-raw", "one switch between two stacks", rows };
