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
 * and WAITED reads: a writer needs a word without readers. So for a moment it looks for that. Then,
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
 * waiters that compete when they wake (a writer would lose against readers that never wait); comers
 * that barge, with a grant after 1 ms as of a mutex: two writers in a loop on two processors are
 * three times as fast, but it takes the mutex's WOKEN, ages in the queue, and a guest that leaves
 * between two readers loses a wake-up unless it looks as the last one does.
 */
#include <errno.h>

#include <weft/rwlock.h>
#include <weft/sched.h>
#include <weft/time.h>

#include "base/panic.h"
#include "sched/thread.h"
#include "sched/waitq.h"
#include "sync/wait.h"

#define WRITER UINT32_C(1)
#define WAITED UINT32_C(2)
#define READER UINT32_C(4)
#define READERS (~(READER - 1))

#define SPIN_ROUNDS 40 /* about 1 us */

enum side { READ, WRITE };

/* ---- with the queue's lock held */

static struct weft__waiter *first_writer(const weft_rwlock *lock)
{
	struct weft__waiter *waiter = lock->waiters.first;

	while (waiter != NULL && waiter->tag != WRITE)
		waiter = waiter->next;
	return waiter;
}

static void forget_if_empty(weft_rwlock *lock)
{
	if (weft__waitq_is_empty(&lock->waiters) && (atomic_load_relaxed(&lock->word) & WAITED))
		atomic_add_relaxed(&lock->word, -WAITED);
}

/* A claimed one that still runs does not return before we have left the queue (wait.h), so it is
 * counted in time. */
static bool let_reader_in(weft_rwlock *lock, struct weft__waiter *waiter, struct weft__wakes *wakes)
{
	if (!weft__waitq_wake_one(&lock->waiters, waiter, 0, wakes))
		return false;
	atomic_add_relaxed(&lock->word, READER);
	return true;
}

/* While no writer has it: the readers at the front; if there are none, and nobody reads, the
 * writer. */
static void let_in(weft_rwlock *lock, struct weft__wakes *wakes)
{
	struct weft__waiter *first;

	while ((first = lock->waiters.first) != NULL) {
		if (first->tag == READ) {
			let_reader_in(lock, first, wakes);
			continue;
		}
		if (atomic_load_relaxed(&lock->word) & READERS)
			break;
		if (weft__waitq_wake_one(&lock->waiters, first, 0, wakes)) {
			atomic_add_relaxed(&lock->word, WRITER);
			break;
		}
	}
	forget_if_empty(lock);
}

/* ---- waiting */

static int wait(weft_rwlock *lock, struct weft__waiter *waiter, int64_t deadline_ns)
{
	int code = weft__waitq_park(&lock->waiters, waiter,
				    waiter->tag == READ ? "read lock" : "write lock", deadline_ns);
	struct weft__wakes wakes = { 0 };

	if (likely(code == 0)) {
		weft__sync_settle(&lock->waiters);
		return 0;
	}
	weft__waitq_lock(&lock->waiters);
	if (!(atomic_load_relaxed(&lock->word) & WRITER))
		let_in(lock, &wakes);
	weft__waitq_unlock(&lock->waiters);
	weft__wakes_ready(&wakes);
	return code;
}

/* With the queue's lock held, which it releases; the word as this side left it. */
static int enqueue_and_wait(weft_rwlock *lock, enum side side, uint32_t word, int64_t deadline_ns,
			    bool is_open)
{
	struct weft_thread *self = weft__self();
	struct weft__wakes wakes = { 0 };
	struct weft__waiter waiter;

	if (is_open)
		weft__waitq_add(&lock->waiters, &waiter, self);
	else
		weft__waitq_add_firm(&lock->waiters, &waiter, self);
	waiter.tag = side;
	if (!(word & WRITER))
		let_in(lock, &wakes);
	weft__waitq_unlock(&lock->waiters);
	weft__wakes_ready(&wakes);
	return wait(lock, &waiter, deadline_ns);
}

/* Waiting by looking is for where the holder may be running. */
static int spin_rounds(void)
{
	const struct weft_thread *self = weft__self();

	return self->sched == NULL || weft_sched_processors(self->sched) > 1 ? SPIN_ROUNDS : 0;
}

/* ---- readers */

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

/* A guest. */
static weft__noinline int read_slow(weft_rwlock *lock, int64_t deadline_ns, bool is_open)
{
	uint32_t word, next;

	if (spin_to_read(lock))
		return 0;
	weft__waitq_lock(&lock->waiters);
	word = atomic_load_acquire(&lock->word); /* PHASE */
	do {
		if (!(word & WRITER) && first_writer(lock) == NULL) {
			/* PHASE: once more, for what a failed exchange has seen it has not
			 * acquired */
			(void)atomic_load_acquire(&lock->word);
			weft__waitq_unlock(&lock->waiters);
			return 0;
		}
		next = (word - READER) | WAITED;
	} while (!atomic_cas_acquire(&lock->word, &word, next)); /* PHASE */
	return enqueue_and_wait(lock, READ, next, deadline_ns, is_open);
}

int weft_rwlock_read_lock_try(weft_rwlock *lock)
{
	uint32_t word = atomic_load_relaxed(&lock->word);

	while (!(word & (WRITER | WAITED)))
		if (atomic_cas_acquire(&lock->word, &word, word + READER)) /* PHASE */
			return 0;
	return -EBUSY;
}

