/* SPDX-License-Identifier: MIT */
/* What the runs of one benchmark found, and how it is shown. */
#ifndef WEFT_BENCH_RESULTS_H
#define WEFT_BENCH_RESULTS_H

#include <stdbool.h>

#include "harness.h"

/* One line: the runs of one case, by one. */
struct bench_series {
	char case_name[40], kind[12], who[16], unit[12];
	double values[BENCH_RUNS_MAX];
	int runs;
};

enum { BENCH_SERIES_MAX = 96 };

struct bench_results {
	const char *bench;
	int count;
	struct bench_series series[BENCH_SERIES_MAX];
};

/* Adds a run. Words that are too long are cut. */
void bench_results_add(struct bench_results *results, const char *case_name, const char *kind,
		       const char *who, const char *unit, double value);

/* These sort the values. */
void bench_results_json(struct bench_results *results);
void bench_results_table(struct bench_results *results);
void bench_results_head(bool peers); /* the table's first line */

#endif
