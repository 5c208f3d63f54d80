/* SPDX-License-Identifier: MIT */
/*
 * The inside of a channel, for this room: chan.c and select.c. One spin lock guards all of it.
 *
 * Who wants to send or to receive and cannot waits as a party, in the list of its direction. Who
 * comes later and can serve a party does all of the work, under the lock:
 *
 *	claim it (park.h); copy the element from or into its memory; unlock; make it ready
 *
 * The claim decides. A party whose deadline or cancellation was first has neither given nor got
 * anything, is unlinked and passed over.
 *
 *   The element is copied, then the claim is lost: a receive that timed out has been written into.
 *	No: the claim comes first.
 *   A party is claimed while it still runs, does not park, returns, and its caller gives the
 *   element's memory away, or the channel; then the element is copied, the lock released.
 *	No: whoever was claimed waits for its result (settle), which the claimer writes after the
 *	unlock. The party is in the memory of the one who waits, so it is still there.
 *   The claimer returns and takes the channel away; then the one who was claimed looks at it.
 *	No: for the same reason it looks at its own memory, and not at the channel.
 *   The claimer is switched away by force between unlock and result; who waits for that has the
 *   processor.
 *	No: the claimer holds (arch/hold.h) until it has written.
 *
 * Invariants, with the lock free:
 *
 *   - parties that wait to receive and that nobody has claimed: then nothing is in the channel, and
 *     it is not closed;
 *   - parties that wait to send, likewise: then it is full, and not closed;
 *   - of both there are some only if all are one thread's, in a select, which does not serve
 *     itself.
 *
 * Order: through the lock (SPIN-UNLOCK); RESULT, with what the claimer did to the element.
 * Rejected: a lock for each direction (a send to one who waits, and a receive from a full channel,
 * need both); elements in a list of nodes (an allocation each); segments with fetch-and-add instead
 * of a lock (a select and a cancellation must take back a place that they hold: what that costs is
 * more than the lock, which is held for some ten instructions).
 *
 * models/chan.pml is this protocol, with the variants that fail.
 */
#ifndef WEFT_CHAN_CHAN_H
#define WEFT_CHAN_CHAN_H

#include <weft/chan.h>

#include "chan/slots.h"
#include "sched/thread.h"
#include "sched/waitq.h"

enum weft__chan_way { WEFT__CHAN_SEND, WEFT__CHAN_RECV };

struct weft_chan {
	uint32_t lock;
	/* guarded by lock */
	bool is_closed;
	size_t count; /* atomic: written under the lock */
	struct weft__slots slots;
	weft__waitq parties[2]; /* by way; their own locks are not used */
	size_t capacity;        /* constant */
} weft__aligned(WEFT__CACHE_LINE);

struct weft__party {
	struct weft__waiter waiter;
	void *element; /* to send from, or to receive into */
	int code;      /* what it is to be claimed with: 0, or the number of its case */
	int result;    /* atomic: PENDING; 0 or -EPIPE, by who claimed it */
};

#define WEFT__CHAN_PENDING 1

/* What is left to do at the unlock and after it. */
struct weft__chan_rest {
	struct weft__party *party; /* was claimed */
	struct weft_thread *woken; /* its thread, if it was parked */
	struct weft__chunk *left;
};

/* ---- with the lock held */

/* Whether that can be done, or has failed, as far as one can see without a claim. self: whose
 * parties do not count. */
bool weft__chan_is_ready(const weft_chan *chan, enum weft__chan_way way,
			 const struct weft_thread *self);

/* Puts a party last whose thread has armed that ticket; as weft__waitq_link. Element and code are
 * the caller's to fill in. */
static weft__always_inline void weft__chan_link(weft_chan *chan, enum weft__chan_way way,
						struct weft__party *party, struct weft_thread *self,
						uint64_t ticket)
{
	weft__waitq *queue = &chan->parties[way];
	struct weft__waiter *last = queue->last;

	party->result = WEFT__CHAN_PENDING;
	party->waiter.linked = true;
	party->waiter.thread = self;
	party->waiter.ticket = ticket;
	party->waiter.next = NULL;
	party->waiter.prev = last;
	if (last != NULL)
		last->next = &party->waiter;
	else
		queue->first = &party->waiter;
	queue->last = &party->waiter;
}

/* Does it. Returns 0; -EPIPE; -EAGAIN: one has to wait; -ENOBUFS: a chunk is needed. */
int weft__chan_do(weft_chan *chan, enum weft__chan_way way, struct weft_thread *self, void *element,
		  struct weft__chan_rest *rest);

/* ---- without it */

static weft__always_inline void weft__chan_lock(weft_chan *chan, struct weft_thread *self)
{
	weft__hold_raise(&self->hold);
	if (unlikely(!weft__spin_try(&chan->lock)))
		weft__spin_lock_slow(&chan->lock);
}

static weft__always_inline void weft__chan_unlock(weft_chan *chan, struct weft_thread *self)
{
	weft__spin_unlock_for(&chan->lock);
	weft__hold_release(&self->hold);
}

/* After weft__chan_do. */
static weft__always_inline void weft__chan_unlock_and(weft_chan *chan, struct weft_thread *self,
						      const struct weft__chan_rest *rest)
{
	weft__spin_unlock_for(&chan->lock);
	if (rest->party != NULL)
		atomic_store_release(&rest->party->result, 0); /* RESULT */
	/* Held until it is ready, too: else it would have to wait for our next turn. */
	if (rest->woken != NULL)
		weft__ready(rest->woken);
	weft__hold_release(&self->hold);
	if (unlikely(rest->left != NULL))
		weft__slots_free(rest->left);
}

/* Gives it a chunk. Returns 0; -ENOMEM. */
int weft__chan_grow(weft_chan *chan);

/* Of a party that nobody claimed, or for another case. */
void weft__chan_unlink(weft_chan *chan, enum weft__chan_way way, struct weft_thread *self,
		       struct weft__party *party);

/* Of a party that was claimed: waits for the claimer to be done. Returns the result. */
int weft__chan_settle_slow(const struct weft__party *party);
static weft__always_inline int weft__chan_settle(const struct weft__party *party)
{
	int result = atomic_load_acquire(&party->result); /* RESULT */

	return likely(result != WEFT__CHAN_PENDING) ? result : weft__chan_settle_slow(party);
}

#endif
