/* SPDX-License-Identifier: MIT */
/*
 * One run: counts steps and time, lets simulated threads take turns, fires what is due, ends.
 *
 * Most steps only count down to the next decision (choose.c), so an atomic operation costs a call
 * and a decrement.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/sim/kernel.h"

#define STEPS_MAX 2000000
#define START_NS INT64_C(1000000000)
#define LATEST_NS INT64_C(1000000000)

struct weft__sim_kernel weft__sim = { .left = INT64_MAX, .quantum = INT64_MAX };

void weft__sim_hash(uint64_t value)
{
	uint64_t *hash = &weft__sim.report->trace_hash;

	*hash = (*hash ^ value) * UINT64_C(0x100000001b3);
	*hash ^= *hash >> 29;
}

void weft__sim_settle(void)
{
	int64_t taken = weft__sim.quantum - weft__sim.left;

	weft__sim.steps += (uint64_t)taken;
	weft__sim.now_ns += taken * weft__sim.tick_ns;
	weft__sim.quantum = weft__sim.left;
}

void weft__sim_arm(void)
{
	weft__sim.quantum =
		weft__sim.trace_points ? 1 : (int64_t)(weft__sim.decide_at - weft__sim.steps);
	weft__sim.left = weft__sim.quantum;
}

/* ---- what is due */

void weft__sim_make_runnable(struct weft__sim_thread *thread, enum weft__sim_wake why)
{
	weft__assert(thread->state == WEFT__SIM_WAITING);
	thread->state = WEFT__SIM_RUNNABLE;
	thread->wake = why;
	thread->on[0] = thread->on[1] = NULL;
	thread->due_ns = WEFT__SIM_NEVER;
	thread->place = weft__sim.runnable_count;
	weft__sim.runnable[weft__sim.runnable_count++] = thread;
	weft__sim_ready_hint(thread);
}

static void fire_actions(void)
{
	unsigned i = 0;

	while (i < weft__sim.action_count) {
		struct weft__sim_action action = weft__sim.actions[i];

		if (action.due_ns > weft__sim.now_ns) {
			i++;
			continue;
		}
		weft__sim.actions[i] = weft__sim.actions[--weft__sim.action_count];
		action.act(action.on, action.detail);
	}
}

static void fire_due(void)
{
	int64_t next = WEFT__SIM_NEVER;

	if (weft__sim.now_ns < weft__sim.next_due_ns)
		return;
	fire_actions();
	for (unsigned i = 0; i < weft__sim.thread_count; i++) {
		struct weft__sim_thread *thread = weft__sim.threads[i];

		if (thread->state != WEFT__SIM_WAITING)
			continue;
		if (thread->due_ns <= weft__sim.now_ns)
			weft__sim_make_runnable(thread, WEFT__SIM_TIMED_OUT);
		else if (thread->due_ns < next)
			next = thread->due_ns;
	}
	for (unsigned i = 0; i < weft__sim.action_count; i++)
		if (weft__sim.actions[i].due_ns < next)
			next = weft__sim.actions[i].due_ns;
	weft__sim.next_due_ns = next;
}

static void due_at(int64_t due_ns)
{
	if (due_ns < weft__sim.next_due_ns)
		weft__sim.next_due_ns = due_ns;
}

void weft__sim_later(int64_t after_ns, void (*act)(void *, unsigned), void *on, unsigned detail)
{
	weft__sim_settle();
	if (weft__sim.action_count == weft__sim.action_room) {
		weft__sim.action_room = weft__sim.action_room * 2 + 16;
		weft__sim.actions = realloc(weft__sim.actions,
					    weft__sim.action_room * sizeof *weft__sim.actions);
		weft__assert(weft__sim.actions != NULL);
	}
	weft__sim.actions[weft__sim.action_count++] =
		(struct weft__sim_action){ weft__sim.now_ns + after_ns, act, on, detail };
	due_at(weft__sim.now_ns + after_ns);
}

void weft__sim_forget(void *on)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < weft__sim.action_count; i++)
		if (weft__sim.actions[i].on != on)
			weft__sim.actions[kept++] = weft__sim.actions[i];
	weft__sim.action_count = kept;
}

/* ---- turns */

static void stop_without_runnable(void) __attribute__((noreturn));

static void stop_without_runnable(void)
{
	bool scenario_ended = weft__sim.threads[0]->state == WEFT__SIM_ENDED;

	if (!scenario_ended)
		weft__sim_stop(WEFT__SIM_DEADLOCK, "deadlock: nobody can run and nothing is due");
	if (weft__sim.alive > 0 && !weft__sim.options.left_behind)
		weft__sim_stop(WEFT__SIM_FAILED, "%u kernel thread(s) left behind at the end",
			       weft__sim.alive);
	weft__sim_leave();
}

