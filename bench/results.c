/* SPDX-License-Identifier: MIT */
/* Medians, as a table for people and as lines for machines. */
#include "results.h"

#include <stdio.h>
#include <string.h>

#define OURS "weft"

static void copy(char *to, size_t bytes, const char *from)
{
	snprintf(to, bytes, "%s", from);
}

static struct bench_series *find(struct bench_results *results, const char *case_name,
				 const char *kind, const char *who)
{
	for (int i = 0; i < results->count; i++) {
		struct bench_series *s = &results->series[i];

		if (strcmp(s->case_name, case_name) == 0 && strcmp(s->kind, kind) == 0 &&
		    strcmp(s->who, who) == 0)
			return s;
	}
	return NULL;
}

void bench_results_add(struct bench_results *results, const char *case_name, const char *kind,
		       const char *who, const char *unit, double value)
{
	struct bench_series *s = find(results, case_name, kind, who);

	if (s == NULL) {
		if (results->count == BENCH_SERIES_MAX)
			return;
		s = &results->series[results->count++];
		copy(s->case_name, sizeof s->case_name, case_name);
		copy(s->kind, sizeof s->kind, kind);
		copy(s->who, sizeof s->who, who);
		copy(s->unit, sizeof s->unit, unit);
		s->runs = 0;
	}
	if (s->runs < BENCH_RUNS_MAX)
		s->values[s->runs++] = value;
}

static double median(struct bench_series *s)
{
	return bench_quantile(s->values, s->runs, 0.5);
}

void bench_results_json(struct bench_results *results)
{
	for (int i = 0; i < results->count; i++) {
		struct bench_series *s = &results->series[i];
		double middle = median(s);

		printf("{\"bench\":\"%s\",\"case\":\"%s\",\"kind\":\"%s\",\"who\":\"%s\","
		       "\"value\":%.9g,\"unit\":\"%s\",\"runs\":%d,\"min\":%.9g,\"max\":%.9g}\n",
		       results->bench, s->case_name, s->kind, s->who, middle, s->unit, s->runs,
		       s->values[0], s->values[s->runs - 1]);
	}
	fflush(stdout);
}

/* About three digits, and no more places than they need. */
static const char *number(char text[16], double value)
{
	double size = value < 0 ? -value : value;
	int places = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 || size == 0 ? 2 : 3;

	snprintf(text, 16, "%.*f", places, value);
	return text;
}

/* The case of ours that a peer's line is compared with: the same, or else our first of that
 * unit. */
static const char *ours_for(const struct bench_results *results, const struct bench_series *theirs)
{
	const char *first = NULL;

	for (int i = 0; i < results->count; i++) {
		const struct bench_series *s = &results->series[i];

		if (strcmp(s->who, OURS) != 0 || strcmp(s->unit, theirs->unit) != 0)
			continue;
		if (strcmp(s->case_name, theirs->case_name) == 0)
			return s->case_name;
		if (first == NULL)
			first = s->case_name;
	}
	return first;
}

static bool is_below(const struct bench_results *results, const struct bench_series *theirs,
		     const struct bench_series *ours)
{
	const char *case_name;

	if (strcmp(theirs->who, OURS) == 0)
		return theirs == ours;
	case_name = ours_for(results, theirs);
	if (ours == NULL || case_name == NULL)
		return ours == NULL && case_name == NULL;
	return strcmp(ours->case_name, case_name) == 0;
}

void bench_results_head(bool peers)
{
	printf("%-16s %-14s %-8s %-7s %9s %9s %9s %s\n", "bench", "case", "who", "kind", "median",
	       "min", "max", peers ? "unit     weft/it" : "unit");
}

static void print_line(struct bench_results *results, struct bench_series *s,
		       struct bench_series *ours, bool first)
{
	char middle[16], least[16], most[16];

	number(middle, median(s));
	number(least, s->values[0]);
	number(most, s->values[s->runs - 1]);
	printf("%-16s %-14.14s %-8s %-7s %9s %9s %9s ", first ? results->bench : "", s->case_name,
	       s->who, s->kind, middle, least, most);
	if (ours != NULL && ours != s && median(s) > 0)
		printf("%-8s%8.2f\n", s->unit, median(ours) / median(s));
	else
		printf("%s\n", s->unit);
}

/* Each of our lines, and below it those that are compared with it: below each kind's again. */
void bench_results_table(struct bench_results *results)
{
	bool first = true;

	for (int o = 0; o <= results->count; o++) {
		struct bench_series *ours = o < results->count ? &results->series[o] : NULL;

		if (ours != NULL && strcmp(ours->who, OURS) != 0)
			continue;
		for (int i = 0; i < results->count; i++) {
			struct bench_series *s = &results->series[i];

			if (!is_below(results, s, ours))
				continue;
			print_line(results, s, ours, first);
			first = false;
		}
	}
	fflush(stdout);
}
