/* SPDX-License-Identifier: MIT */
/* Cancellation; see cancel.h. */
#include "sched/cancel.h"

#include <weft/cancel.h>

#include "base/panic.h"
#include "sched/fork.h"
#include "sys/spin.h"

bool weft__cancel_self(struct weft_thread *self, uint64_t ticket)
{
	return (ticket & WEFT__PARK_OPEN) && WEFT__PARK_STATE(ticket) == WEFT__ARMED &&
	       weft__claim(self, ticket, -ECANCELED) != WEFT__CLAIM_LOST;
}

/* With the lock held: flag and deadline, from the scopes down to the first shield. */
static void sum_up(struct weft_thread *thread)
{
	uint32_t cancelled = 0;
	int64_t until_ns = WEFT_FOREVER;
	const weft_scope *scope;

	for (scope = thread->scopes; scope != NULL && !scope->is_shield; scope = scope->outer) {
		cancelled |= scope->cancelled;
		if (scope->deadline_ns < until_ns)
			until_ns = scope->deadline_ns;
	}
	/* A shield too may be cancelled, for what is inside: see the pool's frames. */
	cancelled |= scope != NULL ? scope->cancelled : thread->is_cancelled;
	thread->until_ns = until_ns == WEFT_FOREVER ? 0 : until_ns > 0 ? until_ns : 1;
	atomic_store_relaxed(&thread->cancelled, cancelled);
}

/* The lock held, the flag set before a heavy barrier. (CANCEL) */
static void claim_locked(struct weft_thread *thread, struct weft__wakes *wakes)
{
	uint64_t park = atomic_load_acquire(&thread->park);
	unsigned state = WEFT__PARK_STATE(park);

	if (!atomic_load_relaxed(&thread->cancelled) ||
	    (state != WEFT__ARMED && state != WEFT__PARKED) || !(park & WEFT__PARK_OPEN))
		return;
	if (weft__claim(thread, park - state + WEFT__ARMED, -ECANCELED) == WEFT__CLAIM_PARKED)
		weft__wakes_add(wakes, thread);
}

static bool is_shielded(const struct weft_thread *thread)
{
	const weft_scope *scope = thread->scopes;

	while (scope != NULL && !scope->is_shield)
		scope = scope->outer;
	return scope != NULL;
}

void weft__cancel_mark(struct weft_thread *thread)
{
	weft__spin_lock(&thread->cancel_lock);
	thread->is_cancelled = true;
	if (!is_shielded(thread))
		atomic_store_relaxed(&thread->cancelled, 1u);
	weft__spin_unlock(&thread->cancel_lock);
}

void weft__cancel_claim(struct weft_thread *thread, struct weft__wakes *wakes)
{
	weft__spin_lock(&thread->cancel_lock);
	claim_locked(thread, wakes);
	weft__spin_unlock(&thread->cancel_lock);
}

void weft_thread_cancel(weft_thread *thread)
{
	struct weft__wakes wakes = { NULL, NULL };

	if (weft__fork_has_lost(thread)) /* and perhaps its lock with it */
		return;
	weft__cancel_mark(thread);
	weft__sys_heavy_barrier(); /* CANCEL */
	weft__cancel_claim(thread, &wakes);
	weft__wakes_ready(&wakes);
}

void weft__cancel_scope(weft_scope *scope, struct weft__wakes *wakes)
{
	struct weft_thread *thread = scope->thread;
	const weft_scope *covered;

	if (weft__fork_has_lost(thread))
		return;
	/* One section with the barrier: once it is over the scope may be left, and the thread
	 * end. */
	weft__spin_lock(&thread->cancel_lock);
	scope->cancelled = 1;
	covered = thread->scopes;
	while (covered != NULL && covered != scope && !covered->is_shield)
		covered = covered->outer;
	if (covered == scope) {
		atomic_store_relaxed(&thread->cancelled, 1u);
		weft__sys_heavy_barrier(); /* CANCEL */
		claim_locked(thread, wakes);
	}
	weft__spin_unlock(&thread->cancel_lock);
}

void weft_scope_cancel(weft_scope *scope)
{
	struct weft__wakes wakes = { NULL, NULL };

	weft__cancel_scope(scope, &wakes);
	weft__wakes_ready(&wakes);
}

void weft__cancel_forked(struct weft_thread *self)
{
	self->cancel_lock = 0;
	sum_up(self);
}

void weft__cancel_undo(struct weft_thread *self)
{
	weft__spin_lock(&self->cancel_lock);
	self->is_cancelled = false;
	sum_up(self);
	weft__spin_unlock(&self->cancel_lock);
}

int weft_cancelled(void)
{
	const struct weft_thread *self = weft__arch_self();

	return self != NULL && weft__cancel_is_due(self) ? -ECANCELED : 0;
}

static void enter(weft_scope *scope, struct weft_thread *self, int64_t deadline_ns, bool is_shield)
{
	scope->thread = self;
	scope->deadline_ns = deadline_ns;
	scope->cancelled = 0;
	scope->is_shield = is_shield;
	weft__spin_lock(&self->cancel_lock);
	scope->outer = self->scopes;
	self->scopes = scope;
	sum_up(self);
	weft__spin_unlock(&self->cancel_lock);
}

/* Whether it was cancelled. */
static bool leave(weft_scope *scope, const char *what)
{
	struct weft_thread *self = weft__self();
	bool was_cancelled;

	if (unlikely(self->scopes != scope))
		weft__panic("%s %p is left, but is not the one that this thread entered last", what,
			    (void *)scope);
	weft__spin_lock(&self->cancel_lock);
	self->scopes = scope->outer;
	was_cancelled = scope->cancelled != 0;
	sum_up(self);
	weft__spin_unlock(&self->cancel_lock);
	return was_cancelled;
}

void weft_scope_enter(weft_scope *scope, int64_t deadline_ns)
{
	enter(scope, weft__self(), deadline_ns, false);
}

int weft_scope_leave(weft_scope *scope)
{
	if (leave(scope, "scope"))
		return -ECANCELED;
	return scope->deadline_ns != WEFT_FOREVER && scope->deadline_ns <= weft__sys_now()
		       ? -ETIMEDOUT
		       : 0;
}

void weft_shield_enter(weft_shield *shield)
{
	enter(&shield->scope, weft__self(), WEFT_FOREVER, true);
}

void weft_shield_leave(weft_shield *shield)
{
	leave(&shield->scope, "shield");
}
