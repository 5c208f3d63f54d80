/* SPDX-License-Identifier: MIT */
/*
 * Readers-writer lock.
 *
 *   WRITER   a writer has it. Set by who takes it, or who grants it; cleared by who unlocks, or who
 *            makes readers of it. One that is passed from writer to writer keeps it.
 *   WAITED   the queue may hold a waiter: nobody takes the lock but through the queue, and an
 *            unlock must look. Set and cleared under the queue's lock. Stale is legal while
 *            somebody has the lock, and costs him one look.
 *   READER   one each: for those that read, and for those that have just come to (below).
 *
 * The queue is one, of readers and writers (`tag`), in order of arrival.
 *
 * A reader adds itself first and looks then: where neither WRITER nor WAITED is set it reads. Else
 * it is a *guest*: counted, but not reading. A guest whose count stands in a word without WRITER
 * and
 * WAITED reads: a writer needs a word without readers. So for a moment it looks for that. Then,
 * under the queue's lock, it goes into the queue and takes its count back, or stays a reader, if no
 * writer has or awaits the lock. To all others a guest is as good as a reader, who will leave soon
 * and, if it was the last, let in who waits.
 *
 * Who lets whom in, all of it under the queue's lock:
 *
 *	a writer that unlocks	all readers that wait, wherever they stand; if there are none, the
 *				next writer
 *	the last reader		the first of the queue: a writer, as a rule
 *	who goes into the queue	(finding that nobody has the lock; or a guest that was the last)
 *	and who leaves it in	the readers at its front, if no writer has the lock; if there are
 *	vain			none, and nobody reads, the writer there
 *
 * What fails without the last of these:
 *
 *   A reads. W waits for it. B comes, and waits for W. W's deadline passes, or it is cancelled. B
 *   waits for A, though both only read; and for ever, if A waits for B.
 *	No: W, on its way out, lets in B, and all behind B as far as the next writer.
 *   W's deadline has passed, but W does not run yet. A unlocks and gives the lock to W.
 *	No: the claim decides. A takes W off the queue, fails to claim it, and claims B.
 *   B comes in between W's leaving the queue and its look at who is behind.
 *	No: B finds no writer in the queue, and reads.
 *
 * No wake-up is lost: who waits enters in one section with the step that takes its count back and
 * sets WAITED; an unlock frees the word by a compare-and-swap from a state without WAITED, or looks
 * at the queue.
 *
 * The memory may go away as soon as the next one could give it away. An unlock that finds nobody to
 * let in clears WAITED, leaves the queue, and only then frees the word, as its last step. One that
 * let somebody in is waited for (wait.h). A reader that is not the last, while somebody waits,
 * leaves under the queue's lock and lets WAITED stand: so the last comes after it.
 *
 * Order (PHASE): who unlocks releases, who locks acquires, through the word, which changes by
 * read-modify-writes alone; so a writer comes after all readers before it. What is done to the word
 * under the queue's lock while WAITED is set is ordered by that lock, and who is let in by the
 * claim (park.h); but a reader that leaves there releases: WAITED may be cleared before the next
 * writer comes. So does a writer that lets readers in: a guest may see it.
 * Rejected: unlocking by a subtraction (whoever is then the last and has to look at the queue does
 * so when another may have had the lock and given its memory away); letting readers in past a
 * writer for its first millisecond (they need no more than it for a phase, and it is a phase late);
 * waiters that compete when they wake (a writer would lose against readers that never wait).
 */
#include <errno.h>

#include <weft/rwlock.h>
#include <weft/sched.h>
#include <weft/time.h>

#include "base/panic.h"
#include "sched/fork.h"
#include "sched/thread.h"
#include "sched/waitq.h"
#include "sync/wait.h"
#include "sys/sys.h"

#define WRITER UINT32_C(1)
#define WAITED UINT32_C(2)
#define WOKEN UINT32_C(4)
#define READER UINT32_C(8)

#define FAIR_NS WEFT_MS
#define TURN_UNIT_NS 8192
#define TURN_UNITS 6   /* about 50 us, as those of a mutex */
#define LOOK_EVERY 128 /* a few us of short sections */
#define SPIN_ROUNDS 40 /* about 1 us */

/* `state`: OWED; and from FORK on how many forks there had been. */
#define OWED 1
#define FORK 2