static struct weft__sim_thread *next_thread(struct weft__sim_thread *except)
{
	if (weft__sim.steps >= weft__sim.options.steps_max)
		weft__sim_stop(WEFT__SIM_LIVELOCK, "livelock: %u steps and no end",
			       weft__sim.options.steps_max);
	while (weft__sim.runnable_count == 0) {
		if (weft__sim.next_due_ns == WEFT__SIM_NEVER)
			stop_without_runnable();
		if (weft__sim.now_ns < weft__sim.next_due_ns)
			weft__sim.now_ns = weft__sim.next_due_ns;
		fire_due();
	}
	return weft__sim_pick(except);
}

/* `to` goes on; the caller does when its turn comes again. */
static void turn_to(struct weft__sim_thread *to)
{
	weft__sim_plan();
	if (to != weft__sim.current)
		weft__sim_switch(to);
}

static void be_stuck(const char *call);

/* The countdown has come to 0. */
static weft__noinline void decide(const char *call, const void *caller)
{
	if (!weft__sim.running) {
		weft__sim.left = weft__sim.quantum = INT64_MAX;
		return;
	}
	weft__sim_settle();
	if (weft__sim.steps < weft__sim.decide_at) {
		weft__sim_arm();
	} else {
		fire_due();
		turn_to(weft__sim_wants_switch() ? next_thread(weft__sim.current)
						 : weft__sim.current);
		if (unlikely(weft__sim.ticking != 0))
			weft__sim_tick();
		if (unlikely(weft__sim.options.stuck != 0) &&
		    weft__sim_nuisance(weft__sim.options.stuck))
			be_stuck(call);
	}
	/* What the step stands for happens now, after the turns of the others. */
	if (unlikely(weft__sim.trace))
		weft__sim_trace_step(call, caller);
}

void weft__sim_point(void)
{
	if (likely(--weft__sim.left > 0))
		return;
	decide(NULL, __builtin_return_address(0));
}

void weft__sim_step(const char *call)
{
	weft__assert(weft__sim.running);
	weft__sim.left--;
	weft__sim_settle();
	weft__sim.now_ns += 4 * weft__sim.tick_ns;
	weft__sim_hash(weft__sim.steps << 8 | weft__sim.current->number);
	if (weft__sim.trace && weft__sim.left > 0)
		weft__sim_trace_step(call, NULL);
	if (weft__sim.left <= 0)
		decide(call, NULL);
}

void weft__sim_give_way(void)
{
	weft__sim_settle();
	fire_due();
	weft__sim_gave_way(weft__sim.current);
	turn_to(next_thread(weft__sim.current));
}

static void take_from_runnable(struct weft__sim_thread *thread)
{
	struct weft__sim_thread *last = weft__sim.runnable[--weft__sim.runnable_count];

	weft__assert(weft__sim.runnable[thread->place] == thread);
	weft__sim.runnable[thread->place] = last;
	last->place = thread->place;
}

void weft__sim_pass_on(void)
{
	weft__sim_settle();
	take_from_runnable(weft__sim.current);
	turn_to(next_thread(NULL));
}

static enum weft__sim_wake sleep_until(const char *call, const void *on, const void *or_on,
				       int64_t due_ns)
{
	struct weft__sim_thread *self = weft__sim.current;
	enum weft__sim_wake wake;

	weft__sim_settle();
	if (self->watch != NULL)
		weft__sim_watch_sleeps(self->watch);
	self->state = WEFT__SIM_WAITING;
	self->call = call;
	self->on[0] = on;
	self->on[1] = or_on;
	self->waits_since = weft__sim.steps;
	self->waits_since_ns = weft__sim.now_ns;
	self->due_ns = due_ns;
	due_at(self->due_ns);
	weft__sim_pass_on();
	self->call = NULL;
	self->ends_when_seen = false;
	wake = self->wake;
	if (wake == WEFT__SIM_INTERRUPTED)
		weft__sim_tick_in_call(due_ns == WEFT__SIM_NEVER);
	return wake;
}

enum weft__sim_wake weft__sim_block(const char *call, const void *on, const void *or_on,
				    int64_t deadline_ns)
{
	weft__sim_settle();
	if (deadline_ns < WEFT__SIM_NEVER - LATEST_NS)
		deadline_ns += weft__sim_lateness();
	return sleep_until(call, on, or_on, deadline_ns);
}

/* At any step, in a call or between two (a page fault). In time: others may spin for us. */
static void be_stuck(const char *call)
{
	static const unsigned spans_ns[] = { 1000, 60000, 150000 };
	unsigned span_ns = spans_ns[weft__sim_choose(3)];

	if (call == NULL || weft__sim_choose(2) == 0)
		call = weft__sim_page_fault;
	(void)sleep_until(call, NULL, NULL, weft__sim.now_ns + 1 + weft__sim_choose(span_ns));
}

/* The waiter that came last, or any. */
static struct weft__sim_thread *pick_waiter(const void *on, bool newest)
{
	struct weft__sim_thread *found[WEFT__SIM_THREADS_MAX];
	struct weft__sim_thread *last = NULL;
	unsigned count = 0;

