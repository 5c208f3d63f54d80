/* SPDX-License-Identifier: MIT */
/*
 * weft-sim: scenarios on the simulated kernel, over many seeds; or one seed again, step by step.
 *
 * Seeds run in forked children, so all begin with the same memory at the same addresses, but for
 * malloc's (address randomisation is switched off where the system allows it).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lines.h"
#include "scenario.h"
#include "seed_file.h"

#define SEEDS_DEFAULT 100
#define FAILURES_MAX 5 /* of one scenario; then the next */
#define MUST_FAIL_WITHIN 1000
#define BATCH \
	WEFT_SIM_BATCH /* seeds in one child; the build's: sanitizers keep variables of their own */

static const char usage[] =
	"usage: weft-sim SCENARIO|GROUP|all|list [--seeds N] [--first-seed S] [--trace]\n"
	"       weft-sim --replay FILE [--calls]\n"
	"\n"
	"  --seeds N       how many seeds (default 100; WEFT_SEEDS overrides it)\n"
	"  --first-seed S  the first of them (default 1)\n"
	"  --trace         prints every step\n"
	"  --replay FILE   runs the seed of a failure again, and prints every step\n"
	"  --calls         prints system calls and no atomic operations\n";

struct request {
	const char *scenario, *replay;
	uint64_t seeds, first_seed;
	bool trace, calls;
};

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void save(const struct scenario *scenario, const struct weft__sim_report *report)
{
	struct seed_file file = { .seed = report->seed, .options = scenario->options };
	char path[256];
	int rc;

	snprintf(file.scenario, sizeof file.scenario, "%s", scenario->name);
	snprintf(file.failure, sizeof file.failure, "%s", report->failure);
	rc = seed_file_write(&file, path, sizeof path);
	if (rc == 0)
		printf("%s: seed %" PRIu64 ": %s\n  again: %s --replay %s\n", scenario->name,
		       report->seed, report->failure, program_invocation_name, path);
	else
		printf("%s: seed %" PRIu64 ": %s\n  not saved as %s: %s\n", scenario->name,
		       report->seed, report->failure, path, strerror(-rc));
}

/* The seed alone must fail as it did in its batch: that is what can be run again. */
static void tell_failure(const struct scenario *scenario, const struct weft__sim_report *failed,
			 bool is_first)
{
	struct weft__sim_report alone;

	if (is_first)
		lines_print(weft__sim_output(), stdout);
	if (weft__sim_run_apart(failed->seed, &scenario->options, scenario->run, NULL, &alone) ==
	    WEFT__SIM_PASSED)
		printf("%s: seed %" PRIu64 ": alone it passes; it failed after others: %s\n",
		       scenario->name, failed->seed, failed->failure);
	else
		save(scenario, &alone);
}

struct tally {
	uint64_t seeds, failures, steps, switches;
	double seconds;
};

static struct tally run_seeds(const struct scenario *scenario, const struct request *request)
{
	struct tally tally = { .seconds = -seconds_now() };
	uint64_t seeds = request->seeds;

	if (scenario->must_fail && seeds < MUST_FAIL_WITHIN)
		seeds = MUST_FAIL_WITHIN;
	while (tally.seeds < seeds && tally.failures < FAILURES_MAX) {
		struct weft__sim_report reports[WEFT__SIM_BATCH_MAX];
		uint64_t first = request->first_seed + tally.seeds, left = seeds - tally.seeds;
		unsigned count = weft__sim_run_batch(first, left < BATCH ? (unsigned)left : BATCH,
						     &scenario->options, scenario->run, NULL,
						     reports);

		for (unsigned i = 0; i < count; i++) {
			tally.seeds++;
			tally.steps += reports[i].steps;
			tally.switches += reports[i].switches;
		}
		if (reports[count - 1].outcome == WEFT__SIM_PASSED)
			continue;
		tally.failures++;
		if (scenario->must_fail)
			break;
		tell_failure(scenario, &reports[count - 1], tally.failures == 1);
	}
	tally.seconds += seconds_now();
	return tally;
}

/* Whether it went as it should. */
static bool run_scenario(const struct scenario *scenario, const struct request *request)
{
	struct tally tally = run_seeds(scenario, request);
	double seeds = (double)tally.seeds;

	printf("%-28s %6" PRIu64 " seeds  %" PRIu64
	       " failed%s  %6.0f steps  %5.0f switches  %5.0f seeds/s\n",
	       scenario->name, tally.seeds, tally.failures, scenario->must_fail ? " (must)" : "",
	       (double)tally.steps / seeds, (double)tally.switches / seeds, seeds / tally.seconds);
	fflush(stdout);
	if (scenario->must_fail && tally.failures == 0)
		printf("%s: its bug was not found within %" PRIu64 " seeds\n", scenario->name,
		       tally.seeds);
	return scenario->must_fail == (tally.failures > 0);
}