enum side { READ, WRITE };
enum { GRANTED, COMPETE };

/* What one that waits brings with it. */
struct wait {
	int64_t since_ns, deadline_ns;
	bool is_open, is_woken;
};

/* ---- whom an unlock heeds */

static uint8_t forks_in_state(void)
{
	return (uint8_t)(weft__fork_count * FORK);
}

/* The word, but for a WOKEN of a thread that is lost. */
static uint32_t heeded(const weft_rwlock *lock, uint32_t word)
{
	if (!(word & WOKEN))
		return word;
	return (atomic_load_relaxed(&lock->state) & ~OWED) == forks_in_state() ? word
									       : word & ~WOKEN;
}

/* Some that count at once may count as one. */
static bool count_look(weft_rwlock *lock)
{
	uint8_t looks = (uint8_t)((atomic_load_relaxed(&lock->looks) + 1) % LOOK_EVERY);

	atomic_store_relaxed(&lock->looks, looks);
	return looks == 0;
}

static bool is_to_look(weft_rwlock *lock, uint32_t word)
{
	if (!(word & WAITED))
		return false;
	return !(heeded(lock, word) & WOKEN) || count_look(lock);
}

/* ---- with the queue's lock held */

static void set_owed(weft_rwlock *lock, bool is_owed)
{
	atomic_store_relaxed(&lock->state,
			     (uint8_t)((lock->state & ~OWED) | (is_owed ? OWED : 0)));
}

static struct weft__waiter *first_of(const weft_rwlock *lock, enum side side)
{
	struct weft__waiter *waiter = lock->waiters.first;

	while (waiter != NULL && waiter->tag != side)
		waiter = waiter->next;
	return waiter;
}

static uint16_t turn_at(int64_t now_ns)
{
	return (uint16_t)(now_ns / TURN_UNIT_NS);
}

/* Whether the first that waits is to be granted the lock. `turn` wraps, as that of a mutex. */
static bool is_due(const weft_rwlock *lock, bool is_other_woken, int64_t now_ns)
{
	if ((lock->state & OWED) && !is_other_woken)
		return true;
	return now_ns - lock->waiters.first->since_ns >= FAIR_NS &&
	       (lock->turn == 0 || (uint16_t)(turn_at(now_ns) - lock->turn) >= TURN_UNITS);
}

/* All readers that wait, wherever they stand. Returns how many. */
static uint32_t wake_readers(weft_rwlock *lock, int code, struct weft__wakes *wakes)
{
	struct weft__waiter *waiter, *next;
	uint32_t readers = 0;

	for (waiter = lock->waiters.first; waiter != NULL; waiter = next) {
		next = waiter->next;
		if (waiter->tag == READ)
			readers += weft__waitq_wake_one(&lock->waiters, waiter, code, wakes);
	}
	return readers;
}

/* Takes off the queue who is next: all readers, or a writer. Returns what they have of the word if
 * they are granted it; 0: the first could not be claimed, and is gone. */
static uint32_t wake_next(weft_rwlock *lock, uint32_t mine, int code, struct weft__wakes *wakes)
{
	struct weft__waiter *first = lock->waiters.first;
	const bool is_reader = first->tag == READ;
	uint32_t readers;

	if (is_reader || (code == COMPETE && mine == WRITER)) {
		readers = wake_readers(lock, code, wakes);
		if (readers != 0 || is_reader)
			return readers * READER;
	}
	return weft__waitq_wake_one(&lock->waiters, first, code, wakes) ? WRITER : 0;
}

