/* SPDX-License-Identifier: MIT */
/*
 * Once.
 *
 *   IDLE     not run, and nobody runs it
 *   RUNNING  one thread, the runner, is in its function
 *   DONE     for ever
 *
 *   IDLE -> RUNNING   who comes first
 *   RUNNING -> DONE   the runner's function succeeded; all that wait go on
 *   RUNNING           it failed: the longest waiter is the runner now, with its own function
 *   RUNNING -> IDLE   it failed, and nobody waits
 *
 * The state changes, and waiters enter, under the queue's lock alone: nobody enters after the
 * runner has looked for waiters. Who runs next is decided by the claim:
 *
 *   The runner fails and makes W the runner; W is cancelled, or its deadline passes, and it
 *   returns;
 *   X waits for a runner that there is not.
 *	No: either the runner claims W, which runs its function though it is cancelled (that finds
 *	out when it waits); or it finds W lost and claims X.
 *
 * Order: DONE (release) pairs with the first look (acquire), or is seen through the claim: whoever
 * returns 0 has seen all that the function wrote.
 */
#include <weft/once.h>
#include <weft/time.h>

#include "sched/thread.h"
#include "sched/waitq.h"
#include "sync/wait.h"

enum { IDLE, RUNNING, DONE };
enum { ALL_DONE, YOURS };

void weft_once_fini(weft_once *once)
{
	uint32_t state;

	weft__waitq_lock(&once->waiters);
	state = atomic_load_relaxed(&once->state);
	weft__waitq_unlock(&once->waiters);
	if (unlikely(state == RUNNING))
		weft__panic("once %p: destroyed while it runs", (void *)once);
}

static int run(weft_once *once, weft_function *function, void *arg)
{
	struct weft__wakes wakes = { 0 };
	int result = function(arg);

	weft__waitq_lock(&once->waiters);
	if (result >= 0) {
		atomic_store_release(&once->state, DONE);
		weft__waitq_wake_all(&once->waiters, ALL_DONE, &wakes);
	} else if (!weft__waitq_wake(&once->waiters, YOURS, &wakes)) {
		atomic_store_relaxed(&once->state, IDLE);
	}
	weft__waitq_unlock(&once->waiters);
	weft__wakes_ready(&wakes);
	return result < 0 ? result : 0;
}

/* With the queue's lock held: 0: it has run; YOURS; -EBUSY. */
static int look(weft_once *once)
{
	switch (atomic_load_relaxed(&once->state)) {
	case DONE:
		return ALL_DONE;
	case RUNNING:
		return -EBUSY;
	default:
		atomic_store_relaxed(&once->state, RUNNING);
		return YOURS;
	}
}

static int run_slow(weft_once *once, weft_function *function, void *arg, bool wait,
		    int64_t deadline_ns)
{
	struct weft_thread *self = weft__self();
	const bool past = weft__sync_is_past(deadline_ns);
	struct weft__waiter waiter;
	int code;

	weft__waitq_lock(&once->waiters);
	code = look(once);
	wait = wait && code == -EBUSY;
	if (wait && !past)
		weft__waitq_add(&once->waiters, &waiter, self);
	weft__waitq_unlock(&once->waiters);
	if (wait)
		code = past ? -ETIMEDOUT
			    : weft__waitq_park(&once->waiters, &waiter, "once", deadline_ns);
	return code == YOURS ? run(once, function, arg) : code;
}

static bool is_done(weft_once *once)
{
	return atomic_load_acquire(&once->state) == DONE;
}

int weft_once_run(weft_once *once, weft_function *function, void *arg)
{
	return likely(is_done(once)) ? 0 : run_slow(once, function, arg, true, WEFT_FOREVER);
}

int weft_once_run_try(weft_once *once, weft_function *function, void *arg)
{
	return likely(is_done(once)) ? 0 : run_slow(once, function, arg, false, WEFT_FOREVER);
}

int weft_once_run_until(weft_once *once, weft_function *function, void *arg, int64_t deadline_ns)
{
	return likely(is_done(once)) ? 0 : run_slow(once, function, arg, true, deadline_ns);
}