static const struct scenario *first_named(const char *name)
{
	unsigned place = 0;
	const struct scenario *scenario = scenario_next(name, &place);

	if (scenario == NULL)
		fprintf(stderr,
			"weft-sim: no scenario is called '%s'; 'weft-sim list' prints their names\n",
			name);
	return scenario;
}

static int run_named(const struct request *request)
{
	const struct scenario *scenario;
	bool passed = true;

	if (first_named(request->scenario) == NULL)
		return 2;
	for (unsigned place = 0; (scenario = scenario_next(request->scenario, &place)) != NULL;)
		passed = run_scenario(scenario, request) && passed;
	return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int list_all(void)
{
	const struct scenario *scenario;

	for (unsigned place = 0; (scenario = scenario_next("all", &place)) != NULL;)
		puts(scenario->name);
	return EXIT_SUCCESS;
}

/* What the child prints goes through a file, to be given source lines. */
static int run_traced(const struct scenario *scenario, uint64_t seed,
		      const struct weft__sim_options *options, bool points)
{
	struct weft__sim_report report;
	int trace = memfd_create("weft-sim-trace", MFD_CLOEXEC);
	int out = dup(STDOUT_FILENO);
	struct stat size;
	char *text;

	dup2(trace, STDOUT_FILENO);
	weft__sim_trace(true, points);
	weft__sim_run_apart(seed, options, scenario->run, NULL, &report);
	dup2(out, STDOUT_FILENO);
	if (fstat(trace, &size) != 0 || (text = calloc(1, (size_t)size.st_size + 1)) == NULL ||
	    pread(trace, text, (size_t)size.st_size, 0) < 0)
		return EXIT_FAILURE;
	lines_print(text, stdout);
	if (report.outcome != WEFT__SIM_PASSED)
		lines_print(weft__sim_output(), stdout);
	printf("%s: seed %" PRIu64 ": %s; %" PRIu64 " steps, hash %016" PRIx64 "\n", scenario->name,
	       seed, report.outcome == WEFT__SIM_PASSED ? "passed" : report.failure, report.steps,
	       report.trace_hash);
	free(text);
	return report.outcome == WEFT__SIM_PASSED ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int replay(const struct request *request)
{
	struct seed_file file;
	const struct scenario *scenario;
	int rc = seed_file_read(request->replay, &file);

	if (rc < 0) {
		fprintf(stderr, "weft-sim: cannot read a seed from '%s': %s\n", request->replay,
			strerror(-rc));
		return EXIT_FAILURE;
	}
	scenario = first_named(file.scenario);
	if (scenario == NULL)
		return EXIT_FAILURE;
	return run_traced(scenario, file.seed, &file.options, !request->calls);
}

static bool parse(int count, char **words, struct request *out)
{
	for (int i = 1; i < count; i++) {
		const char *value = i + 1 < count ? words[i + 1] : NULL;

		if (strcmp(words[i], "--trace") == 0)
			out->trace = true;
		else if (strcmp(words[i], "--calls") == 0)
			out->calls = true;
		else if (strcmp(words[i], "--seeds") == 0 && value != NULL)
			out->seeds = strtoull(words[++i], NULL, 10);
		else if (strcmp(words[i], "--first-seed") == 0 && value != NULL)
			out->first_seed = strtoull(words[++i], NULL, 10);
		else if (strcmp(words[i], "--replay") == 0 && value != NULL)
			out->replay = words[++i];
		else if (words[i][0] != '-' && out->scenario == NULL)
			out->scenario = words[i];
		else
			return false;
	}
	return (out->scenario != NULL) != (out->replay != NULL);
}

/* Addresses that differ from run to run would let a seed that depends on them escape. */
static void fix_addresses(char **words)
{
	int now = personality(0xffffffff);

	if (now < 0 || (now & ADDR_NO_RANDOMIZE) != 0 || getenv("WEFT_SIM_FIXED") != NULL)
		return;
	setenv("WEFT_SIM_FIXED", "1", 1); /* once: it may have no effect */
	if (personality((unsigned long)now | ADDR_NO_RANDOMIZE) >= 0)
		execv("/proc/self/exe", words);
}

int main(int count, char **words)
{
	struct request request = { .seeds = SEEDS_DEFAULT, .first_seed = 1 };
	const char *seeds = getenv("WEFT_SEEDS");
	const struct scenario *scenario;

	fix_addresses(words);
	if (!parse(count, words, &request)) {
		fputs(usage, stderr);
		return 2;
	}
	if (seeds != NULL)
		request.seeds = strtoull(seeds, NULL, 10);
	if (request.replay != NULL)
		return replay(&request);
	if (strcmp(request.scenario, "list") == 0)
		return list_all();
	if (!request.trace)
		return run_named(&request);
	scenario = first_named(request.scenario);
	if (scenario == NULL)
		return 2;
	return run_traced(scenario, request.first_seed, &scenario->options, !request.calls);
}
