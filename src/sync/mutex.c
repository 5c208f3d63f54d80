/* SPDX-License-Identifier: MIT */
/*
 * Mutex: the slow paths. The fast ones are in the header: lock sets LOCKED, unlock turns LOCKED
 * alone into 0.
 *
 *   LOCKED   somebody holds it. Set by who takes it, cleared by who unlocks; a mutex that is
 *            granted keeps it.
 *   WAITED   the queue may hold a waiter: an unlock must look. Set and cleared under the queue's
 *            lock, cleared by the holder alone. Stale is legal (the last waiter's deadline has
 *            passed) and costs one look.
 *   WOKEN    a waiter was taken off the queue to compete and has not yet done so. Set by the
 *            holder, cleared by that waiter, both under the queue's lock. While it is set unlocks
 *            wake nobody else.
 *
 * Barging: a free mutex goes to whoever comes first, so that nobody waits for a sleeper to get up.
 * Fairness: the unlocker grants the mutex to the longest waiter once that has waited for FAIR_NS. A
 * waiter that competes and is beaten goes back to the front with its age, so its turn comes.
 *
 * No wake-up is lost. A waiter enters the queue, under its lock, in one section with the step that
 * sees LOCKED and sets WAITED. An unlock frees the word by a compare-and-swap from a state in which
 * nobody waits or somebody is WOKEN, and looks at the queue otherwise. What fails without that:
 *
 *   Unlocker reads LOCKED alone; waiter sets WAITED and enters; unlocker frees the word.
 *	No: its compare-and-swap fails.
 *   Unlocker wakes A; A still sees LOCKED and enters again; unlocker frees the word.
 *	No: A has cleared WOKEN, the compare-and-swap fails, and the unlocker wakes once more.
 *   A is WOKEN; its deadline passes and it leaves; B is never woken.
 *	No: A was claimed, so it competes. It takes the mutex, and its unlock looks for B; or it is
 *	beaten, clears WOKEN, and the unlock of whoever beat it looks.
 *
 * The memory may go away as soon as the next holder could give it away: the last access of an
 * unlock is the one that frees the word. After a grant the grantee waits for the unlocker to be off
 * the queue (wait.h).
 *
 * Order: LOCK pairs with UNLOCK through the word; a grant is ordered by the claim (park.h).
 * Rejected: granting always (each section of a contended mutex then costs a switch); waking without
 * WOKEN (each unlock of a thread that locks in a loop would wake one more, all of them in vain).
 */
#include <weft/mutex.h>
#include <weft/sched.h>
#include <weft/time.h>

#include "base/panic.h"
#include "sched/thread.h"
#include "sched/waitq.h"
#include "sync/wait.h"
#include "sys/sys.h"

#define FAIR_NS WEFT_MS
#define SPIN_ROUNDS 40 /* about 1 us: longer than a short section, shorter than a wake-up */

enum { COMPETE, GRANTED };

/* Waits a moment by looking, where the holder may be running: a scheduler of one processor runs us,
 * and so not him. */
static bool spin(weft_mutex *mutex, struct weft_thread *self)
{
	if (self->sched != NULL && weft_sched_processors(self->sched) == 1)
		return false;
	for (int round = 0; round < SPIN_ROUNDS; round++) {
		uint32_t word = atomic_load_relaxed(&mutex->word);

		if (word & WEFT__MUTEX_WAITED)
			return false;
		if (!(word & WEFT__MUTEX_LOCKED) && weft_mutex_lock_try(mutex) == 0)
			return true;
		weft__arch_relax();
	}
	return false;
}

/* With the queue's lock held: takes the mutex, or marks it as waited for. True: taken. */
static bool take_or_mark(weft_mutex *mutex, bool woken)
{
	uint32_t word = atomic_load_relaxed(&mutex->word), next;

	do {
		next = word | (word & WEFT__MUTEX_LOCKED ? WEFT__MUTEX_WAITED : WEFT__MUTEX_LOCKED);
		if (woken)
			next &= ~WEFT__MUTEX_WOKEN;
	} while (!atomic_cas_acquire(&mutex->word, &word, next)); /* LOCK */
	return !(word & WEFT__MUTEX_LOCKED);
}

int weft__mutex_lock_slow(weft_mutex *mutex, int64_t deadline_ns)
{
	struct weft_thread *self = weft__self();
	struct weft__waiter waiter;
	bool woken = false;
	int64_t since_ns;
	int code;

	if (spin(mutex, self))
		return 0;
	since_ns = weft__sys_now();
	if (deadline_ns <= since_ns)
		return -ETIMEDOUT;
	for (;;) {
		weft__waitq_lock(&mutex->waiters);
		if (take_or_mark(mutex, woken)) {
			weft__waitq_unlock(&mutex->waiters);
			return 0;
		}
		if (woken)
			weft__waitq_add_front_firm(&mutex->waiters, &waiter, self);
		else
			weft__waitq_add_firm(&mutex->waiters, &waiter, self);
		waiter.since_ns = since_ns;
		weft__waitq_unlock(&mutex->waiters);
		code = weft__waitq_park(&mutex->waiters, &waiter, "mutex", deadline_ns);
		if (code != COMPETE)
			break;
		woken = true;
	}
	if (code != GRANTED)
		return code;
	weft__sync_settle(&mutex->waiters);
	return 0;
}

/* The holder: takes the longest waiter that has not timed out off the queue, to have the mutex or
 * to compete for it. True: it has it. */
static bool pass_on(weft_mutex *mutex, struct weft__wakes *wakes)
{
	struct weft__waitq *queue = &mutex->waiters;
	uint32_t word = WEFT__MUTEX_LOCKED;
	int code = COMPETE;
	bool found = false;
	int64_t now_ns;

	weft__waitq_lock(queue);
	now_ns = weft__waitq_is_empty(queue) ? 0 : weft__sys_now();
	while (!found && !weft__waitq_is_empty(queue)) {
		code = now_ns - queue->first->since_ns >= FAIR_NS ? GRANTED : COMPETE;
		found = weft__waitq_wake_one(queue, queue->first, code, wakes);
	}
	if (found && code == COMPETE)
		word |= WEFT__MUTEX_WOKEN;
	if (!weft__waitq_is_empty(queue))
		word |= WEFT__MUTEX_WAITED;
	/* All bits are ours to write, but for others who set LOCKED, which is set. */
	atomic_store_relaxed(&mutex->word, word);
	weft__waitq_unlock(queue);
	return found && code == GRANTED;
}

void weft__mutex_unlock_slow(weft_mutex *mutex)
{
	struct weft__wakes wakes = { 0 };
	uint32_t word = atomic_load_relaxed(&mutex->word);

	for (;;) {
		if (unlikely(!(word & WEFT__MUTEX_LOCKED)))
			weft__panic("mutex %p is unlocked but was not locked", (void *)mutex);
		if ((word & (WEFT__MUTEX_WAITED | WEFT__MUTEX_WOKEN)) == WEFT__MUTEX_WAITED) {
			if (pass_on(mutex, &wakes))
				break;
			word = atomic_load_relaxed(&mutex->word);
			/* UNLOCK */
		} else if (atomic_cas_release(&mutex->word, &word, word & ~WEFT__MUTEX_LOCKED)) {
			break;
		}
	}
	weft__wakes_ready(&wakes);
}
