/* SPDX-License-Identifier: MIT */
/*
 * stress [--seconds N] [--seed S]
 *
 * WEFT_STRESS_SECONDS and WEFT_SEED say the same. Exit status 0: everything held, everybody got on,
 * and nothing is left over: no descriptor, no kernel thread. Otherwise the program ends with
 * SIGABRT, after it has said what, and the seed; of those that did not get on, what they wait for.
 */
#include "stress.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool stress_stop;
uint64_t stress_acts, stress_counts[STRESS_COUNTS];

static uint64_t seed;

void stress_fail(const char *file, int line, const char *condition, long long value)
{
	fprintf(stderr, "stress: %s:%d: %s does not hold (%lld); seed %llu\n", file, line,
		condition, value, (unsigned long long)seed);
	abort();
}

static int entries(const char *path)
{
	DIR *folder = opendir(path);
	int count = 0;

	must(folder != NULL);
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

/* Kernel threads that have been joined may be seen a moment longer. */
static void check_nothing_left(int fds_before, int tasks_before)
{
	for (int i = 0; i < 5000 && entries("/proc/self/task") > tasks_before; i++)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	must_be(entries("/proc/self/task") == tasks_before, entries("/proc/self/task"));
	must_be(entries("/proc/self/fd") == fds_before, entries("/proc/self/fd"));
}

static void report(void)
{
	static const char *const names[STRESS_COUNTS] = {
		"timeouts",
		"waits cancelled",
		"threads cancelled",
		"scopes cancelled",
		"restarts",
		"spawns",
		"bytes",
		"closes",
		"connections",
		"elements",
		"owners ended",
		"meetings",
	};
	const struct actor *actor;
	int64_t longest_ns = 0;

	acts_report();
	for (int i = 0; i < STRESS_COUNTS; i++)
		printf("%-18s %12llu\n", names[i], (unsigned long long)stress_counts[i]);
	for (unsigned i = 0; (actor = cast_member(i)) != NULL; i++)
		if (actor->longest_ns > longest_ns)
			longest_ns = actor->longest_ns;
	printf("%-18s %9.3f s\n", "longest act", (double)longest_ns / WEFT_SECOND);
}

static uint64_t number_of(const char *text)
{
	char *end;
	unsigned long long number;

	errno = 0;
	number = strtoull(text, &end, 0);
	if (errno != 0 || end == text || *end != '\0') {
		fprintf(stderr, "stress: '%s' is no number\n", text);
		exit(2);
	}
	return number;
}

int main(int argc, char **argv)
{
	const char *from_env = getenv("WEFT_STRESS_SECONDS");
	uint64_t seconds = from_env != NULL ? number_of(from_env) : 20;
	int fds_before, tasks_before;

	from_env = getenv("WEFT_SEED");
	seed = from_env != NULL ? number_of(from_env) : (uint64_t)weft_now();
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 < argc && strcmp(argv[i], "--seconds") == 0) {
			seconds = number_of(argv[i + 1]);
		} else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
			seed = number_of(argv[i + 1]);
		} else {
			fprintf(stderr, "usage: stress [--seconds N] [--seed S]\n");
			return 2;
		}
	}
	printf("seed %llu, %llu s\n", (unsigned long long)seed, (unsigned long long)seconds);
	fflush(stdout);
	signal(SIGPIPE, SIG_IGN);
	watch_begin();
	weft_thread_self(); /* its record, once */
	fds_before = entries("/proc/self/fd");
	tasks_before = entries("/proc/self/task");
	acts_begin();
	cast_begin(seed);
	cast_direct((unsigned)seconds);
	atomic_store_release(&stress_stop, true);
	cast_end();
	check_nothing_left(fds_before, tasks_before);
	report();
	return 0;
}
