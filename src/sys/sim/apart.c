/* SPDX-License-Identifier: MIT */
/*
 * A run in a forked child: every seed begins with the same memory, and a crash ends the child
 * alone. The child tells its outcome in shared memory, and what it writes to standard error is kept
 * for whoever asks.
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

static struct weft__sim_report *shared;
static int said = -1; /* a memory file: the child's standard error */
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
	if (shared != NULL)
		return;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	said = memfd_create("weft-sim", MFD_CLOEXEC);
	if (shared == MAP_FAILED || said < 0)
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

enum weft__sim_outcome weft__sim_run_apart(uint64_t seed, const struct weft__sim_options *options,
					   void (*scenario)(void *), void *arg,
					   struct weft__sim_report *out_report)
{
	int status;
	pid_t child;

	open_shared();
	memset(shared, 0, sizeof *shared);
	shared->seed = seed;
	if (lseek(said, 0, SEEK_SET) < 0 || ftruncate(said, 0) < 0)
		weft__panic("the simulator cannot empty its file: %s", strerror(errno));
	fflush(stdout);
	child = fork();
	if (child < 0)
		weft__panic("the simulator cannot fork: %s", strerror(errno));
	if (child == 0) {
		dup2(said, STDERR_FILENO);
		catch_signals();
		weft__sim_run(seed, options, scenario, arg, shared);
		fflush(stdout);
		_exit((int)shared->outcome);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			weft__panic("the simulator lost its child: %s", strerror(errno));
	*out_report = *shared;
	if (WIFEXITED(status) && WEXITSTATUS(status) == WEFT__SIM_PASSED &&
	    out_report->outcome == WEFT__SIM_PASSED)
		return WEFT__SIM_PASSED;
	if (out_report->outcome == WEFT__SIM_PASSED) {
		out_report->outcome = WEFT__SIM_FAILED;
		snprintf(out_report->failure, sizeof out_report->failure,
			 "the run ended with status %#x", (unsigned)status);
	}
	if (strcmp(out_report->failure, aborted) == 0)
		take_first_line(out_report->failure, sizeof out_report->failure);
	return out_report->outcome;
}
