/* SPDX-License-Identifier: MIT */
/*
 * Select: the part that does not know what the cases are. A kind of case is a table of functions;
 * those of channels are in this room, upper floors bring their own.
 *
 * One wait in many queues. The thread arms once, and stands in the queue of each case with the same
 * ticket (park.h); of all that want to claim it one succeeds, and that decides which case it is. So
 * no two cases happen.
 *
 *	1  arm
 *	2  attempt each case in turn, from a place that is as good as random: done: disarm, return
 *	3  the deadline has passed: disarm, return
 *	4  look at each case once more and enter its queue, in one section under that queue's lock.
 *	   One that could happen now: withdraw, that is claim oneself, leave all queues, back to 1.
 *	   Somebody was quicker: then it is his
 *	5  park; leave all queues but the claimer's
 *
 * One lock at a time, so there is no order of locks to keep. No queue has been shown the ticket
 * before 4, so in 2 it is as if the thread were not armed: what it does there is done by claiming
 * others alone (chan.h). A cancellation may claim it from 1 on; a disarm overwrites that, for it is
 * lasting, and a park answers it.
 *
 *   A sender comes to the first channel after 2 has looked there, finds nobody, and waits; this
 *   thread parks in all the queues.
 *	No: 4 looks again, in one section with entering: it sees the sender, or the sender sees it.
 *   Two selects meet in a channel without capacity, each waits for the other to come.
 *	No: of two that enter one queue the second sees the first.
 *   In 4 the thread does what it finds, while it can be claimed for a queue that it has entered:
 *   two cases happen.
 *	No: it claims itself first. Won: nobody else can have, and it has left all queues when it
 *	attempts again. Lost: it does nothing but what it was claimed for.
 *   It claims another who waits, then itself, and loses: the other must be given back.
 *	No: it claims others in 2 alone, where nobody can claim it.
 *   Two selects enter two channels crosswise, each sees the other and withdraws; again, and again.
 *	Each time anew both would have to have left before either attempts, and to begin at
 *	different channels once more: where they begin differs from thread to thread and from time
 *	to time, so it ends, as a rule at once.
 *   It meets itself: a send and a receive of one channel.
 *	Parties of one's own are passed over (chan.h).
 *   The deadline has claimed it, something comes before it has left the queues, and it answers
 *   that nothing has come.
 *	It attempts once more before it does.
 *
 * What a waker is told to claim with: a channel the number of the case and 1, so that the thread
 * need not search. Queues that let all go on at once know one code only, 0: then each kind says
 * whether it was the one (woken).
 *
 * Rejected: all locks at once, in the order of their addresses (many cases hold many locks);
 * claiming oneself under the lock and then the other there and then (saves nothing: it happens only
 * when two meet in 4).
 *
 * models/select.pml is this protocol, with the variants that fail.
 */
#ifndef WEFT_CHAN_SELECT_H
#define WEFT_CHAN_SELECT_H

#include <weft/select.h>

#include "chan/chan.h"

/* A case that is being waited for. */
struct weft__select_wait {
	struct weft__party party; /* others than channels use its waiter alone */
	weft_case *wish;
	const struct weft__select_kind *kind; /* NULL: WEFT_CASE_NONE */
	bool has_entered;
	bool was_set;     /* an event's */
	uint64_t room[8]; /* zero at first; an upper floor's */
};

struct weft__select_kind {
	/* Does it if it can be done now. Returns what is to be the result; -EAGAIN. */
	int (*attempt)(struct weft__select_wait *wait, struct weft_thread *self);
	/* Enters the queue, armed. False: it could be done now; it has not entered. */
	bool (*enter)(struct weft__select_wait *wait, struct weft_thread *self, uint64_t ticket);
	/* Leaves the queue, if no waker has taken it out. */
	void (*leave)(struct weft__select_wait *wait, struct weft_thread *self);
	/* Has left; a waker without a number of its own has claimed the thread, perhaps that of
	 * this case. Returns as attempt. NULL: its wakers have numbers. */
	int (*woken)(struct weft__select_wait *wait, struct weft_thread *self);
	/* The select is over. NULL: nothing to do. */
	void (*end)(struct weft__select_wait *wait);
};

/* What the floor of descriptors has in it. */
struct weft__select_upper {
	const struct weft__select_kind *kind_fd;
	/* weft__park for a kernel thread */
	int (*park_kernel)(struct weft__select_wait *waits, unsigned count,
			   struct weft_thread *self, uint64_t ticket, int64_t deadline_ns);
};

/* weft_select */
int weft__select(weft_case *cases, int count, int64_t deadline_ns,
		 const struct weft__select_upper *upper);

#endif
