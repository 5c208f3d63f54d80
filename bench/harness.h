/* SPDX-License-Identifier: MIT */
/*
 * The benchmarks' common ground. docs/benchmarks.md says what each of them does and how a figure is
 * made.
 *
 * A benchmark is a table of rows with one name. A row is one piece of work, measured run by run,
 * each run in a process of its own: fork, a warm-up that is not counted, the run, exit. What its
 * function finds it writes to out[], one value a case. Nothing is torn down.
 *
 *   kinds        the kinds of thread that the row can be measured with; `usual`: those that are
 *                taken, in turn, when nobody asks
 *   processors   0: the function runs on the process's only kernel thread, outside any scheduler.
 *                n: with user and light threads, as a thread of that kind in a scheduler of n
 *                processors; with kernel threads as for 0.
 *
 * What this machine cannot do (user threads, perf) is left out: bench_skip.
 */
#ifndef WEFT_BENCH_HARNESS_H
#define WEFT_BENCH_HARNESS_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/weft.h>

enum {
	BENCH_CASES_MAX = 5,
	BENCH_ROWS_MAX = 8,
	BENCH_RUNS_MAX = 1000,
	BENCH_PATIENCE_S = 180, /* for one run: long after all hope */
};

enum {
	BENCH_LIGHT = 1 << 0,
	BENCH_KERNEL = 1 << 1,
	BENCH_USER = 1 << 2,
	BENCH_KINDS = 3,
};

enum {
	BENCH_ONE_CPU = 1 << 0, /* the process is pinned to one CPU */
	/* a run is a whole population: the warm-up is a hundredth, not a tenth */
	BENCH_POPULATION = 1 << 1,
	/* what the others are compared with: measured whatever kind was asked for */
	BENCH_YARDSTICK = 1 << 2,
};

/* Threads that wait for each other, as every kind of thread can: on one processor, which is one
 * CPU, and on two. Such rows stand in pairs, their cases called 1p and 2p. */
#define BENCH_ON_ONE                                                                \
	.processors = 1, .flags = BENCH_ONE_CPU, .usual = BENCH_LIGHT | BENCH_USER, \
	.kinds = BENCH_LIGHT | BENCH_USER | BENCH_KERNEL
#define BENCH_ON_TWO                                        \
	.processors = 2, .usual = BENCH_LIGHT | BENCH_USER, \
	.kinds = BENCH_LIGHT | BENCH_USER | BENCH_KERNEL

struct bench_row {
	struct {
		const char *name; /* NULL: no more */
		const char *unit;
	} cases[BENCH_CASES_MAX];
	int (*run)(weft_kind kind, long count, double *out); /* 0, or it failed */
	long count, quick_count;
	unsigned flags, kinds, usual, processors;
};

struct bench {
	const char *name, *what;
	const struct bench_row *rows; /* ends with one without a case */
};

/* One run. 0; 1: it cannot be done here; -1: it failed. Why stands on standard error. */
int bench_run_row(const struct bench *bench, const struct bench_row *row, weft_kind kind,
		  long count, double out[BENCH_CASES_MAX]);

/* For a process that is about to run something on one CPU. */
void bench_pin(void);

/* ---- for the rows */
/* What the threads of the row are made with: of the kind that is measured. */
extern weft_thread_options bench_options;
int64_t bench_cpu_ns(void);        /* user and system time of the process */
double bench_resident_bytes(void); /* resident memory and the page tables that map it */
double bench_quantile(double *values, long count, double part); /* sorts them */
/* A twentieth, at least 1, for threads whose every switch is a system call: kernel threads, and
 * user threads where the thread pointer is the kernel's to write. */
long bench_part(weft_kind kind, long count);
/* Starts so many at the same function, each with its own part of an array / waits for their
 * ends. */
void bench_spawn(weft_thread **threads, int count, int (*start)(void *arg), void *args,
		 size_t arg_bytes);
void bench_join(weft_thread **threads, int count);
/* Stops the run with a message if a call that cannot fail did; -ENOTSUP: leaves the row out. */
void bench_must(int result, const char *what);
void bench_skip(const char *why) __attribute__((noreturn)); /* leaves the row out */

/* One file a claim. */
extern const struct bench bench_switch_raw, bench_yield, bench_spawn_join, bench_spawn_batch,
	bench_park_million, bench_mutex, bench_semaphore, bench_sleep, bench_steal, bench_idle,
	bench_pool_outside, bench_pool_inside, bench_pool_latency, bench_pool_idle,
	bench_pool_blocked, bench_fairness, bench_block_gap, bench_block_monitor,
	bench_mutex_contended, bench_cancel_storm, bench_rwlock, bench_select, bench_barrier,
	bench_channel_pingpong, bench_channel_stream, bench_channel_mpmc, bench_condvar,
	bench_preempt_cost, bench_preempt_overhead, bench_preempt_idle, bench_wrapped_call;

#endif