	for (unsigned i = 0; i < weft__sim.thread_count; i++) {
		struct weft__sim_thread *thread = weft__sim.threads[i];

		if (thread->state != WEFT__SIM_WAITING ||
		    (thread->on[0] != on && thread->on[1] != on))
			continue;
		found[count++] = thread;
		if (last == NULL || thread->waits_since > last->waits_since)
			last = thread;
	}
	if (count < 2 || (newest && weft__sim_choose(4) != 0))
		return last;
	return found[weft__sim_choose(count)];
}

int weft__sim_wake(const void *on, int count, bool newest)
{
	int woken = 0;

	while (woken < count) {
		struct weft__sim_thread *thread = pick_waiter(on, newest);

		if (thread == NULL)
			break;
		weft__sim_make_runnable(thread, WEFT__SIM_WOKEN);
		woken++;
	}
	return woken;
}

/* ---- the beginning and the end */

static unsigned or_default(unsigned value, unsigned fallback)
{
	return value != 0 ? value : fallback;
}

static void set_options(const struct weft__sim_options *options)
{
	struct weft__sim_options *to = &weft__sim.options;

	*to = options != NULL ? *options : (struct weft__sim_options){ 0 };
	to->cpus = or_default(to->cpus, 2);
	to->steps_max = or_default(to->steps_max, STEPS_MAX);
	to->fds_max = or_default(to->fds_max, 64);
	to->stream_bytes = or_default(to->stream_bytes, 4096);
}

struct scenario {
	void (*function)(void *);
	void *arg;
};

static void *run_scenario(void *arg)
{
	struct scenario *scenario = arg;

	scenario->function(scenario->arg);
	return NULL;
}

static void start(uint64_t seed, const struct weft__sim_options *options,
		  struct weft__sim_report *report)
{
	bool trace = weft__sim.trace, trace_points = weft__sim.trace_points;

	memset(report, 0, sizeof *report);
	report->seed = seed;
	weft__sim = (struct weft__sim_kernel){
		.now_ns = START_NS,
		.next_due_ns = WEFT__SIM_NEVER,
		.inject = true,
		.report = report,
		.trace = trace,
		.trace_points = trace && trace_points,
	};
	set_options(options);
	weft__sim_seed(seed);
	weft__sim_memory_start();
	weft__sim_files_start();
}

static void finish(void)
{
	weft__sim.running = false;
	weft__sim.left = weft__sim.quantum = INT64_MAX;
	weft__sim_files_drop();
	weft__sim_memory_drop();
	weft__sim_threads_drop();
	free(weft__sim.actions);
}

enum weft__sim_outcome weft__sim_run(uint64_t seed, const struct weft__sim_options *options,
				     void (*scenario)(void *), void *arg,
				     struct weft__sim_report *out_report)
{
	struct scenario what = { scenario, arg };
	struct weft__sim_thread *first;

	weft__assert(!weft__sim.running);
	start(seed, options, out_report);
	first = weft__sim_thread_make(run_scenario, &what, "scenario");
	weft__assert(first != NULL);
	weft__sim.running = true;
	(void)weft__sim_pick(NULL);
	weft__sim.current = first;
	weft__sim_plan();
	weft__sim_enter(first);
	out_report->steps = weft__sim.steps;
	out_report->virtual_ns = weft__sim.now_ns - START_NS;
	finish();
	return out_report->outcome;
}

static void print_failure(void)
{
	fflush(stdout);
	dprintf(STDERR_FILENO, "%s\nseed %llu, step %llu, %lld ns\n", weft__sim.report->failure,
		(unsigned long long)weft__sim.report->seed, (unsigned long long)weft__sim.steps,
		(long long)weft__sim.report->virtual_ns);
	weft__sim_threads_print();
	weft__sim.left = weft__sim.quantum = INT64_MAX; /* what prints takes no turns */
	if (weft__sim.on_failure != NULL)
		weft__sim.on_failure();
}

void weft__sim_stop(enum weft__sim_outcome outcome, const char *format, ...)
{
	struct weft__sim_report *report = weft__sim.report;
	va_list arguments;

	weft__assert(weft__sim.running);
	weft__sim_settle();
	report->outcome = outcome;
	report->steps = weft__sim.steps;
	report->virtual_ns = weft__sim.now_ns - START_NS;
	va_start(arguments, format);
	vsnprintf(report->failure, sizeof report->failure, format, arguments);
	va_end(arguments);
	print_failure();
	weft__sim_leave();
}

void weft__sim_inject(bool on)
{
	weft__sim.inject = on;
}

void weft__sim_on_failure(void (*print)(void))
{
	weft__sim.on_failure = print;
}

void weft__sim_usage(struct weft__sim_usage *out_usage)
{
	weft__sim_memory_usage(out_usage);
	out_usage->threads = weft__sim.alive;
	out_usage->fds = weft__sim_files_open();
	out_usage->watches = weft__sim.watches;
}
