/* SPDX-License-Identifier: MIT */
/*
 * Carrier: a kernel thread that runs user-level threads. Its own stack holds this loop, which runs
 * only when its processor has nothing to run, or when it has no processor: then it is a spare and
 * sleeps on its own word.
 */
#include "base/panic.h"
#include "sched/engine.h"
#include "sys/spin.h"

#define CARRIER_STACK_BYTES (256 * 1024)

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
	carrier->processor = processor;
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

/* Sleeps until a processor is offered to this carrier, and taken. False: the scheduler ends. */
static bool await_processor(struct weft__carrier *carrier)
{
	struct weft_sched *sched = carrier->sched;

	for (;;) {
		weft__spin_lock(&sched->lock);
		be_no_spare(carrier);
		if (take_offered(carrier) || sched->stopping) {
			weft__spin_unlock(&sched->lock);
			return carrier->processor != NULL;
		}
		become_spare(carrier);
		weft__spin_unlock(&sched->lock);
		while (atomic_load_acquire(&carrier->wake_word) == 0)
			weft__sys_wait(&carrier->wake_word, 0, WEFT_FOREVER);
	}
}

static void run_threads(struct weft__carrier *carrier)
{
	struct weft_thread *next;

	for (;;) {
		/* A thread that queued itself for want of a processor leaves its carrier without
		 * one. */
		if (carrier->processor == NULL && !await_processor(carrier))
			return;
		next = weft__find_work(carrier);
		if (next != NULL)
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
	if (weft__sys_fault_stack(&carrier->fault_stack) < 0)
		carrier->fault_stack = NULL; /* an overflow ends the process without a report */
	run_threads(carrier);
	if (carrier->fault_stack != NULL)
		weft__sys_fault_stack_drop(carrier->fault_stack);
	/* Each ring wakes one sleeper: pass it on. */
	weft__poller_ring(&carrier->sched->poller);
	weft__arch_self_set(NULL);
	return NULL;
}

static struct weft__carrier *make_carrier(struct weft_sched *sched,
					  struct weft__processor *processor, void *at)
{
	struct weft__carrier *carrier = at;

	carrier->sched = sched;
	carrier->loop.carrier = carrier;
	carrier->loop.sched = sched;
	carrier->loop.is_loop = 1;
	carrier->loop.kind = WEFT_KERNEL;
	carrier->loop.bell = -1;
	/* A spare that is on its way to what it was offered. */
	weft__spin_lock(&sched->lock);
	weft__list_push(&sched->carriers, &carrier->all);
	atomic_store_relaxed(&sched->carrier_count, sched->carrier_count + 1);
	become_spare(carrier);
	atomic_store_relaxed(&carrier->wake_word, 1);
	carrier->given = processor;
	atomic_store_relaxed(&processor->attended_ns, INT64_C(0)); /* on its way */
	atomic_store_release(&processor->owner, (uintptr_t)carrier | WEFT__OWNER_IDLE); /* OWNER */
	weft__spin_unlock(&sched->lock);
	return carrier;
}

int weft__carrier_start(struct weft_sched *sched, struct weft__processor *processor,
			struct weft__carrier *offerer)
{
	struct weft__carrier *carrier;
	void *at;
	size_t bytes = (sizeof *carrier + WEFT__PAGE - 1) & ~(WEFT__PAGE - 1);
	int error = weft__sys_reserve(bytes, WEFT__PAGE, &at);

	if (error < 0) {
		if (offerer != NULL)
			offerer->processor = processor;
		return error;
	}
	carrier = make_carrier(sched, processor, at);
	error = weft__sys_thread_start(carrier_main, carrier, CARRIER_STACK_BYTES, sched->name,
				       &carrier->kernel_thread);
	if (error < 0) {
		uintptr_t offered = (uintptr_t)carrier | WEFT__OWNER_IDLE;

		weft__spin_lock(&sched->lock);
		be_no_spare(carrier);
		/* Who looks at the owner word under the lock must not find a carrier that is gone.
		 * By now it may be another processor: the first one was taken back, and somebody
		 * offered us his. */
		processor = carrier->given;
		if (atomic_cas_acq_rel(&processor->owner, &offered, (uintptr_t)offerer) &&
		    offerer != NULL)
			offerer->processor = processor;
		weft__list_remove(&carrier->all);
		atomic_store_relaxed(&sched->carrier_count, sched->carrier_count - 1);
		weft__spin_unlock(&sched->lock);
		weft__sys_unreserve(carrier, bytes);
	}
	return error;
}
