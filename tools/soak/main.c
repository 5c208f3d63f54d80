/* SPDX-License-Identifier: MIT */
/*
 * weft-soak, which `weft soak` calls: a program of its own, so that the command needs none of the
 * libraries that are soaked. The main thread stays outside the scheduler and watches.
 */
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weft/weft.h>

#include "census.h"
#include "crowd.h"
#include "options.h"
#include "report.h"

enum {
	PROGRESS_S = 5,
	PATIENCE_S = 60,  /* for threads that were told to stop: each is in its last operation */
	SETTLE_MS = 3000, /* until what ended is seen to have ended */
};

static char folder[] = "/tmp/weft-soak-XXXXXX";

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *where)
{
	(void)stat;
	(void)kind;
	(void)where;
	return remove(path);
}

static void remove_folder(void)
{
	nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Each operation has a folder of its own. */
static int set_up(const struct soak_options *options)
{
	char path[sizeof folder + 64];

	if (mkdtemp(folder) == NULL) {
		fprintf(stderr, "weft soak: %s: %s\n", folder, strerror(errno));
		return -1;
	}
	for (unsigned i = 0; i < options->operation_count; i++) {
		const struct soak_operation *what = options->operations[i];

		snprintf(path, sizeof path, "%s/%s", folder, what->name);
		if (what->setup != NULL && (mkdir(path, 0700) != 0 || what->setup(path) != 0))
			return -1;
	}
	return 0;
}

static void finish(struct soak_crowd *crowd)
{
	for (unsigned i = 0; i < crowd->options->operation_count; i++) {
		const struct soak_operation *what = crowd->options->operations[i];
		struct soak_run run;

		soak_begin(&run, 0);
		if (what->finish != NULL)
			what->finish(&run);
		if (run.note[0] != '\0')
			soak_crowd_differ(crowd, what->name, "at the end: %s", run.note);
	}
}

/* ---- the scheduler */

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int open_sched(const struct soak_options *options, weft_sched **out_sched)
{
	weft_sched_options sched = {
		.name = "soak",
		.processors = options->carriers,
		.slice_ns = options->slice_us * WEFT_US,
	};
	int error = weft_sched_create(&sched, out_sched);

	if (error < 0)
		fprintf(stderr, "weft soak: no scheduler: %s\n", strerror(-error));
	return error;
}

/* A first scheduler comes and goes: what the runtime keeps for good it has then. */
static int warm_up(const struct soak_options *options)
{
	weft_thread_options thread = { .kind = options->kind };
	weft_sched *sched = NULL;
	int error;

	if (options->kind != WEFT_KERNEL) {
		error = open_sched(options, &sched);
		if (error < 0)
			return error;
		thread.sched = sched;
	}
	error = weft_thread_spawn(nothing, NULL, &thread, NULL);
	if (error < 0)
		fprintf(stderr, "weft soak: no %s thread: %s\n", soak_kind_name(options->kind),
			strerror(-error));
	if (sched != NULL)
		weft_sched_destroy(sched);
	return error;
}

/* ---- watching */

static sigset_t interrupts;

/* Waits for a tenth of a second, less if somebody wants an end. */
static bool was_interrupted(void)
{
	struct timespec tenth = { 0, 100000000 };

	return sigtimedwait(&interrupts, NULL, &tenth) > 0;
}

static void print_progress(struct soak_crowd *crowd, int64_t ns)
{
	weft_sched_stats stats = { .switches = 0 };

	if (crowd->sched != NULL)
		weft_sched_stats_get(crowd->sched, &stats);
	fprintf(stderr,
		"%5lld s: %llu operations, %llu preemptions, %llu hand-offs, %llu differences\n",
		(long long)(ns / WEFT_SECOND), (unsigned long long)soak_crowd_done(crowd),
		(unsigned long long)stats.preemptions, (unsigned long long)stats.hand_offs,
		(unsigned long long)crowd->differences);
}

static void watch(struct soak_crowd *crowd, struct soak_result *result)
{
	int64_t begun = weft_now(), length = crowd->options->seconds * WEFT_SECOND;
	int64_t shown = 0, now = 0;

	while (now < length && !was_interrupted()) {
		now = weft_now() - begun;
		if (result->warm.resident_kb == 0 && now >= length / 4)
			soak_census_take(&result->warm);
		if (now - shown >= PROGRESS_S * WEFT_SECOND) {
			shown = now;
			if (!crowd->options->quiet)
				print_progress(crowd, now);
		}
	}
	soak_census_take(&result->end);
	result->ns = weft_now() - begun;
}

/* False: some threads do not end. */
static bool wait_for_end(struct soak_crowd *crowd)
{
	int64_t until = weft_now() + PATIENCE_S * WEFT_SECOND;

	while (soak_crowd_alive(crowd) > 0) {
		if (weft_now() > until || was_interrupted()) {
			soak_crowd_print_alive(crowd);
			return false;
		}
	}
	return true;
}

static void settle(struct soak_result *result)
{
	int64_t until = weft_now() + SETTLE_MS * WEFT_MS;

	do {
		soak_census_take(&result->after);
	} while ((result->after.threads > result->before.threads ||
		  result->after.fds > result->before.fds) &&
		 weft_now() < until && !was_interrupted());
}

/* The exit status. */
static int soak(struct soak_crowd *crowd, const struct soak_options *options)
{
	struct soak_result result = { .processors = 0 };
	int error;

	if (warm_up(options) < 0)
		return 1;
	was_interrupted(); /* meanwhile that thread ends */
	soak_census_take(&result.before);
	if (options->kind != WEFT_KERNEL) {
		if (open_sched(options, &crowd->sched) < 0)
			return 1;
		result.processors = weft_sched_processors(crowd->sched);
	}
	error = soak_crowd_start(crowd);
	if (error < 0)
		fprintf(stderr, "weft soak: a thread cannot be started: %s\n", strerror(-error));
	else
		watch(crowd, &result);
	soak_crowd_stop(crowd);
	if (!wait_for_end(crowd)) {
		remove_folder();
		_exit(1);
	}
	if (crowd->sched != NULL) {
		weft_sched_stats_get(crowd->sched, &result.stats);
		weft_sched_destroy(crowd->sched);
	}
	settle(&result);
	finish(crowd);
	soak_report_print(crowd, &result);
	return error < 0 || crowd->differences > 0 || result.after.fds > result.before.fds;
}

int main(int argc, char **argv)
{
	static struct soak_crowd crowd;
	struct soak_options options;
	int status = soak_options_read(argc, argv, &options);

	if (status != 0)
		return status < 0 ? 0 : status;
	/* In every thread, before there are others: the main one takes them. */
	sigemptyset(&interrupts);
	sigaddset(&interrupts, SIGINT);
	sigaddset(&interrupts, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &interrupts, NULL);
	crowd.options = &options;
	if (!options.quiet)
		fprintf(stderr, "weft soak: %u %s threads, %u s, slice %u us, seed %llu\n",
			options.threads, soak_kind_name(options.kind), options.seconds,
			options.slice_us, (unsigned long long)options.seed);
	status = 1;
	if (set_up(&options) == 0 && soak_crowd_expect(&crowd) == 0)
		status = soak(&crowd, &options);
	soak_crowd_free(&crowd);
	remove_folder();
	return status;
}
