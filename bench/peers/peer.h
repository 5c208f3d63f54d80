/* SPDX-License-Identifier: MIT */
/*
 * What every peer program shares: the table of benchmarks, clocks, median, JSON, options.
 *
 * A peer is a small program that does the work of weft's benchmarks on another system. It is
 * called as `<who> BENCH... [--runs N] [--kind KIND]` or `<who> --list`, and prints one JSON object
 * a line: the median of N runs (default 5) with their minimum and maximum. docs/benchmarks.md says
 * exactly what each benchmark does.
 *
 * - One row of the table is measured in a child process of its own, so no row sees the heap, the
 *   threads or the single-threaded shortcuts that another one left. Rows with PEER_FRESH measure
 *   memory or the whole life of a population: there even each run has its own process.
 * - A child begins with an unmeasured warm-up: a tenth of the work (PEER_FRESH: a hundredth).
 * - A run returns what it measured, or -1 if this system cannot do it; then its lines are missing,
 *   the reason is on stderr, and the exit status is 1.
 * - --kind is accepted, because the driver passes weft's options on, and not used: a peer has one
 *   kind of thread, and its lines say which.
 *
 * C11 and C++17 both read this file: no designated initialisers, no _Atomic.
 */
#ifndef WEFT_BENCH_PEER_H
#define WEFT_BENCH_PEER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PEER_ONE_CPU = 1, /* by definition on one CPU */
	PEER_FRESH = 3,   /* that, and every run in its own process */

	PEER_CASES_MAX = 2,
	PEER_RUNS_MAX = 1000,
	PEER_PATIENCE_S = 180, /* for one child: long after all hope */
};

/* A row of a table. A table ends with PEER_END, a row without a name. */
struct peer_bench {
	const char *name;
	/* "" where there is only one, NULL where there is none */
	const char *cases[PEER_CASES_MAX];
	const char *units[PEER_CASES_MAX];
	/* the work of one run, in the unit of run's first parameter */
	long count;
	int (*run)(long count, double out[PEER_CASES_MAX]);
	int flags;
};

#define PEER_END { NULL, { NULL }, { NULL }, 0, NULL, 0 }

/* The results of one row, in memory shared with the children. */
struct peer_results {
	double value[PEER_CASES_MAX][PEER_RUNS_MAX];
};

static inline double peer_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* User and system time of the whole process. */
static inline double peer_cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Resident memory of the process and the page tables that map it. */
static inline double peer_resident_bytes(void)
{
	char line[256];
	double kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, "VmRSS:", 6) || !strncmp(line, "VmPTE:", 6))
			kib += strtod(line + 6, NULL);
	if (f)
		fclose(f);
	return kib * 1024;
}

static inline int peer_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The p-th part of n values (0.5: the median). Sorts them. */
static inline double peer_quantile(double *values, long n, double p)
{
	double place = p * (double)(n - 1);
	long below = (long)place;

	qsort(values, (size_t)n, sizeof *values, peer_compare);
	if (below + 1 >= n)
		return values[n - 1];
	return values[below] + (place - (double)below) * (values[below + 1] - values[below]);
}

/* A driver that sets WEFT_BENCH_CPUS has chosen the CPUs; a person at the prompt need not, nor one
 * whose rows differ in it. The first CPU: it is the one that weft is kept to. */
static inline void peer_keep_to_one_cpu(void)
{
	cpu_set_t all, one;
	int cpu = 0;

	if (getenv("WEFT_BENCH_CPUS") || sched_getaffinity(0, sizeof all, &all) != 0)
		return;
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof one, &one);
}

/* The body of a child: a warm-up, then runs first to last. */
static inline int peer_child(const struct peer_bench *b, struct peer_results *r, long first,
			     long last)
{
	double out[PEER_CASES_MAX] = { 0 };
	long part = b->count / (b->flags == PEER_FRESH ? 100 : 10);

	alarm(PEER_PATIENCE_S);
	if (b->flags & PEER_ONE_CPU)
		peer_keep_to_one_cpu();
	if (b->run(part > 0 ? part : 1, out))
		return 1;
	for (long i = first; i < last; i++) {
		if (b->run(b->count, out))
			return 1;
		for (int c = 0; c < PEER_CASES_MAX; c++)
			r->value[c][i] = out[c];
	}
	return 0;
}

/* No exit handlers in the child: a million stacks are not taken down one by one. */
static inline int peer_fork(const struct peer_bench *b, struct peer_results *r, long first,
			    long last)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(peer_child(b, r, first, last));
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (status != 0)
		fprintf(stderr, "%s: a run failed (wait status %#x)\n", b->name, (unsigned)status);
	return status;
}

static inline void peer_print(const struct peer_bench *b, int c, double *values, long runs,
			      const char *who, const char *kind)
{
	double median = peer_quantile(values, runs, 0.5);

	printf("{\"bench\":\"%s\",\"case\":\"%s\",\"kind\":\"%s\",\"who\":\"%s\",\"value\":%.9g,"
	       "\"unit\":\"%s\",\"runs\":%ld,\"min\":%.9g,\"max\":%.9g}\n",
	       b->name, b->cases[c], kind, who, median, b->units[c], runs, values[0],
	       values[runs - 1]);
	fflush(stdout);
}

static inline int peer_measure(const struct peer_bench *b, long runs, const char *who,
			       const char *kind)
{
	void *shared = mmap(NULL, sizeof(struct peer_results), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct peer_results *r = (struct peer_results *)shared;
	long step = b->flags == PEER_FRESH ? 1 : runs;
	int failed = 0;

	if (shared == MAP_FAILED)
		return -1;
	for (long i = 0; i < runs && !failed; i += step)
		failed = peer_fork(b, r, i, i + step);
	for (int c = 0; c < PEER_CASES_MAX && b->cases[c] && !failed; c++)
		peer_print(b, c, r->value[c], runs, who, kind);
	munmap(shared, sizeof(struct peer_results));
	return failed ? -1 : 0;
}

/* Rows of one benchmark stand together in the table; the list names each once. */
static inline void peer_list(const struct peer_bench *table)
{
	for (const struct peer_bench *b = table; b->name; b++)
		if (b == table || strcmp(b->name, b[-1].name) != 0)
			puts(b->name);
}

/* Measures what has this name: how many rows of the table have it, or -1 if one failed. */
static inline int peer_measure_named(const struct peer_bench *table, const char *name, long runs,
				     const char *who, const char *kind)
{
	int known = 0, failed = 0;

	for (const struct peer_bench *b = table; b->name; b++)
		if (strcmp(b->name, name) == 0) {
			known++;
			failed |= peer_measure(b, runs, who, kind);
		}
	return failed ? -1 : known;
}

static inline int peer_usage(const char *who)
{
	fprintf(stderr, "usage: %s BENCH... [--runs 1..%d] [--kind KIND]\n       %s --list\n", who,
		PEER_RUNS_MAX, who);
	return 2;
}

static inline int peer_main(int argc, char **argv, const char *who, const char *kind,
			    const struct peer_bench *table)
{
	int status = 0, named = 0;
	long runs = 5;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--list") == 0) {
			peer_list(table);
			return 0;
		}
		if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
			runs = strtol(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--kind") == 0 && i + 1 < argc)
			i++;
		else
			argv[++named] = argv[i];
	}
	if (named == 0 || runs < 1 || runs > PEER_RUNS_MAX)
		return peer_usage(who);
	for (int i = 1; i <= named; i++) {
		int known = peer_measure_named(table, argv[i], runs, who, kind);

		if (known == 0)
			return peer_usage(who);
		if (known < 0)
			status = 1;
	}
	return status;
}

#endif
