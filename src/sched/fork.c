/* SPDX-License-Identifier: MIT */
/*
 * fork, by a thread of any kind.
 *
 * The child has a copy of everything, and one kernel thread: the caller, or the carrier of the
 * caller. Nobody else goes on there: not the other threads, though their stacks and records are
 * all there, nor the other carriers, nor the monitor. So
 *
 *   - The caller's scheduler is made anew around it, at the same address: one carrier (this kernel
 *     thread) with a processor, nothing queued, no timers, one thread alive, a poller of its own
 *     (the parent's is one object in both processes: to take something out of it here would take it
 *     out there). The other processors have no carrier (owner word 0) until a thread is started.
 *   - Other schedulers are lost: their memory stays, since who knows what points there.
 *   - Threads are lost by their ids: all up to the highest given out; the caller gets a new one. A
 *     claim of a lost thread fails (park.c), so a lock that such a thread waits for goes to the
 *     next one, and nothing can put it into a queue.
 *   - The caller's scopes, shields and clean-up are its own and stay; its group has no other member
 *     left, and other groups count theirs out (group.c).
 *   - Locks of the engine that may have been held are free, and what they guard is begun anew:
 *     lists, not counted on to be whole.
 *
 * Why nothing is locked before the fork, as libraries do: after our handler the C library takes
 * malloc's locks. Whoever holds one of those may be a thread that was switched away, and could not
 * go on while we hold the engine's locks.
 *
 * The thread pointer of a user thread is put back to the carrier's own block during the fork:
 * the C library has the kernel write the child's tid there, registers the robust list, and takes
 * every stack but that of the calling block's for free, and the carrier's it must not take. The
 * thread is held all the while, so it comes back on the same carrier.
 *
 * How the child ends: see weft__fork_end.
 */
#include "sched/fork.h"

#include <stdlib.h>
#include <string.h>

#include <weft/inspect.h>

#include "base/panic.h"
#include "mem/stack.h"
#include "sched/cancel.h"
#include "sched/enter.h"
#include "sched/group.h"
#include "sched/slot.h"
#include "sched/user.h"
#include "sys/spin.h"

uint64_t weft__fork_lost_id;
uint32_t weft__fork_count;

/* ---- around the call, by the thread that makes it */

static void lend_identity(struct weft_thread *self)
{
	if (self->tp == NULL)
		return;
	weft__sys_tls_set(NULL);
	weft__arch_self_set(self);
}

static void return_identity(struct weft_thread *self)
{
	if (self->tp == NULL)
		return;
	weft__arch_self_set(&self->carrier->loop);
	weft__sys_tls_set(self->tp);
}

static void prepare(void)
{
	struct weft_thread *self = weft__arch_self();

	if (self == NULL)
		return;
	weft__hold_raise(&self->hold);
	if (self->carrier != NULL)
		lend_identity(self);
}

/* A wish stays for later: this is the middle of the C library's fork. */
static void drop_hold(struct weft_thread *self)
{
	atomic_compiler_barrier();
	self->hold.depth--;
}

static void in_parent(void)
{
	struct weft_thread *self = weft__arch_self();

	if (self == NULL)
		return;
	if (self->carrier != NULL)
		return_identity(self);
	drop_hold(self);
}

/* ---- the child's engine */

static void clear_waitq(weft__waitq *queue)
{
	memset(queue, 0, sizeof *queue);
}

static void clear_runq(struct weft__runq *queue)
{
	atomic_store_relaxed(&queue->head, UINT64_C(0));
	atomic_store_relaxed(&queue->tail, UINT64_C(0));
	atomic_store_relaxed(&queue->hot, (struct weft_thread *)NULL);
}

/* A wheel is some pages; untouched they stay the parent's. */
static void clear_wheel(struct weft__wheel *wheel)
{
	if (wheel->lock == 0 && wheel->count == 0)
		return;
	memset(wheel, 0, sizeof *wheel);
	weft__wheel_init(wheel, weft__sys_now());
}

static void clear_processor(struct weft__processor *processor)
{
	clear_runq(&processor->queue);
	clear_runq(&processor->spent);
	clear_wheel(&processor->wheel);
	processor->spent_due = false;
	processor->hot_runs = 0;
	processor->check_at = processor->switches + processor->check_every;
	processor->id_next = processor->id_end = 0;
	processor->credit = 0;
	memset(processor->stacks, 0, sizeof processor->stacks);
	atomic_store_relaxed(&processor->owner, (uintptr_t)0);
}

static void clear_carrier(struct weft__carrier *carrier)
{
	carrier->exit_wake = NULL;
	carrier->last = NULL;
	carrier->grant = NULL;
	carrier->watch = NULL; /* see weft__monitor_forked */
	carrier->armed = false;
	carrier->tick_run_ns = 0;
	carrier->searching = false;
	carrier->given = NULL;
	carrier->is_spare = false;
	carrier->is_new = false;
	carrier->awaits_monitor = true;
	carrier->is_dislodged = false;
	carrier->seen_arg = NULL;
	carrier->is_away = false;
	carrier->in_poller = false;
}

