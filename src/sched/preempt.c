/* SPDX-License-Identifier: MIT */
/*
 * Preemption: what a tick does.
 *
 * The handler runs on the stack of the thread that it interrupted, and switches away from there, as
 * any call of the engine would; the thread goes on, out of the handler, when it is picked again,
 * on whatever carrier. It does so only where that is safe, and else leaves a wish (arch/hold.h):
 *
 *	the thread holds		its last release gives way
 *	the carrier's loop runs		nothing to do
 *	sp is not in the thread's stack	a switch is under way, or the program has its own stacks
 *	the handler's is not		the program has put the signal on the alternate stack
 *	more signals are masked		a handler of the program was interrupted
 *	pc is in the C library		it may hold a lock there, for which others would block; put
 *					off twice at most, or it could be for ever
 *
 * The handler holds from before the switch to after it, so a tick that comes meanwhile only leaves
 * a wish.
 *
 * A thread has used its slice up when as many ticks as make one found it running, so a tick that
 * comes just after a switch counts for nothing, unless its last turn ended so, too (is_over). When
 * nobody waits any more, or the carrier has no processor, or its loop runs, its ticks are switched
 * off; the monitor switches them on.
 */
#include <errno.h>

#include <weft/preempt.h>

#include "base/panic.h"
#include "fp_control.h"
#include "sched/enter.h"

#define LIBC_TICKS_MAX 2

/* Who was made ready, by threads, timers or from outside, and has not used a slice up since. (What
 * is stopped has, and may be in the global queue.) */
static bool has_fresh_waiters(struct weft__processor *processor)
{
	struct weft_sched *sched = processor->sched;

	return weft__runq_count(&processor->queue) != 0 ||
	       atomic_load_relaxed(&processor->queue.hot) != NULL ||
	       atomic_load_relaxed(&sched->global_count) >
		       atomic_load_relaxed(&sched->stopped_count) ||
	       weft__wheel_next(&processor->wheel) <= weft__sys_now();
}

bool weft__has_waiters(struct weft__processor *processor)
{
	return weft__runq_count(&processor->spent) != 0 ||
	       atomic_load_relaxed(&processor->sched->global_count) != 0 ||
	       has_fresh_waiters(processor);
}

/* Inside, with a processor. */
static bool give_way_to_next(struct weft_thread *self)
{
	struct weft__carrier *carrier = self->carrier;
	struct weft__processor *processor = carrier->processor;
	struct weft_thread *next;

	weft__look_around(processor);
	next = weft__pick(processor);
	carrier->tick_switches = processor->switches;
	carrier->tick_run_ns = 0;
	if (next == NULL)
		return false;
	self->is_spent = true;
	weft__switch_to(self, weft__runner_of(carrier, next), WEFT__AFTER_YIELD);
	self->is_spent = false;
	self->spent_turn = self->switches;
	return true;
}

/* One that is dislodged has nothing to do with an idle processor: the next has. */
static bool return_and_give_way(struct weft_thread *self, bool is_dislodged)
{
	uint64_t switches = self->switches;

	weft__owner_return(self);
	if (is_dislodged && self->switches == switches)
		(void)give_way_to_next(self);
	return true;
}

/* Inside. */
static bool give_way(struct weft_thread *self, bool is_dislodged)
{
	struct weft__processor *processor = self->carrier->processor;

	if (processor == NULL && self->blocking != 0)
		return false; /* it holds nobody up */
	/* A user thread that shares its carrier's block (sanitizers) is stopped like a light
	 * one. */
	if (self->tp != NULL) {
		return processor != NULL ? give_way_to_next(self)
					 : return_and_give_way(self, is_dislodged);
	}
	if (processor != NULL) {
		weft__look_around(processor);
		if (!weft__has_waiters(processor))
			return false;
	}
	return weft__stop_here(self);
}

static bool enter_and_give_way(struct weft_thread *self, bool is_dislodged)
{
	uint32_t was_inside = weft__enter(self);
	uint64_t fp_control = weft__arch_fp_get();
	bool gave_way;

	self->hold.wish = 0;
	/* It did not ask for this, so it need not have put it back; the next expects the usual. */
	weft__arch_fp_set(self->sched->fp_control);
	gave_way = give_way(self, is_dislodged);
	weft__arch_fp_set(fp_control);
	if (gave_way) {
		atomic_bump(&self->carrier->preemptions, 1);
		self->hold.wish = 0; /* of ticks while it was stopped with its carrier */
	}
	weft__leave(self, was_inside);
	return gave_way;
}

static void fulfil(struct weft__hold *hold)
{
	struct weft_thread *self = container_of(hold, struct weft_thread, hold);
	int saved = errno;

	if (self->sched == NULL || self->is_loop) {
		hold->wish = 0;
		return;
	}
	(void)enter_and_give_way(self, false);
	errno = saved; /* at the same place: it is the thread's own, or the thread's carrier is */
}

static bool is_on_own_stack(const struct weft_thread *self, const void *sp)
{
	return (const char *)sp > (const char *)self->stack_low && (const void *)self > sp;
}

/* In this order: as soon as it says that they are off, the monitor may switch them on. */
static void switch_ticks_off(struct weft__carrier *carrier)
{
	if (carrier->sched->strict || carrier->watch == NULL)
		return;
	weft__sys_watch_arm(carrier->watch, 0);
	atomic_store_release(&carrier->armed, false); /* ARMED */
}

/*
 * How long the same thread has run is known to a tick only: it began at any time since the one
 * before. Who used a slice up already, and has not waited since, gives way to who has not when its
 * slice may be over; else when it is: a thread that wakes now and then would wait for two.
 */
