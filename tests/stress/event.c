/* SPDX-License-Identifier: MIT */
/*
 * Event: things are announced by a set; who resets it takes those that there are. Who waits without
 * a deadline relies on it that no set is lost.
 */
#include "acts.h"

static weft_event event;
static bool ending;                  /* atomic: it stays set */
static uint64_t put, found, waiting; /* atomic; the last is what nobody has found yet */

static void announce(struct actor *actor)
{
	uint64_t n = choose(actor, 3);

	atomic_add_acq_rel(&put, n);
	atomic_add_acq_rel(&waiting, n);
	weft_event_set(&event);
}

static void look(struct actor *actor)
{
	int64_t deadline_ns = choose(actor, 4) == 0 ? WEFT_FOREVER : soon(actor);
	int code = deadline_ns == WEFT_FOREVER ? weft_event_wait(&event)
					       : weft_event_wait_until(&event, deadline_ns);

	if (!ended_well(code, deadline_ns) || atomic_load_acquire(&ending))
		return;
	weft_event_reset(&event);
	atomic_add_acq_rel(&found, atomic_swap_acq_rel(&waiting, 0));
	/* Whoever stops meanwhile may have set what we have just reset. (STOP) */
	atomic_full_fence();
	if (atomic_load_acquire(&ending))
		weft_event_set(&event);
}

void event_act(struct actor *actor)
{
	if (choose(actor, 2) == 0)
		announce(actor);
	else
		look(actor);
}

void event_stop(void)
{
	atomic_store_release(&ending, true);
	/* Who resets after our set sees it. (STOP) */
	atomic_full_fence();
	weft_event_set(&event);
}

void event_end(void)
{
	must(weft_event_wait_try(&event) == 0);
	must(put == found + waiting);
	weft_event_fini(&event);
}
