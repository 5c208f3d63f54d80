/* SPDX-License-Identifier: MIT */
/*
 * Pools of two workers. The submitter is a kernel thread outside the pool, and sleeps while it
 * waits. No bound on the queue, as in what it is compared with. The kind is the workers'.
 */
#include <unistd.h>

#include "base/atomic.h"
#include "harness.h"

enum { WORKERS = 2, LATENCY_MAX = 10000, BLOCKED_MAX = 1000 };

static weft_pool *pool;
static int64_t left;   /* tiny tasks that have not run; atomic */
static weft_sem event; /* posted by the last tiny task, and by every probe */

static int run_tiny(void *arg)
{
	(void)arg;
	if (atomic_sub_acq_rel(&left, 1) == 1)
		weft_sem_wake(&event);
	return 0;
}

static void submit(weft_function *function, void *arg)
{
	bench_must(weft_pool_submit(pool, function, arg, NULL, NULL), "submit");
}

static int run_root(void *arg)
{
	for (long n = *(long *)arg; n > 0; n--)
		submit(run_tiny, NULL);
	return 0;
}

static int run_probe(void *arg)
{
	*(int64_t *)arg = weft_now();
	weft_sem_wake(&event);
	return 0;
}

static int run_block(void *arg)
{
	run_probe(arg);
	weft_blocking_begin();
	usleep(100 * 1000);
	weft_blocking_end();
	return 0;
}

static int run_sleep(void *arg)
{
	run_probe(arg);
	usleep(100 * 1000);
	return 0;
}

/* Starts the pool and sees it work before any clock starts. */
static void start(weft_kind kind)
{
	const weft_pool_options options = { .kind = kind,
					    .workers = WORKERS,
					    .processors = kind == WEFT_KERNEL ? 0 : WORKERS,
					    .queue_max = SIZE_MAX };
	int64_t ran_ns[WORKERS];

	bench_must(weft_pool_create(&options, &pool), "pool");
	for (int i = 0; i < WORKERS; i++)
		submit(run_probe, &ran_ns[i]);
	for (int i = 0; i < WORKERS; i++)
		weft_sem_wait(&event);
}

static int run_outside(weft_kind kind, long count, double *out)
{
	int64_t start_ns;

	start(kind);
	left = count;
	start_ns = weft_now();
	for (long i = 0; i < count; i++)
		submit(run_tiny, NULL);
	weft_sem_wait(&event);
	out[0] = (double)(weft_now() - start_ns) / (double)count;
	return weft_pool_destroy(pool);
}

static int run_inside(weft_kind kind, long count, double *out)
{
	long each = count / WORKERS > 0 ? count / WORKERS : 1;
	int64_t start_ns;

	start(kind);
	left = each * WORKERS;
	start_ns = weft_now();
	for (int i = 0; i < WORKERS; i++)
		submit(run_root, &each);
	weft_sem_wait(&event);
	out[0] = (double)(weft_now() - start_ns) / (double)(each * WORKERS);
	return weft_pool_destroy(pool);
}

/* The pool sleeps while the submitter spins for 1 ms; then from submit to the task's first line. */
static int run_latency(weft_kind kind, long count, double *out)
{
	static double sample[LATENCY_MAX];

	start(kind);
	for (long i = 0; i < count; i++) {
		int64_t idle_ns = weft_now(), start_ns, ran_ns;

		while ((start_ns = weft_now()) - idle_ns < WEFT_MS)
			;
		submit(run_probe, &ran_ns);
		weft_sem_wait(&event);
		sample[i] = (double)(ran_ns - start_ns) / (double)WEFT_US;
	}
	out[0] = bench_quantile(sample, count, 0.5);
	out[1] = bench_quantile(sample, count, 0.99);
	return weft_pool_destroy(pool);
}

static int run_idle(weft_kind kind, long milliseconds, double *out)
{
	int64_t cpu_ns, start_ns;

	start(kind);
	cpu_ns = bench_cpu_ns();
	start_ns = weft_now();
	usleep((useconds_t)milliseconds * 1000);
	out[0] = (double)(bench_cpu_ns() - cpu_ns) * 100 / (double)(weft_now() - start_ns);
	return weft_pool_destroy(pool);
}

static void run_blocked(weft_kind kind, weft_function *blocker, long count, double *sample_ms)
{
	start(kind);
	for (long i = 0; i < count; i++) {
		int64_t began_ns[WORKERS], start_ns, ran_ns;

		for (int w = 0; w < WORKERS; w++)
			submit(blocker, &began_ns[w]);
		for (int w = 0; w < WORKERS; w++)
			weft_sem_wait(&event);
		start_ns = weft_now();
		submit(run_probe, &ran_ns);
		weft_sem_wait(&event);
		sample_ms[i] = (double)(ran_ns - start_ns) / (double)WEFT_MS;
		usleep(105 * 1000); /* until the blockers are back */
	}
	bench_must(weft_pool_destroy(pool), "destroy");
}

static int run_declared(weft_kind kind, long count, double *out)
{
	static double sample_ms[BLOCKED_MAX];

	run_blocked(kind, run_block, count, sample_ms);
	out[0] = bench_quantile(sample_ms, count, 0.5);
	return 0;
}

static int run_undeclared(weft_kind kind, long count, double *out)
{
	static double sample_ms[BLOCKED_MAX];

	run_blocked(kind, run_sleep, count, sample_ms);
	out[0] = bench_quantile(sample_ms, count, 0.5);
	out[1] = bench_quantile(sample_ms, count, 0.99);
	return 0;
}

#define POOL_ROW(what, usual_kinds, work, quick_work, ...)                                     \
	{                                                                                      \
		.cases = { __VA_ARGS__ }, .run = run_##what, .count = (work),                  \
		.quick_count = (quick_work), .kinds = BENCH_KERNEL | BENCH_USER | BENCH_LIGHT, \
		.usual = (usual_kinds),                                                        \
	}
#define POOL_ROWS(name, ...) \
	static const struct bench_row name##_rows[] = { __VA_ARGS__, { .run = NULL } }

POOL_ROWS(outside, POOL_ROW(outside, BENCH_KERNEL, 1000000, 1000, { "", "ns" }));
POOL_ROWS(inside, POOL_ROW(inside, BENCH_KERNEL, 1000000, 1000, { "", "ns" }));
POOL_ROWS(latency, POOL_ROW(latency, BENCH_KERNEL, 200, 5, { "p50", "us" }, { "p99", "us" }));
POOL_ROWS(idle, POOL_ROW(idle, BENCH_KERNEL, 2000, 50, { "", "%" }));
POOL_ROWS(blocked, POOL_ROW(declared, BENCH_KERNEL, 4, 1, { "declared", "ms" }),
	  POOL_ROW(undeclared, BENCH_USER, 30, 1, { "undeclared-p50", "ms" },
		   { "undeclared-p99", "ms" }));

const struct bench bench_pool_outside = { "pool-outside", "a tiny task, submitted from outside",
					  outside_rows };
const struct bench bench_pool_inside = { "pool-inside", "a tiny task, submitted by a task",
					 inside_rows };
const struct bench bench_pool_latency = { "pool-latency", "from submit to start, on an idle pool",
					  latency_rows };
const struct bench bench_pool_idle = { "pool-idle", "CPU time of a pool that has nothing to do",
				       idle_rows };
const struct bench bench_pool_blocked = { "pool-blocked",
					  "until a task starts while all workers block",
					  blocked_rows };