/* The writer or the last reader, whose part of the word is `mine`. True: others have it now. */
static bool pass_on(weft_rwlock *lock, uint32_t mine, struct weft__wakes *wakes)
{
	struct weft__waitq *queue = &lock->waiters;
	const uint32_t word = atomic_load_relaxed(&lock->word);
	const bool is_other_woken = (heeded(lock, word) & WOKEN) != 0;
	const int64_t now_ns = weft__waitq_is_empty(queue) ? 0 : weft__sys_now();
	uint32_t theirs = 0, change = 0;
	int code = COMPETE;

	while (theirs == 0 && !weft__waitq_is_empty(queue)) {
		code = is_due(lock, is_other_woken, now_ns) ? GRANTED : COMPETE;
		if (code == COMPETE && is_other_woken)
			break;
		theirs = wake_next(lock, mine, code, wakes);
	}
	if (theirs != 0 && code == GRANTED) {
		change = theirs - mine;
		lock->turn = turn_at(now_ns);
		set_owed(lock, is_other_woken);
	} else if (theirs != 0) {
		change = word & WOKEN ? 0 : WOKEN;
		atomic_store_relaxed(&lock->state,
				     (uint8_t)(forks_in_state() | (lock->state & OWED)));
	}
	if (weft__waitq_is_empty(queue) && (word & WAITED))
		change -= WAITED;
	/* In one step: a guest reads where it sees neither WRITER nor WAITED. */
	atomic_add_acq_rel(&lock->word, change); /* PHASE */
	return theirs != 0 && code == GRANTED;
}

/* One that has been beaten has its old place. */
static void enqueue(weft_rwlock *lock, struct weft__waiter *waiter, enum side side,
		    const struct wait *wait)
{
	struct weft__waitq *queue = &lock->waiters;
	struct weft_thread *self = weft__self();

	if (wait->is_open && wait->is_woken)
		weft__waitq_add_front(queue, waiter, self);
	else if (wait->is_open)
		weft__waitq_add(queue, waiter, self);
	else if (wait->is_woken)
		weft__waitq_add_front_firm(queue, waiter, self);
	else
		weft__waitq_add_firm(queue, waiter, self);
	waiter->tag = side;
	waiter->since_ns = wait->since_ns;
}

/* ---- waiting */

/* With the queue's lock held: where no writer has the lock, those that no writer keeps out. */
static void wake_front_readers(weft_rwlock *lock, struct weft__wakes *wakes)
{
	const uint32_t word = atomic_load_relaxed(&lock->word);
	struct weft__waiter *first;

	while (!(word & WRITER) && (first = lock->waiters.first) != NULL && first->tag == READ)
		weft__waitq_wake_one(&lock->waiters, first, COMPETE, wakes);
	if (weft__waitq_is_empty(&lock->waiters) && (word & WAITED))
		atomic_add_relaxed(&lock->word, -WAITED);
}

static void give_up(weft_rwlock *lock)
{
	struct weft__wakes wakes = { 0 };

	weft__waitq_lock(&lock->waiters);
	wake_front_readers(lock, &wakes);
	weft__waitq_unlock(&lock->waiters);
	weft__wakes_ready(&wakes);
}

/* Takes the lock, or what it needs, and goes into the queue. True: taken. With the queue's lock
 * held, which it keeps. */
typedef bool enter_function(weft_rwlock *lock, struct weft__waiter *waiter, const struct wait *wait,
		   struct weft__wakes *wakes);

static int enter_or_wait(weft_rwlock *lock, enter_function *enter, const char *reason, int64_t deadline_ns,
			 bool is_open)
{
	struct wait wait = { weft__sys_now(), deadline_ns, is_open, false };
	struct weft__waiter waiter;
	int code;

	for (;;) {
		struct weft__wakes wakes = { 0 };
		bool taken;

		weft__waitq_lock(&lock->waiters);
		taken = enter(lock, &waiter, &wait, &wakes);
		if (taken && wait.is_woken)
			set_owed(lock, false);
		weft__waitq_unlock(&lock->waiters);
		weft__wakes_ready(&wakes);
		if (taken)
			return 0;
		code = weft__waitq_park(&lock->waiters, &waiter, reason, deadline_ns);
		if (code != COMPETE)
			break;
		wait.is_woken = true;
	}
	if (unlikely(code != GRANTED))
		give_up(lock);
	else
		weft__sync_settle(&lock->waiters);
	return code;
}

/* Waiting by looking is for where the holder may be running. */
static int spin_rounds(void)
{
	const struct weft_thread *self = weft__self();

	return self->sched == NULL || weft_sched_processors(self->sched) > 1 ? SPIN_ROUNDS : 0;
}

/* ---- readers */

/* Nobody has it, or none but readers and nobody waits. */
static bool is_readable(uint32_t word)
{
	return !(word & WRITER) && (!(word & WAITED) || word < READER);
}

