/* SPDX-License-Identifier: MIT */
/*
 * Condition variable: a queue, and nothing else. It keeps no memory of wakes.
 *
 * A waiter enters the queue while it holds the mutex, so whoever then changes the condition under
 * the mutex finds it there:
 *
 *   Waiter sees false and unlocks; changer locks, changes, wakes nobody; waiter enters and parks.
 *	No: it entered before it unlocked.
 *
 * It is armed from the moment it enters: a wake between the unlock and the park is one that comes
 * while it still runs (park.h), and the park returns at once. The unlock in between never waits, so
 * what was armed stays.
 *
 * A wake that meets a deadline or a cancellation:
 *
 *   W is cancelled; a wake comes before W is out of the queue, and W returns -ECANCELED; X behind
 *   it waits on, though there was a wake.
 *	No: the claim decides. Either the wake claims W, which returns 0 and finds out that it is
 *	cancelled when it waits again; or it finds W lost and claims X.
 *
 * The mutex is taken again firmly: a thread that is cancelled has it too when it returns.
 *
 * A woken waiter takes the mutex as anybody does. Rejected: moving waiters into the mutex's queue
 * (two queues' locks at once, and a wake without the mutex would have nowhere to move them).
 *
 * Order: through the mutex.
 *
 * models/cond.pml is this protocol, with the variants that fail.
 */
#include <weft/cond.h>
#include <weft/time.h>

#include "sched/thread.h"
#include "sched/waitq.h"
#include "sync/wait.h"

void weft_cond_fini(weft_cond *cond)
{
	weft__sync_fini(&cond->waiters, "condition variable", cond);
}

int weft_cond_wait_until(weft_cond *cond, weft_mutex *mutex, int64_t deadline_ns)
{
	struct weft_thread *self = weft__self();
	struct weft__waiter waiter;
	int code;

	weft__waitq_lock(&cond->waiters);
	weft__waitq_add(&cond->waiters, &waiter, self);
	weft__waitq_unlock(&cond->waiters);
	weft_mutex_unlock(mutex);
	code = weft__waitq_park(&cond->waiters, &waiter, "condition", deadline_ns);
	if (code == 0)
		weft__sync_settle(&cond->waiters);
	weft_mutex_lock(mutex);
	return code;
}

int weft_cond_wait(weft_cond *cond, weft_mutex *mutex)
{
	return weft_cond_wait_until(cond, mutex, WEFT_FOREVER);
}

void weft_cond_wake(weft_cond *cond)
{
	struct weft__wakes wakes = { 0 };

	weft__waitq_lock(&cond->waiters);
	weft__waitq_wake(&cond->waiters, 0, &wakes);
	weft__waitq_unlock(&cond->waiters);
	weft__wakes_ready(&wakes);
}

void weft_cond_wake_all(weft_cond *cond)
{
	struct weft__wakes wakes = { 0 };

	weft__waitq_lock(&cond->waiters);
	weft__waitq_wake_all(&cond->waiters, 0, &wakes);
	weft__waitq_unlock(&cond->waiters);
	weft__wakes_ready(&wakes);
}
