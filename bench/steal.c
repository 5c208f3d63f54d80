/* SPDX-License-Identifier: MIT */
/*
 * Work that is started on one processor of two: how much of it each of the two carriers does. The
 * threads compute for about 10 us each and never give way.
 */
#include <pthread.h>

#include "base/atomic.h"
#include "harness.h"

static struct {
	pthread_t starter;   /* the kernel thread that the work was started on */
	int64_t here, there; /* atomic */
	weft_wait_group left;
} work;

static int compute(void *arg)
{
	int64_t until_ns = weft_now() + 10 * WEFT_US;

	(void)arg;
	while (weft_now() < until_ns)
		;
	if (pthread_equal(pthread_self(), work.starter))
		atomic_add_relaxed(&work.here, 1);
	else
		atomic_add_relaxed(&work.there, 1);
	weft_wait_group_done(&work.left);
	return 0;
}

static int run(weft_kind kind, long count, double *out)
{
	double here, there;

	(void)kind;
	work.starter = pthread_self();
	work.here = 0;
	work.there = 0;
	weft_wait_group_add(&work.left, count);
	for (long i = 0; i < count; i++)
		bench_must(weft_thread_spawn(compute, NULL, &bench_options, NULL), "spawn");
	weft_wait_group_wait(&work.left);
	here = (double)work.here * 100 / (double)count;
	there = (double)work.there * 100 / (double)count;
	out[0] = here < there ? here : there;
	out[1] = here < there ? there : here;
	return 0;
}

static const struct bench_row rows[] = {
	{ .cases = { { "least", "%" }, { "most", "%" } },
	  .run = run,
	  .count = 20000,
	  .quick_count = 200,
	  .kinds = BENCH_LIGHT,
	  .usual = BENCH_LIGHT,
	  .processors = 2 },
	{ .run = NULL },
};

const struct bench bench_steal = { "steal", "what each of 2 processors does of work started on one",
				   rows };
