/* SPDX-License-Identifier: MIT */
/*
 * Scheduler: a set of processors that run light threads. One processor is N:1, several are M:N. A
 * program may have several schedulers; their threads wait for and wake each other freely. A
 * scheduler ends when asked to and its last thread has ended.
 */
#ifndef WEFT_SCHED_H
#define WEFT_SCHED_H

#include <stdbool.h>

#include <weft/api.h>
#include <weft/thread.h>

WEFT_API_BEGIN

typedef struct weft_sched_options {
	const char *name; /* default: "main" for weft_run, else "sched" */
	/* how many threads run at once; default: the CPUs this process may use; at most 1024 */
	unsigned processors;
	/* N:1 exactly: one kernel thread, ever; blocking calls hand nothing off; processors is at
	 * most 1 */
	bool strict;
} weft_sched_options;

/*
 * Makes a scheduler, runs app(arg) in it as its first light thread, waits until that and every
 * thread started in the scheduler has ended, and takes the scheduler away. The caller waits and is
 * no carrier. Reports of stack overflow are switched on (they chain to what handled SIGSEGV
 * before).
 * Returns what app returned; or, if nothing could be started, -EINVAL, -ENOMEM, -EAGAIN or -EMFILE
 *   as weft_sched_create: a program that must tell the two apart uses weft_sched_create itself.
 */
WEFT_API int weft_run(weft_function *app, void *arg, const weft_sched_options *options);

/* Makes a scheduler with its carriers, asleep. Returns 0; -EINVAL: too many processors, strict with
 * more than one; -ENOMEM; -EAGAIN: the kernel's limit on threads; -EMFILE: no descriptor (it needs
 * two). */
WEFT_API int weft_sched_create(const weft_sched_options *options, weft_sched **out_sched);

/* Waits until every thread of the scheduler has ended, then takes it away. Returns 0; -EDEADLK:
 * called from one of its own threads. */
WEFT_API int weft_sched_destroy(weft_sched *sched);

/* The scheduler of the calling thread, NULL outside of any. */
WEFT_API weft_sched *weft_sched_self(void);

WEFT_API unsigned weft_sched_processors(const weft_sched *sched);

WEFT_API_END

#endif
