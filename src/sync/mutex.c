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
 * Fairness: the unlocker grants the mutex to the longest waiter once that has waited for FAIR_NS
 * and the turn is over: TURN_UNITS have passed since the last grant. A waiter that competes and is
 * beaten goes back to the front with its age, so its turn comes.
 *
 * Turns are for many that lock in a loop. Soon all have waited for FAIR_NS, and without turns each
 * section costs a switch until all have had one; then one of them, whoever it is, has the mutex for
 * the next FAIR_NS. With turns each has it for one in its turn: 64 threads on two processors had
 * between 0.01 and 9 times their share in 300 ms without, and from 0.7 of it on with them.
 *
 * A turn must also end while somebody is WOKEN: that one may lie in the hot slot of the very
 * processor whose thread takes the mutex again and again, until its slice is over. So every
 * LOOK_EVERY-th such unlock looks for a waiter whose turn it is. The one that is WOKEN has waited
 * longer, and is *owed* for that: if it is beaten it has the next grant, turn or not. Without this
 * it could be woken at the beginning of each turn and be beaten in each: of 8 threads on one
 * processor one had nothing for seconds.
 *
 * No wake-up is lost. A waiter enters the queue, under its lock, in one section with the step that
 * sees LOCKED and sets WAITED. An unlock frees the word by a compare-and-swap from a state in which
 * nobody waits or somebody is WOKEN, and looks at the queue otherwise. What fails without that:
 *
 *   Unlocker reads LOCKED alone; waiter sets WAITED and enters; unlocker frees the word.
 *	No: its compare-and-swap fails.
 *   Unlocker wakes A; A still sees LOCKED and enters again; unlocker frees the word.
 *	No: A has cleared WOKEN, the compare-and-swap fails, and the unlocker wakes once more.
 *   A is WOKEN; its deadline passes, or it is cancelled, and it leaves; B is never woken.
 *	No: A was claimed, so it competes. It takes the mutex, and its unlock looks for B; or it is
 *	beaten, clears WOKEN, and the unlock of whoever beat it looks.
 *   A is WOKEN and has not yet run; a thread that holds the mutex forks. In the child A is lost,
 *   and nobody clears WOKEN.
 *	No: beside the count of looks stands how many forks there had been when WOKEN was set. One
 *	of before the last is not heeded, and goes with the next unlock that finds it.
 *
 * The memory may go away as soon as the next holder could give it away: the last access of an
 * unlock is the one that frees the word. After a grant the grantee waits for the unlocker to be off
 * the queue (wait.h).
 *
 * Order: LOCK pairs with UNLOCK through the word; a grant is ordered by the claim (park.h).
 * Rejected: granting always (each section of a contended mutex then costs a switch); waking without
 * WOKEN (each unlock of a thread that locks in a loop would wake one more, all of them in vain);
 * running the grantee at once, in place of the unlocker, on his processor (measured: the unlocker,
 * who is ready and not in the queue, is stolen by an idle processor and competes; throughput the
 * same or less, the smallest share of 8 threads 0.5 instead of 0.8).
 *
 * models/mutex.pml is this protocol, with the variants that fail.
 */
#include <weft/mutex.h>
#include <weft/sched.h>
#include <weft/time.h>

#include "base/panic.h"
#include "sched/fork.h"
#include "sched/thread.h"
#include "sched/waitq.h"
#include "sync/wait.h"
#include "sys/sys.h"

#define FAIR_NS WEFT_MS
#define TURN_UNIT_NS 8192
#define TURN_UNITS 6   /* about 50 us: a hundred switches, and short beside FAIR_NS */
#define LOOK_EVERY 128 /* a few us of short sections */
/* About 3 us: longer than a short section, shorter than a wake-up. Looks are rare, for each takes
 * the mutex's line from the holder: of two that lock in a loop on two processors, with a look at
 * each pause, each section paid for that (29 instead of 43 million sections a second). */
#define SPIN_LOOKS 4
#define SPIN_PAUSES 30

/* `looks`: their count, modulo LOOK_EVERY; OWED; and from FORK on how many forks there had been. */
#define OWED LOOK_EVERY
#define FORK (2 * OWED)

enum { COMPETE, GRANTED };

static uint16_t forks_in_looks(void)
{
	return (uint16_t)(weft__fork_count * FORK);
}

/* The holder. */
static void set_owed(weft_mutex *mutex, bool is_owed)
{
	mutex->looks = (uint16_t)((mutex->looks & ~OWED) | (is_owed ? OWED : 0));
}

/* Waits a moment by looking, where the holder may be running: a scheduler of one processor runs us,
 * and so not him. */
