/* SPDX-License-Identifier: MIT */
/*
 * Ticks and watches. While a watch is armed, a tick may come at any step of its kernel thread;
 * when, the seed decides, not the clock. It is a call of the handler in the place of that step.
 *
 * A tick has a distance to the next of TICK_ROOM steps mostly, so that whoever is interrupted gets
 * on; sometimes it follows at the next step. None comes while the handler runs, but between
 * weft__sys_tick_leave and weft__sys_tick_moved.
 *
 * A single tick also comes to a kernel thread that waits in a call, as a signal does: the handler
 * runs, and then the call goes on or has ended (weft__sim_block says so). Not in a page fault. One
 * of an armed watch does so where its means is a timer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sys/sim/kernel.h"
#include "sys/tick.h"

#define TICK_ROOM 12

struct weft__watch {
	struct weft__sim_thread *thread;
	struct weft__watcher *watcher;
	enum weft__watch_means means;
	enum weft__tick_means tick_means;
	int tid;
	bool is_armed, is_paused;
	bool is_attended;    /* its going to sleep wakes the watcher */
	bool is_tick_due;    /* weft__sys_watch_tick */
	uint64_t seen_since; /* CLOCK: the wait that the last look saw */
};

struct weft__watcher {
	bool has_rung, is_out;
};

/* What tick_context.handle points to. */
struct interrupted {
	bool is_moved;
};

static weft__sys_tick_handler *tick_handler; /* for the process, as a handler is */
const char weft__sim_page_fault[] = "page fault";

/* ---- the tick */

int weft__sys_tick_install(weft__sys_tick_handler *handler)
{
	if (tick_handler == NULL)
		tick_handler = handler;
	return 0;
}

void weft__sys_tick_leave(const struct weft__tick_context *context)
{
	weft__sim.current->ticks_blocked = false;
}

void weft__sys_tick_moved(const struct weft__tick_context *context)
{
	struct interrupted *interrupted = context->handle;

	interrupted->is_moved = true;
	weft__sim.current->ticks_blocked = true;
}

size_t weft__sys_tick_stack_bytes(void)
{
	return 4096;
}

static void draw_next(void)
{
	static const unsigned stretches[] = { 20, 60, 300 };

	if (weft__sim.tick_stretch == 0)
		weft__sim.tick_stretch = stretches[weft__sim_choose(3)];
	weft__sim_settle();
	weft__sim.tick_at = weft__sim.steps + 1;
	if (weft__sim_choose(8) != 0)
		weft__sim.tick_at += TICK_ROOM + weft__sim_choose(2 * weft__sim.tick_stretch);
	weft__sim_plan();
}

/* The handler may come back as another simulated kernel thread. */
static weft__noinline void deliver(struct weft__sim_thread *to, bool is_in_call, bool begins_anew)
{
	struct interrupted interrupted = { false };
	struct weft__tick_context context = {
		.pc = __builtin_return_address(0),
		.sp = __builtin_frame_address(0),
		.broke_call = is_in_call && !begins_anew,
		.restarts_call = begins_anew,
		.is_in_libc = is_in_call || weft__sim_choose(8) == 0,
		.handle = &interrupted,
	};

	weft__sim_note("a tick");
	weft__sim_hash(weft__sim.steps << 8 | to->number);
	to->ticks_blocked = true;
	tick_handler(&context);
	if (weft__sim.current != to && !interrupted.is_moved)
		weft__sim_fail("a tick of kernel thread %u ended on %u, which was not told",
			       to->number, weft__sim.current->number);
	weft__sim.current->ticks_blocked = false;
}

/* One that a signal breaks off. */
static bool is_in_call(const struct weft__sim_thread *thread)
{
	return thread->state == WEFT__SIM_WAITING && !thread->ticks_blocked &&
	       thread->call != weft__sim_page_fault;
}

static void set_flag(bool *flag, bool value);

/* Timers do not care whether a kernel thread runs. */
static void tick_in_calls(void)
{
	for (unsigned i = 0; i < weft__sim.thread_count; i++) {
		struct weft__sim_thread *thread = weft__sim.threads[i];
		struct weft__watch *watch = thread->watch;

		if (watch == NULL || !watch->is_armed || watch->tick_means != WEFT__TICK_TIMER ||
		    !is_in_call(thread) || weft__sim_choose(2) == 0)
			continue;
		set_flag(&watch->is_tick_due, true);
		weft__sim_make_runnable(thread, WEFT__SIM_INTERRUPTED);
	}
}

