/* SPDX-License-Identifier: MIT */
/*
 * The brackets around a call that may block. The first gives the processor to a spare carrier; the
 * thread keeps its own and runs on without a processor. The second takes a processor: the one it
 * had if that is idle, any idle one, or it queues.
 *
 * That the thread is never lost between "no processor is idle" and "it is in the global queue":
 * queueing is making work, under the idle protocol (idle.c).
 */
#include <weft/blocking.h>

#include "base/panic.h"
#include "sched/enter.h"
#include "sys/spin.h"

/* With the lock held: one that can be offered a processor; best one that sleeps on its word. NULL:
 * none. */
static struct weft__carrier *find_spare(struct weft_sched *sched, bool or_in_poller)
{
	struct weft__carrier *in_poller = NULL;

	weft__list_for(link, &sched->spares) {
		struct weft__carrier *spare = container_of(link, struct weft__carrier, spare);

		/* One that was offered a processor is free again when that was taken back before it
		 * woke; not when it has it. */
		if (spare->given != NULL && (atomic_load_relaxed(&spare->given->owner) &
					     ~WEFT__OWNER_BITS) == (uintptr_t)spare)
			continue;
		if (!spare->in_poller)
			return spare;
		in_poller = spare;
	}
	return or_in_poller ? in_poller : NULL;
}

struct weft__carrier *weft__spare_on_word(struct weft_sched *sched)
{
	return find_spare(sched, false);
}

/* The ring may wake another, who holds a processor: he finds work, or sleeps again. And who comes
 * out without a processor passes it on as long as anybody is in there (weft__search_end). */
bool weft__spare_rouse(struct weft_sched *sched)
{
	struct weft__carrier *spare;
	bool found;

	weft__spin_lock(&sched->lock);
	spare = find_spare(sched, true);
	found = spare != NULL && spare->in_poller;
	weft__spin_unlock(&sched->lock);
	if (found)
		weft__wake_idle_global(sched);
	return found;
}

static bool has_something(struct weft__processor *processor)
{
	return weft__runq_count(&processor->queue) != 0 ||
	       weft__runq_count(&processor->spent) != 0 ||
	       atomic_load_relaxed(&processor->queue.hot) != NULL ||
	       atomic_load_relaxed(&processor->wheel.count) != 0;
}

/*
 * Offers the processor to a spare carrier. It is not forced upon it: if we are back before the
 * spare has woken we take it again (owner word), and the next bracket finds that spare still on its
 * way and offers it to the same one. So a series of short calls costs one wake.
 */
bool weft__offer(struct weft__carrier *carrier, struct weft__processor *processor, bool in_poller)
{
	struct weft_sched *sched = carrier->sched;
	struct weft__carrier *spare;
	bool wake = false, ring = false;

	weft__spin_lock(&sched->lock);
	spare = find_spare(sched, in_poller);
	if (spare != NULL) {
		atomic_store_relaxed(&carrier->processor, NULL);
		ring = spare->in_poller && has_something(processor);
		wake = !spare->in_poller && atomic_load_relaxed(&spare->wake_word) == 0;
		if (spare->in_poller)
			/* as before any sleep: whoever is rung may only steal from it */
			weft__live_flush(processor);
		spare->given = processor;
		atomic_store_relaxed(&processor->attended_ns, spare->in_poller ? WEFT_FOREVER : 0);
		/* OWNER */
		atomic_store_release(&processor->owner, (uintptr_t)spare | WEFT__OWNER_IDLE);
		if (wake)
			atomic_store_release(&spare->wake_word, 1);
	}
	weft__spin_unlock(&sched->lock);
	if (wake)
		weft__sys_wake(&spare->wake_word, 1);
	if (ring)
		weft__wake_idle_global(sched);
	return spare != NULL;
}

/* It is nobody's until the monitor gives it to the carrier that the maker makes, or somebody who
 * has none takes it. */
static void leave_behind(struct weft__carrier *carrier, struct weft__processor *processor)
{
	bool ring = has_something(processor);

	weft__live_flush(processor);
	atomic_store_relaxed(&carrier->processor, NULL);
	atomic_store_relaxed(&processor->attended_ns, WEFT_FOREVER);
	atomic_store_release(&processor->owner, WEFT__OWNER_IDLE); /* OWNER */
	if (ring)
		weft__wake_idle_global(carrier->sched);
}

/* Only a scheduler without a monitor makes its own spare: that may wait for the C library. */
static void hand_off(struct weft_thread *self)
{
	struct weft__carrier *carrier = self->carrier;
	struct weft__processor *processor = carrier->processor;

	carrier->last = processor;
	atomic_bump(&processor->hand_offs, 1);
	if (weft__offer(carrier, processor, true))
		return;
	if (!atomic_load_relaxed(&carrier->sched->is_reborn)) {
		/* At the bound its neighbours wait: no worse than an undeclared call. */
		if (weft__maker_ask(carrier->sched))
			leave_behind(carrier, processor);
		return;
	}
	if (atomic_load_relaxed(&carrier->sched->carrier_count) >= carrier->sched->carriers_max)
		return; /* its neighbours wait: no worse than an undeclared call */
	atomic_store_relaxed(&carrier->processor, NULL);
	/* If none could be made we have it again, or somebody else has: either will do. */
	(void)weft__carrier_start(carrier->sched, processor, carrier);
}