static void clear_sched(struct weft_sched *sched)
{
	sched->idle = 0;
	sched->searching = 0;
	sched->live = 1;
	sched->stopping = false;
	sched->ending = false;
	sched->visitors = 0;
	sched->lock = 0;
	sched->global_first = sched->global_last = NULL;
	sched->global_count = 0;
	weft__list_init(&sched->carriers);
	weft__list_init(&sched->spares);
	weft__list_init(&sched->away);
	weft__list_init(&sched->dying);
	weft__list_init(&sched->retired);
	sched->spare_asked = WEFT__SPARE_UNASKED;
	sched->stopped_count = 0;
	sched->carrier_count = sched->carriers_most = 0;
	sched->spare_count = 0;
	sched->is_watched = false;
	clear_waitq(&sched->ended);
	for (unsigned i = 0; i < sched->processor_count; i++)
		clear_processor(sched->processors[i]);
}

static void take_processor(struct weft__carrier *carrier)
{
	struct weft__processor *processor = carrier->processor;

	if (processor == NULL)
		processor = carrier->sched->processors[0];
	atomic_store_relaxed(&carrier->processor, processor);
	atomic_store_relaxed(&processor->owner, (uintptr_t)carrier);
}

static void renew_poller(struct weft__poller *poller)
{
	weft__sys_close(poller->set);
	weft__sys_close(poller->bell);
	if (weft__poller_open(poller) < 0)
		weft__panic("fork: no descriptor for the child's poller");
}

static void renew_sched(struct weft_thread *self)
{
	struct weft__carrier *carrier = self->carrier;
	struct weft_sched *sched = self->sched;

	clear_sched(sched);
	clear_carrier(carrier);
	weft__list_push(&sched->carriers, &carrier->all);
	sched->carrier_count = sched->carriers_most = 1;
	take_processor(carrier);
	renew_poller(&sched->poller);
	sched->fork_count = weft__fork_count;
	sched->is_reborn = true;
	sched->survivor = self;
}

/* The parent's thread has the same bell. */
static void renew_kernel(struct weft_thread *self)
{
	if (self->bell < 0)
		return;
	weft__sys_close(self->bell);
	self->bell = -1;
}

static void in_child(void)
{
	const struct weft__poller_events *events = atomic_load_acquire(&weft__poller_events);
	struct weft_thread *self = weft__arch_self();
	bool is_user_level = self != NULL && self->sched != NULL && !self->is_loop;

	weft__fork_lost_id = weft__thread_id_next(1);
	weft__fork_count++;
	weft__stack_forked();
	weft__user_forked();
	weft__slots_forked();
	weft__monitor_forked(is_user_level ? self->carrier : NULL);
	weft__sched_forked(is_user_level ? self->sched : NULL);
	weft__kernel_forked(is_user_level ? NULL : self);
	if (events != NULL)
		events->forked();
	if (self == NULL)
		return;
	clear_waitq(&self->joiners); /* who was about to join it is lost too */
	atomic_store_relaxed(&self->id, self->is_loop ? 0 : weft__thread_id_next(1));
	weft__cancel_forked(self);
	weft__group_forked(self);
	if (is_user_level)
		renew_sched(self);
	else
		renew_kernel(self);
	if (self->carrier != NULL)
		return_identity(self);
	self->hold.wish = 0;
	drop_hold(self);
}

/* Early, so that of all handlers before a fork ours comes late and after it early: those of others
 * run with the thread pointer that they know. */
static __attribute__((constructor)) void fasten(void)
{
	if (weft__sys_at_fork(prepare, in_parent, in_child) < 0)
		weft__panic("fork: no memory for its handlers");
}

/* ---- afterwards */

void weft__fork_resume(struct weft_thread *self)
{
	struct weft_sched *sched = self->sched;
	uint32_t was_inside = weft__enter(self);

	if (sched->is_reborn && (sched->strict || weft__monitor_begin() == 0)) {
		atomic_store_release(&sched->is_reborn, false); /* REBORN: there is a monitor */
		weft__carrier_open_watch(self->carrier);
		for (unsigned i = 0; i < sched->processor_count; i++)
			if (atomic_load_relaxed(&sched->processors[i]->owner) == 0)
				/* Without a carrier the others serve its threads. */
				(void)weft__carrier_start(sched, sched->processors[i], NULL);
		if (!sched->strict)
			weft__monitor_add(sched);
	}
	weft__leave(self, was_inside);
}

/* Who waits for the survivor's scheduler; there is one in a process. */
static struct {
	struct weft_sched *sched;
	int result;
} ending;

static int await_end(void *arg)
{
	(void)arg;
	weft__sched_await(ending.sched);
	exit(ending.result);
}

void weft__fork_end(struct weft_thread *self, int result)
{
	weft_thread_options options = { .kind = WEFT_KERNEL, .name = "main" };

	self->sched->survivor = NULL;
	ending.sched = self->sched;
	ending.result = result;
	if (weft_thread_spawn(await_end, NULL, &options, NULL) < 0)
		exit(result);
}