/* A guest. True: it reads. */
static bool spin_to_read(weft_rwlock *lock)
{
	for (int rounds = spin_rounds(); rounds > 0; rounds--) {
		uint32_t word = atomic_load_acquire(&lock->word); /* PHASE */

		if (word & WAITED)
			return false;
		if (!(word & WRITER))
			return true;
		weft__arch_relax();
	}
	return false;
}

/* One that was woken, and is not counted. */
static bool compete_to_read(weft_rwlock *lock, struct weft__waiter *waiter, const struct wait *wait,
			    struct weft__wakes *wakes)
{
	uint32_t word = atomic_load_relaxed(&lock->word), next;

	do {
		next = (word & WRITER ? word | WAITED : word + READER) & ~WOKEN;
	} while (!atomic_cas_acquire(&lock->word, &word, next)); /* PHASE */
	if (word & WRITER)
		enqueue(lock, waiter, READ, wait);
	else
		wake_front_readers(lock, wakes);
	return !(word & WRITER);
}

/* A guest where readers are in, and a writer waits: it leaves as a reader does. False: no writer
 * waits any more, and it stays. */
static bool leave_and_enqueue(weft_rwlock *lock, struct weft__waiter *waiter,
			      const struct wait *wait, struct weft__wakes *wakes)
{
	uint32_t word = atomic_load_acquire(&lock->word); /* PHASE */
	uint32_t mine = READER;

	/* The last; so it is in the queue only after its look there. */
	if (word < 2 * READER) {
		if (pass_on(lock, READER, wakes))
			mine = 0;
		else if (!(heeded(lock, atomic_load_relaxed(&lock->word)) & (WOKEN | WAITED)))
			return false;
	}
	word = atomic_load_relaxed(&lock->word);
	while (!atomic_cas_acq_rel(&lock->word, &word, (word - mine) | WAITED)) /* PHASE */
		;
	enqueue(lock, waiter, READ, wait);
	return true;
}

static bool enter_to_read(weft_rwlock *lock, struct weft__waiter *waiter, const struct wait *wait,
			  struct weft__wakes *wakes)
{
	uint32_t word;

	if (wait->is_woken)
		return compete_to_read(lock, waiter, wait, wakes);
	word = atomic_load_acquire(&lock->word); /* PHASE */
	while (word & WRITER)
		/* PHASE */
		if (atomic_cas_acq_rel(&lock->word, &word, (word - READER) | WAITED)) {
			enqueue(lock, waiter, READ, wait);
			return false;
		}
	return first_of(lock, WRITE) == NULL || !leave_and_enqueue(lock, waiter, wait, wakes);
}

int weft_rwlock_read_lock_try(weft_rwlock *lock)
{
	uint32_t word = atomic_load_relaxed(&lock->word);

	while (is_readable(word))
		if (atomic_cas_acquire(&lock->word, &word, word + READER)) /* PHASE */
			return 0;
	return -EBUSY;
}

/* A guest, who found this word. */
static weft__noinline int read_slow(weft_rwlock *lock, uint32_t word, int64_t deadline_ns,
				    bool is_open)
{
	if (is_readable(word) || spin_to_read(lock))
		return 0;
	return enter_or_wait(lock, enter_to_read, "read lock", deadline_ns, is_open);
}

static int read_or_wait(weft_rwlock *lock, int64_t deadline_ns, bool is_open)
{
	uint32_t word = atomic_add_acq_rel(&lock->word, READER); /* PHASE */

	if (likely(!(word & (WRITER | WAITED))))
		return 0;
	return read_slow(lock, word, deadline_ns, is_open);
}

int weft_rwlock_read_lock(weft_rwlock *lock)
{
	return read_or_wait(lock, WEFT_FOREVER, false);
}

int weft_rwlock_read_lock_until(weft_rwlock *lock, int64_t deadline_ns)
{
	if (weft_rwlock_read_lock_try(lock) == 0)
		return 0;
	if (weft__sync_is_past(deadline_ns))
		return -ETIMEDOUT;
	return read_or_wait(lock, deadline_ns, true);
}

/* With the queue's lock taken. True: others have it now. */
static bool look(weft_rwlock *lock, uint32_t mine, struct weft__wakes *wakes)
{
	bool passed = false;

	weft__waitq_lock(&lock->waiters);
	/* PHASE: after the readers that left */
	if (mine == WRITER || atomic_load_acquire(&lock->word) < 2 * READER)
		passed = pass_on(lock, mine, wakes);
	weft__waitq_unlock(&lock->waiters);
	return passed;
}

