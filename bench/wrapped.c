/* SPDX-License-Identifier: MIT */
/* What the brackets around a system call add, measured around a call that does nothing. */
#include "base/compiler.h"
#include "harness.h"

enum { PARTS = 10 };

static weft__noinline void call(void)
{
	__asm__ volatile("" ::: "memory");
}

static int64_t time_bare(long count)
{
	int64_t start_ns = weft_now();

	for (long i = 0; i < count; i++)
		call();
	return weft_now() - start_ns;
}

static int64_t time_wrapped(long count)
{
	int64_t start_ns = weft_now();

	for (long i = 0; i < count; i++) {
		weft_syscall_enter();
		call();
		weft_syscall_leave();
	}
	return weft_now() - start_ns;
}

static int run(weft_kind kind, long count, double *out)
{
	const long part = count / PARTS > 0 ? count / PARTS : 1;
	int64_t extra_ns = 0;

	(void)kind;
	for (int i = 0; i < PARTS; i++) {
		extra_ns += time_wrapped(part);
		extra_ns -= time_bare(part);
	}
	out[0] = (double)extra_ns / (double)(part * PARTS);
	return 0;
}

static const struct bench_row rows[] = {
	{ .cases = { { "", "ns" } },
	  .run = run,
	  .count = 20000000,
	  .quick_count = 1000,
	  .flags = BENCH_ONE_CPU,
	  .kinds = BENCH_USER | BENCH_LIGHT,
	  .usual = BENCH_USER | BENCH_LIGHT,
	  .processors = 1 },
	{ .run = NULL },
};

const struct bench bench_wrapped_call = { "wrapped-call", "what the brackets around a call add",
					  rows };
