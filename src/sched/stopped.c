/* SPDX-License-Identifier: MIT */
/*
 * Stopped: a light thread that overran its slice. It shares errno and thread_local with its
 * carrier, and may be anywhere, so it cannot go on elsewhere: it stops where it is, with its
 * carrier.
 *
 *	the thread, on its carrier c		a carrier d, on its loop, with a processor
 *	1 offers its processor to a spare,
 *	  or gives it as in 5
 *	2 marks itself (stopped_with = c),
 *	  queues itself
 *	3 sleeps until stop_word is 1		4 picks the thread: it is marked
 *						5 owner: d -> c; granted; stop_word = 1; wakes c
 *	6 has the processor, goes on		6 is a spare
 *
 * 1 before 2: once it is queued it can be granted a processor, and must not have one then. The word
 * is set to 0 before 2, and looked at before every sleep. 5 before 6: d has the processor until it
 * gives it, so nobody else does. c is inside (enter.h) all the while, so the monitor does not take
 * what it was granted before it woke. models/stopped.pml has this protocol.
 */
#include "sched/enter.h"
#include "sys/spin.h"

/* By perf no tick comes to one that sleeps. */
static void set_timer(struct weft__carrier *carrier, int64_t every_ns)
{
	if (atomic_load_relaxed(&carrier->armed) &&
	    weft__sys_watch_tick_means(carrier->watch) == WEFT__TICK_TIMER)
		weft__sys_watch_arm(carrier->watch, every_ns);
}

static void sleep_stopped(struct weft__carrier *carrier)
{
	if (carrier->watch != NULL) {
		set_timer(carrier, 0);
		weft__sys_watch_pause(carrier->watch);
	}
	atomic_store_relaxed(&carrier->is_stopped, true);
	while (atomic_load_acquire(&carrier->stop_word) == 0) /* GRANT */
		weft__sys_wait(&carrier->stop_word, 0, WEFT_FOREVER);
	atomic_store_relaxed(&carrier->is_stopped, false);
	if (carrier->watch != NULL) {
		weft__sys_watch_resume(carrier->watch);
		set_timer(carrier, atomic_load_relaxed(&carrier->sched->tick_ns));
	}
}

struct weft_thread *weft__stopped_take(struct weft_sched *sched, struct weft__processor *processor)
{
	struct weft_thread *thread;

	while ((thread = weft__runq_hot_take(&processor->queue)) != NULL ||
	       (thread = weft__runq_pop(&processor->queue)) != NULL ||
	       (thread = weft__runq_pop(&processor->spent)) != NULL)
		weft__global_push(sched, thread);
	return weft__global_take_stopped(sched);
}

/* Without a spare: to one that has a carrier already. Else a lock of the C library that it holds
 * could keep the maker from making one, for ever. */
static bool swap_with_stopped(struct weft__carrier *carrier)
{
	struct weft__processor *processor = carrier->processor;
	struct weft_thread *next;

	if (atomic_load_relaxed(&carrier->sched->stopped_count) == 0)
		return false;
	next = weft__stopped_take(carrier->sched, processor);
	if (next == NULL) {
		weft__wake_idle_global(carrier->sched); /* MOVE, see weft__global_take */
		return false;
	}
	weft__live_flush(processor);
	atomic_store_relaxed(&carrier->processor, NULL);
	weft__stopped_give(next, processor);
	return true;
}

bool weft__stop_here(struct weft_thread *self)
{
	struct weft__carrier *carrier = self->carrier;
	struct weft_sched *sched = carrier->sched;

	/* No carrier is made here: the thread may be anywhere, in malloc too. */
	if (carrier->processor != NULL && !weft__offer(carrier, carrier->processor, false)) {
		(void)weft__maker_ask(sched);
		if (!swap_with_stopped(carrier))
			return false;
	}
	self->stopped_with = carrier;
	self->is_spent = true;
	atomic_store_relaxed(&carrier->stop_word, 0u);
	atomic_add_acq_rel(&sched->stopped_count, 1u);
	weft__global_push(sched, self);
	weft__wake_idle_global(sched);
	sleep_stopped(carrier);
	atomic_store_relaxed(&carrier->processor, carrier->granted);
	self->is_spent = false;
	self->spent_turn = self->switches;
	self->stopped_with = NULL;
	return true;
}

void weft__stopped_grant(struct weft__carrier *carrier, struct weft_thread *thread)
{
	struct weft__processor *processor = carrier->processor;

	atomic_store_relaxed(&carrier->processor, NULL);
	weft__stopped_give(thread, processor);
}

void weft__stopped_give(struct weft_thread *thread, struct weft__processor *processor)
{
	struct weft__carrier *stopped = thread->stopped_with;

	atomic_sub_acq_rel(&stopped->sched->stopped_count, 1u);
	stopped->granted = processor;
	atomic_store_release(&processor->owner, (uintptr_t)stopped); /* OWNER */
	atomic_store_release(&stopped->stop_word, 1u);               /* GRANT */
	weft__sys_wake(&stopped->stop_word, 1);
}
