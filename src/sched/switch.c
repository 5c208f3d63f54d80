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
 *
 * All of it happens inside (enter.h) and under the thread's hold, which stays raised while it is
 * switched out: nobody is switched away by force in the middle, nor before the successor has
 * finished.
 */
#include "base/panic.h"
#include "sched/enter.h"

/* The end of a thread whose joiners' lock the thread itself took before its last switch. */
static void finish_exit(struct weft__carrier *carrier, struct weft_thread *ended)
{
	struct weft_thread *joiner = carrier->exit_wake;
	bool detached = ended->ended == WEFT__ENDED_DETACHED;

	weft__fiber_destroy(&ended->fiber);
	weft__live_end(carrier->sched, carrier->processor);
	if (!detached)
		atomic_store_relaxed(&ended->ended, WEFT__ENDED_YES);
	/* JOIN: a joiner may free it from here on. The hold that came with the lock is the ended
	 * thread's. */
	weft__spin_unlock_for(&ended->joiners.lock);
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
	park = atomic_load_relaxed(&previous->park);
	if (unlikely(
		    WEFT__PARK_STATE(park) != WEFT__ARMED ||
		    !atomic_cas_acq_rel(&previous->park, &park, park - WEFT__ARMED + WEFT__PARKED)))
		enqueue_again(carrier, previous);
}

/*
 * Many threads that take turns are cold each time. So the record of the one after the next is
 * fetched, and the frames of the next, whose record was fetched before. Alone only: there no other
 * takes it, and with it its memory, away.
 */
static weft__always_inline void foresee(struct weft_thread *next, struct weft_thread *after_next)
{
	__builtin_prefetch(next->sp);
	__builtin_prefetch((char *)next->sp + 3 * WEFT__CACHE_LINE);
	__builtin_prefetch((char *)next->sp + 4 * WEFT__CACHE_LINE);
	if (next->tp != NULL)
		__builtin_prefetch(weft__arch_local_at(next->tp));
	__builtin_prefetch(after_next);
}

/* What used its slice up comes last, but it comes. */
static weft__noinline struct weft_thread *pick_spent(struct weft__processor *processor)
{
	processor->spent_due = false;
	processor->spent_ns = processor->clock_ns;
	processor->spent_at = processor->switches;
	return weft__runq_pop(&processor->spent);
}

static weft__always_inline struct weft_thread *pick(struct weft__processor *processor)
{
	struct weft_thread *next;

	atomic_bump(&processor->switches, 1);
	if (unlikely(processor->switches >= processor->check_at)) {
		weft__look_around(processor);
		if (processor->spent_due) {
			next = pick_spent(processor);
			if (next != NULL)
				return next;
		}
	}
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
	if (likely(next != NULL)) {
		struct weft_thread *after = weft__runq_peek(&processor->queue, 0);

		if (processor->queue.alone && after != NULL)
			foresee(after, weft__runq_peek(&processor->queue, 1));
		return next;
	}
	next = weft__runq_hot_take(&processor->queue);
	return next != NULL || weft__runq_count(&processor->spent) == 0 ? next
									: pick_spent(processor);
}

struct weft_thread *weft__pick(struct weft__processor *processor)
{
	return pick(processor);
}

/* Whoever runs here is `next` from now on, and still on the stack of the one before it. */
static weft__always_inline void set_self(struct weft_thread *next)
{
	weft__arch_self_set(next);
	weft__atomic_point();
}

/*
 * From one block to another. In a carrier's own block weft__arch_self is the loop while a user
 * thread runs there, so that a signal between two of these steps finds a thread that lives, and
 * that is held.
 */
static weft__noinline void change_identity(struct weft__carrier *carrier, struct weft_thread *self,
					   struct weft_thread *next)
{
	if (self->tp == NULL)
		set_self(&carrier->loop);
	weft__sys_tls_set(next->tp);
	if (next->tp == NULL)
		set_self(next);
}

/* From one user thread to another, where it takes no call. */
static weft__always_inline bool is_quick(const struct weft_thread *self,
					 const struct weft_thread *next)
{
	return self->tp != NULL && next->tp != NULL && weft__sys_tls_is_quick;
}

/* What a switch notes before it. */
static weft__always_inline void switch_from(struct weft_thread *self, struct weft_thread *next,
					    enum weft__after after)
{
	struct weft__carrier *carrier = self->carrier;
	const struct weft__carrier *before = next->carrier;

	if (after != WEFT__AFTER_NOTHING)
		carrier->previous = self;
	carrier->after = after;
	/* Also when it is the same: the load at its other end is 2 ns quicker after a store. */
	next->carrier = carrier;
	if (unlikely(before != carrier) && before != NULL)
		atomic_bump(&carrier->migrations, 1);
	atomic_store_relaxed(&carrier->current, next);
	atomic_bump(&next->switches, 1);
}

static weft__always_inline void switch_to(struct weft_thread *self, struct weft_thread *next,
					  enum weft__after after)
{
	switch_from(self, next, after);
	if (self->tp == next->tp)
		set_self(next);
	else if (is_quick(self, next))
		weft__sys_tls_swap(self->tp, next->tp);
	else
		change_identity(self->carrier, self, next);
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
	switch_to(self, next != NULL ? weft__runner_of(carrier, next) : &carrier->loop, after);
}

