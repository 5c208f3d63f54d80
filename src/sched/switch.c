/* SPDX-License-Identifier: MIT */
/*
 * The switch from one thread to the next on a carrier.
 *
 * A thread that gives way picks its successor and switches to it directly. What must happen to it
 * afterwards, when its registers are saved and nobody runs on its stack, is noted in the carrier
 * and done by the successor, first thing (finish): put it back into a queue, declare it parked, or
 * take it away.
 *
 * After a switch returns, the thread may be on another carrier: everything is read again through
 * self->carrier, which whoever switched here has set.
 */
#include "base/panic.h"
#include "sched/engine.h"

/* The end of a thread whose joiners' lock the thread itself took before its last switch. */
static void finish_exit(struct weft__carrier *carrier, struct weft_thread *ended)
{
	struct weft_thread *joiner = carrier->exit_wake;
	bool detached = ended->ended == WEFT__ENDED_DETACHED;

	weft__fiber_destroy(&ended->fiber);
	weft__live_end(carrier->sched, carrier->processor);
	if (!detached)
		atomic_store_relaxed(&ended->ended, WEFT__ENDED_YES);
	weft__waitq_unlock(&ended->joiners); /* JOIN: a joiner may free it from here on */
	if (detached)
		weft__light_free(ended);
	if (joiner != NULL)
		weft__ready(joiner);
}

/* For one that could not park because its waker was quicker: it is ready. */
static void enqueue_again(struct weft__carrier *carrier, struct weft_thread *thread)
{
	if (carrier->processor != NULL) {
		weft__enqueue(carrier->processor, thread);
		if (carrier->sched->processor_count > 1)
			weft__wake_idle(carrier->sched);
		return;
	}
	weft__global_push(carrier->sched, thread);
	weft__wake_idle_global(carrier->sched);
}

static weft__noinline void finish_slow(struct weft__carrier *carrier)
{
	struct weft_thread *previous = carrier->previous;

	switch (carrier->after) {
	case WEFT__AFTER_NOTHING:
	case WEFT__AFTER_PARK:
		break;
	case WEFT__AFTER_YIELD:
	case WEFT__AFTER_GLOBAL:
		if (carrier->after == WEFT__AFTER_YIELD && carrier->processor != NULL) {
			weft__enqueue(carrier->processor, previous);
			if (carrier->sched->processor_count > 1)
				weft__wake_idle(carrier->sched); /* MOVE, see weft__global_take */
			break;
		}
		weft__global_push(carrier->sched, previous);
		weft__wake_idle_global(carrier->sched);
		break;
	case WEFT__AFTER_EXIT:
		finish_exit(carrier, previous);
		break;
	}
}

static weft__always_inline void finish(struct weft__carrier *carrier)
{
	struct weft_thread *previous;
	uint64_t park;

	if (carrier->after == WEFT__AFTER_NOTHING)
		return;
	if (unlikely(carrier->after != WEFT__AFTER_PARK)) {
		finish_slow(carrier);
		return;
	}
	/* Only its waker can have changed it, and only to NOTIFIED. Release: whoever claims it as
	 * PARKED runs it. (PARK) */
	previous = carrier->previous;
	park = (atomic_load_relaxed(&previous->park) & ~UINT64_C(0xffff)) | WEFT__ARMED;
	if (unlikely(
		    !atomic_cas_acq_rel(&previous->park, &park, park - WEFT__ARMED + WEFT__PARKED)))
		enqueue_again(carrier, previous);
}

/*
 * Many threads that take turns are cold each time. So the record of the one after the next is
 * fetched, and the frames of the next, whose record was fetched before. Alone only: there no other
 * takes it, and with it its memory, away.
 */
static weft__always_inline void foresee(struct weft__runq *queue)
{
	struct weft_thread *next = weft__runq_peek(queue, 0);

	if (next == NULL)
		return;
	__builtin_prefetch(next->sp);
	__builtin_prefetch((char *)next->sp + 3 * WEFT__CACHE_LINE);
	__builtin_prefetch((char *)next->sp + 4 * WEFT__CACHE_LINE);
	__builtin_prefetch(weft__runq_peek(queue, 1));
}

static weft__always_inline struct weft_thread *pick(struct weft__processor *processor)
{
	struct weft_thread *next;

	atomic_bump(&processor->switches, 1);
	if (unlikely(processor->switches >= processor->check_at))
		weft__look_around(processor);
	if (atomic_load_relaxed(&processor->queue.hot) != NULL &&
	    processor->hot_runs < WEFT__HOT_RUNS_MAX) {
		next = weft__runq_hot_take(&processor->queue);
		if (next != NULL) {
			processor->hot_runs++;
			return next;
		}
	}
	processor->hot_runs = 0;
	next = weft__runq_pop(&processor->queue);
	if (processor->queue.alone)
		foresee(&processor->queue);
	return likely(next != NULL) ? next : weft__runq_hot_take(&processor->queue);
}

struct weft_thread *weft__pick(struct weft__processor *processor)
{
	return pick(processor);
}

static weft__always_inline void switch_to(struct weft_thread *self, struct weft_thread *next,
					  enum weft__after after)
{
	struct weft__carrier *carrier = self->carrier;

	carrier->previous = self;
	carrier->after = after;
	next->carrier = carrier;
	atomic_store_relaxed(&carrier->current, next);
	atomic_bump(&next->switches, 1);
	weft__arch_self_set(next);
	weft__fiber_leave(&self->fiber, &next->fiber, after == WEFT__AFTER_EXIT);
	weft__arch_switch(&self->sp, next->sp);
	weft__fiber_arrive(&self->fiber);
	finish(self->carrier);
}

void weft__switch_to(struct weft_thread *self, struct weft_thread *next, enum weft__after after)
{
	switch_to(self, next, after);
}

void weft__switch_away(struct weft_thread *self, enum weft__after after)
{
	struct weft__carrier *carrier = self->carrier;
	struct weft_thread *next = NULL;

	if (likely(carrier->processor != NULL))
		next = pick(carrier->processor);
	switch_to(self, next != NULL ? next : &carrier->loop, after);
}

void weft__switch_start(struct weft_thread *self)
{
	weft__fiber_arrive(&self->fiber);
	finish(self->carrier);
}

int weft_yield(void)
{
	struct weft_thread *self = weft__arch_self();
	struct weft__processor *processor;
	struct weft_thread *next;

	if (unlikely(self == NULL || weft__thread_is_kernel(self))) {
		weft__sys_thread_yield();
		return 0;
	}
	processor = self->carrier->processor;
	if (unlikely(processor == NULL)) { /* between blocking brackets: the kernel decides */
		weft__sys_thread_yield();
		return 0;
	}
	next = pick(processor);
	if (unlikely(next == NULL)) {
		/* Alone here, so this costs nobody a turn: look further, for a thread that yields
		 * in a loop waits for something. */
		weft__look_around(processor);
		next = weft__pick(processor);
		if (next == NULL)
			return 0;
	}
	/* Nobody can take us from a queue that is ours alone before we have left our stack. */
	if (processor->queue.alone && likely(weft__runq_push(&processor->queue, self)))
		switch_to(self, next, WEFT__AFTER_NOTHING);
	else
		switch_to(self, next, WEFT__AFTER_YIELD);
	return 0;
}
