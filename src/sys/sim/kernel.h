/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the simulated kernel share. docs/design/0004-simulated-kernel.md explains it.
 *
 * There is one real kernel thread, so nothing here is atomic and nothing is locked: code of the
 * simulated kernel runs undisturbed from one weft__sim_step or weft__sim_block to the next. A
 * simulated call is a step followed by its effect.
 *
 * Who decides: choose.c (which thread goes on, and everything else that the seed decides). Who
 * counts: run.c.
 */
#ifndef WEFT_SIM_KERNEL_H
#define WEFT_SIM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/panic.h"
#include "fiber.h"
#include "sys/sim/sim.h"
#include "sys/sys.h"

#define WEFT__SIM_THREADS_MAX 256
#define WEFT__SIM_NEVER INT64_MAX

enum weft__sim_state { WEFT__SIM_RUNNABLE, WEFT__SIM_WAITING, WEFT__SIM_ENDED };

enum weft__sim_wake { WEFT__SIM_WOKEN, WEFT__SIM_TIMED_OUT, WEFT__SIM_INTERRUPTED };

struct weft__watch;

struct weft__sim_thread {
	unsigned number; /* 0: the scenario's */
	char name[16];
	enum weft__sim_state state;
	unsigned place;        /* RUNNABLE: where it stands in runnable[] */
	uint64_t hungry_since; /* RUNNABLE: the step from which it could have run */
	unsigned priority;     /* WEFT__SIM_PRIORITY: the highest runs */
	bool started, detached, joined;
	/* while it does not run */
	void *sp;
	struct weft__fiber fiber;
	void *self; /* the engine's word of this kernel thread */
	/* identity: the block in force, NULL: its own; and the word of that one while it is not */
	void **block;
	void *own_self;
	/* WAITING: for a wake on one of two addresses, or a time */
	const void *on[2];
	const char *call;
	int64_t due_ns;
	uint64_t waits_since; /* the step at which it began, and the time */
	int64_t waits_since_ns;
	enum weft__sim_wake wake;
	bool ends_when_seen; /* tick.c: soon after a look has found it blocked */
	/* made once */
	void *(*function)(void *);
	void *arg;
	void (*at_exit)(void *);
	void *at_exit_arg;
	struct weft__watch *watch; /* tick.c; NULL: none */
	bool ticks_blocked;        /* the signal is, in its handler */
	char *stack;
	size_t stack_bytes;
};

/* Something that the kernel does later by itself. */
struct weft__sim_action {
	int64_t due_ns;
	void (*act)(void *on, unsigned detail);
	void *on;
	unsigned detail;
};

struct weft__sim_kernel {
	/* Steps are counted down from `quantum`, the rest is brought up to date when that has come
	 * to 0 or somebody asks. */
	int64_t left;
	int64_t quantum;
	uint64_t decide_at; /* the step at which somebody else may go on */
	/* brought up to date by weft__sim_settle */
	uint64_t steps;
	int64_t now_ns;
	int64_t tick_ns; /* what a step takes */

	struct weft__sim_thread *current;
	struct weft__sim_thread *runnable[WEFT__SIM_THREADS_MAX];
	unsigned runnable_count;
	struct weft__sim_thread *threads[WEFT__SIM_THREADS_MAX]; /* by number; NULL when gone */
	unsigned thread_count;                                   /* numbers given so far */
	unsigned alive;
	int64_t next_due_ns; /* no thread and no action is due before */

	struct weft__sim_action *actions;
	unsigned action_count, action_room;

	/* tick.c */
	unsigned ticking; /* watches that are armed, and single ticks that are due */
	uint64_t tick_at; /* the step from which whoever runs gets a tick, if armed */
	unsigned tick_stretch;
	unsigned watches; /* and watchers: open */

	bool running;
	bool dumping; /* a thread that is switched to prints where it is and switches back */
	bool inject;
	bool nuisance; /* this seed has the nuisances of the options */
	struct weft__sim_options options;
	struct weft__sim_report *report;
	void *host_sp; /* whoever called weft__sim_run */
	void *host_self;
	void *dumper_sp;
	void (*on_failure)(void);

	bool trace, trace_points;
};

extern struct weft__sim_kernel weft__sim;

/* ---- choose.c */
void weft__sim_seed(uint64_t seed);
bool weft__sim_chance(unsigned per_mille);
/* As weft__sim_chance; nothing while injection is off, and the nuisances in half of the seeds
 * alone. */
bool weft__sim_fault(unsigned per_mille);
bool weft__sim_nuisance(unsigned per_mille);
uint64_t weft__sim_random(void);
/* Steps until the next decision; whether somebody else is to go on at this one, or since it gives
 * way. */
void weft__sim_plan(void);
bool weft__sim_wants_switch(void);
struct weft__sim_thread *weft__sim_pick(struct weft__sim_thread *except);
void weft__sim_ready_hint(struct weft__sim_thread *thread);
void weft__sim_gave_way(struct weft__sim_thread *thread);
int64_t weft__sim_lateness(void);

/* ---- run.c */
/* The step that every call of sys.h begins with. */
void weft__sim_step(const char *call);
void weft__sim_settle(void);
void weft__sim_arm(void);
/* Lets others run until somebody wakes `on` (or `or_on`, NULL: none), or the deadline, or a tick
 * breaks it off: then its handler has run, and the caller may be another kernel thread. */
enum weft__sim_wake weft__sim_block(const char *call, const void *on, const void *or_on,
				    int64_t deadline_ns);
void weft__sim_give_way(void);
/* The running thread is not runnable any more: never comes back if nobody makes it so. */
void weft__sim_pass_on(void);
/* Wakes up to `count` threads that wait on it; which, the seed decides: `newest` prefers who came
 * last. Returns how many. */
int weft__sim_wake(const void *on, int count, bool newest);
void weft__sim_make_runnable(struct weft__sim_thread *thread, enum weft__sim_wake why);
void weft__sim_later(int64_t after_ns, void (*act)(void *, unsigned), void *on, unsigned detail);
void weft__sim_forget(void *on); /* drops what was to be done to it later */
void weft__sim_hash(uint64_t value);

/* ---- thread.c */
struct weft__sim_thread *weft__sim_thread_make(void *(*function)(void *), void *arg,
					       const char *name);
void weft__sim_switch(struct weft__sim_thread *to);
/* from outside: returns at the end of the run */
void weft__sim_enter(struct weft__sim_thread *first);
void weft__sim_leave(void) __attribute__((noreturn));
void weft__sim_end(void) __attribute__((noreturn)); /* of the running thread */
void weft__sim_threads_drop(void);
void weft__sim_threads_print(void);

/* ---- memory.c, file.c: state of one run */
void weft__sim_memory_start(void);
void weft__sim_memory_usage(struct weft__sim_usage *out_usage);
void weft__sim_memory_drop(void);
void weft__sim_files_start(void);
unsigned weft__sim_files_open(void);
void weft__sim_files_drop(void);

/* ---- tick.c */
void weft__sim_tick(void);
/* begins_anew: the kernel does not end that call because of it */
void weft__sim_tick_in_call(bool begins_anew);
extern const char weft__sim_page_fault[];
void weft__sim_watch_sleeps(struct weft__watch *watch);

/* ---- trace.c */
void weft__sim_trace_step(const char *call, const void *caller);
void weft__sim_trace_backtrace(void);
#define weft__sim_note(...)                                \
	do {                                               \
		if (unlikely(weft__sim.trace))             \
			weft__sim_trace_note(__VA_ARGS__); \
	} while (0)
void weft__sim_trace_note(const char *format, ...) weft__printf(1, 2);

#endif
