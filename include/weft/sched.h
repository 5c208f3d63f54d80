/* SPDX-License-Identifier: MIT */
/*
 * Scheduler: a set of processors that run user and light threads. One processor is N:1, several are
 * M:N. A program may have several schedulers; their threads wait for and wake each other freely. A
 * scheduler ends when asked to and its last thread has ended.
 *
 * A carrier is a kernel thread that runs them. There are as many as processors at first; one that
 * blocks in a call that weft does not know is found out, and its processor handed to a spare. For
 * that a process with a scheduler that is not strict has two more kernel threads, the monitor and
 * the maker, which sleep while nothing runs. Kernel threads of weft's inherit the signal mask of
 * whoever makes the first scheduler (SIGURG unblocked): what a program wants to take by sigwait it
 * blocks before.
 *
 * Example:
 *
 *	static int app(void *arg)
 *	{
 *		return *(int *)arg == 42 ? 0 : 1; // what it spawns runs there too
 *	}
 *
 *	int run_on_two(void)
 *	{
 *		int answer = 42;
 *
 *		return weft_run(app, &answer, &(weft_sched_options){ .processors = 2 });
 *	}
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
	/* N:1 exactly: one kernel thread, ever, and no monitor; blocking calls hand nothing off;
	 * processors is at most 1 */
	bool strict;
	/* how long a thread may run while others wait, at least 100 us; default: 10 ms;
	 * WEFT_FOREVER: no preemption. In a strict scheduler: none unless it is set, and then of
	 * user threads alone */
	int64_t slice_ns;
	/* kernel threads at most, those that are blocked included, at least processors; default:
	 * the smaller of 10,000 and a quarter of what the system allows (pids.max, RLIMIT_NPROC).
	 * When all are blocked while threads wait, a report on standard error names some of them,
	 * once a second at most; threads go on as calls return */
	unsigned carriers;
} weft_sched_options;

/* Counted since the scheduler was made. */
typedef struct weft_sched_stats {
	uint64_t switches;    /* from thread to thread */
	uint64_t ticks;       /* signals that a carrier got */
	uint64_t preemptions; /* user threads switched away by force, light ones stopped */
	uint64_t deferrals;   /* ticks that came at a bad moment */
	uint64_t migrations;  /* threads that went on on another carrier than before */
	uint64_t steals;      /* threads taken from another processor's queue */
	uint64_t hand_offs;   /* processors taken from blocked carriers by the monitor */
	uint64_t declared;    /* processors given away by weft_blocking_begin */
	/* system calls of the program that a tick ended with EINTR, all of them such as the kernel
	 * never restarts (nanosleep, poll, select, …; see signal(7)). By timer a few times a call
	 * at most. By perf only by the single ticks that the monitor sends: to an extra runner, and
	 * at the bound to a thread that waits for a lock */
	uint64_t calls_broken;
	/* threads that came back from a blocking call without a processor */
	uint64_t extra_runners;
	/* now, of these without a processor, and the most there were at a time */
	unsigned carriers, spares, carriers_max;
	const char *tick_means;  /* "perf", "timer", "none" */
	const char *watch_means; /* "perf", "clock", "proc", "none" */
} weft_sched_stats;

/*
 * Makes a scheduler, runs app(arg) in it as its first thread (a user thread, or light where there
 * can be none), waits until that and every thread started in the scheduler has ended, and takes the
 * scheduler away. The caller waits and is no carrier. Reports of stack overflow are switched on
 * (they chain to what handled SIGSEGV before).
 * Returns what app returned; or, if nothing could be started, what weft_sched_create or
 *   weft_thread_spawn returns: a program that must tell the two apart uses weft_sched_create
 *   itself.
 */
WEFT_API int weft_run(weft_function *app, void *arg, const weft_sched_options *options);

/* Makes a scheduler with its carriers, asleep. Returns 0; -EINVAL: too many processors, strict with
 * more than one, a slice below 100 us, fewer carriers than processors; -ENOMEM; -EAGAIN: the
 * kernel's limit on threads; -EMFILE: no descriptor (it needs two), -ENFILE: the system has none;
 * -ENOSPC: the kernel's limit on what a user's processes watch by epoll
 * (fs.epoll.max_user_watches) is reached. */
WEFT_API int weft_sched_create(const weft_sched_options *options, weft_sched **out_sched);

/* Waits until every thread of the scheduler has ended, then takes it away. Threads can be started
 * in it by its own threads alone meanwhile.
 * Returns 0; -EDEADLK: called from one of its own threads; -ESRCH: lost by a fork. */
WEFT_API int weft_sched_destroy(weft_sched *sched);

/* The scheduler of the calling thread, NULL outside of any. */
WEFT_API weft_sched *weft_sched_self(void);

/* How many processors it has. */
WEFT_API unsigned weft_sched_processors(const weft_sched *sched);

/* Sums the counters of its processors and carriers; each is exact, they are not of one instant. */
WEFT_API void weft_sched_stats_get(weft_sched *sched, weft_sched_stats *out_stats);

WEFT_API_END

#endif
