/* SPDX-License-Identifier: MIT */
/* weft bench: which benchmarks, how often, in whose turn. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "harness.h"
#include "others.h"
#include "results.h"

static const struct bench *const benches[] = {
	&bench_switch_raw,
	&bench_yield,
	&bench_spawn_join,
	&bench_spawn_batch,
	&bench_mutex,
	&bench_mutex_contended,
	&bench_rwlock,
	&bench_semaphore,
	&bench_condvar,
	&bench_barrier,
	&bench_channel_pingpong,
	&bench_channel_stream,
	&bench_channel_mpmc,
	&bench_select,
	&bench_cancel_storm,
	&bench_sleep,
	&bench_park_million,
	&bench_steal,
	&bench_idle,
	&bench_pool_outside,
	&bench_pool_inside,
	&bench_pool_latency,
	&bench_pool_idle,
	&bench_pool_blocked,
	&bench_preempt_cost,
	&bench_preempt_overhead,
	&bench_preempt_idle,
	&bench_fairness,
	&bench_block_gap,
	&bench_block_monitor,
	&bench_wrapped_call,
};

enum { BENCHES = sizeof benches / sizeof benches[0], RUNS = 5 };

struct options {
	bool json, list, peers, quick, help;
	int runs;
	long count;     /* 0: each row's own */
	unsigned kinds; /* 0: each bench's usual one */
	bool named[BENCHES];
	bool any_named, server;
};

static const struct {
	const char *name;
	unsigned bit;
	weft_kind kind;
} kinds[BENCH_KINDS] = { { "light", BENCH_LIGHT, WEFT_LIGHT },
			 { "user", BENCH_USER, WEFT_USER },
			 { "kernel", BENCH_KERNEL, WEFT_KERNEL } };

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	interrupted = number;
}

static const char help[] =
	"usage: weft bench [NAME...] [OPTIONS]\n"
	"\n"
	"Measures threads, locks and pools, here and now. Without names: all of it.\n"
	"Read the ratio between two lines, never the time alone.\n"
	"\n"
	"  --list            the benchmarks, and what each of them measures\n"
	"  --peers           the same work on other systems in turn, and the ratio\n"
	"                    (the programs in the folder 'peers' beside this command)\n"
	"  --kind KIND       threads of this kind (light, user or kernel) where there is\n"
	"                    a choice\n"
	"  --runs N          how often each is measured (default 5); the median counts\n"
	"  --count N         how much work a run of weft's is; 0: each benchmark's own\n"
	"  --quick           once, with little work: whether all of it runs, not how fast\n"
	"  --json            one object a line, for machines\n"
	"  --help            this\n"
	"\n"
	"examples: weft bench yield mutex --peers\n"
	"          weft bench --kind kernel --json >figures\n"
	"\n"
	"Exit status: 0 done, 1 a run failed (no line for it), 2 unknown name or option.\n";

static const char server_what[] = "weft serve beside nginx; only by name (a program of its own)";

static int list_all(void)
{
	for (int i = 0; i < BENCHES; i++)
		printf("%-17s%s\n", benches[i]->name, benches[i]->what);
	printf("%-17s%s\n", "server", server_what);
	return 0;
}

static int say_unknown(const char *name)
{
	const char *names[BENCHES + 2] = { NULL }, *nearest;

	for (int i = 0; i < BENCHES; i++)
		names[i] = benches[i]->name;
	names[BENCHES] = "server";
	nearest = weft__command_nearest(name, names);
	if (nearest != NULL) {
		fprintf(stderr, "weft bench: there is no '%s'; did you mean '%s'?\n", name,
			nearest);
		return 2;
	}
	fprintf(stderr, "weft bench: there is no '%s'; there are:", name);
	for (int i = 0; names[i] != NULL; i++)
		fprintf(stderr, " %s", names[i]);
	fputs("\n", stderr);
	return 2;
}

