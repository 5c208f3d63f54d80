/* SPDX-License-Identifier: MIT */
/*
 * One processor; one thread blocks in the kernel over and over, 5 ms at a time, by a call that weft
 * does not know; another must act every millisecond. How late is it, and what does the monitor use
 * to see to it? Beside it: how late with nobody in the way, and how late a kernel thread is that
 * another wakes by a bare futex.
 *
 * The times are due on a fixed schedule, as in fairness.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "blockers.h"
#include "harness.h"
#include "sys/sys.h"

/* For 200 ms after the last work the monitor stays awake, in case there is more. */
enum { SETTLE_MS = 300 };

static int ended; /* atomic */

static int block_often(void *arg)
{
	const struct bench_blocker *blocker = arg;

	while (!atomic_load_relaxed(&ended)) {
		weft_yield();
		blocker->block();
	}
	return 0;
}

static void open_once(const struct bench_blocker *blocker)
{
	static bool is_open; /* the warm-up is in the same process */

	if (!is_open)
		blocker->open();
	is_open = true;
}

static void act_often(long count, double *late_ms)
{
	int64_t due_ns = weft_now();

	for (long i = 0; i < count; i++) {
		due_ns += WEFT_MS;
		weft_sleep_until(due_ns);
		late_ms[i] = (double)(weft_now() - due_ns) / (double)WEFT_MS;
	}
}

static int act_beside(const struct bench_blocker *blocker, long count, double *out)
{
	double *late_ms = calloc((size_t)count, sizeof *late_ms);
	weft_thread *thread = NULL;

	if (late_ms == NULL)
		return -1;
	atomic_store_relaxed(&ended, 0);
	if (blocker != NULL) {
		open_once(blocker);
		bench_must(weft_thread_spawn(block_often, (void *)blocker, &bench_options, &thread),
			   "spawn");
	}
	act_often(count, late_ms);
	atomic_store_relaxed(&ended, 1);
	if (thread != NULL)
		weft_thread_join(thread, NULL);
	out[0] = bench_quantile(late_ms, count, 0.5);
	out[1] = bench_quantile(late_ms, count, 0.99);
	free(late_ms);
	return 0;
}

static int run_pipe(weft_kind kind, long count, double *out)
{
	(void)kind;
	return act_beside(&bench_blocker_pipe, count, out);
}

static int run_mutex(weft_kind kind, long count, double *out)
{
	(void)kind;
	return act_beside(&bench_blocker_mutex, count, out);
}

static int run_fault(weft_kind kind, long count, double *out)
{
	(void)kind;
	return act_beside(&bench_blocker_fault, count, out);
}

static int run_usleep(weft_kind kind, long count, double *out)
{
	(void)kind;
	return act_beside(&bench_blocker_usleep, count, out);
}

static int run_alone(weft_kind kind, long count, double *out)
{
	(void)kind;
	return act_beside(NULL, count, out);
}

/* ---- the bare wake-up */
static struct {
	uint32_t word;     /* futex: how many wake-ups there were */
	int64_t posted_ns; /* of the latest; atomic */
	long count;
	double *late_ms;
} bare;

static void *be_woken(void *arg)
{
	for (long i = 0; i < bare.count; i++) {
		while (atomic_load_acquire(&bare.word) == (uint32_t)i) /* BARE */
			weft__sys_wait(&bare.word, (uint32_t)i, WEFT_FOREVER);
		bare.late_ms[i] = (double)(weft_now() - atomic_load_relaxed(&bare.posted_ns)) /
				  (double)WEFT_MS;
	}
	return arg;
}

static int run_futex(weft_kind kind, long count, double *out)
{
	pthread_t thread;

	(void)kind;
	bare.word = 0;
	bare.count = count;
	bare.late_ms = calloc((size_t)count, sizeof *bare.late_ms);
	if (bare.late_ms == NULL || pthread_create(&thread, NULL, be_woken, NULL) != 0)
		return -1;
	for (long i = 0; i < count; i++) {
		usleep(1000);
		atomic_store_relaxed(&bare.posted_ns, weft_now());
		atomic_store_release(&bare.word, (uint32_t)i + 1); /* BARE */
		weft__sys_wake(&bare.word, 1);
	}
	pthread_join(thread, NULL);
	out[0] = bench_quantile(bare.late_ms, count, 0.5);
	out[1] = bench_quantile(bare.late_ms, count, 0.99);
	free(bare.late_ms);
	return 0;
}

/* ---- the monitor */
/* The kernel thread of ours that has this name; 0: there is none. */
static pid_t find_kernel_thread(const char *name)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	pid_t found = 0;

	while (tasks != NULL && found == 0 && (entry = readdir(tasks)) != NULL) {
		char path[300], comm[32] = "";
		FILE *file;

		snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
		file = fopen(path, "r");
		if (file == NULL)
			continue;
		if (fgets(comm, sizeof comm, file) != NULL) {
			comm[strcspn(comm, "\n")] = '\0';
			if (strcmp(comm, name) == 0)
				found = (pid_t)strtol(entry->d_name, NULL, 10);
		}
		fclose(file);
	}
	if (tasks != NULL)
		closedir(tasks);
	return found;
}