static int read_or_wait(weft_rwlock *lock, int64_t deadline_ns, bool is_open)
{
	/* PHASE */
	if (likely(!(atomic_add_acq_rel(&lock->word, READER) & (WRITER | WAITED))))
		return 0;
	return read_slow(lock, deadline_ns, is_open);
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

/* The last reader, with the queue's lock held. True: it has given its place away. */
static bool pass_on_reading(weft_rwlock *lock, struct weft__wakes *wakes)
{
	struct weft__waiter *first;
	bool passed = false;

	while ((first = lock->waiters.first) != NULL) {
		if (first->tag == READ) {
			passed |= let_reader_in(lock, first, wakes);
		} else if (passed) {
			break;
		} else if (weft__waitq_wake_one(&lock->waiters, first, 0, wakes)) {
			/* It may be a guest's moment, too: the count is not simply 1. */
			atomic_add_relaxed(&lock->word, WRITER - READER);
			return true;
		}
	}
	if (passed)
		atomic_add_relaxed(&lock->word, -READER);
	return passed;
}

/* Somebody may wait. False: nobody does, and the word says so. */
static bool leave_reading(weft_rwlock *lock)
{
	struct weft__wakes wakes = { 0 };
	uint32_t word;
	bool left = false;

	weft__waitq_lock(&lock->waiters);
	word = atomic_load_relaxed(&lock->word);
	while (!left && !weft__waitq_is_empty(&lock->waiters) && word >= 2 * READER)
		left = atomic_cas_release(&lock->word, &word, word - READER); /* PHASE */
	if (!left) {
		left = pass_on_reading(lock, &wakes);
		forget_if_empty(lock);
	}
	weft__waitq_unlock(&lock->waiters);
	weft__wakes_ready(&wakes);
	return left;
}

void weft_rwlock_read_unlock(weft_rwlock *lock)
{
	uint32_t word = atomic_load_relaxed(&lock->word);

	for (;;) {
		if (unlikely(word < READER))
			weft__panic("rwlock %p is unlocked by a reader but nobody reads",
				    (void *)lock);
		if (unlikely(word & WAITED)) {
			if (leave_reading(lock))
				return;
			word = atomic_load_relaxed(&lock->word);
		} else if (atomic_cas_release(&lock->word, &word, word - READER)) { /* PHASE */
			return;
		}
	}
}

/* ---- writers */

static bool spin_to_write(weft_rwlock *lock)
{
	for (int rounds = spin_rounds(); rounds > 0; rounds--) {
		uint32_t word = atomic_load_relaxed(&lock->word);

		if (word & WAITED)
			return false;
		if (word == 0 && weft_rwlock_write_lock_try(lock) == 0)
			return true;
		weft__arch_relax();
	}
	return false;
}

static weft__noinline int write_slow(weft_rwlock *lock, int64_t deadline_ns, bool is_open)
{
	uint32_t word, next;
	bool taken;

	if (spin_to_write(lock))
		return 0;
	weft__waitq_lock(&lock->waiters);
	word = atomic_load_relaxed(&lock->word);
	do {
		taken = word <= WAITED && !(word & WRITER) && weft__waitq_is_empty(&lock->waiters);
		next = taken ? WRITER : word | WAITED;
	} while (!atomic_cas_acquire(&lock->word, &word, next)); /* PHASE */
	if (!taken)
		return enqueue_and_wait(lock, WRITE, next, deadline_ns, is_open);
	weft__waitq_unlock(&lock->waiters);
	return 0;
}

int weft_rwlock_write_lock_try(weft_rwlock *lock)
{
	uint32_t nobody = 0;

	return likely(atomic_cas_acquire(&lock->word, &nobody, WRITER)) ? 0 : -EBUSY; /* PHASE */
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

/* The writer, with the queue's lock held. True: others have it now. */
static bool pass_on_writing(weft_rwlock *lock, struct weft__wakes *wakes)
{
	struct weft__waiter *waiter, *next;
	uint32_t readers = 0;

	for (waiter = lock->waiters.first; waiter != NULL; waiter = next) {
		next = waiter->next;
		if (waiter->tag == READ && let_reader_in(lock, waiter, wakes))
			readers++;
	}
	if (readers != 0) {
		atomic_sub_acq_rel(&lock->word, WRITER); /* PHASE */
		return true;
	}
	return weft__waitq_wake(&lock->waiters, 0, wakes);
}

/* Somebody may wait. False: nobody does, and the word says so. */
static bool leave_writing(weft_rwlock *lock)
{
	struct weft__wakes wakes = { 0 };
	bool left;

	weft__waitq_lock(&lock->waiters);
	left = pass_on_writing(lock, &wakes);
	forget_if_empty(lock);
	weft__waitq_unlock(&lock->waiters);
	weft__wakes_ready(&wakes);
	return left;
}

void weft_rwlock_write_unlock(weft_rwlock *lock)
{
	uint32_t word = atomic_load_relaxed(&lock->word);

	for (;;) {
		if (unlikely(!(word & WRITER)))
			weft__panic("rwlock %p is unlocked by a writer but nobody writes",
				    (void *)lock);
		if (unlikely(word & WAITED)) {
			if (leave_writing(lock))
				return;
			word = atomic_load_relaxed(&lock->word);
		} else if (atomic_cas_release(&lock->word, &word, word & ~WRITER)) { /* PHASE */
			return;
		}
	}
}

void weft_rwlock_fini(weft_rwlock *lock)
{
	if (unlikely(atomic_load_relaxed(&lock->word) & (WRITER | READERS)))
		weft__panic("rwlock %p: destroyed while held", (void *)lock);
	weft__sync_fini(&lock->waiters, "rwlock", lock);
}
