/* SPDX-License-Identifier: MIT */
/*
 * The simulated kernel, as its users see it: run a scenario from a seed, and what a scenario may
 * ask for beyond sys.h.
 *
 * A run has one real kernel thread. Simulated ones take turns on it, so the seed alone decides what
 * happens: the same seed, options and program give the same run, step for step. A step is one
 * atomic operation or one call of sys.h.
 */
#ifndef WEFT_SIM_H
#define WEFT_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

/* Rates are per mille of the calls; zero fields mean the default that stands beside them. All are
 * unsigned, so that options have a text form. */
struct weft__sim_options {
	unsigned cpus;         /* what weft__sys_cpu_count answers: 2 */
	unsigned steps_max;    /* more are a livelock: 2,000,000 */
	unsigned fds_max;      /* 64 */
	unsigned stream_bytes; /* room in a pipe or socket, per direction: 4,096 */
	unsigned strategy;     /* WEFT__SIM_…; 0: the seed chooses */
	unsigned left_behind;  /* 1: kernel threads may still wait when the scenario has returned */
	/* injected failures: none */
	unsigned fail_reserve;
	unsigned fail_guard;
	unsigned fail_thread;
	unsigned fail_poller; /* open and add */
	unsigned fail_open;   /* open, pipe, socket, accept, bell */
	/* what any kernel may do, in half of the seeds: none */
	unsigned spurious; /* a wait on a word ends for no reason */
	unsigned eintr;    /* a call is interrupted */
	unsigned short_io; /* a read or write does less than it could */
	/* a read or write would block, and an event says soon that it no longer does */
	unsigned again;
	unsigned stuck; /* of the decisions: who runs is stuck there, in a call or a page fault */
};

enum weft__sim_strategy {
	WEFT__SIM_ANY,
	WEFT__SIM_WALK,     /* at each step another thread may go on, more often or less */
	WEFT__SIM_PRIORITY, /* the highest runs; a few times the running one becomes the lowest */
	WEFT__SIM_STARVE,   /* one thread runs only when it must */
	WEFT__SIM_STRATEGIES,
};

enum weft__sim_outcome {
	WEFT__SIM_PASSED,
	WEFT__SIM_FAILED,   /* an assertion, a panic, a signal, something left behind */
	WEFT__SIM_DEADLOCK, /* nobody can run and no deadline is to come */
	WEFT__SIM_LIVELOCK, /* too many steps */
};

struct weft__sim_report {
	uint64_t seed;
	enum weft__sim_outcome outcome;
	char failure[240]; /* one line */
	uint64_t steps, switches, trace_hash;
	int64_t virtual_ns; /* how long it took by the simulated clock */
};

/*
 * Runs scenario(arg) as the first simulated kernel thread; the run ends when it has returned and
 * every other simulated thread has ended. What a failed run leaves in the engine's own variables is
 * not cleaned up: weft__sim_run_apart does the same in a forked child, where a panic or a signal is
 * an outcome too.
 */
enum weft__sim_outcome weft__sim_run(uint64_t seed, const struct weft__sim_options *options,
				     void (*scenario)(void *), void *arg,
				     struct weft__sim_report *out_report);
enum weft__sim_outcome weft__sim_run_apart(uint64_t seed, const struct weft__sim_options *options,
					   void (*scenario)(void *), void *arg,
					   struct weft__sim_report *out_report);

/* Several seeds, in one child, each as if it were the first; ends with the first that does not
 * pass.
 * Returns how many reports there are. */
#define WEFT__SIM_BATCH_MAX 64u
unsigned weft__sim_run_batch(uint64_t seed, unsigned count, const struct weft__sim_options *options,
			     void (*scenario)(void *), void *arg,
			     struct weft__sim_report *out_reports);

/* What the last failed child wrote to standard error. */
const char *weft__sim_output(void);

/* ---- for scenarios, within a run */

/* A number from 0 to below n, from the seed. */
unsigned weft__sim_choose(unsigned n);
/* Ends the run. */
void weft__sim_stop(enum weft__sim_outcome outcome, const char *format, ...) weft__printf(2, 3)
	__attribute__((noreturn));
#define weft__sim_fail(...) weft__sim_stop(WEFT__SIM_FAILED, __VA_ARGS__)
#define weft__sim_check(condition)                                                                 \
	do {                                                                                       \
		if (unlikely(!(condition)))                                                        \
			weft__sim_fail("%s:%d: %s does not hold", __FILE__, __LINE__, #condition); \
	} while (0)

/* Computes for so long, by the simulated clock. */
void weft__sim_compute(int64_t duration_ns);

/* A call that the engine does not know keeps the kernel thread for so long. */
void weft__sim_stuck(int64_t duration_ns);

/* Switches the injected failures and nuisances off and on again; they are on at the start. */
void weft__sim_inject(bool on);

/* What the simulated process holds now. */
struct weft__sim_usage {
	unsigned threads, fds, reservations, guards, watches;
	size_t reserved_bytes;
};
void weft__sim_usage(struct weft__sim_usage *out_usage);

/* Two connected stream sockets that the engine has not opened: the descriptors of a stranger.
 * Blocking unless told otherwise. */
int weft__sim_socketpair(bool nonblock, int out_fds[2]);

/* Called when a run fails, to print what the layer above knows (its threads). One slot. */
void weft__sim_on_failure(void (*print)(void));

/* Every step goes to standard output from now on; NULL-safe to call before a run. `points`: atomic
 * operations too. */
void weft__sim_trace(bool on, bool points);

#endif
