/* SPDX-License-Identifier: MIT */
/*
 * What preemption costs: four user threads compute on one processor, and before and after them one
 * that does the same alone and so is never preempted. Work is counted in rounds of a loop; the CPU
 * time is the process's, the monitor's and the timers' share included.
 *
 *	cost      what the four used beyond what their rounds cost the one, by preemptions
 *	overhead  by how much a round of the four is dearer, in percent
 *
 * This is done many times a run, and the median counts: a machine that gets slower does so for
 * all. And preempt-idle: the ticks that come where each processor has but one
 * thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "harness.h"

enum {
	THREADS = 4,
	ROUND = 1000,
	PERIOD_MS = 100,
	SETTLE_MS = 10,
	PREEMPTIONS_MIN = 3,
	PATIENCE_PERIODS = 50,
	TIMES_MAX = 1000,
};

struct period {
	int64_t cpu_ns;
	uint64_t rounds, preemptions;
};

static int ended;                                  /* atomic */
static uint64_t rounds[THREADS] weft__aligned(64); /* each its thread's, read by all; atomic */

/* Each multiplication waits for the one before: nothing to gain by what the CPU's other half or the
 * compiler does. */
static int compute(void *arg)
{
	uint64_t *mine = arg, value = 1;

	while (!atomic_load_relaxed(&ended)) {
		for (int i = 0; i < ROUND; i++) {
			value = value * UINT64_C(6364136223846793005) + 1;
			__asm__ volatile("" : "+r"(value));
		}
		atomic_bump(mine, 1);
	}
	return 0;
}

/* To the nanosecond, of kernel threads that run now too. */
static int64_t cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return used.tv_sec * WEFT_SECOND + used.tv_nsec;
}

static void look(weft_sched *sched, struct period *out_now)
{
	weft_sched_stats stats;

	weft_sched_stats_get(sched, &stats);
	out_now->preemptions = stats.preemptions;
	out_now->rounds = 0;
	for (int i = 0; i < THREADS; i++)
		out_now->rounds += atomic_load_relaxed(&rounds[i]);
	out_now->cpu_ns = cpu_ns();
}

/* Called on a kernel thread outside. At least so many preemptions, if it takes longer. */
static void compute_for_a_while(weft_sched *sched, int threads, uint64_t preemptions_min,
				struct period *out_period)
{
	weft_thread_options options = bench_options;
	weft_thread *thread[THREADS];
	struct period before, now;

	options.sched = sched;
	atomic_store_relaxed(&ended, 0);
	for (int i = 0; i < threads; i++)
		bench_must(weft_thread_spawn(compute, &rounds[i], &options, &thread[i]), "spawn");
	usleep(SETTLE_MS * 1000);
	look(sched, &before);
	for (int i = 0; i < PATIENCE_PERIODS; i++) {
		usleep(PERIOD_MS * 1000);
		look(sched, &now);
		if (now.preemptions - before.preemptions >= preemptions_min)
			break;
	}
	atomic_store_relaxed(&ended, 1);
	for (int i = 0; i < threads; i++)
		weft_thread_join(thread[i], NULL);
	out_period->cpu_ns = now.cpu_ns - before.cpu_ns;
	out_period->rounds = now.rounds - before.rounds;
	out_period->preemptions = now.preemptions - before.preemptions;
}

static weft_sched *start(unsigned processors, int64_t slice_ns)
{
	weft_sched_options options = { .processors = processors, .slice_ns = slice_ns };
	weft_sched *sched;

	bench_must(weft_sched_create(&options, &sched), "sched");
	return sched;
}

static double ns_per_round(const struct period *period)
{
	return (double)period->cpu_ns / (double)period->rounds;
}

/* The medians of cost and overhead. */
static int compare(weft_sched *sched, long times, double *out_cost_us, double *out_overhead)
{
	static double cost_us[TIMES_MAX], overhead[TIMES_MAX];

	for (long i = 0; i < times; i++) {
		struct period before, four, after;
		double round_ns, extra_ns;

		compute_for_a_while(sched, 1, 0, &before);
		compute_for_a_while(sched, THREADS, PREEMPTIONS_MIN, &four);
		compute_for_a_while(sched, 1, 0, &after);
		if (four.preemptions < PREEMPTIONS_MIN || before.rounds == 0 || after.rounds == 0) {
			fputs("nobody was preempted\n", stderr);
			return -1;
		}
		round_ns = (ns_per_round(&before) + ns_per_round(&after)) / 2;
		extra_ns = (double)four.cpu_ns - round_ns * (double)four.rounds;
		cost_us[i] = extra_ns / (double)four.preemptions / (double)WEFT_US;
		overhead[i] = extra_ns * 100 / (round_ns * (double)four.rounds);
	}
	*out_cost_us = bench_quantile(cost_us, times, 0.5);
	*out_overhead = bench_quantile(overhead, times, 0.5);
	return 0;
}

