/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <stdio.h>

#include <weft/time.h>

struct figure {
	const char *key, *text;
	long long value;
};

static const char *name_or_none(const char *name)
{
	return name != NULL ? name : "none";
}

static void print_figures(const struct figure *figures, int count, bool json)
{
	for (int i = 0; i < count; i++)
		if (json)
			printf("\"%s\": %lld, ", figures[i].key, figures[i].value);
		else
			printf("%-20s%lld\n", figures[i].text, figures[i].value);
}

static void print_engine(const weft_sched_stats *stats, bool json)
{
	const struct figure figures[] = {
		{ "switches", "switches", (long long)stats->switches },
		{ "ticks", "ticks", (long long)stats->ticks },
		{ "preemptions", "preemptions", (long long)stats->preemptions },
		{ "deferrals", "deferrals", (long long)stats->deferrals },
		{ "migrations", "migrations", (long long)stats->migrations },
		{ "steals", "steals", (long long)stats->steals },
		{ "hand_offs", "hand-offs", (long long)stats->hand_offs },
		{ "extra_runners", "extra runners", (long long)stats->extra_runners },
		{ "calls_broken", "EINTR caused", (long long)stats->calls_broken },
		{ "carriers_max", "carriers at most", stats->carriers_max },
	};
	const char *tick = name_or_none(stats->tick_means);
	const char *watch = name_or_none(stats->watch_means);

	print_figures(figures, sizeof figures / sizeof *figures, json);
	if (json)
		printf("\"tick\": \"%s\", \"watch\": \"%s\", ", tick, watch);
	else
		printf("%-20s%s\n%-20s%s\n", "ticks by", tick, "watched by", watch);
}

static void print_operations(struct soak_crowd *crowd, bool json)
{
	const struct soak_options *options = crowd->options;

	if (json)
		printf("\"by_operation\": {");
	else
		printf("\n%-12s%10s%14s\n", "", "times", "us, plain");
	for (unsigned i = 0; i < options->operation_count; i++)
		if (json)
			printf("%s\"%s\": %llu", i > 0 ? ", " : "", options->operations[i]->name,
			       (unsigned long long)crowd->done[i]);
		else
			printf("%-12s%10llu%14lld\n", options->operations[i]->name,
			       (unsigned long long)crowd->done[i],
			       (long long)(crowd->plain_ns[i] / WEFT_US));
	if (json)
		printf("}}\n");
}

void soak_report_print(struct soak_crowd *crowd, const struct soak_result *result)
{
	const struct soak_options *options = crowd->options;
	const struct figure figures[] = {
		{ "operations", "operations", (long long)soak_crowd_done(crowd) },
		{ "lives", "threads made", (long long)crowd->lives },
		{ "refused", "spawns refused", (long long)crowd->refused },
		{ "differences", "differences", (long long)crowd->differences },
		{ "threads_left", "kernel threads left",
		  result->after.threads - result->before.threads },
		{ "fds_left", "descriptors left", result->after.fds - result->before.fds },
		{ "resident_warm_kb", "KiB resident, warm", result->warm.resident_kb },
		{ "resident_end_kb", "KiB resident, end", result->end.resident_kb },
	};
	double seconds = (double)result->ns / (double)WEFT_SECOND;
	bool json = options->json;

	if (json)
		printf("{\"seed\": %llu, \"kind\": \"%s\", \"threads\": %u, \"slice_us\": %u, "
		       "\"processors\": %u, \"seconds\": %.3f, ",
		       (unsigned long long)options->seed, soak_kind_name(options->kind),
		       options->threads, options->slice_us, result->processors, seconds);
	else
		printf("%-20s%.1f\n", "seconds", seconds);
	print_figures(figures, sizeof figures / sizeof *figures, json);
	if (options->kind != WEFT_KERNEL)
		print_engine(&result->stats, json);
	print_operations(crowd, json);
	fflush(stdout);
}