/* ---- options */
static int take_runs(struct options *options, const char *text)
{
	char *end;
	long runs = text != NULL ? strtol(text, &end, 10) : 0;

	if (text == NULL || *end != '\0' || runs < 1 || runs > BENCH_RUNS_MAX) {
		fprintf(stderr, "weft bench: --runs takes a number from 1 to %d\n", BENCH_RUNS_MAX);
		return 2;
	}
	options->runs = (int)runs;
	return 0;
}

static int take_count(struct options *options, const char *text)
{
	char *end;

	options->count = text != NULL ? strtol(text, &end, 10) : -1;
	if (options->count >= 0 && end != text && *end == '\0')
		return 0;
	fputs("weft bench: --count takes a number, 0 or more\n", stderr);
	return 2;
}

static int take_kind(struct options *options, const char *text)
{
	for (int k = 0; k < BENCH_KINDS; k++)
		if (text != NULL && strcmp(text, kinds[k].name) == 0) {
			options->kinds = kinds[k].bit;
			return 0;
		}
	fputs("weft bench: --kind takes 'light', 'user' or 'kernel'\n", stderr);
	return 2;
}

static bool take_switch(struct options *options, const char *word)
{
	const struct {
		const char *name;
		bool *on;
	} switches[] = { { "--json", &options->json },   { "--list", &options->list },
			 { "--peers", &options->peers }, { "--quick", &options->quick },
			 { "--help", &options->help },   { "-h", &options->help } };

	for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++)
		if (strcmp(word, switches[i].name) == 0) {
			*switches[i].on = true;
			return true;
		}
	return false;
}

static bool take_value(struct options *options, const char *word, const char *text, int *out_error)
{
	static const struct {
		const char *name;
		int (*take)(struct options *options, const char *text);
	} values[] = { { "--runs", take_runs },
		       { "--kind", take_kind },
		       { "--count", take_count } };

	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		if (strcmp(word, values[i].name) == 0) {
			*out_error = values[i].take(options, text);
			return true;
		}
	return false;
}

static int take_name(struct options *options, const char *word)
{
	for (int i = 0; i < BENCHES; i++)
		if (strcmp(word, benches[i]->name) == 0) {
			options->named[i] = true;
			options->any_named = true;
			return 0;
		}
	if (strcmp(word, "server") == 0) {
		options->server = true;
		return 0;
	}
	return say_unknown(word);
}

static int take_options(struct options *options, char **argv)
{
	for (; *argv != NULL; argv++) {
		int error = 0;

		if (take_switch(options, *argv))
			continue;
		if (take_value(options, argv[0], argv[1], &error)) {
			argv += argv[1] != NULL;
		} else if (**argv == '-') {
			fprintf(stderr,
				"weft bench: there is no option '%s'; see weft bench --help\n",
				*argv);
			error = 2;
		} else {
			error = take_name(options, *argv);
		}
		if (error != 0)
			return error;
	}
	return 0;
}

/* ---- running */
static void show_progress(const char *name, int run, int runs)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%s: run %d of %d\r", name, run, runs);
}