static int run_cost(long times, double *out)
{
	weft_sched *sched = start(1, WEFT_MS);
	double overhead;

	if (compare(sched, times, &out[0], &overhead) != 0)
		return -1;
	return weft_sched_destroy(sched);
}

static int run_cost_perf(weft_kind kind, long times, double *out)
{
	weft_sched *sched = start(1, WEFT_MS);
	struct period period;
	weft_sched_stats stats;

	(void)kind;
	compute_for_a_while(sched, THREADS, 0, &period);
	weft_sched_stats_get(sched, &stats);
	if (strcmp(stats.tick_means, "perf") != 0)
		bench_skip("perf is denied");
	bench_must(weft_sched_destroy(sched), "destroy");
	return run_cost(times, out);
}

static int run_cost_fallback(weft_kind kind, long times, double *out)
{
	(void)kind;
	setenv("WEFT_FORCE_TICK", "timer", 1);
	setenv("WEFT_FORCE_WATCH", "clock", 1);
	return run_cost(times, out);
}

static int run_overhead(int64_t slice_ns, long times, double *out)
{
	weft_sched *sched = start(1, slice_ns);
	double cost_us;

	if (compare(sched, times, &cost_us, &out[0]) != 0)
		return -1;
	return weft_sched_destroy(sched);
}

static int run_overhead_10ms(weft_kind kind, long times, double *out)
{
	(void)kind;
	return run_overhead(10 * WEFT_MS, times, out);
}

static int run_overhead_1ms(weft_kind kind, long times, double *out)
{
	(void)kind;
	return run_overhead(WEFT_MS, times, out);
}

static int run_idle(weft_kind kind, long milliseconds, double *out)
{
	weft_sched *sched = start(2, WEFT_MS);
	weft_thread_options options = bench_options;
	weft_sched_stats before, after;
	weft_thread *thread[2];

	(void)kind;
	options.sched = sched;
	atomic_store_relaxed(&ended, 0);
	for (int i = 0; i < 2; i++)
		bench_must(weft_thread_spawn(compute, &rounds[i], &options, &thread[i]), "spawn");
	usleep(100 * 1000); /* until each has its processor */
	weft_sched_stats_get(sched, &before);
	usleep((useconds_t)milliseconds * 1000);
	weft_sched_stats_get(sched, &after);
	atomic_store_relaxed(&ended, 1);
	for (int i = 0; i < 2; i++)
		weft_thread_join(thread[i], NULL);
	out[0] = (double)(after.ticks - before.ticks);
	return weft_sched_destroy(sched);
}

#define USER_ROW(name, what, work, quick_work, measure)                                   \
	{                                                                                 \
		.cases = { { name, what } }, .run = measure, .count = (work),             \
		.quick_count = (quick_work), .flags = BENCH_ONE_CPU, .kinds = BENCH_USER, \
		.usual = BENCH_USER                                                       \
	}

static const struct bench_row cost_rows[] = {
	USER_ROW("perf", "us", 20, 1, run_cost_perf),
	USER_ROW("fallback", "us", 20, 1, run_cost_fallback),
	{ .run = NULL },
};

static const struct bench_row overhead_rows[] = {
	USER_ROW("10ms", "%", 20, 1, run_overhead_10ms),
	USER_ROW("1ms", "%", 20, 1, run_overhead_1ms),
	{ .run = NULL },
};

static const struct bench_row idle_rows[] = {
	{ .cases = { { "", "signals" } },
	  .run = run_idle,
	  .count = 2000,
	  .quick_count = 50,
	  .kinds = BENCH_USER | BENCH_LIGHT,
	  .usual = BENCH_USER },
	{ .run = NULL },
};

const struct bench bench_preempt_cost = { "preempt-cost", "CPU time of one preemption", cost_rows };
const struct bench bench_preempt_overhead = { "preempt-overhead",
					      "what computing loses by being preempted every slice",
					      overhead_rows };
const struct bench bench_preempt_idle = { "preempt-idle",
					  "ticks in 2 s, with one thread on each of 2 processors",
					  idle_rows };