static bool spin(weft_mutex *mutex, struct weft_thread *self)
{
	if (self->sched != NULL && weft_sched_processors(self->sched) == 1)
		return false;
	for (int look = 0; look < SPIN_LOOKS; look++) {
		uint32_t word = atomic_load_relaxed(&mutex->word);

		if (word & WEFT__MUTEX_WAITED)
			return false;
		if (!(word & WEFT__MUTEX_LOCKED) && weft_mutex_lock_try(mutex) == 0)
			return true;
		for (int i = 0; i < SPIN_PAUSES; i++)
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

/* With the queue's lock held. One that has been beaten has its old place. */
static void enqueue(weft_mutex *mutex, struct weft__waiter *waiter, struct weft_thread *self,
		    bool is_open, bool woken)
{
	struct weft__waitq *queue = &mutex->waiters;

	if (is_open && woken)
		weft__waitq_add_front(queue, waiter, self);
	else if (is_open)
		weft__waitq_add(queue, waiter, self);
	else if (woken)
		weft__waitq_add_front_firm(queue, waiter, self);
	else
		weft__waitq_add_firm(queue, waiter, self);
}

int weft__mutex_lock_slow(weft_mutex *mutex, int64_t deadline_ns, bool is_open)
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
			if (woken)
				set_owed(mutex, false);
			weft__waitq_unlock(&mutex->waiters);
			return 0;
		}
		enqueue(mutex, &waiter, self, is_open, woken);
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

/* The holder: the word, but for a WOKEN of a thread that is lost. */
static uint32_t heeded(const weft_mutex *mutex, uint32_t word)
{
	return (mutex->looks & ~(FORK - 1)) == forks_in_looks() ? word : word & ~WEFT__MUTEX_WOKEN;
}

static bool count_look(weft_mutex *mutex)
{
	const unsigned count = (mutex->looks + 1) & (LOOK_EVERY - 1);

	mutex->looks = (uint16_t)((mutex->looks & ~(LOOK_EVERY - 1)) | count);
	return count == 0;
}

static uint16_t turn_at(int64_t now_ns)
{
	return (uint16_t)(now_ns / TURN_UNIT_NS);
}

/* The holder: whether that waiter, the first, is to be granted the mutex. `turn` is 0 at first, and
 * wraps: half a second later a turn may seem to have begun just now, and the grant waits for one
 * more. */
static bool is_due(const weft_mutex *mutex, const struct weft__waiter *waiter, bool is_other_woken,
		   int64_t now_ns)
{
	if ((mutex->looks & OWED) && !is_other_woken)
		return true;
	return now_ns - waiter->since_ns >= FAIR_NS &&
	       (mutex->turn == 0 || (uint16_t)(turn_at(now_ns) - mutex->turn) >= TURN_UNITS);
}

/* The holder: takes the longest waiter that has not timed out off the queue, to have the mutex or,
 * if nobody is WOKEN, to compete for it. True: it has it. */
static bool pass_on(weft_mutex *mutex, struct weft__wakes *wakes)
{
	struct weft__waitq *queue = &mutex->waiters;
	uint32_t word;
	int code = COMPETE;
	bool found = false, is_other_woken;
	int64_t now_ns;

	weft__waitq_lock(queue);
	now_ns = weft__waitq_is_empty(queue) ? 0 : weft__sys_now();
	word = heeded(mutex, atomic_load_relaxed(&mutex->word)) &
	       (WEFT__MUTEX_LOCKED | WEFT__MUTEX_WOKEN);
	is_other_woken = (word & WEFT__MUTEX_WOKEN) != 0;
	while (!found && !weft__waitq_is_empty(queue)) {
		code = is_due(mutex, queue->first, is_other_woken, now_ns) ? GRANTED : COMPETE;
		if (code == COMPETE && is_other_woken)
			break;
		found = weft__waitq_wake_one(queue, queue->first, code, wakes);
	}
	if (found && code == COMPETE) {
		word |= WEFT__MUTEX_WOKEN;
		mutex->looks = (uint16_t)(forks_in_looks() | (mutex->looks & (FORK - 1)));
	} else if (found) {
		mutex->turn = turn_at(now_ns);
		set_owed(mutex, is_other_woken);
	}
	if (!weft__waitq_is_empty(queue))
		word |= WEFT__MUTEX_WAITED;
	/* All bits are ours to write, but for others who set LOCKED, which is set. */
	atomic_store_relaxed(&mutex->word, word);
	weft__waitq_unlock(queue);
	return found && code == GRANTED;
}

/* The holder. */
static bool is_to_look(weft_mutex *mutex, uint32_t word)
{
	if (!(word & WEFT__MUTEX_WAITED))
		return false;
	return !(heeded(mutex, word) & WEFT__MUTEX_WOKEN) || count_look(mutex);
}

void weft__mutex_unlock_slow(weft_mutex *mutex)
{
	struct weft__wakes wakes = { 0 };
	uint32_t word = atomic_load_relaxed(&mutex->word);

	for (;;) {
		if (unlikely(!(word & WEFT__MUTEX_LOCKED)))
			weft__panic("mutex %p is unlocked but was not locked", (void *)mutex);
		if (is_to_look(mutex, word)) {
			if (pass_on(mutex, &wakes))
				break;
			word = atomic_load_relaxed(&mutex->word);
			/* UNLOCK */
		} else if (atomic_cas_release(&mutex->word, &word,
					      heeded(mutex, word) & ~WEFT__MUTEX_LOCKED)) {
			break;
		}
	}
	weft__wakes_ready(&wakes);
}

void weft_mutex_fini(weft_mutex *mutex)
{
	uint32_t word = atomic_load_relaxed(&mutex->word);

	if (word & WEFT__MUTEX_LOCKED)
		weft__panic("mutex %p: destroyed while held", (void *)mutex);
	if (heeded(mutex, word) != 0)
		weft__panic("mutex %p: destroyed while waited for", (void *)mutex);
}
