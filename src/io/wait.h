/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a descriptor. Every call that may wait does
 *
 *	seen = weft__fd_sequence(use, wanted);
 *	try
 *	if it would block: weft__fd_wait(use, wanted, seen, …), and from the start
 *
 * No event is lost. An event says "try again": it makes the sequence of its direction grow and
 * wakes all who wait for that, both under the lock of the direction's queue. Let a try find
 * nothing, and something come after it: then an event comes after it too, and the sequence grows
 * after it was read. Either that is before the waiter looks at the sequence under the lock: he sees
 * it and tries again; or it is after he has entered the queue: he is woken. There is nothing in
 * between.
 *
 * All are woken, not one: one event may stand for several connections or much data, and the one may
 * be about to give up or to take only part of it.
 *
 * Threads of a scheduler hear of events from its poller. Kernel threads wait in poll(2) themselves,
 * and stand in the same queue so that a close reaches them; they need no poller to exist.
 */
#ifndef WEFT_IO_WAIT_H
#define WEFT_IO_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "io/table.h"
#include "sys/sys.h"

struct weft__waiter;
struct weft_thread;

#define WEFT__POLL_BOTH (WEFT__POLL_READ | WEFT__POLL_WRITE)

/* Where a wait stands. Who waits for both directions stands on the reading side, and counts in
 * entry->both. */
static inline struct weft__fd_side *weft__fd_side(struct weft__fd *entry, uint32_t wanted)
{
	return &entry->sides[wanted == WEFT__POLL_WRITE];
}

static inline uint32_t weft__fd_sequence(const struct weft__use *use, uint32_t wanted)
{
	/* SEQUENCE: before the try */
	return atomic_load_acquire(&weft__fd_side(use->entry, wanted)->sequence);
}

/*
 * Waits for an event. reason: for the inspector.
 * Returns 0: try again; -EBADF: closed; -ETIMEDOUT; -ECANCELED; -EPERM: always ready; -ENOMEM,
 * -ENOSPC,
 * -EMFILE: the kernel cannot report it.
 */
int weft__fd_wait(struct weft__use *use, uint32_t wanted, uint32_t seen, const char *reason,
		  int64_t deadline_ns);

/*
 * Enters the queue of that direction, armed with that ticket, as one of several things that a
 * thread waits for (chan/select.h). Returns 1; and, not entered: 0: try again; or as weft__fd_wait.
 */
int weft__fd_enter(struct weft__use *use, uint32_t wanted, uint32_t seen,
		   struct weft__waiter *waiter, struct weft_thread *self, uint64_t ticket);
void weft__fd_leave(struct weft__use *use, uint32_t wanted, struct weft__waiter *waiter);

/* An event, on a carrier's loop: wakes who waits for what is ready. */
void weft__fd_event(struct weft__fd *entry, uint32_t ready);

/* Wakes all, with 0 (try again) or -EBADF. */
void weft__fd_wake(struct weft__fd *entry, int code);

/* Whether somebody waits on that side. */
bool weft__fd_is_waited(struct weft__fd *entry, uint32_t wanted);

#endif
