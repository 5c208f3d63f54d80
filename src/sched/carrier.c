/* SPDX-License-Identifier: MIT */
/*
 * Carrier: a kernel thread that runs user-level threads. Its own stack holds this loop, which runs
 * only when its processor has nothing to run, or when it has no processor: then it is a spare and
 * sleeps on its own word.
 */
#include <errno.h>

#include "base/panic.h"
#include "fp_control.h"
#include "sched/engine.h"
#include "sched/fork.h"
#include "sys/spin.h"

#define CARRIER_STACK_BYTES (256 * 1024)
#define RECORD_BYTES ((sizeof(struct weft__carrier) + WEFT__PAGE - 1) & ~(WEFT__PAGE - 1))

void weft__carrier_wake(struct weft__carrier *carrier)
{
	atomic_store_release(&carrier->wake_word, 1);
	weft__sys_wake(&carrier->wake_word, 1);
}

/* ---- with sched->lock held */

static void become_spare(struct weft__carrier *carrier)
{
	struct weft_sched *sched = carrier->sched;

	carrier->is_spare = true;
	carrier->in_poller = false;
	atomic_store_relaxed(&carrier->wake_word, 0);
	weft__list_push_front(&sched->spares, &carrier->spare);
	atomic_store_relaxed(&sched->spare_count, sched->spare_count + 1);
	atomic_store_relaxed(&sched->spare_turns, sched->spare_turns + 1);
}

static void be_no_spare(struct weft__carrier *carrier)
{
	struct weft_sched *sched = carrier->sched;

	if (!carrier->is_spare)
		return;
	carrier->is_spare = false;
	weft__list_remove(&carrier->spare);
	atomic_store_relaxed(&sched->spare_count, sched->spare_count - 1);
}

/* Only if it is still ours to take: who offered it may have taken it back. */
static bool take_offered(struct weft__carrier *carrier)
{
	struct weft__processor *processor = carrier->given;
	uintptr_t offered = (uintptr_t)carrier | WEFT__OWNER_IDLE;

	carrier->given = NULL;
	/* OWNER */
	if (processor == NULL ||
	    !atomic_cas_acq_rel(&processor->owner, &offered, (uintptr_t)carrier))
		return false;
	atomic_store_relaxed(&carrier->processor, processor);
	return true;
}

/* ---- */

/*
 * A carrier that woke in the poller with its processor, which somebody took meanwhile and offered
 * to it again: it was made a spare and does not know it. Until this is done nobody offers it
 * another, for it has what it was given.
 */
void weft__carrier_keep(struct weft__carrier *carrier)
{
	weft__spin_lock(&carrier->sched->lock);
	be_no_spare(carrier);
	carrier->given = NULL;
	weft__spin_unlock(&carrier->sched->lock);
}

/* Only now others may count on it: on its way here it may have waited for a lock of the C
 * library. */
static void be_there(struct weft_sched *sched)
{
	atomic_store_release(&sched->spare_asked, (uint32_t)WEFT__SPARE_UNASKED);
	weft__monitor_ring();
}

/* Sleeps until a processor is offered to this carrier, and taken. False: the scheduler ends. */
static bool await_processor(struct weft__carrier *carrier)
{
	struct weft_sched *sched = carrier->sched;

	for (;;) {
		bool was_new = carrier->is_new, is_many;

		weft__spin_lock(&sched->lock);
		be_no_spare(carrier);
		if (take_offered(carrier) || sched->stopping || carrier->is_retired) {
			weft__spin_unlock(&sched->lock);
			return carrier->processor != NULL;
		}
		become_spare(carrier);
		carrier->is_new = false;
		is_many = sched->spare_count > WEFT__SPARES_KEPT;
		weft__spin_unlock(&sched->lock);
		if (was_new)
			be_there(sched);
		else if (is_many)
			weft__monitor_busy(); /* to end one, also when nothing runs */
		if (carrier->watch != NULL)
			weft__sys_watch_pause(carrier->watch);
		while (atomic_load_acquire(&carrier->wake_word) == 0)
			weft__sys_wait(&carrier->wake_word, 0, WEFT_FOREVER);
		if (carrier->watch != NULL)
			weft__sys_watch_resume(carrier->watch);
	}
}

