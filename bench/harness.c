/* SPDX-License-Identifier: MIT */
/* One run in a process of its own; see harness.h. */
#include "harness.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/tls.h"

enum { SKIPPED = 77 }; /* exit status of a run that cannot be done here */

weft_thread_options bench_options;
static const char *bench_name;

struct run {
	const struct bench_row *row;
	weft_kind kind;
	long count;
	double *out; /* shared with the parent */
};

int64_t bench_cpu_ns(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * WEFT_SECOND +
	       (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * WEFT_US;
}

double bench_resident_bytes(void)
{
	char line[256];
	double kib = 0;
	FILE *file = fopen("/proc/self/status", "r");

	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, "VmRSS:", 6) == 0 || strncmp(line, "VmPTE:", 6) == 0)
			kib += strtod(line + 6, NULL);
	if (file != NULL)
		fclose(file);
	return kib * 1024;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_quantile(double *values, long count, double part)
{
	double place = part * (double)(count - 1);
	long below = (long)place;

	qsort(values, (size_t)count, sizeof *values, compare);
	if (below + 1 >= count)
		return values[count - 1];
	return values[below] + (place - (double)below) * (values[below + 1] - values[below]);
}

long bench_part(weft_kind kind, long count)
{
	bool slow = kind == WEFT_KERNEL || (kind == WEFT_USER && !weft__sys_tls_is_quick);

	return slow ? (count + 19) / 20 : count;
}

void bench_spawn(weft_thread **threads, int count, int (*start)(void *arg), void *args,
		 size_t arg_bytes)
{
	for (int i = 0; i < count; i++)
		bench_must(weft_thread_spawn(start, (char *)args + (size_t)i * arg_bytes,
					     &bench_options, &threads[i]),
			   "spawn");
}

void bench_join(weft_thread **threads, int count)
{
	for (int i = 0; i < count; i++)
		bench_must(weft_thread_join(threads[i], NULL), "join");
}

void bench_must(int result, const char *what)
{
	if (result >= 0)
		return;
	if (result == -ENOTSUP)
		bench_skip("not on this system");
	fprintf(stderr, "%s: %s\n", what, strerror(-result));
	_exit(1);
}

void bench_skip(const char *why)
{
	static const char *const kinds[] = {
		[WEFT_KERNEL] = "kernel",
		[WEFT_USER] = "user",
		[WEFT_LIGHT] = "light",
	};

	fprintf(stderr, "weft bench: %s, %s: left out: %s\n", bench_name, kinds[bench_options.kind],
		why);
	_exit(SKIPPED);
}

void bench_pin(void)
{
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof all, &all) != 0)
		return; /* more CPUs than the set holds: unpinned is better than nothing */
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all)) {
			CPU_SET(cpu, &one);
			break;
		}
	sched_setaffinity(0, sizeof one, &one);
}

/* In the child, on the thread that the row asks for. Does not return: what the run left is left. */
static int measure(void *arg)
{
	struct run *run = arg;
	const struct bench_row *row = run->row;
	long warm_up = run->count / (row->flags & BENCH_POPULATION ? 100 : 10);

	if (row->run(run->kind, warm_up > 0 ? warm_up : 1, run->out) != 0 ||
	    row->run(run->kind, run->count, run->out) != 0)
		_exit(1);
	_exit(0);
}

/* The scheduler chose the kind of its first thread. */
static int begin(void *arg)
{
	struct run *run = arg;
	weft_thread *thread;

	if (weft_thread_kind(weft_thread_self()) == run->kind)
		measure(run);
	bench_must(weft_thread_spawn(measure, run, &bench_options, &thread), "spawn");
	weft_thread_join(thread, NULL);
	return 1;
}

static void be_the_child(const char *name, struct run *run)
{
	signal(SIGINT, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(BENCH_PATIENCE_S);
	if (run->row->flags & BENCH_ONE_CPU)
		bench_pin();
	bench_name = name;
	bench_options.kind = run->kind;
	if (run->row->processors == 0 || run->kind == WEFT_KERNEL)
		measure(run);
	bench_must(weft_run(begin, run,
			    &(weft_sched_options){ .processors = run->row->processors }),
		   "weft_run");
	_exit(1);
}

int bench_run_row(const struct bench *bench, const struct bench_row *row, weft_kind kind,
		  long count, double out[BENCH_CASES_MAX])
{
	const size_t bytes = BENCH_CASES_MAX * sizeof *out;
	struct run run = { .row = row, .kind = kind, .count = count };
	int status = -1;
	pid_t child;

	run.out = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run.out == MAP_FAILED) {
		perror("mmap");
		return -1;
	}
	fflush(NULL);
	child = fork();
	if (child == 0)
		be_the_child(bench->name, &run);
	if (child > 0)
		waitpid(child, &status, 0);
	memcpy(out, run.out, bytes);
	munmap(run.out, bytes);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		return 1;
	if (status != 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT))
		fprintf(stderr, "weft bench: a run of %s failed (%s %d)\n", bench->name,
			WIFSIGNALED(status) ? "signal" : "status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return status == 0 ? 0 : -1;
}
