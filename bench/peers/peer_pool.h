/* SPDX-License-Identifier: MIT */
/*
 * The pool benchmarks, the same for every peer that is a pool.
 *
 * A peer includes this file, defines pool_start, pool_submit and pool_stop in its own terms, and
 * puts the five rows at the end of this file into its table. A task is memory of the caller's: what
 * it costs to carry one is the pool's affair.
 *
 * The submitter is always a kernel thread outside the pool, and it sleeps in a semaphore while it
 * waits, so that on one CPU the pool does not wait for its time slice to end.
 */
#ifndef WEFT_BENCH_PEER_POOL_H
#define WEFT_BENCH_PEER_POOL_H

#include <semaphore.h>
#include <unistd.h>

#include "peer.h"

enum { POOL_WORKERS = 2, POOL_LATENCY_MAX = 10000 };

struct pool_task {
	void (*run)(struct pool_task *);
	long count;        /* a root: how many tiny tasks it submits */
	double started_ns; /* a probe: when it ran */
};

static void pool_start(int workers);
static void pool_submit(struct pool_task *task);
static void pool_stop(void); /* returns when the workers have ended */

static long pool_left;   /* tiny tasks that have not run; atomic */
static sem_t pool_event; /* posted by the last tiny task, and by every probe */

/* The whole work of a tiny task: count down, and tell the submitter when it was the last. */
static void pool_run_tiny(struct pool_task *task)
{
	(void)task;
	if (__atomic_sub_fetch(&pool_left, 1, __ATOMIC_ACQ_REL) == 0)
		sem_post(&pool_event);
}

static struct pool_task pool_tiny = { pool_run_tiny, 0, 0 };

static void pool_run_root(struct pool_task *task)
{
	for (long i = 0; i < task->count; i++)
		pool_submit(&pool_tiny);
}

static void pool_run_probe(struct pool_task *task)
{
	task->started_ns = peer_now_ns();
	sem_post(&pool_event);
}

static void pool_run_block(struct pool_task *task)
{
	pool_run_probe(task);
	usleep(100 * 1000);
}

static void pool_wait_event(void)
{
	while (sem_wait(&pool_event))
		;
}

/* Starts the pool and sees it work before any clock starts. */
static void pool_open(void)
{
	struct pool_task probe[POOL_WORKERS] = { { pool_run_probe, 0, 0 },
						 { pool_run_probe, 0, 0 } };

	sem_init(&pool_event, 0, 0);
	pool_start(POOL_WORKERS);
	for (int i = 0; i < POOL_WORKERS; i++)
		pool_submit(&probe[i]);
	for (int i = 0; i < POOL_WORKERS; i++)
		pool_wait_event();
}

static void pool_close(void)
{
	pool_stop();
	sem_destroy(&pool_event);
}

static int pool_outside(long count, double *out)
{
	double start;

	pool_open();
	pool_left = count;
	start = peer_now_ns();
	for (long i = 0; i < count; i++)
		pool_submit(&pool_tiny);
	pool_wait_event();
	out[0] = (peer_now_ns() - start) / (double)count;
	pool_close();
	return 0;
}

static int pool_inside(long count, double *out)
{
	struct pool_task root[POOL_WORKERS];
	long each = count / POOL_WORKERS, all = each * POOL_WORKERS;
	double start;

	pool_open();
	pool_left = all;
	start = peer_now_ns();
	for (int i = 0; i < POOL_WORKERS; i++) {
		root[i].run = pool_run_root;
		root[i].count = each;
		pool_submit(&root[i]);
	}
	pool_wait_event();
	out[0] = (peer_now_ns() - start) / (double)all;
	pool_close();
	return 0;
}

/* The pool sleeps while the submitter spins for 1 ms; then from submit to the task's first line. */
static int pool_latency(long count, double *out)
{
	static double sample[POOL_LATENCY_MAX];
	struct pool_task probe = { pool_run_probe, 0, 0 };

	pool_open();
	for (long i = 0; i < count; i++) {
		double idle = peer_now_ns(), start;

		while ((start = peer_now_ns()) - idle < 1e6)
			;
		pool_submit(&probe);
		pool_wait_event();
		sample[i] = (probe.started_ns - start) / 1e3;
	}
	out[0] = peer_quantile(sample, count, 0.5);
	out[1] = peer_quantile(sample, count, 0.99);
	pool_close();
	return 0;
}

static int pool_idle(long milliseconds, double *out)
{
	double cpu, start;

	pool_open();
	cpu = peer_cpu_seconds();
	start = peer_now_ns();
	usleep((useconds_t)milliseconds * 1000);
	out[0] = (peer_cpu_seconds() - cpu) / (peer_now_ns() - start) * 1e9 * 100;
	pool_close();
	return 0;
}

static int pool_blocked(long count, double *out)
{
	static double sample[POOL_LATENCY_MAX];

	pool_open();
	for (long i = 0; i < count; i++) {
		struct pool_task block[POOL_WORKERS] = { { pool_run_block, 0, 0 },
							 { pool_run_block, 0, 0 } };
		struct pool_task probe = { pool_run_probe, 0, 0 };
		double start;

		for (int w = 0; w < POOL_WORKERS; w++)
			pool_submit(&block[w]);
		for (int w = 0; w < POOL_WORKERS; w++)
			pool_wait_event();
		start = peer_now_ns();
		pool_submit(&probe);
		pool_wait_event();
		sample[i] = (probe.started_ns - start) / 1e6;
		usleep(5000); /* the other blocker's end */
	}
	out[0] = peer_quantile(sample, count, 0.5);
	out[1] = peer_quantile(sample, count, 0.99);
	pool_close();
	return 0;
}

/* The rows of a pool, one macro each: an array cannot be part of another. */
#define POOL_OUTSIDE { "pool-outside", { "" }, { "ns" }, 1000000, pool_outside, 0 }
#define POOL_INSIDE { "pool-inside", { "" }, { "ns" }, 1000000, pool_inside, 0 }
#define POOL_LATENCY { "pool-latency", { "p50", "p99" }, { "us", "us" }, 200, pool_latency, 0 }
#define POOL_IDLE { "pool-idle", { "" }, { "%" }, 2000, pool_idle, 0 }
#define POOL_BLOCKED                                                                        \
	{                                                                                   \
		"pool-blocked", { "undeclared-p50", "undeclared-p99" }, { "ms", "ms" }, 10, \
			pool_blocked, 0                                                     \
	}

#endif
