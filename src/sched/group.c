/* SPDX-License-Identifier: MIT */
/*
 * Groups. Everything of a group is guarded by its queue's lock; a member's cancel_lock is taken
 * within it, never the reverse.
 *
 * A thread counts from before its spawn, and is in the list from its first step to its last. So a
 * cancellation reaches it in the list, or it finds the group cancelled when it enters:
 *
 *   Canceller walks the list; a thread that was spawned before enters it then, and waits for ever.
 *	No: `cancelled` is set in the section that walks, and read in the one that enters.
 *   Canceller has a member in hand; the member ends, and its record goes.
 *	No: it leaves the list under the lock before it ends.
 *
 * The group may be gone as soon as a joiner has seen count 0, which it does under the lock; the
 * last access of a thread that leaves is its unlock. Those that it claimed do not run before it
 * makes them ready, afterwards, and it does not touch the group for that.
 *
 * In fork's child the members are lost, all but the thread that forked. Whoever is first to lock
 * the group there counts them out.
 *
 * One barrier serves all that are cancelled together (cancel.h).
 *
 * models/group.pml is this protocol, with the variants that fail.
 */
#include <weft/group.h>

#include <weft/time.h>

#include "sched/cancel.h"
#include "sched/fork.h"
#include "sched/group.h"
#include "sched/waitq.h"

static void lock_group(weft_group *group)
{
	weft__waitq_lock(&group->waiters);
	if (unlikely(group->fork_count != weft__fork_count)) {
		group->fork_count = weft__fork_count;
		group->count = 0;
		group->first = NULL;
	}
}

void weft__group_forked(struct weft_thread *self)
{
	weft_group *group = self->group;

	if (group == NULL)
		return;
	group->waiters = (weft__waitq){ 0 };
	group->fork_count = weft__fork_count;
	group->count = 1;
	group->first = self;
	self->member_next = NULL;
	self->member_prev = NULL;
}

/* With the lock held. */
static void cancel_all(weft_group *group, struct weft__wakes *wakes)
{
	struct weft_thread *member;

	if (group->cancelled)
		return;
	atomic_store_relaxed(&group->cancelled, 1u);
	for (member = group->first; member != NULL; member = member->member_next)
		weft__cancel_mark(member);
	weft__sys_heavy_barrier(); /* CANCEL */
	for (member = group->first; member != NULL; member = member->member_next)
		weft__cancel_claim(member, wakes);
}

void weft__group_enter(struct weft_thread *self)
{
	weft_group *group = self->group;
	struct weft_thread *next;

	lock_group(group);
	next = group->first;
	self->member_next = next;
	self->member_prev = NULL;
	if (next != NULL)
		next->member_prev = self;
	group->first = self;
	if (group->cancelled)
		weft__cancel_mark(self);
	weft__waitq_unlock(&group->waiters);
}

static void unlink_member(weft_group *group, struct weft_thread *self)
{
	if (self->member_prev != NULL)
		self->member_prev->member_next = self->member_next;
	else
		group->first = self->member_next;
	if (self->member_next != NULL)
		self->member_next->member_prev = self->member_prev;
}

static void count_down(weft_group *group, struct weft__wakes *wakes)
{
	if (--group->count == 0)
		weft__waitq_wake_all(&group->waiters, 0, wakes);
}

void weft__group_leave(struct weft_thread *self, int result)
{
	weft_group *group = self->group;
	struct weft__wakes wakes = { NULL, NULL };

	lock_group(group);
	unlink_member(group, self);
	self->group = NULL;
	if (self->out_result != NULL)
		*self->out_result = result;
	if (result < 0) {
		if (group->error == 0)
			group->error = result;
		cancel_all(group, &wakes);
	}
	count_down(group, &wakes);
	weft__waitq_unlock(&group->waiters);
	weft__wakes_ready(&wakes);
}

int weft_group_spawn(weft_group *group, weft_function *function, void *arg,
		     const weft_thread_options *options, int *out_result)
{
	const struct weft__birth birth = { function, arg, group, out_result };
	struct weft__wakes wakes = { NULL, NULL };
	int error;

	lock_group(group);
	group->count++;
	weft__waitq_unlock(&group->waiters);
	error = weft__thread_spawn(&birth, options, NULL);
	if (error < 0) {
		lock_group(group);
		count_down(group, &wakes);
		weft__waitq_unlock(&group->waiters);
		weft__wakes_ready(&wakes);
	}
	return error;
}

void weft_group_cancel(weft_group *group)
{
	struct weft__wakes wakes = { NULL, NULL };

	lock_group(group);
	cancel_all(group, &wakes);
	weft__waitq_unlock(&group->waiters);
	weft__wakes_ready(&wakes);
}

bool weft_group_is_cancelled(const weft_group *group)
{
	return atomic_load_relaxed(&group->cancelled) != 0;
}

/* Returns 0: with the lock held, and nobody is left. */
static int await_end(weft_group *group, bool firmly, int64_t deadline_ns)
{
	struct weft_thread *self = weft__self();
	struct weft__waiter waiter;
	int code;

	for (;;) {
		lock_group(group);
		if (group->count == 0)
			return 0;
		if (firmly)
			weft__waitq_add_firm(&group->waiters, &waiter, self);
		else
			weft__waitq_add(&group->waiters, &waiter, self);
		weft__waitq_unlock(&group->waiters);
		code = weft__waitq_park(&group->waiters, &waiter, "group", deadline_ns);
		if (code < 0)
			return code;
	}
}

int weft_group_join_until(weft_group *group, int64_t deadline_ns)
{
	int code = await_end(group, false, deadline_ns), error;

	if (code < 0) {
		weft_group_cancel(group);
		await_end(group, true, WEFT_FOREVER);
	}
	error = group->error;
	if (code == 0 && error == 0 && group->cancelled)
		code = -ECANCELED;
	group->error = 0;
	group->cancelled = 0;
	weft__waitq_unlock(&group->waiters);
	return error == 0 || (error == -ECANCELED && code < 0) ? code : error;
}

int weft_group_join(weft_group *group)
{
	return weft_group_join_until(group, WEFT_FOREVER);
}