/* Without one its threads are not preempted, and it is not seen to be blocked. */
void weft__carrier_open_watch(struct weft__carrier *carrier)
{
	const struct weft_sched *sched = carrier->sched;
	struct weft__watch *watch;

	carrier->awaits_monitor = atomic_load_acquire(&sched->is_reborn); /* REBORN */
	if (carrier->awaits_monitor || (sched->strict && sched->slice_ns == WEFT_FOREVER) ||
	    weft__sys_watch_open(&watch) < 0)
		return;
	weft__monitor_watch(carrier, watch);
	if (carrier->sched->strict) {
		weft__sys_watch_arm(watch, carrier->sched->slice_ns);
		atomic_store_relaxed(&carrier->armed, true);
	}
}

static void run_threads(struct weft__carrier *carrier)
{
	struct weft_thread *next;

	for (;;) {
		if (unlikely(carrier->awaits_monitor))
			weft__carrier_open_watch(carrier);
		next = carrier->grant;
		if (next != NULL) {
			carrier->grant = NULL;
			weft__stopped_grant(carrier, next);
		}
		/* A thread that queued itself for want of a processor leaves its carrier without
		 * one. */
		if (carrier->processor == NULL) {
			if (!await_processor(carrier))
				return;
			weft__monitor_busy();
		}
		next = weft__find_work(carrier);
		if (next != NULL && next->stopped_with != NULL)
			carrier->grant = next;
		else if (next != NULL)
			weft__switch_to(&carrier->loop, next, WEFT__AFTER_NOTHING);
		else if (atomic_load_acquire(&carrier->sched->stopping))
			return;
	}
}

static void *carrier_main(void *arg)
{
	struct weft__carrier *carrier = arg;
	struct weft_thread *loop = &carrier->loop;
	void *low;
	size_t bytes;

	weft__sys_thread_stack(&low, &bytes);
	weft__fiber_adopt(&loop->fiber, low, bytes);
	weft__arch_self_set(loop);
	weft__arch_fp_set(carrier->sched->fp_control);
	weft__sys_tls_adopt();
	weft__carrier_open_watch(carrier);
	if (weft__sys_fault_stack(&carrier->fault_stack) < 0)
		carrier->fault_stack = NULL; /* an overflow ends the process without a report */
	run_threads(carrier);
	if (carrier->fault_stack != NULL)
		weft__sys_fault_stack_drop(carrier->fault_stack);
	if (carrier->watch != NULL)
		weft__monitor_watch(carrier, NULL);
	/* The end's ring wakes one sleeper: pass it on. (One that retires has none: a ring is
	 * counted.) */
	if (atomic_load_acquire(&carrier->sched->stopping))
		weft__poller_ring(&carrier->sched->poller);
	weft__arch_self_set(NULL);
	return NULL;
}

void weft__carrier_retire(struct weft__carrier *carrier)
{
	be_no_spare(carrier);
	carrier->is_retired = true;
	weft__list_remove(&carrier->all);
	weft__list_push(&carrier->sched->dying, &carrier->all);
	atomic_store_relaxed(&carrier->sched->carrier_count, carrier->sched->carrier_count - 1);
	weft__carrier_wake(carrier);
}

void weft__carrier_bury(struct weft__carrier *carrier)
{
	weft__sys_thread_join(carrier->kernel_thread);
	weft__spin_lock(&carrier->sched->lock);
	weft__list_push(&carrier->sched->retired, &carrier->all);
	weft__spin_unlock(&carrier->sched->lock);
}

/* Records are not given back before the scheduler ends: threads may name the carrier that they ran
 * on last. NULL: no memory. */
static struct weft__carrier *take_record(struct weft_sched *sched)
{
	struct weft__carrier *carrier;
	struct weft__list *link;
	void *at;