/* At a decision, while a watch is armed or a tick is due: of whoever goes on now. */
void weft__sim_tick(void)
{
	struct weft__watch *watch = weft__sim.current->watch;
	bool is_time = weft__sim.steps >= weft__sim.tick_at;

	if (is_time) {
		draw_next();
		tick_in_calls();
	}
	if (watch == NULL || watch->thread->ticks_blocked)
		return;
	if (watch->is_tick_due) {
		watch->is_tick_due = false;
		weft__sim.ticking--;
	} else if (!is_time || !watch->is_armed) {
		return;
	}
	if (tick_handler != NULL)
		deliver(weft__sim.current, false, false);
}

/* In a call that was broken off, before it goes on. */
void weft__sim_tick_in_call(bool begins_anew)
{
	struct weft__watch *watch = weft__sim.current->watch;

	if (watch == NULL || !watch->is_tick_due || watch->thread->ticks_blocked)
		return;
	watch->is_tick_due = false;
	weft__sim.ticking--;
	if (tick_handler != NULL)
		deliver(weft__sim.current, true, begins_anew);
}

static void set_flag(bool *flag, bool value)
{
	if (*flag == value)
		return;
	*flag = value;
	if (!value)
		weft__sim.ticking--;
	else if (weft__sim.ticking++ == 0)
		draw_next();
}

void weft__sys_watch_arm(struct weft__watch *watch, int64_t every_ns)
{
	weft__sim_step("watch_arm");
	weft__assert(every_ns >= 0);
	weft__sim_note("watch_arm(%d, %lld)", watch->tid, (long long)every_ns);
	set_flag(&watch->is_armed, every_ns != 0);
}

void weft__sys_watch_tick(struct weft__watch *watch)
{
	weft__sim_step("watch_tick");
	weft__sim_note("watch_tick(%d)", watch->tid);
	set_flag(&watch->is_tick_due, true);
	if (is_in_call(watch->thread))
		weft__sim_make_runnable(watch->thread, WEFT__SIM_INTERRUPTED);
}

enum weft__tick_means weft__sys_watch_tick_means(const struct weft__watch *watch)
{
	return watch->tick_means;
}

/* ---- the watch */

int weft__sys_watch_open(struct weft__watch **out_watch)
{
	struct weft__watch *watch;

	weft__sim_step("watch_open");
	watch = calloc(1, sizeof *watch);
	weft__assert(watch != NULL && weft__sim.current->watch == NULL);
	watch->thread = weft__sim.current;
	watch->tid = weft__sys_thread_tid();
	watch->means = (enum weft__watch_means)(1 + weft__sim_choose(3));
	watch->tick_means = (enum weft__tick_means)(1 + weft__sim_choose(2));
	watch->seen_since = UINT64_MAX;
	watch->thread->watch = watch;
	weft__sim.watches++;
	*out_watch = watch;
	return 0;
}

void weft__sys_watch_close(struct weft__watch *watch)
{
	weft__sim_step("watch_close");
	set_flag(&watch->is_armed, false);
	set_flag(&watch->is_tick_due, false);
	watch->thread->watch = NULL;
	weft__sim.watches--;
	free(watch);
}

int weft__sys_watch_tid(const struct weft__watch *watch)
{
	return watch->tid;
}

enum weft__watch_means weft__sys_watch_means(const struct weft__watch *watch)
{
	return watch->means;
}

/* The call ends, if it is still that one. */
static void end_call(void *on, unsigned since)
{
	struct weft__sim_thread *thread = on;

	if (thread->state == WEFT__SIM_WAITING && (unsigned)thread->waits_since == since)
		weft__sim_make_runnable(thread, WEFT__SIM_TIMED_OUT);
}

/* Of one that is stuck: just when it was seen to be. */
static void end_soon(const struct weft__sim_thread *thread)
{
	if (thread->ends_when_seen && weft__sim_choose(2) == 0)
		weft__sim_later(weft__sim_choose(64) * weft__sim.tick_ns, end_call, (void *)thread,
				(unsigned)thread->waits_since);
}

/* Waits for a CPU do not exist here: who is not in a call runs. */
enum weft__watch_state weft__sys_watch_look(struct weft__watch *watch, int64_t *out_since_ns)
{
	const struct weft__sim_thread *thread = watch->thread;
	bool is_blocked, is_known;

