/* SPDX-License-Identifier: MIT */
/*
 * Runs in a forked child: every seed begins with the same memory, and a crash ends the child alone.
 * The child tells its outcomes in shared memory, and what it writes to standard error is kept for
 * whoever asks.
 *
 * A fork costs more than most runs. So one child does a batch of them: before each it puts the
 * program's own variables back to what they were at first, engine and simulator alike. What the C
 * library keeps (malloc's heap) stays as the run before has left it, which shows in addresses only.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/sim/kernel.h"

#define REAL_SECONDS_MAX 60

/* Where the program's variables begin and end: the linker's names. */
extern char __data_start[], _end[];

static size_t variable_bytes(void)
{
	return (size_t)((uintptr_t)_end - (uintptr_t)__data_start);
}

static struct weft__sim_report *shared; /* of the run that is under way */
static struct {
	unsigned ended; /* runs that have */
	struct weft__sim_report reports[WEFT__SIM_BATCH_MAX];
} * board;             /* shared with the child */
static char *at_first; /* a copy of the variables, in a mapping of its own */
static int said = -1;  /* a memory file: the child's standard error */
static const char aborted[] = "aborted";

static void on_signal(int number)
{
	static const char *const names[] = {
		[SIGABRT] = aborted,
		[SIGSEGV] = "segmentation fault",
		[SIGBUS] = "bus error",
		[SIGFPE] = "arithmetic error",
		[SIGILL] = "illegal instruction",
		[SIGALRM] = "runs without a step for too long",
	};

	weft__sim_settle();
	shared->outcome = WEFT__SIM_FAILED;
	shared->steps = weft__sim.steps;
	snprintf(shared->failure, sizeof shared->failure, "%s", names[number]);
	dprintf(STDERR_FILENO, "%s\nseed %llu, step %llu\n", names[number],
		(unsigned long long)shared->seed, (unsigned long long)weft__sim.steps);
	weft__sim_trace_backtrace();
	fflush(stdout);
	_exit(WEFT__SIM_FAILED);
}

static void catch_signals(void)
{
	static char stack[65536];
	static const int numbers[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM };
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = SA_ONSTACK | SA_RESETHAND };

	sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof stack }, NULL);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		sigaction(numbers[i], &action, NULL);
	alarm(REAL_SECONDS_MAX);
}

static void open_shared(void)
{
	if (board != NULL)
		return;
	board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	at_first = mmap(NULL, variable_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	said = memfd_create("weft-sim", MFD_CLOEXEC);
	if (board == MAP_FAILED || at_first == MAP_FAILED || said < 0)
		weft__panic("the simulator has no memory: %s", strerror(errno));
	/* A failed cmocka assertion aborts instead of jumping out of the run. */
	setenv("CMOCKA_TEST_ABORT", "1", 1);
}

const char *weft__sim_output(void)
{
	static char text[65536];
	ssize_t bytes = pread(said, text, sizeof text - 1, 0);

	text[bytes < 0 ? 0 : bytes] = '\0';
	return text;
}

/* A panic and a failed assertion have said more than the signal that followed. */
static void take_first_line(char *failure, size_t room)
{
	const char *text = weft__sim_output();
	int length = (int)strcspn(text, "\n");

	if (length > 0)
		snprintf(failure, room, "%.*s", length, text);
}

/* In the child. A run that has not passed is the last. */
static void run_batch(uint64_t seed, unsigned count, const struct weft__sim_options *options,
		      void (*scenario)(void *), void *arg)
{
	const size_t bytes = variable_bytes();

	dup2(said, STDERR_FILENO);
	catch_signals();
	if (count > 1)
		memcpy(at_first, __data_start, bytes);
	for (unsigned i = 0; i < count; i++) {
		if (i != 0)
			memcpy(__data_start, at_first, bytes);
		shared = &board->reports[i];
		shared->seed = seed + i;
		alarm(REAL_SECONDS_MAX);
		weft__sim_run(seed + i, options, scenario, arg, shared);
		board->ended = i + 1;
		if (shared->outcome != WEFT__SIM_PASSED)
			break;
	}
	fflush(stdout);
	_exit((int)shared->outcome);
}

/* What a child that did not end well leaves in the report of its last run. */
static void explain(struct weft__sim_report *report, int status)
{
	if (report->outcome == WEFT__SIM_PASSED) {
		report->outcome = WEFT__SIM_FAILED;
		snprintf(report->failure, sizeof report->failure, "the run ended with status %#x",
			 (unsigned)status);
	}
	if (strcmp(report->failure, aborted) == 0)
		take_first_line(report->failure, sizeof report->failure);
}

unsigned weft__sim_run_batch(uint64_t seed, unsigned count, const struct weft__sim_options *options,
			     void (*scenario)(void *), void *arg,
			     struct weft__sim_report *out_reports)
{
	unsigned ended;
	int status;
	pid_t child;

	weft__assert(count != 0 && count <= WEFT__SIM_BATCH_MAX);
	open_shared();
	memset(board, 0, sizeof *board);
	if (lseek(said, 0, SEEK_SET) < 0 || ftruncate(said, 0) < 0)
		weft__panic("the simulator cannot empty its file: %s", strerror(errno));
	fflush(stdout);
	child = fork();
	if (child < 0)
		weft__panic("the simulator cannot fork: %s", strerror(errno));
	if (child == 0)
		run_batch(seed, count, options, scenario, arg);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			weft__panic("the simulator lost its child: %s", strerror(errno));
	ended = board->ended;
	if (ended < count && (ended == 0 || board->reports[ended - 1].outcome == WEFT__SIM_PASSED))
		ended++; /* the one that it died in */
	if (!WIFEXITED(status) || WEXITSTATUS(status) != WEFT__SIM_PASSED)
		explain(&board->reports[ended - 1], status);
	memcpy(out_reports, board->reports, ended * sizeof *out_reports);
	return ended;
}

enum weft__sim_outcome weft__sim_run_apart(uint64_t seed, const struct weft__sim_options *options,
					   void (*scenario)(void *), void *arg,
					   struct weft__sim_report *out_report)
{
	weft__sim_run_batch(seed, 1, options, scenario, arg, out_report);
	return out_report->outcome;
}