	weft__spin_lock(&sched->lock);
	link = weft__list_pop(&sched->retired);
	weft__spin_unlock(&sched->lock);
	if (link == NULL)
		return weft__sys_reserve(RECORD_BYTES, WEFT__PAGE, &at) == 0 ? at : NULL;
	carrier = container_of(link, struct weft__carrier, all);
	carrier->is_retired = false;
	carrier->last = NULL;
	carrier->given = NULL;
	atomic_store_relaxed(&carrier->armed, false);
	atomic_store_relaxed(&carrier->is_dislodged, false);
	atomic_store_relaxed(&carrier->seen_arg, (void *)NULL);
	carrier->told_turn = 0;
	return carrier;
}

/* False: there are as many as there may be. */
static bool make_carrier(struct weft_sched *sched, struct weft__processor *processor,
			 struct weft__carrier *carrier)
{
	carrier->sched = sched;
	carrier->loop.carrier = carrier;
	carrier->loop.sched = sched;
	carrier->loop.is_loop = 1;
	carrier->loop.kind = WEFT_KERNEL;
	carrier->loop.bell = -1;
	carrier->loop.hold.depth = 1; /* nobody switches a loop away */
	carrier->inside = 1;
	carrier->is_new = processor == NULL;
	weft__spin_lock(&sched->lock);
	if (sched->carrier_count >= sched->carriers_max) {
		weft__list_push(&sched->retired, &carrier->all);
		weft__spin_unlock(&sched->lock);
		return false;
	}
	weft__list_push(&sched->carriers, &carrier->all);
	atomic_store_relaxed(&sched->carrier_count, sched->carrier_count + 1);
	if (sched->carrier_count > sched->carriers_most)
		sched->carriers_most = sched->carrier_count;
	carrier->given = processor;
	if (processor != NULL) {
		/* A spare that is on its way to what it was offered. */
		become_spare(carrier);
		atomic_store_relaxed(&carrier->wake_word, 1);
		atomic_store_relaxed(&processor->attended_ns, INT64_C(0)); /* on its way */
		/* OWNER */
		atomic_store_release(&processor->owner, (uintptr_t)carrier | WEFT__OWNER_IDLE);
	}
	weft__spin_unlock(&sched->lock);
	return true;
}

int weft__carrier_start(struct weft_sched *sched, struct weft__processor *processor,
			struct weft__carrier *offerer)
{
	struct weft__carrier *carrier = take_record(sched);
	int error;

	if (carrier == NULL || !make_carrier(sched, processor, carrier)) {
		if (offerer != NULL)
			atomic_store_relaxed(&offerer->processor, processor);
		return carrier == NULL ? -ENOMEM : -EAGAIN;
	}
	error = weft__sys_thread_start(carrier_main, carrier, CARRIER_STACK_BYTES, sched->name,
				       &carrier->kernel_thread);
	if (error < 0) {
		uintptr_t offered = (uintptr_t)carrier | WEFT__OWNER_IDLE;

		weft__spin_lock(&sched->lock);
		be_no_spare(carrier);
		/* Who looks at the owner word under the lock must not find a carrier that is gone.
		 * By now it may be another processor: the first one was taken back, and somebody
		 * offered us his. With no offerer it is left to the monitor. */
		processor = carrier->given;
		if (processor != NULL &&
		    atomic_cas_acq_rel(&processor->owner, &offered,
				       offerer != NULL ? (uintptr_t)offerer : WEFT__OWNER_IDLE) &&
		    offerer != NULL)
			atomic_store_relaxed(&offerer->processor, processor);
		weft__list_remove(&carrier->all);
		atomic_store_relaxed(&sched->carrier_count, sched->carrier_count - 1);
		weft__list_push(&sched->retired, &carrier->all);
		weft__spin_unlock(&sched->lock);
		weft__monitor_busy(); /* it may have looked when the processor was idle */
	}
	return error;
}
