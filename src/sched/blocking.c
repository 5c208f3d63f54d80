/* SPDX-License-Identifier: MIT */
/*
 * The brackets around a call that may block. The first gives the processor to a spare carrier; the thread keeps its own and runs on
 * without a processor. The second takes a processor: the one it had if that is idle, any idle one, or it queues.
 *
 * That the thread is never lost between "no processor is idle" and "it is in the global queue": queueing is making work,
 * under the idle protocol (idle.c).
 */
#include <weft/blocking.h>

#include "base/panic.h"
#include "sched/engine.h"
#include "sys/spin.h"

/*
 * Offers the processor to a spare carrier. It is not forced upon it: if we are back before the spare has woken we take it again
 * (owner word), and the next bracket finds that spare still on its way and offers it to the same one. So a series of short
 * calls costs one wake.
 */
static bool offer(struct weft__carrier *carrier, struct weft__processor *processor)
{
	struct weft_sched *sched = carrier->sched;
	struct weft__carrier *spare = carrier->offered_to;
	bool wake = false;

	weft__spin_lock(&sched->lock);
	if (spare == NULL || spare->given != processor) {
		struct weft__list *item = weft__list_pop(&sched->spares);

		wake = item != NULL;
		spare = wake ? container_of(item, struct weft__carrier, spare) : NULL;
		if (wake)
			atomic_store_relaxed(&sched->spare_count, sched->spare_count - 1);
	}
	if (spare != NULL) {
		carrier->processor = NULL;
		carrier->offered_to = spare;
		atomic_store_relaxed(&spare->given, processor);
		atomic_store_release(&processor->owner, (uintptr_t)spare | WEFT__OWNER_IDLE); /* OWNER */
	}
	weft__spin_unlock(&sched->lock);
	if (wake)
		weft__carrier_wake(spare);
	return spare != NULL;
}

static void hand_off(struct weft_thread *self)
{
	struct weft__carrier *carrier = self->carrier;
	struct weft__processor *processor = carrier->processor;

	carrier->last = processor;
	atomic_bump(&processor->hand_offs, 1);
	if (offer(carrier, processor))
		return;
	if (atomic_load_relaxed(&carrier->sched->carrier_count) >= WEFT__CARRIERS_MAX)
		return; /* its neighbours wait: no worse than an undeclared call */
	carrier->processor = NULL;
	if (weft__carrier_start(carrier->sched, processor, &carrier->offered_to) < 0) {
		carrier->processor = processor;
		atomic_store_release(&processor->owner, (uintptr_t)carrier);
	}
}

void weft_blocking_begin(void)
{
	struct weft_thread *self = weft__self();

	if (self->blocking == UINT8_MAX)
		weft__panic("weft_blocking_begin: nested more than %d deep", UINT8_MAX);
	atomic_store_relaxed(&self->blocking, (uint8_t)(self->blocking + 1));
	if (self->blocking > 1)
		return;
	if (self->blocking_table != NULL)
		self->blocking_table->begin(self->blocking_arg);
	if (!weft__thread_is_kernel(self) && !self->sched->strict && self->carrier->processor != NULL)
		hand_off(self);
}

static bool take_idle(struct weft__carrier *carrier)
{
	struct weft_sched *sched = carrier->sched;

	if (carrier->last != NULL && weft__processor_take(carrier, carrier->last))
		return true;
	for (unsigned i = 0; i < sched->processor_count; i++)
		if (weft__processor_take(carrier, sched->processors[i]))
			return true;
	return false;
}

void weft_blocking_end(void)
{
	struct weft_thread *self = weft__self();

	if (self->blocking == 0)
		weft__panic("weft_blocking_end: without weft_blocking_begin");
	if (self->blocking == 1) {
		if (!weft__thread_is_kernel(self) && self->carrier->processor == NULL && !take_idle(self->carrier))
			weft__switch_to(self, &self->carrier->loop, WEFT__AFTER_GLOBAL);
		if (self->blocking_table != NULL)
			self->blocking_table->end(self->blocking_arg);
	}
	atomic_store_relaxed(&self->blocking, (uint8_t)(self->blocking - 1));
}