	weft__sim_step("watch_look");
	is_blocked = thread->state == WEFT__SIM_WAITING && !watch->is_paused;
	is_known = watch->means != WEFT__WATCH_CLOCK || watch->seen_since == thread->waits_since;
	watch->seen_since = is_blocked ? thread->waits_since : UINT64_MAX;
	watch->is_attended = !is_blocked;
	weft__sim_note("watch_look(%d): %s", watch->tid,
		       is_blocked && is_known ? "blocked" : "runs");
	if (!is_blocked || !is_known)
		return WEFT__WATCH_RUNS;
	*out_since_ns = thread->waits_since_ns;
	end_soon(thread);
	return WEFT__WATCH_BLOCKED;
}

bool weft__sys_watch_expect(struct weft__watch *watch)
{
	weft__sim_step("watch_expect");
	weft__assert(watch->thread == weft__sim.current);
	if (watch->means != WEFT__WATCH_PERF)
		return false;
	watch->is_attended = true;
	return true;
}

const char *weft__sys_watch_call(struct weft__watch *watch)
{
	if (watch->thread->state != WEFT__SIM_WAITING)
		return "nothing";
	return strcmp(watch->thread->call, "wait") == 0 ? "futex" : watch->thread->call;
}

void weft__sys_watch_pause(struct weft__watch *watch)
{
	weft__sim_step("watch_pause");
	weft__assert(watch->thread == weft__sim.current);
	watch->is_paused = true;
	watch->is_attended = false;
}

void weft__sys_watch_resume(struct weft__watch *watch)
{
	weft__sim_step("watch_resume");
	weft__assert(watch->thread == weft__sim.current);
	watch->is_paused = false;
}

/* ---- the watcher */

int weft__sys_watcher_open(struct weft__watcher **out_watcher)
{
	struct weft__watcher *watcher;

	weft__sim_step("watcher_open");
	if (weft__sim_fault(weft__sim.options.fail_poller))
		return -EMFILE;
	watcher = calloc(1, sizeof *watcher);
	weft__assert(watcher != NULL);
	weft__sim.watches++;
	*out_watcher = watcher;
	return 0;
}

void weft__sys_watcher_close(struct weft__watcher *watcher)
{
	weft__sim_step("watcher_close");
	weft__sim.watches--;
	free(watcher);
}

int weft__sys_watcher_add(struct weft__watcher *watcher, struct weft__watch *watch)
{
	weft__sim_step("watcher_add");
	watch->watcher = watcher;
	return 0;
}

void weft__sys_watcher_remove(struct weft__watcher *watcher, struct weft__watch *watch)
{
	weft__sim_step("watcher_remove");
	if (watch->watcher == watcher)
		watch->watcher = NULL;
}

void weft__sys_watcher_wait(struct weft__watcher *watcher, int64_t deadline_ns)
{
	weft__sim_step("watcher_wait");
	if (!watcher->has_rung && !watcher->is_out && deadline_ns > weft__sim.now_ns)
		weft__sim_block("watcher_wait", watcher, NULL, deadline_ns);
	watcher->has_rung = watcher->is_out = false;
}

void weft__sys_watcher_ring(struct weft__watcher *watcher)
{
	weft__sim_step("watcher_ring");
	watcher->has_rung = true;
	weft__sim_wake(watcher, 1, false);
}

/* The running thread goes to sleep in a call. */
void weft__sim_watch_sleeps(struct weft__watch *watch)
{
	if (!watch->is_attended || watch->is_paused || watch->watcher == NULL ||
	    watch->means != WEFT__WATCH_PERF)
		return;
	watch->watcher->is_out = true;
	weft__sim_wake(watch->watcher, 1, false);
}

/* Broken off, the kernel goes on with it, or it has ended. */
void weft__sim_stuck(int64_t duration_ns)
{
	const char *call = weft__sim_choose(4) == 0 ? weft__sim_page_fault : "stuck";
	bool ends_when_seen = weft__sim_choose(4) == 0;
	int64_t until_ns;

	weft__sim_step("stuck");
	until_ns = weft__sim.now_ns + duration_ns;
	do
		weft__sim.current->ends_when_seen = ends_when_seen;
	while (weft__sim_block(call, NULL, NULL, until_ns) == WEFT__SIM_INTERRUPTED &&
	       weft__sim.now_ns < until_ns && weft__sim_choose(4) != 0);
}
