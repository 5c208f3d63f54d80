/* SPDX-License-Identifier: MIT */
/*
 * Registration: which poller reports a descriptor's events.
 *
 * An owned descriptor is in one poller at most, for both directions, edge triggered, from its first
 * would-block until its close. entry->poller says which. Legend:
 *
 *   NULL     none. Set when a poller goes away, and by who held MOVING.
 *   MOVING   one thread is inside epoll_ctl for this entry. It alone may leave this state. Others
 *            spin for that, so it is not switched away by force meanwhile (arch/hold.h).
 *   poller   that one.
 *
 *   NULL -> MOVING -> poller    the first who would block; back to NULL if it is refused
 *   poller -> MOVING -> other   a thread of another scheduler, when nobody else waits: so that a
 *                               hog in the old one does not delay it
 *   poller -> MOVING -> NULL    the last user, before close(2)
 *   poller -> NULL              that poller closes
 *
 * Who finds MOVING, or a poller that others wait on, need not wait for it: he is in the entry's
 * queue (or sees its sequence grow) when the events come, whichever poller brings them. What is
 * ready when a descriptor is added is its first event, so nothing is lost while it is in none. If
 * it is refused, all who wait are woken, try again, and add it themselves.
 *
 * A poller may go away while a thread of another scheduler moves a descriptor out of it: therefore
 * a poller that closes waits until no entry is MOVING. No entry comes to it any more then: only
 * threads of its scheduler add to it, and they have ended.
 *
 * Events carry (generation << 31 | number). One that was fetched before the number changed hands
 * has a stale generation, and is ignored.
 *
 * A descriptor that weft does not own may be closed and opened behind its back, which takes it out
 * of every poller. So each wait orders one report anew; adding what is ready reports at once. An
 * order replaces the one before it, so it is for all directions somebody waits for, and orders are
 * given one after the other (`arming`; the one spin lock that is held through a system call: a
 * short one, and seldom wanted by two). A report uses the order up, so it wakes both directions.
 */
#include "io/register.h"

#include <errno.h>
#include <stddef.h>

#include "io/wait.h"
#include "io/watch.h"
#include "sched/poller.h"
#include "sched/thread.h"
#include "sys/spin.h"
#include "sys/sys.h"

#define NUMBER_BITS 31
#define NUMBER_MASK ((UINT64_C(1) << NUMBER_BITS) - 1)

static int highest = -1; /* atomic: no higher number was ever added to a poller */

static uint64_t tag_of(const struct weft__use *use)
{
	return (uint64_t)use->generation << NUMBER_BITS | (uint64_t)use->fd;
}

static void raise_highest(int fd)
{
	int seen = atomic_load_relaxed(&highest);

	while (seen < fd && !atomic_cas_release(&highest, &seen, fd))
		;
}

static bool is_waited(struct weft__fd *entry)
{
	return weft__fd_is_waited(entry, WEFT__POLL_READ) ||
	       weft__fd_is_waited(entry, WEFT__POLL_WRITE) || weft__watch_is_set(entry);
}

/* False: *at has changed. True: the entry is MOVING, and the caller held. */
static bool begin_move(struct weft__fd *entry, struct weft__poller **at)
{
	weft__hold();
	if (atomic_cas_acq_rel(&entry->poller, at, WEFT__FD_MOVING))
		return true;
	weft__release();
	return false;
}

static void end_move(struct weft__fd *entry, struct weft__poller *to)
{
	atomic_store_release(&entry->poller, to); /* MOVED */
	weft__release();
}

static int add(const struct weft__use *use, struct weft__poller *poller)
{
	int error = weft__poller_add(poller, use->fd, tag_of(use));

	/* It had a single report ordered there, from before weft owned it. */
	if (unlikely(error == -EEXIST)) {
		weft__poller_remove(poller, use->fd);
		error = weft__poller_add(poller, use->fd, tag_of(use));
	}
	return error;
}

int weft__fd_register(struct weft__use *use, struct weft__poller *poller)
{
	struct weft__fd *entry = use->entry;
	struct weft__poller *at = atomic_load_acquire(&entry->poller);
	int error;

	do {
		if (likely(at == poller) || at == WEFT__FD_MOVING)
			return 0;
		if (at != NULL && is_waited(entry))
			return 0;
	} while (!begin_move(entry, &at));
	if (at != NULL)
		weft__poller_remove(at, use->fd);
	raise_highest(use->fd);
	error = add(use, poller);
	end_move(entry, error < 0 ? NULL : poller);
	if (unlikely(error < 0))
		weft__fd_wake(entry, 0);
	return error;
}

void weft__fd_unregister(struct weft__fd *entry, int fd)
{
	struct weft__poller *at = atomic_load_acquire(&entry->poller);

	for (;;) {
		if (at == NULL)
			return;
		if (at == WEFT__FD_MOVING) {
			weft__sys_thread_yield();
			at = atomic_load_acquire(&entry->poller);
		} else if (begin_move(entry, &at)) {
			break;
		}
	}
	weft__poller_remove(at, fd);
	end_move(entry, NULL);
}

int weft__fd_order(struct weft__use *use, struct weft__poller *poller)
{
	struct weft__fd *entry = use->entry;
	uint32_t wanted = 0;
	int error = 0;

	weft__spin_lock(&entry->arming);
	if (weft__fd_is_waited(entry, WEFT__POLL_READ))
		wanted |= WEFT__POLL_READ;
	if (weft__fd_is_waited(entry, WEFT__POLL_WRITE) || atomic_load_acquire(&entry->both) != 0)
		wanted |= WEFT__POLL_WRITE;
	/* Nobody: the one who asks has been woken meanwhile. */
	if (wanted != 0)
		error = weft__poller_once(poller, use->fd, wanted, tag_of(use));
	weft__spin_unlock(&entry->arming);
	return error;
}

/* ---- what pollers tell */

static void event(uint64_t tag, uint32_t ready)
{
	struct weft__fd *entry = weft__fd_find((int)(tag & NUMBER_MASK));
	uint64_t state;

	if (entry == NULL)
		return;
	state = atomic_load_acquire(&entry->state);
	if (WEFT__FD_GENERATION(state) != (uint32_t)(tag >> NUMBER_BITS))
		return;
	weft__watch_event(entry, ready);
	/* A single report is used up for both directions. */
	if (!(state & WEFT__FD_OWNED))
		ready = WEFT__POLL_READ | WEFT__POLL_WRITE;
	weft__fd_event(entry, ready);
}

static void forget(struct weft__fd *entry, struct weft__poller *poller)
{
	struct weft__poller *at = atomic_load_acquire(&entry->poller); /* pairs with MOVED */

	for (;;) {
		if (at == WEFT__FD_MOVING) {
			weft__sys_thread_yield();
			at = atomic_load_acquire(&entry->poller);
		} else if (at != poller) {
			return;
		} else if (atomic_cas_acq_rel(&entry->poller, &at, NULL)) {
			break;
		}
	}
	weft__fd_wake(entry, 0);
}

static void closing(struct weft__poller *poller)
{
	int last = atomic_load_acquire(&highest);

	for (int fd = 0; fd <= last; fd++) {
		struct weft__fd *entry = weft__fd_find(fd);

		if (entry != NULL)
			forget(entry, poller);
	}
}

static const struct weft__poller_events events = {
	.event = event,
	.closing = closing,
	.forked = weft__fd_forked,
};

__attribute__((constructor)) static void fasten(void)
{
	atomic_store_release(&weft__poller_events, &events);
}