static weft__noinline void unlock_slow(weft_rwlock *lock, uint32_t mine)
{
	struct weft__wakes wakes = { 0 };
	uint32_t word = atomic_load_relaxed(&lock->word);

	for (;;) {
		if ((mine == WRITER || word < 2 * READER) && is_to_look(lock, word)) {
			if (look(lock, mine, &wakes))
				break;
			word = atomic_load_relaxed(&lock->word);
			/* PHASE */
		} else if (atomic_cas_release(&lock->word, &word, heeded(lock, word) - mine)) {
			break;
		}
	}
	weft__wakes_ready(&wakes);
}

void weft_rwlock_read_unlock(weft_rwlock *lock)
{
	uint32_t word = atomic_load_relaxed(&lock->word);

	for (;;) {
		if (unlikely(word < READER))
			weft__panic("rwlock %p is unlocked by a reader but nobody reads",
				    (void *)lock);
		if (unlikely(word & WAITED))
			break;
		if (likely(atomic_cas_release(&lock->word, &word, word - READER))) /* PHASE */
			return;
	}
	unlock_slow(lock, READER);
}

/* ---- writers */

static bool is_free(uint32_t word)
{
	return word < READER && !(word & WRITER);
}

static bool spin_to_write(weft_rwlock *lock)
{
	for (int rounds = spin_rounds(); rounds > 0; rounds--) {
		uint32_t word = atomic_load_relaxed(&lock->word);

		if (word & WAITED)
			return false;
		if (is_free(word) && weft_rwlock_write_lock_try(lock) == 0)
			return true;
		weft__arch_relax();
	}
	return false;
}

static bool enter_to_write(weft_rwlock *lock, struct weft__waiter *waiter, const struct wait *wait,
			   struct weft__wakes *wakes)
{
	uint32_t word = atomic_load_relaxed(&lock->word), next;

	(void)wakes;
	do {
		next = word | (is_free(word) ? WRITER : WAITED);
		if (wait->is_woken)
			next &= ~WOKEN;
	} while (!atomic_cas_acquire(&lock->word, &word, next)); /* PHASE */
	if (is_free(word))
		return true;
	enqueue(lock, waiter, WRITE, wait);
	return false;
}

static weft__noinline int write_slow(weft_rwlock *lock, int64_t deadline_ns, bool is_open)
{
	if (spin_to_write(lock))
		return 0;
	return enter_or_wait(lock, enter_to_write, "write lock", deadline_ns, is_open);
}

int weft_rwlock_write_lock_try(weft_rwlock *lock)
{
	uint32_t word = 0;

	do {
		if (likely(atomic_cas_acquire(&lock->word, &word, word | WRITER))) /* PHASE */
			return 0;
	} while (is_free(word));
	return -EBUSY;
}

int weft_rwlock_write_lock(weft_rwlock *lock)
{
	return weft_rwlock_write_lock_try(lock) == 0 ? 0 : write_slow(lock, WEFT_FOREVER, false);
}

int weft_rwlock_write_lock_until(weft_rwlock *lock, int64_t deadline_ns)
{
	if (weft_rwlock_write_lock_try(lock) == 0)
		return 0;
	return weft__sync_is_past(deadline_ns) ? -ETIMEDOUT : write_slow(lock, deadline_ns, true);
}

void weft_rwlock_write_unlock(weft_rwlock *lock)
{
	uint32_t word = WRITER;

	if (likely(atomic_cas_release(&lock->word, &word, 0))) /* PHASE */
		return;
	if (unlikely(!(word & WRITER)))
		weft__panic("rwlock %p is unlocked by a writer but nobody writes", (void *)lock);
	unlock_slow(lock, WRITER);
}

void weft_rwlock_fini(weft_rwlock *lock)
{
	uint32_t word = atomic_load_relaxed(&lock->word);

	if (unlikely(!is_free(word)))
		weft__panic("rwlock %p: destroyed while held", (void *)lock);
	if (unlikely(heeded(lock, word) & WOKEN))
		weft__panic("rwlock %p: destroyed while waited for", (void *)lock);
	weft__sync_fini(&lock->waiters, "rwlock", lock);
}
