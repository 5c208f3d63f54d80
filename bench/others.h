/* SPDX-License-Identifier: MIT */
/* The programs that do the same work on other systems: what stands in the folder `peers` beside
 * this one. And the server's benchmark, which is a program of its own too. */
#ifndef WEFT_BENCH_OTHERS_H
#define WEFT_BENCH_OTHERS_H

#include "results.h"

enum { BENCH_OTHERS_MAX = 16 };

struct bench_other {
	char who[16];
	char path[4096];
	char names[1024]; /* the benchmarks that it knows, each with a space before and after */
};

/* How many; 0: none is built. */
int bench_others_find(struct bench_other out_others[BENCH_OTHERS_MAX]);

bool bench_other_knows(const struct bench_other *other, const char *bench);

/* Which CPUs another system is given: one; all; or it keeps each of its rows to one, or does not,
 * as its own table says. */
enum bench_cpus { BENCH_CPUS_ONE, BENCH_CPUS_ALL, BENCH_CPUS_BY_ROW };

/* One run of that benchmark, its cases added to results. 0, or -1: it failed, and why stands on
 * standard error. */
int bench_other_run(const struct bench_other *other, const char *bench, enum bench_cpus cpus,
		    struct bench_results *results);

/* Runs the server's benchmark, which prints its own lines. 0, or -1: as above. */
int bench_server_run(int runs, bool quick, bool json);

#endif
