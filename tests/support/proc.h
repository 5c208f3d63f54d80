/* SPDX-License-Identifier: MIT */
/* What tests ask the kernel about their own process. */
#ifndef WEFT_TESTS_PROC_H
#define WEFT_TESTS_PROC_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whether reading there faults: the kernel reads on our behalf and answers EFAULT. */
static inline bool proc_traps(const void *at)
{
	int ends[2];
	bool traps;

	if (pipe(ends) != 0)
		abort();
	traps = write(ends[1], at, 1) < 0 && errno == EFAULT;
	close(ends[0]);
	close(ends[1]);
	return traps;
}

/* A line of /proc/self/status, in KiB: "VmRSS", "VmPTE". */
static inline long proc_kib(const char *key)
{
	char line[256];
	long kib = -1;
	FILE *file = fopen("/proc/self/status", "r");

	if (file == NULL)
		abort();
	while (fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
			kib = atol(line + strlen(key) + 1);
	fclose(file);
	return kib;
}

static inline int proc_mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	int count = 0, c;

	if (file == NULL)
		abort();
	while ((c = getc(file)) != EOF)
		count += c == '\n';
	fclose(file);
	return count;
}

/* Runs function(arg) in a child; its exit status, or minus the signal that ended it. */
static inline int proc_in_child(void (*function)(void *), void *arg)
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		function(arg);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		abort();
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

#endif
