/* SPDX-License-Identifier: MIT */
/*
 * stress [--seconds N] [--seed S]
 *
 * WEFT_STRESS_SECONDS and WEFT_SEED say the same. Exit status 0: everything held, and nothing is
 * left over: no descriptor, no kernel thread. A failure, or half a minute without progress, ends
 * the program with SIGABRT, after the seed has been printed.
 */
#include "stress.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIGHT_SPREAD 40 /* on two processors */
#define LIGHT_ALONE 12  /* on one */
#define KERNEL 3
#define FOREIGN 1
#define ACTORS (LIGHT_SPREAD + LIGHT_ALONE + KERNEL + FOREIGN)
#define STUCK_SECONDS 30

bool stress_stop;
uint64_t stress_counts[STRESS_COUNTS];

static uint64_t seed;
static uint64_t acts; /* atomic */

void stress_fail(const char *file, int line, const char *condition, long long value)
{
	fprintf(stderr, "stress: %s:%d: %s does not hold (%lld); seed %llu\n", file, line,
		condition, value, (unsigned long long)seed);
	abort();
}

void stress_act(struct actor *actor, unsigned times)
{
	while (times-- > 0) {
		switch (choose(actor, 4)) {
		case 0:
		case 1:
			lines_act(actor);
			break;
		case 2:
			sync_act(actor);
			break;
		default:
			threads_act(actor);
			break;
		}
		atomic_add_relaxed(&acts, 1);
	}
}

static int act(void *arg)
{
	struct actor *actor = arg;

	while (!atomic_load_relaxed(&stress_stop))
		stress_act(actor, 1);
	return 0;
}

static void *act_foreign(void *arg)
{
	act(arg);
	return NULL;
}

/* Tells a deadlock from a long run. */
static void *watch(void *arg)
{
	uint64_t seen = 0;
	int still = 0;

	(void)arg;
	for (;;) {
		uint64_t now = atomic_load_relaxed(&acts);

		sleep(1);
		still = now == seen ? still + 1 : 0;
		seen = now;
		if (still == STUCK_SECONDS)
			stress_fail(__FILE__, __LINE__, "progress", (long long)now);
	}
	return NULL;
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

static int stop_lines(void *arg)
{
	(void)arg;
	lines_stop();
	return 0;
}

static int end_lines(void *arg)
{
	(void)arg;
	lines_end();
	return 0;
}

/* In a thread of its own: what a kernel thread opens for its waits goes with it. */
static void apart(weft_function *function)
{
	weft_thread *thread;

	must(weft_thread_spawn(function, NULL, NULL, &thread) == 0);
	must(weft_thread_join(thread, NULL) == 0);
}

static void play(unsigned seconds)
{
	static struct actor actors[ACTORS];
	weft_thread *threads[ACTORS - FOREIGN];
	pthread_t foreign;
	weft_sched *spread, *alone;
	int next = 0;

	for (int i = 0; i < ACTORS; i++)
		actors[i].random = (seed + (uint64_t)i) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	lines_begin();
	must(weft_sched_create(&(weft_sched_options){ .name = "spread", .processors = 2 },
			       &spread) == 0);
	must(weft_sched_create(&(weft_sched_options){ .name = "alone", .processors = 1 }, &alone) ==
	     0);
	for (; next < ACTORS - FOREIGN; next++) {
		weft_thread_options options = { .kind = next < KERNEL ? WEFT_KERNEL : WEFT_LIGHT };

		if (next >= KERNEL)
			options.sched = next < KERNEL + LIGHT_ALONE ? alone : spread;
		must(weft_thread_spawn(act, &actors[next], &options, &threads[next]) == 0);
	}
	must(pthread_create(&foreign, NULL, act_foreign, &actors[next]) == 0);
	sleep(seconds);
	atomic_store_release(&stress_stop, true);
	apart(stop_lines);
	for (int i = 0; i < ACTORS - FOREIGN; i++)
		must(weft_thread_join(threads[i], NULL) == 0);
	pthread_join(foreign, NULL);
	threads_end();
	apart(end_lines);
	must(weft_sched_destroy(spread) == 0);
	must(weft_sched_destroy(alone) == 0);
}

static void report(void)
{
	static const char *const names[STRESS_COUNTS] = {
		"reads",  "writes", "bytes", "timeouts", "closes",   "connections",
		"spawns", "locks",  "wakes", "sleeps",   "brackets",
	};

	for (int i = 0; i < STRESS_COUNTS; i++)
		printf("%-12s %12llu\n", names[i], (unsigned long long)stress_counts[i]);
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
	pthread_t watcher;
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
	must(pthread_create(&watcher, NULL, watch, NULL) == 0);
	weft_thread_self(); /* its record, once */
	fds_before = entries("/proc/self/fd");
	tasks_before = entries("/proc/self/task");
	play((unsigned)seconds);
	sync_end();
	check_nothing_left(fds_before, tasks_before);
	report();
	return 0;
}