void weft_blocking_begin(void)
{
	struct weft_thread *self = weft__self();
	uint32_t was_inside;

	if (self->blocking == UINT8_MAX)
		weft__panic("weft_blocking_begin: nested more than %d deep", UINT8_MAX);
	atomic_store_relaxed(&self->blocking, (uint8_t)(self->blocking + 1));
	if (self->blocking > 1)
		return;
	if (self->blocking_table != NULL)
		self->blocking_table->begin(self->blocking_arg);
	if (weft__thread_is_kernel(self) || self->sched->strict)
		return;
	was_inside = weft__enter(self);
	if (self->carrier->processor != NULL)
		hand_off(self);
	weft__leave(self, was_inside);
}

/* A wait between the brackets ended: with a processor, which the rest of the call is not to
 * hold. */
void weft__blocking_resume(struct weft_thread *self)
{
	if (self->blocking != 0 && !self->sched->strict && self->carrier->processor != NULL)
		hand_off(self);
}

/* With the lock held. */
static bool take(struct weft__carrier *carrier, struct weft__processor *processor)
{
	struct weft_sched *sched = carrier->sched;
	uintptr_t owner = atomic_load_acquire(&processor->owner);
	struct weft__carrier *sleeper = (struct weft__carrier *)(owner & ~WEFT__OWNER_IDLE);

	/* OWNER */
	if ((owner & WEFT__OWNER_IDLE) == 0 ||
	    !atomic_cas_acq_rel(&processor->owner, &owner, (uintptr_t)carrier))
		return false;
	atomic_store_relaxed(&carrier->processor, processor);
	/* It held the processor in the poller, and will find out when it wakes. */
	if (sleeper != NULL && !sleeper->is_spare) {
		sleeper->is_spare = true;
		sleeper->in_poller = true;
		weft__list_push(&sched->spares, &sleeper->spare);
		atomic_store_relaxed(&sched->spare_count, sched->spare_count + 1);
	}
	return true;
}

static bool take_idle(struct weft__carrier *carrier)
{
	struct weft_sched *sched = carrier->sched;
	bool taken;

	weft__spin_lock(&sched->lock);
	taken = carrier->last != NULL && take(carrier, carrier->last);
	for (unsigned i = 0; !taken && i < sched->processor_count; i++)
		taken = take(carrier, sched->processors[i]);
	weft__spin_unlock(&sched->lock);
	return taken;
}

/* Who lost a processor by blocking may block again, and the monitor, to which all was idle until
 * now, would look in ten milliseconds. */
static bool expects_to_block(struct weft__carrier *carrier)
{
	return carrier->watch != NULL && weft__sys_watch_expect(carrier->watch);
}

void weft__owner_return(struct weft_thread *self)
{
	if (!take_idle(self->carrier))
		weft__switch_to(self, &self->carrier->loop, WEFT__AFTER_GLOBAL);
	else if (self->blocking != 0 || expects_to_block(self->carrier))
		weft__monitor_busy();
	else
		weft__monitor_ring();
}

static void return_from_call(struct weft_thread *self)
{
	uint32_t was_inside = weft__enter(self);

	if (self->carrier->processor == NULL)
		weft__owner_return(self);
	weft__leave(self, was_inside);
}

void weft_blocking_end(void)
{
	struct weft_thread *self = weft__self();

	if (self->blocking == 0)
		weft__panic("weft_blocking_end: without weft_blocking_begin");
	if (self->blocking == 1) {
		if (!weft__thread_is_kernel(self))
			return_from_call(self);
		if (self->blocking_table != NULL)
			self->blocking_table->end(self->blocking_arg);
	}
	atomic_store_relaxed(&self->blocking, (uint8_t)(self->blocking - 1));
}

/*
 * The short brackets only say so: an odd count that the monitor sees twice is a call that lasts.
 * The count is the thread's, for a thread that is switched away between the brackets and the call
 * goes on elsewhere.
 */
void weft_syscall_enter(void)
{
	struct weft_thread *self = weft__arch_self();

	if (likely(self != NULL))
		atomic_bump(&self->calls, 1);
}

void weft_syscall_leave(void)
{
	struct weft_thread *self = weft__arch_self();
	struct weft__carrier *carrier;
	struct weft__processor *processor;

	if (unlikely(self == NULL))
		return;
	atomic_bump(&self->calls, 1);
	carrier = self->carrier;
	if (carrier == NULL)
		return;
	/* A hint, for we may be switched away between any two of these; the entry makes sure. */
	processor = atomic_load_relaxed(&carrier->processor);
	if (unlikely(processor == NULL ||
		     atomic_load_relaxed(&processor->owner) != (uintptr_t)carrier) &&
	    self->blocking == 0)
		return_from_call(self);
}