static void clear_progress(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

static bool is_wanted(const struct bench_row *row, const struct options *options, int k)
{
	unsigned wanted = options->kinds;

	if (wanted == 0 || row->flags & BENCH_YARDSTICK)
		wanted = row->usual;
	return (row->kinds & wanted & kinds[k].bit) != 0;
}

/* 0, 1: failed. left_out: of this row, the kinds that cannot be measured here; they are not tried
 * again. */
static int take_turn(const struct bench *bench, const struct bench_row *row,
		     const struct options *options, int k, unsigned *left_out,
		     struct bench_results *results)
{
	double out[BENCH_CASES_MAX];
	long count = options->count;
	int result;

	if (!is_wanted(row, options, k) || (*left_out & kinds[k].bit) != 0)
		return 0;
	if (count == 0)
		count = options->quick ? row->quick_count : row->count;
	result = bench_run_row(bench, row, kinds[k].kind, count, out);
	if (result > 0) {
		*left_out |= kinds[k].bit;
		return kinds[k].bit == options->kinds;
	}
	if (result < 0)
		return 1;
	for (int c = 0; c < BENCH_CASES_MAX && row->cases[c].name != NULL; c++)
		bench_results_add(results, row->cases[c].name, kinds[k].name, "weft",
				  row->cases[c].unit, out[c]);
	return 0;
}

/* What the others are told of CPUs. */
static enum bench_cpus cpus_of(const struct bench *bench)
{
	bool one = false, all = false;

	for (const struct bench_row *row = bench->rows; row->run != NULL; row++)
		*(row->flags & BENCH_ONE_CPU ? &one : &all) = true;
	return !one ? BENCH_CPUS_ALL : all ? BENCH_CPUS_BY_ROW : BENCH_CPUS_ONE;
}

/* Whose turn it is: every row of ours, each kind of it, then every peer that does the same. */
static int take_turns(const struct bench *bench, const struct options *options,
		      const struct bench_other *others, int other_count, unsigned left_out[],
		      struct bench_results *results)
{
	int failed = 0;

	for (const struct bench_row *row = bench->rows; row->run != NULL; row++)
		for (int k = 0; k < BENCH_KINDS && !interrupted; k++)
			failed |= take_turn(bench, row, options, k, &left_out[row - bench->rows],
					    results);
	for (int i = 0; i < other_count && !interrupted; i++)
		if (bench_other_knows(&others[i], bench->name))
			failed |= bench_other_run(&others[i], bench->name, cpus_of(bench),
						  results) != 0;
	return failed;
}

static int measure(const struct bench *bench, const struct options *options,
		   const struct bench_other *others, int other_count)
{
	static struct bench_results results;
	unsigned left_out[BENCH_ROWS_MAX] = { 0 };
	int failed = 0;

	results.bench = bench->name;
	results.count = 0;
	for (int run = 1; run <= options->runs && !interrupted; run++) {
		show_progress(bench->name, run, options->runs);
		failed |= take_turns(bench, options, others, other_count, left_out, &results);
	}
	clear_progress();
	if (options->json)
		bench_results_json(&results);
	else
		bench_results_table(&results);
	return failed;
}

static int measure_all(const struct options *options, const struct bench_other *others,
		       int other_count)
{
	int failed = 0;

	if (!options->json)
		bench_results_head(options->peers);
	for (int i = 0; i < BENCHES && !interrupted; i++)
		if (options->named[i] || !options->any_named)
			failed |= measure(benches[i], options, others, other_count);
	return failed;
}

int weft__command_bench(int argc, char **argv)
{
	static struct bench_other others[BENCH_OTHERS_MAX];
	struct sigaction action = { .sa_handler = interrupt, .sa_flags = SA_RESTART };
	struct options options = { .runs = 0 };
	int failed, other_count = 0;

	(void)argc;
	failed = take_options(&options, argv + 1);
	if (failed != 0)
		return failed;
	if (options.help) {
		fputs(help, stdout);
		return 0;
	}
	if (options.list)
		return list_all();
	if (options.peers) {
		other_count = bench_others_find(others);
		if (other_count == 0) {
			fputs("weft bench: there are no peers in the folder 'peers' beside this "
			      "command; 'make bench' builds them\n",
			      stderr);
			return 1;
		}
	}
	sigaction(SIGINT, &action, NULL);
	if (options.runs == 0)
		options.runs = options.quick ? 1 : RUNS;
	if (options.any_named || !options.server)
		failed = measure_all(&options, others, other_count);
	if (options.server && !interrupted)
		failed |= bench_server_run(options.runs, options.quick, options.json) != 0;
	if (interrupted) {
		/* as if we had not caught it: the shell wants to know */
		signal(SIGINT, SIG_DFL);
		raise(SIGINT);
	}
	return failed;
}
