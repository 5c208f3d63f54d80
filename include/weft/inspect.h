/* SPDX-License-Identifier: MIT */
/*
 * Inspection: what the threads of this process do. A walk is a snapshot taken while everything runs
 * on: each entry is consistent in itself (a thread that ended while it was read is left out), the
 * whole is not of one instant.
 *
 * Example:
 *
 *	static int print_waiting(void *arg, const weft_thread_info *thread)
 *	{
 *		FILE *out = arg;
 *
 *		if (strcmp(thread->state, "waiting") == 0)
 *			fprintf(out, "%s waits for: %s\n", thread->name, thread->reason);
 *		return 0; // go on
 *	}
 *
 *	int who_waits(FILE *out)
 *	{
 *		return weft_inspect_threads(print_waiting, out);
 *	}
 */
#ifndef WEFT_INSPECT_H
#define WEFT_INSPECT_H

#include <stddef.h>
#include <stdint.h>

#include <weft/api.h>
#include <weft/thread.h>

WEFT_API_BEGIN

typedef struct weft_thread_info {
	uint64_t id;
	char name[32];
	weft_kind kind;
	/* "running": has a carrier, be that blocked in the kernel or stopped; "ready"; "waiting";
	 * "blocking": between weft_blocking_begin and _end; "ended" */
	const char *state;
	/* what a waiting thread waits for: "mutex", "sleep", "read" …; "" otherwise */
	const char *reason;
	/* when it came into this state, by its processor's cached clock (may lag); 0: not known */
	int64_t since_ns;
	size_t stack_bytes; /* usable */
	size_t stack_used;  /* bytes in use when it last gave way; 0: not known */
	const void *sched;  /* identifies the scheduler; NULL for kernel threads */
	uint64_t switches;  /* how often it was given the CPU by a scheduler */
	/* 1: it, or a scope that it is in, is cancelled, and no shield covers that. One that waits
	 * nevertheless does so in a wait that is never cancelled: a plain lock's */
	int cancelled;
} weft_thread_info;

typedef struct weft_processor_info {
	unsigned index;
	const char *state;   /* "running", "idle" */
	uint64_t current_id; /* the thread that runs; 0: none */
	size_t queued;       /* ready threads in its own queue */
	size_t timers;
	/* hand-offs: by weft_blocking_begin; the monitor's are in weft_sched_stats */
	uint64_t switches, steals, polls, hand_offs;
} weft_processor_info;

typedef struct weft_sched_info {
	const void *sched;
	char name[32];
	unsigned processors, carriers, spare_carriers;
	size_t global_queued;
	int64_t threads; /* alive */
	int strict;
} weft_sched_info;

/* Each calls the visitor for every item; a visitor that returns non-zero ends the walk, and that is
 * returned, else 0. The visitor must not wait, spawn or inspect; it is not preempted, so let it be
 * short. A scheduler that is not there has no processors. */
WEFT_API int weft_inspect_threads(int (*visit)(void *arg, const weft_thread_info *thread),
				  void *arg);
WEFT_API int weft_inspect_scheds(int (*visit)(void *arg, const weft_sched_info *sched), void *arg);
WEFT_API int weft_inspect_processors(const void *sched,
				     int (*visit)(void *arg, const weft_processor_info *processor),
				     void *arg);

WEFT_API_END

#endif
