/* SPDX-License-Identifier: MIT */
/*
 * What the tests of this room share. Each calls something of the world around weft (the C library,
 * the kernel) from threads of a kind, with a short slice, on one and two processors, while others
 * of the same scheduler compute without end. What is tested is mostly that it ends, so each program
 * has a watchdog: a process beside it that ends all of its group and names the test.
 *
 * cmocka's asserts jump, so bodies on a stack of ours use check().
 */
#ifndef WEFT_TESTS_WORLD_H
#define WEFT_TESTS_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <weft/weft.h>

#define check(condition)                                                                  \
	do {                                                                              \
		if (!(condition)) {                                                       \
			fprintf(stderr, "%s:%d: %s does not hold (errno %d)\n", __FILE__, \
				__LINE__, #condition, errno);                             \
			abort();                                                          \
		}                                                                         \
	} while (0)

#define WORLD_SLICE_NS (300 * WEFT_US)

/* ---- the watchdog */
/* First thing in main. WORLD_ON_HANG in the environment: a command to run before the program is
 * ended, which gets its number ("gdb -batch -ex 'thread apply all bt' -p"). */
void world_watch(int seconds);

/* For world_case: tells the watchdog what runs. */
int world_named(void **state);

#define world_case(name)                                                \
	{                                                               \
#name, name, world_named, NULL, (void *)&(const char *) \
		{                                                       \
#name                                           \
		}                                                       \
	}

/* ---- threads of a kind */
extern weft_kind world_kind; /* of this run */
extern int world_stop;       /* atomic: spinners shall end */

int world_spin(void *arg); /* computes until world_stop */
weft_thread *world_start(weft_function *function, void *arg);
int world_finish(weft_thread *thread); /* its result */

/* Runs body(arg) in a thread of that kind among spinners; it must return 0. */
void world_run(weft_function *body, void *arg, weft_kind kind, unsigned processors);

bool world_has_user(void); /* whether there are user threads here */
/* User threads on one and two processors; where there are none the test is skipped. */
void world_run_user(weft_function *body, void *arg);
/* And light ones: for what they are allowed to do. */
void world_run_both(weft_function *body, void *arg);

/* ---- children */
int world_reap(pid_t child); /* waits: its exit status, or minus the signal that ended it */

#endif