/* A wait without an end, of a thread whose carrier has its processor. */
bool weft__switch_park(struct weft_thread *self, const char *reason)
{
	struct weft__processor *processor = weft__enter_quick(self);
	struct weft_thread *next;

	if (unlikely(processor == NULL))
		return false;
	self->hold.wish = 0; /* this is what it asks for */
	/* Announced before the entry's barrier, looked at after it. (CANCEL) A waker may have been
	 * quicker, too: then there is nothing to wait for. */
	if (unlikely(WEFT__PARK_STATE(atomic_load_acquire(&self->park)) != WEFT__ARMED ||
		     atomic_load_relaxed(&self->cancelled) != 0)) {
		weft__leave(self, 0);
		return false;
	}
	weft__note_wait(self, reason, processor->clock_ns);
	next = pick(processor);
	switch_to(self, next != NULL ? weft__runner_of(self->carrier, next) : &self->carrier->loop,
		  WEFT__AFTER_PARK);
	atomic_store_relaxed(&self->reason, NULL);
	weft__leave(self, 0);
	return true;
}

void weft__switch_start(struct weft_thread *self)
{
	weft__fiber_arrive(&self->fiber);
	finish(self->carrier);
	weft__leave(self, 0);
}

/*
 * The usual case of a yield, of a processor that is alone: nothing is hot, no look around is due.
 * Nobody can take us from a queue that is ours alone before we have left our stack. NULL: not the
 * usual case, or there is nobody else.
 */
static weft__always_inline struct weft_thread *turn(struct weft_thread *self,
						    struct weft__processor *processor)
{
	uint64_t switches = processor->switches + 1;
	struct weft_thread *next, *ahead[2];

	if (!processor->queue.alone || unlikely(switches >= processor->check_at) ||
	    unlikely(atomic_load_relaxed(&processor->queue.hot) != NULL))
		return NULL;
	next = weft__runq_turn(&processor->queue, self, ahead);
	if (unlikely(next == NULL))
		return NULL;
	atomic_store_relaxed(&processor->switches, switches);
	processor->hot_runs = 0;
	if (ahead[0] != self)
		foresee(ahead[0], ahead[1]);
	return next;
}

/* Inside. False: there was nobody else. */
static bool yield(struct weft_thread *self, struct weft__processor *processor)
{
	struct weft_thread *next = turn(self, processor);

	if (likely(next != NULL)) {
		switch_to(self, weft__runner_of(self->carrier, next), WEFT__AFTER_NOTHING);
		return true;
	}
	next = weft__pick(processor);
	if (unlikely(next == NULL)) {
		/* Alone here, so this costs nobody a turn: look further, for a thread that yields
		 * in a loop waits for something. */
		weft__look_around(processor);
		next = weft__pick(processor);
		if (next == NULL)
			return false;
	}
	switch_to(self, weft__runner_of(self->carrier, next), WEFT__AFTER_YIELD);
	return true;
}

/* What is not as usual. */
static weft__noinline int yield_otherwise(struct weft_thread *self)
{
	struct weft__processor *processor;
	uint32_t was_inside;

	if (self == NULL || weft__thread_is_kernel(self)) {
		weft__sys_thread_yield();
		return 0;
	}
	was_inside = weft__enter_on(self, &processor);
	self->hold.wish = 0; /* this is what it asks for */
	if (likely(processor != NULL))
		yield(self, processor);
	else if (self->blocking != 0)
		weft__sys_thread_yield(); /* between the brackets: the kernel decides */
	else
		weft__owner_return(self);
	weft__leave(self, was_inside);
	return 0;
}

/* Inside. next: who has the turn, if what becomes of our identity takes a call; NULL: nobody by
 * `turn`. */
static weft__noinline int yield_inside(struct weft_thread *self, struct weft__processor *processor,
				       struct weft_thread *next)
{
	if (next != NULL)
		switch_to(self, weft__runner_of(self->carrier, next), WEFT__AFTER_NOTHING);
	else
		yield(self, processor);
	weft__leave(self, 0);
	return 0;
}

static weft__noinline int yield_finish(struct weft_thread *self)
{
	finish(self->carrier);
	weft__leave(self, 0);
	return 0;
}

/*
 * Nothing is called on the usual way, and nothing kept across the switch, so no register is saved
 * that the switch saves again.
 */
int weft_yield(void)
{
	struct weft_thread *self = weft__arch_self(), *next;
	struct weft__processor *processor;

	if (unlikely(self == NULL || weft__thread_is_kernel(self)))
		return yield_otherwise(self);
	processor = weft__enter_quick(self);
	if (unlikely(processor == NULL))
		return yield_otherwise(self);
	self->hold.wish = 0; /* this is what it asks for */
	next = turn(self, processor);
	if (unlikely(next == NULL || next->stopped_with != NULL))
		return yield_inside(self, processor, next);
	if (next->tp == self->tp) {
		switch_from(self, next, WEFT__AFTER_NOTHING);
		set_self(next);
	} else if (likely(is_quick(self, next))) {
		switch_from(self, next, WEFT__AFTER_NOTHING);
		weft__sys_tls_swap(self->tp, next->tp);
	} else {
		return yield_inside(self, processor, next);
	}
	weft__fiber_leave(&self->fiber, &next->fiber, false);
	weft__arch_switch(&self->sp, next->sp);
	self = weft__arch_self();
	weft__fiber_arrive(&self->fiber);
	if (unlikely(self->carrier->after != WEFT__AFTER_NOTHING))
		return yield_finish(self);
	weft__leave(self, 0);
	return 0;
}