/* The kernel numbers the CPU clocks of threads so; /proc counts in ticks of 10 ms. */
static int64_t kernel_thread_cpu_ns(pid_t tid)
{
	clockid_t clock = (clockid_t)(~(unsigned)tid << 3 | 6);
	struct timespec used;

	if (clock_gettime(clock, &used) != 0)
		return 0;
	return used.tv_sec * WEFT_SECOND + used.tv_nsec;
}

/* 0: there is none, which is said. */
static pid_t find_monitor(weft_kind kind)
{
	double late_ms[2];
	pid_t monitor;

	if (run_pipe(kind, 10, late_ms) != 0) /* it begins when there is something to see */
		return 0;
	monitor = find_kernel_thread("weft monitor");
	if (monitor == 0)
		fputs("there is no kernel thread 'weft monitor'\n", stderr);
	return monitor;
}

static int run_monitor_pipe(weft_kind kind, long milliseconds, double *out)
{
	pid_t monitor = find_monitor(kind);
	int64_t cpu_ns, start_ns = weft_now();
	double late_ms[2];

	if (monitor == 0)
		return -1;
	cpu_ns = kernel_thread_cpu_ns(monitor);
	if (run_pipe(kind, milliseconds, late_ms) != 0)
		return -1;
	out[0] = (double)(kernel_thread_cpu_ns(monitor) - cpu_ns) * 100 /
		 (double)(weft_now() - start_ns);
	return 0;
}

struct rest {
	pid_t monitor;
	long milliseconds;
	double percent;
};

static int watch_rest(void *arg)
{
	struct rest *rest = arg;
	int64_t cpu_ns;

	usleep(SETTLE_MS * 1000);
	cpu_ns = kernel_thread_cpu_ns(rest->monitor);
	usleep((useconds_t)rest->milliseconds * 1000);
	cpu_ns = kernel_thread_cpu_ns(rest->monitor) - cpu_ns;
	rest->percent = (double)cpu_ns * 100 / ((double)rest->milliseconds * (double)WEFT_MS);
	return 0;
}

/* A kernel thread does the waiting: a thread of the scheduler's that woke would wake the
 * monitor. */
static int run_monitor_idle(weft_kind kind, long milliseconds, double *out)
{
	struct rest rest = { find_monitor(kind), milliseconds, 0 };
	const weft_thread_options options = { .kind = WEFT_KERNEL };
	weft_thread *thread;

	if (rest.monitor == 0)
		return -1;
	bench_must(weft_thread_spawn(watch_rest, &rest, &options, &thread), "spawn");
	bench_must(weft_thread_join(thread, NULL), "join");
	out[0] = rest.percent;
	return 0;
}

#define GAP_ROW(how)                                                                         \
	{                                                                                    \
		.cases = { { #how "-p50", "ms" }, { #how "-p99", "ms" } }, .run = run_##how, \
		.count = 1000, .quick_count = 10, .kinds = BENCH_USER | BENCH_LIGHT,         \
		.usual = BENCH_USER, .processors = 1                                         \
	}

static const struct bench_row gap_rows[] = {
	GAP_ROW(pipe),
	GAP_ROW(mutex),
	GAP_ROW(fault),
	GAP_ROW(usleep),
	GAP_ROW(alone),
	{ .cases = { { "futex-p50", "ms" }, { "futex-p99", "ms" } },
	  .run = run_futex,
	  .count = 1000,
	  .quick_count = 10,
	  .flags = BENCH_YARDSTICK,
	  .kinds = BENCH_KERNEL,
	  .usual = BENCH_KERNEL },
	{ .run = NULL },
};

static const struct bench_row monitor_rows[] = {
	{ .cases = { { "pipe", "%" } },
	  .run = run_monitor_pipe,
	  .count = 2000,
	  .quick_count = 50,
	  .kinds = BENCH_USER | BENCH_LIGHT,
	  .usual = BENCH_USER,
	  .processors = 1 },
	{ .cases = { { "idle", "%" } },
	  .run = run_monitor_idle,
	  .count = 2000,
	  .quick_count = 50,
	  .kinds = BENCH_USER | BENCH_LIGHT,
	  .usual = BENCH_USER,
	  .processors = 1 },
	{ .run = NULL },
};

const struct bench bench_block_gap = { "block-gap",
				       "past due, while a neighbour blocks 5 ms a time", gap_rows };
const struct bench bench_block_monitor = { "block-monitor",
					   "CPU time of the monitor meanwhile, and when idle",
					   monitor_rows };
