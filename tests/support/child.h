/* SPDX-License-Identifier: MIT */
/* What a test's child says before it ends. */
#ifndef WEFT_TESTS_CHILD_H
#define WEFT_TESTS_CHILD_H

#include <signal.h>
#include <stddef.h>

#include "proc.h"

struct child_said {
	int status; /* its exit status, or minus the signal that ended it */
	char text[4096];
};

/* Those of a test framework and of the sanitizers: the child ends as a plain program would. */
static inline void child_forget_handlers(void)
{
	static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	stack_t none = { .ss_flags = SS_DISABLE };

	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		signal(signals[i], SIG_DFL);
	sigaltstack(&none, NULL);
}

/* Runs function(arg) in a child; what it writes to standard error is less than a pipe holds. */
static inline void child_listen(void (*function)(void *), void *arg, struct child_said *out_said)
{
	int ends[2], saved = dup(STDERR_FILENO);
	size_t used = 0;
	ssize_t count;

	fflush(NULL);
	if (saved < 0 || pipe(ends) != 0)
		abort();
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	out_said->status = proc_in_child(function, arg);
	dup2(saved, STDERR_FILENO);
	close(saved);
	while ((count = read(ends[0], out_said->text + used, sizeof out_said->text - 1 - used)) > 0)
		used += (size_t)count;
	out_said->text[used] = '\0';
	close(ends[0]);
}

#endif
