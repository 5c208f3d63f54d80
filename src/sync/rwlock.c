/* SPDX-License-Identifier: MIT */
/*
 * Readers-writer lock.
 *
 *   WRITER   a writer has it. Set by who takes it, or who grants it; cleared by who unlocks, or who
 *            makes readers of it. One that is granted from writer to writer keeps it.
 *   WAITED   somebody is in the queue: an unlock must look. Set and cleared under the queue's lock.
 *   WOKEN    one that was taken off the queue to COMPETE has not yet done so. Set by who has the
 *            lock, cleared by that one, both under the queue's lock. While it is set unlocks wake
 *            nobody else.
 *   READER   one each: for those that read, and for those that have just come to (below).
 *
 * The queue is one, of readers and writers (`tag`), by age: who comes goes to its end, who was
 * beaten to where it was.
 *
 * A reader adds itself first and looks then. It reads where no writer has the lock, and nobody
 * waits or nobody else is in. Else it is a *guest*: counted, but not reading. A guest whose count
 * stands in a word without WRITER and WAITED reads: a writer needs a word without readers. So for a
 * moment it looks for that. Then, under the queue's lock, it takes its count back and goes into the
 * queue, or stays a reader, if no writer has or awaits the lock. To all others a guest is as good
 * as a reader.
 *
 * Barging: a lock that nobody has goes to whoever comes first. So a switch lies between two
 * sections only where all that want it wait. But no reader joins others past a writer that waits:
 * they might overlap for ever.
 * Fairness: as in mutex.c. Who unlocks grants the lock to the first of the queue once that has
 * waited for FAIR_NS and the turn is over; with it to all readers that wait, if it is one. All
 * that are before somebody in the queue are older, and they become fewer, one in a turn, or leave.
 * And a turn ends while somebody is WOKEN too: every LOOK_EVERY-th such unlock looks, and whom it
 * passes over is OWED the next grant. What failed where a beaten one went to the front:
 *
 *   W waits. R comes, and waits. A writer unlocks and wakes the readers; another one beats them.
 *   R goes to the front, and is young. S comes, both are beaten, S goes to the front, and is young.
 *	Always the first is too young, and W is never granted the lock.
 *
 * Who is let in, all of it under the queue's lock:
 *
 *	a writer that unlocks	the first, if it is due; else all readers that wait, wherever they
 *				stand, compete; if there are none, the first
 *	the last reader		the first: a writer, as a rule
 *	who comes to read and	the readers at the front, for they would wait for readers alone
 *	competes, who is beaten
 *	by readers, who leaves
 *	the queue in vain
 *
 * What fails without the last of these:
 *
 *   A reads. W waits for it. B comes, and waits for W. W's deadline passes, or it is cancelled. B
 *   waits for A, though both only read; and for ever, if A waits for B.
 *	No: W, on its way out, wakes B, and all behind B as far as the next writer.
 *   W is WOKEN. V takes the lock, B comes to wait, V unlocks and looks at nobody. A comes and
 *   reads,
 *   W is beaten, and stands behind B.
 *	No: W wakes B.
 *   W's deadline has passed, but W does not run yet. A unlocks and gives the lock to W.
 *	No: the claim decides. A takes W off the queue, fails to claim it, and claims B.
 *   B comes in between W's leaving the queue and its look at who is behind.
 *	No: B finds no writer in the queue, and reads.
 *
 * No wake-up is lost: where the queue is not empty somebody has the lock and will look, or somebody
 * is WOKEN. Who waits enters in one section with the step that sees the lock taken and sets WAITED.
 * A count is taken back by an exchange from a state in which it is not the last, or nobody waits,
 * or somebody is WOKEN; or its owner looks at the queue. What fails without that:
 *
 *   A reads, W waits, G is a guest and sees two counts. A unlocks, not the last. G subtracts its
 *   own.
 *	No: it exchanges, fails, finds itself the last, and wakes W.
 *   W is WOKEN, beaten by A, and enters again; A, who saw WOKEN, frees the word.
 *	No: W has cleared WOKEN, A's exchange fails, and A looks.
 *   W is WOKEN. Its deadline passes, or it is cancelled, and it leaves; B is never woken.
 *	No: W was claimed, so it competes. It has the lock, and its unlock looks for B; or it is
 *	beaten, clears WOKEN, waits and gives up, and whoever beat it looks.
 *   R and S are woken together. S competes and clears WOKEN, W is woken; R competes and clears it,
 *   and another one is woken beside W, and so on.
 *	No: all but one of those that are woken together, or at the front, COMPETE_TOO, and leave
 *	WOKEN alone.
 *   A is WOKEN and has not yet run; a thread that has the lock forks. In the child A is lost.
 *	No: `state` says how many forks there had been when WOKEN was set. One of before the last
 *	is not heeded, and goes with the next unlock that finds it.
 * (But a guest that is lost counts as a reader that is.)
 *
 * The memory may go away as soon as the next one could give it away. The last access of an unlock
 * is the exchange that takes its part out of the word: before it the lock is had. After a grant the
 * grantee waits for the unlocker to be off the queue (wait.h).
 *
 * Order (PHASE): who unlocks releases, who locks acquires, through the word, which changes by
 * read-modify-writes alone; so a writer comes after all readers before it. Who is granted the lock
 * is ordered by the claim (park.h), and who grants it acquires what the readers that left before
 * released. A writer that grants it to readers releases in the word too: a guest may see it.
 * Rejected: unlocking by a subtraction (whoever is then the last and has to look at the queue does
 * so when another may have had the lock and given its memory away); granting always (fair by
 * phases, but where sections are short each costs a switch: three times as dear).
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
enum { GRANTED, COMPETE, COMPETE_TOO };

/* What one brings to the queue. `woken`: the code with which it was taken off it; 0: it comes. */
struct wait {
	int64_t since_ns;
	int woken;
	bool is_open;
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
	atomic_store_relaxed(&lock->state, (uint8_t)((lock->state & ~OWED) | (is_owed ? OWED : 0)));
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

/* All readers that wait, wherever they stand. Returns how many. WOKEN stands for one of them. */
static uint32_t wake_readers(weft_rwlock *lock, int code, struct weft__wakes *wakes)
{
	struct weft__waiter *waiter, *next;
	uint32_t readers = 0;

	for (waiter = lock->waiters.first; waiter != NULL; waiter = next) {
		next = waiter->next;
		if (waiter->tag != READ ||
		    !weft__waitq_wake_one(&lock->waiters, waiter, code, wakes))
			continue;
		readers++;
		if (code == COMPETE)
			code = COMPETE_TOO;
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

/* One that has been beaten has its old place: by age. */
static void enqueue(weft_rwlock *lock, struct weft__waiter *waiter, enum side side,
		    const struct wait *wait)
{
	struct weft__waitq *queue = &lock->waiters;
	struct weft_thread *self = weft__self();

	if (wait->is_open && wait->woken)
		weft__waitq_add_front(queue, waiter, self);
	else if (wait->is_open)
		weft__waitq_add(queue, waiter, self);
	else if (wait->woken)
		weft__waitq_add_front_firm(queue, waiter, self);
	else
		weft__waitq_add_firm(queue, waiter, self);
	waiter->tag = side;
	waiter->since_ns = wait->since_ns;
	if (wait->woken)
		weft__waitq_sort_first(queue);
}

/* Where no writer has the lock: those that no writer keeps out. */
static void wake_front_readers(weft_rwlock *lock, struct weft__wakes *wakes)
{
	const uint32_t word = atomic_load_relaxed(&lock->word);
	struct weft__waiter *first;

	while (!(word & WRITER) && (first = lock->waiters.first) != NULL && first->tag == READ)
		weft__waitq_wake_one(&lock->waiters, first, COMPETE_TOO, wakes);
	if (weft__waitq_is_empty(&lock->waiters) && (word & WAITED))
		atomic_add_relaxed(&lock->word, -WAITED);
}

/* ---- waiting */

static void give_up(weft_rwlock *lock)
{
	struct weft__wakes wakes = { 0 };

	weft__waitq_lock(&lock->waiters);
	wake_front_readers(lock, &wakes);
	weft__waitq_unlock(&lock->waiters);
	weft__wakes_ready(&wakes);
}

/* Takes the lock, or goes into the queue. True: taken. With the queue's lock held, which it
 * keeps. */
typedef bool enter_function(weft_rwlock *lock, struct weft__waiter *waiter, const struct wait *wait,
			    struct weft__wakes *wakes);

static int enter_or_wait(weft_rwlock *lock, enter_function *enter, const char *reason,
			 int64_t deadline_ns, bool is_open)
{
	struct wait wait = { .since_ns = weft__sys_now(), .is_open = is_open };
	struct weft__waiter waiter;

	for (;;) {
		struct weft__wakes wakes = { 0 };
		bool taken;

		weft__waitq_lock(&lock->waiters);
		taken = enter(lock, &waiter, &wait, &wakes);
		if (taken && wait.woken == COMPETE)
			set_owed(lock, false);
		weft__waitq_unlock(&lock->waiters);
		weft__wakes_ready(&wakes);
		if (taken)
			return 0;
		wait.woken = weft__waitq_park(&lock->waiters, &waiter, reason, deadline_ns);
		if (wait.woken <= GRANTED)
			break;
	}
	if (unlikely(wait.woken < 0))
		give_up(lock);
	else
		weft__sync_settle(&lock->waiters);
	return wait.woken;
}

/* What is left of a word when that one has competed. */
static uint32_t competed(uint32_t word, const struct wait *wait)
{
	return wait->woken == COMPETE ? word & ~WOKEN : word;
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
		next = competed(word & WRITER ? word | WAITED : word + READER, wait);
	} while (!atomic_cas_acquire(&lock->word, &word, next)); /* PHASE */
	if (word & WRITER)
		enqueue(lock, waiter, READ, wait);
	else
		wake_front_readers(lock, wakes);
	return !(word & WRITER);
}

/* A guest in this word, while a writer waits: it leaves as a reader does, and if it is the last
 * looks at the queue first. False: nobody waits any more, and it stays. */
static bool leave_to_wait(weft_rwlock *lock, uint32_t word, struct weft__waiter *waiter,
			  const struct wait *wait, struct weft__wakes *wakes)
{
	uint32_t mine = READER;

	while (word >= 2 * READER)
		/* PHASE: a failed one, too: after the readers that left */
		if (atomic_cas_acq_rel(&lock->word, &word, (word - READER) | WAITED)) {
			enqueue(lock, waiter, READ, wait);
			return true;
		}
	if (pass_on(lock, READER, wakes))
		mine = 0;
	word = atomic_load_relaxed(&lock->word);
	if (mine != 0 && !(heeded(lock, word) & (WOKEN | WAITED)))
		return false;
	/* PHASE */
	atomic_add_acq_rel(&lock->word, (word & WAITED ? 0 : WAITED) - mine);
	enqueue(lock, waiter, READ, wait);
	return true;
}

static bool enter_to_read(weft_rwlock *lock, struct weft__waiter *waiter, const struct wait *wait,
			  struct weft__wakes *wakes)
{
	uint32_t word;

	if (wait->woken)
		return compete_to_read(lock, waiter, wait, wakes);
	word = atomic_load_acquire(&lock->word); /* PHASE */
	while (word & WRITER)
		/* PHASE: a failed one, too: it may read then */
		if (atomic_cas_acq_rel(&lock->word, &word, (word - READER) | WAITED)) {
			enqueue(lock, waiter, READ, wait);
			return false;
		}
	return first_of(lock, WRITE) == NULL || !leave_to_wait(lock, word, waiter, wait, wakes);
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

	do {
		next = competed(word | (is_free(word) ? WRITER : WAITED), wait);
	} while (!atomic_cas_acquire(&lock->word, &word, next)); /* PHASE */
	if (is_free(word))
		return true;
	enqueue(lock, waiter, WRITE, wait);
	/* Some may have come while this one was on its way, and be older. */
	wake_front_readers(lock, wakes);
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
