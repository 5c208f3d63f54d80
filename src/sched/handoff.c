/* SPDX-License-Identifier: MIT */
/*
 * Hand-off: what the monitor does for those that wait behind a blocked carrier.
 *
 *	a spare is there	it gets the processor (enter.h)
 *	none, below the bound	the maker makes one, which rings when it is there
 *	one sleeps in the poller without a processor: it is rung, and is one by the next look
 *	none else
 *	  a user thread waits for a lock of the program (a futex): it is *dislodged*, by a tick that
 *	  makes it give way in the middle of its call, which the kernel begins anew when it goes on
 *	  a light thread is stopped with its carrier: that carrier gets the processor
 *	  the user thread did not give way (it holds): its processor is nobody's, so that those in
 *	  its queue are everybody's
 *
 * Why the last three: the threads that wait for a lock may be more than there can be carriers. If
 * its holder was switched away it is in a queue, behind them, and nobody would ever run it. So as
 * long as anything is runnable, some carrier runs it. A call that is no wait for a lock is left
 * alone: not all of them are begun anew by the kernel.
 */
#include <string.h>

#include "sched/monitor.h"
#include "sys/spin.h"

#define REST_NS (250 * WEFT_US) /* between two tries at one that is away */

static bool has_spare(struct weft_sched *sched)
{
	bool has;

	weft__spin_lock(&sched->lock);
	has = weft__spare_on_word(sched) != NULL;
	weft__spin_unlock(&sched->lock);
	return has;
}

bool weft__have_spare(struct weft_sched *sched)
{
	if (has_spare(sched))
		return true;
	(void)weft__maker_ask(sched);
	return false;
}

/* ---- to a spare */

/* Of a processor whose owner word is that one. */
static struct weft__carrier *give_to_spare(struct weft_sched *sched,
					   struct weft__processor *processor, uintptr_t owner)
{
	struct weft__carrier *spare;
	int64_t since_ns;

	weft__spin_lock(&sched->lock);
	spare = weft__spare_on_word(sched);
	if (spare != NULL) {
		/* It sleeps: so it tells when it blocks, from when it wakes. */
		if (spare->watch != NULL)
			(void)weft__sys_watch_look(spare->watch, &since_ns);
		/* before the word says so: it looks as soon as it is woken */
		spare->given = processor;
		atomic_store_relaxed(&processor->attended_ns, INT64_C(0));
		if (!atomic_cas_acq_rel(&processor->owner, &owner,
					(uintptr_t)spare | WEFT__OWNER_IDLE)) { /* OWNER */
			spare->given = NULL;
			spare = NULL;
		} else {
			atomic_store_release(&spare->wake_word, 1u);
		}
	}
	weft__spin_unlock(&sched->lock);
	if (spare != NULL)
		weft__sys_wake(&spare->wake_word, 1);
	return spare;
}

/* It is marked as about to be taken, and its carrier does nothing with it. */
static bool revoke(struct weft__processor *processor, struct weft__carrier *carrier)
{
	uintptr_t seen = (uintptr_t)carrier;

	if (!atomic_cas_acq_rel(&processor->owner, &seen, seen | WEFT__OWNER_REVOKED)) /* OWNER */
		return false;
	weft__sys_heavy_barrier(); /* INSIDE; see enter.h */
	if (atomic_load_acquire(&carrier->inside) == 0)
		return true;
	seen |= WEFT__OWNER_REVOKED;
	(void)atomic_cas_acq_rel(&processor->owner, &seen, (uintptr_t)carrier); /* OWNER */
	return false;
}

static void is_handed_off(struct weft_sched *sched, struct weft__carrier *carrier)
{
	weft__sys_watch_arm(weft__watch_of(carrier), 0);
	atomic_store_release(&carrier->armed, false); /* ARMED */
	if (!carrier->is_away)
		weft__list_push(&sched->away, &carrier->away);
	carrier->is_away = true;
	atomic_bump(&sched->hand_offs, 1);
}

bool weft__hand_off(struct weft_sched *sched, struct weft__processor *processor,
		    struct weft__carrier *carrier)
{
	uintptr_t revoked = (uintptr_t)carrier | WEFT__OWNER_REVOKED;

	if (!revoke(processor, carrier))
		return false;
	if (give_to_spare(sched, processor, revoked) == NULL) {
		(void)atomic_cas_acq_rel(&processor->owner, &revoked,
					 (uintptr_t)carrier); /* OWNER */
		return false;
	}
	is_handed_off(sched, carrier);
	return true;
}