static bool is_over(const struct weft_thread *self, int64_t run_ns, int64_t tick_ns,
		    struct weft__processor *processor)
{
	if (run_ns >= self->slice_ns)
		return true;
	return self->spent_turn == self->switches && run_ns + tick_ns >= self->slice_ns &&
	       has_fresh_waiters(processor);
}

/* Whether it has run for its slice; switches the ticks off when nobody would gain. */
static bool has_overrun(struct weft_thread *self, struct weft__carrier *carrier)
{
	struct weft__processor *processor = atomic_load_relaxed(&carrier->processor);
	int64_t tick_ns = atomic_load_relaxed(&carrier->sched->tick_ns);
	uint64_t switches;

	if (processor == NULL || atomic_load_relaxed(&processor->owner) != (uintptr_t)carrier) {
		switch_ticks_off(carrier); /* the monitor sends single ones */
		return true;               /* it runs without one: one too many */
	}
	/* Not inside: from here on it may be another's, and what is read too much or too little. */
	switches = atomic_load_relaxed(&processor->switches);
	if (carrier->tick_switches != switches) {
		carrier->tick_switches = switches;
		carrier->tick_run_ns = 0;
	} else {
		carrier->tick_run_ns += tick_ns;
	}
	if (!weft__has_waiters(processor)) {
		switch_ticks_off(carrier);
		return false;
	}
	return is_over(self, carrier->tick_run_ns, tick_ns, processor);
}

/* Whether it may be switched away at this point; its one hold is the handler's. If not it leaves a
 * wish. One that is dislodged waits in the C library, or for it: that is no reason to spare it. */
static bool may_be_stopped(struct weft_thread *self, const struct weft__tick_context *context,
			   bool is_dislodged)
{
	bool may = self->hold.depth == 1 && !context->is_masked &&
		   is_on_own_stack(self, context->sp) &&
		   is_on_own_stack(self, __builtin_frame_address(0));

	if (may && !is_dislodged && context->is_in_libc && self->libc_ticks < LIBC_TICKS_MAX) {
		self->libc_ticks++;
		may = false;
	} else if (may) {
		self->libc_ticks = 0;
	} else {
		atomic_store_relaxed(&self->hold.wish, 1u);
		self->libc_ticks = 0; /* its next call is left to the monitor again */
	}
	return may;
}

/*
 * A tick of the wall clock fell into a system call: perhaps it is blocked in it. That the monitor
 * must see, but a carrier that takes ticks uses CPU, and its call is broken off or begun anew each
 * time. So they are switched off for a while; a few times in a row at most, for it may just be a
 * thread of many calls.
 */
static bool is_left_to_monitor(struct weft_thread *self, struct weft__carrier *carrier,
			       const struct weft__tick_context *context)
{
	if ((!context->restarts_call && !context->broke_call) || carrier->sched->strict ||
	    self->libc_ticks >= LIBC_TICKS_MAX)
		return false;
	self->libc_ticks++;
	atomic_store_relaxed(&carrier->is_in_a_call, true);
	switch_ticks_off(carrier);
	return true;
}

static void switch_away(struct weft_thread *self, struct weft__tick_context *context,
			bool is_dislodged)
{
	weft__sys_tick_leave(context);
	(void)enter_and_give_way(self, is_dislodged);
	weft__sys_tick_moved(context);
}

/* On the interrupted stack. It ends its hold without a release: a wish is not its to fulfil. */
static void on_tick(struct weft__tick_context *context)
{
	struct weft_thread *self = weft__arch_self();
	struct weft__carrier *carrier;
	bool is_dislodged;

	if (self == NULL || self->sched == NULL)
		return;
	weft__hold_raise(&self->hold);
	carrier = self->carrier;
	if (carrier == NULL)
		goto out;
	atomic_bump(&carrier->ticks, 1);
	if (context->broke_call && carrier->inside == 0) /* else it was ours */
		atomic_bump(&carrier->calls_broken, 1);
	is_dislodged = atomic_load_relaxed(&carrier->is_dislodged);
	if (is_dislodged)
		atomic_store_relaxed(&carrier->is_dislodged, false);
	if (self->is_loop)
		switch_ticks_off(carrier);
	else if (is_dislodged || (has_overrun(self, carrier) && self->slice_ns != WEFT_FOREVER)) {
		if (!is_dislodged && is_left_to_monitor(self, carrier, context))
			goto out;
		if (may_be_stopped(self, context, is_dislodged))
			switch_away(self, context, is_dislodged);
		else
			atomic_bump(&carrier->deferrals, 1);
	}
out:
	atomic_compiler_barrier();
	self->hold.depth--;
}

int weft__preempt_install(void)
{
	weft__hold_fulfil = fulfil;
	return weft__sys_tick_install(on_tick);
}

void weft_preempt_disable(void)
{
	struct weft_thread *self = weft__arch_self();

	if (self == NULL || self->sched == NULL)
		return;
	self->disabled++;
	weft__hold_raise(&self->hold);
}

void weft_preempt_enable(void)
{
	struct weft_thread *self = weft__arch_self();

	if (self == NULL || self->sched == NULL)
		return;
	if (self->disabled == 0)
		weft__panic("weft_preempt_enable: without weft_preempt_disable");
	self->disabled--;
	weft__hold_release(&self->hold);
}

int weft_preempt_check(void)
{
	struct weft_thread *self = weft__arch_self();
	uint64_t before;

	if (likely(self == NULL || self->hold.wish == 0) || self->sched == NULL)
		return 0;
	before = self->switches;
	weft_yield();
	return self->switches != before;
}
