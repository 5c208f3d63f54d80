/* SPDX-License-Identifier: MIT */
/*
 * Spin lock.
 *
 *   holder   0: free; else the record of the thread that has it, with KERNEL where that is a kernel
 *            thread. Set by compare-and-swap, cleared by the holder. Others compare it and never
 *            follow it: the thread may be over.
 *
 * The hold (arch/hold.h) is raised before the word is taken and released after it is freed:
 *
 *   W takes the word; a tick switches it away; it raises its hold.
 *	All that want the lock wait for W's next turn. With the two in the other order the tick
 *	leaves a wish, which the unlock fulfils.
 *
 * A waiter spins with its hold lowered, in bouts of about a microsecond. Before each it asks
 * whether the holder has a processor of this scheduler (a guess, sched/running.h). If not, spinning
 * is in vain, and perhaps what keeps the holder from its turn: it yields. It also does after
 * BOUTS_MAX, for the holder's carrier may have lost its CPU to the kernel. Of a kernel thread, or
 * for one, nobody knows: that counts as running. A thread of another scheduler is found on no
 * processor of ours, so its waiters yield before each bout.
 *
 * No wake-up can be lost, for there is none.
 *
 * Order: LOCK pairs with UNLOCK through the word.
 * Rejected: tickets (the next in line may be one that has no CPU, and all wait for it); following
 * the holder to its record and state (needs a claim on the record, which costs more than the lock).
 */
#include <errno.h>

#include <weft/cancel.h>
#include <weft/sched.h>
#include <weft/spin.h>
#include <weft/time.h>

#include "arch/hold.h"
#include "base/panic.h"
#include "sched/running.h"
#include "sched/thread.h"
#include "sync/wait.h"

#define BOUT_ROUNDS 40 /* about 1 us */
#define BOUTS_MAX 30
#define KERNEL ((uintptr_t)1)

static uintptr_t name_of(const struct weft_thread *self)
{
	return (uintptr_t)self | (weft__thread_is_kernel(self) ? KERNEL : 0);
}

static weft__always_inline bool take(weft_spin *spin, struct weft_thread *self)
{
	uintptr_t nobody = 0;

	weft__hold_raise(&self->hold);
	if (likely(atomic_cas_acquire(&spin->holder, &nobody, name_of(self)))) /* LOCK */
		return true;
	weft__hold_release(&self->hold);
	return false;
}

int weft_spin_lock_try(weft_spin *spin)
{
	return take(spin, weft__self()) ? 0 : -EBUSY;
}

/* True: taken. */
static bool spin_a_bout(weft_spin *spin, struct weft_thread *self)
{
	for (int round = 0; round < BOUT_ROUNDS; round++) {
		/* Waits by reading: the line stays shared until the holder writes it. */
		if (atomic_load_relaxed(&spin->holder) == 0 && take(spin, self))
			return true;
		weft__arch_relax();
	}
	return false;
}

static bool is_worth_a_bout(const weft_spin *spin, const struct weft_thread *self)
{
	const uintptr_t holder = atomic_load_relaxed(&spin->holder);

	if (unlikely(holder == name_of(self)))
		weft__panic("spin lock %p is locked again by its holder", (const void *)spin);
	if (holder == 0 || (holder & KERNEL) != 0 || weft__thread_is_kernel(self))
		return true;
	return weft__runs_beside(self, (const struct weft_thread *)holder);
}

static weft__noinline int lock_slow(weft_spin *spin, struct weft_thread *self, int64_t deadline_ns,
				    bool is_open)
{
	for (unsigned bout = 1;; bout++) {
		if (weft__sync_is_past(deadline_ns))
			return -ETIMEDOUT;
		if (is_open && weft_cancelled() < 0)
			return -ECANCELED;
		if (!is_worth_a_bout(spin, self) || bout % BOUTS_MAX == 0)
			weft_yield();
		if (spin_a_bout(spin, self))
			return 0;
	}
}

int weft_spin_lock(weft_spin *spin)
{
	struct weft_thread *self = weft__self();

	return likely(take(spin, self)) ? 0 : lock_slow(spin, self, WEFT_FOREVER, false);
}

int weft_spin_lock_until(weft_spin *spin, int64_t deadline_ns)
{
	struct weft_thread *self = weft__self();

	return likely(take(spin, self)) ? 0 : lock_slow(spin, self, deadline_ns, true);
}

void weft_spin_unlock(weft_spin *spin)
{
	struct weft_thread *self = weft__self();

	if (unlikely(atomic_load_relaxed(&spin->holder) != name_of(self)))
		weft__panic("spin lock %p is unlocked by a thread that does not hold it",
			    (void *)spin);
	atomic_store_release(&spin->holder, 0); /* UNLOCK */
	weft__hold_release(&self->hold);
}

void weft_spin_fini(weft_spin *spin)
{
	if (atomic_load_relaxed(&spin->holder) != 0)
		weft__panic("spin lock %p: destroyed while held", (void *)spin);
}