/* ---- without a spare */

/* A user thread that waits for a lock, on that carrier, outside of the engine. */
static bool can_be_dislodged(struct weft__carrier *carrier)
{
	return weft__seems_user(atomic_load_relaxed(&carrier->current)) &&
	       weft__watch_of(carrier) != NULL && atomic_load_relaxed(&carrier->inside) == 0 &&
	       strcmp(weft__sys_watch_call(weft__watch_of(carrier)), "futex") == 0;
}

static bool dislodge(struct weft__carrier *carrier)
{
	if (!can_be_dislodged(carrier))
		return false;
	carrier->dislodged_ns = weft__sys_now();
	atomic_store_relaxed(&carrier->is_dislodged, true);
	weft__sys_watch_tick(weft__watch_of(carrier));
	return true;
}

/* One that is away: it becomes a spare. If it does not give way (it holds, or is in a handler),
 * the next one is tried the next time. None again at once: a tick in vain makes its call begin
 * anew, which wakes the monitor, and the two would keep each other busy. */
static bool dislodge_other(struct weft_sched *sched)
{
	weft__list_for(link, &sched->away) {
		struct weft__carrier *carrier = container_of(link, struct weft__carrier, away);

		if (weft__sys_now() < carrier->dislodged_ns + REST_NS || !dislodge(carrier))
			continue;
		weft__list_remove(link);
		weft__list_push(&sched->away, link);
		return true;
	}
	return false;
}

/* Of a processor that is REVOKED alone. False: somebody else has picked the last by now, and the
 * processor is nobody's. */
static bool give_to_stopped(struct weft_sched *sched, struct weft__processor *processor)
{
	struct weft_thread *stopped = weft__stopped_take(sched, processor);

	if (stopped != NULL) {
		weft__stopped_give(stopped, processor);
	} else {
		atomic_store_relaxed(&processor->attended_ns, WEFT_FOREVER);
		atomic_store_release(&processor->owner, WEFT__OWNER_IDLE); /* OWNER */
	}
	weft__wake_idle_global(sched);
	return stopped != NULL;
}

/*
 * The processor goes to a carrier that stopped with its thread, or to nobody: then those that wait
 * behind it are everybody's. In between it is REVOKED alone, so its carrier, if it comes back, has
 * lost it, and nobody else takes it.
 */
static bool pass_on(struct weft_sched *sched, struct weft__processor *processor,
		    struct weft__carrier *carrier)
{
	uintptr_t revoked = (uintptr_t)carrier | WEFT__OWNER_REVOKED;

	if (!revoke(processor, carrier) ||
	    !atomic_cas_acq_rel(&processor->owner, &revoked, WEFT__OWNER_REVOKED)) /* OWNER */
		return false;
	is_handed_off(sched, carrier);
	if (!give_to_stopped(sched, processor))
		(void)dislodge_other(sched);
	return true;
}

/* A thread that holds, or is in a handler, leaves a wish and stays where it is. So after each try
 * come the others. */
bool weft__relieve(struct weft_sched *sched, struct weft__processor *processor,
		   struct weft__carrier *carrier)
{
	uint64_t switches = atomic_load_relaxed(&processor->switches);
	bool was_tried = carrier->tried_switches == switches;

	if (weft__spare_rouse(sched))
		return true;
	carrier->tried_switches = switches;
	if (!was_tried && dislodge(carrier))
		return true;
	carrier->tried_switches = 0;
	if ((was_tried || atomic_load_relaxed(&sched->stopped_count) != 0) &&
	    pass_on(sched, processor, carrier))
		return true;
	return dislodge_other(sched) || (was_tried && dislodge(carrier));
}

void weft__adopt(struct weft_sched *sched, struct weft__processor *processor)
{
	uintptr_t nobody = WEFT__OWNER_IDLE;

	if (weft__have_spare(sched)) {
		(void)give_to_spare(sched, processor, WEFT__OWNER_IDLE);
		return;
	}
	if (atomic_load_relaxed(&sched->stopped_count) != 0 &&
	    atomic_cas_acq_rel(&processor->owner, &nobody, WEFT__OWNER_REVOKED) && /* OWNER */
	    give_to_stopped(sched, processor))
		return;
	(void)dislodge_other(sched); /* it takes the processor, or becomes a spare */
}
