/* SPDX-License-Identifier: MIT */
/*
 * Watch; see watch.h. The word of an entry:
 *
 *   SET      there is a watch. Set when entry->watch has been written; cleared by who drops it.
 *   CALLING  one carrier is in its function. Set and cleared by that carrier.
 *   READ, WRITE  (WEFT__POLL_ bits) came while CALLING, will be passed on by the same carrier.
 *   MAKING   somebody writes entry->watch. Set and cleared by him alone.
 *
 *   - -> MAKING -> SET                weft__watch
 *   SET -> SET|CALLING                an event: its carrier calls
 *   SET|CALLING|a -> SET|CALLING|a|b  further events: nothing else to do for their carriers
 *   SET|CALLING|a -> SET|CALLING      the carrier takes the bits and calls again
 *   SET|CALLING -> SET                there are none: it is done
 *   SET|* -> * & CALLING              dropped: the carrier in it calls no more
 *   CALLING -> -                      it is done; who drops has waited for that
 *
 * Dropping waits by giving the CPU away: a call is short, and its carrier runs. It is made out of
 * the engine, where no thread is switched away by force.
 */
#include "io/watch.h"

#include <errno.h>
#include <stddef.h>

#include "io/register.h"
#include "sched/poller.h"
#include "sys/sys.h"

#define WATCH_BITS (WEFT__POLL_READ | WEFT__POLL_WRITE | WEFT__POLL_END)
#define WATCH_CALLING 8u
#define WATCH_SET 16u
#define WATCH_MAKING 32u

bool weft__watch_is_set(struct weft__fd *entry)
{
	return atomic_load_relaxed(&entry->watch_word) != 0;
}

/* A carrier with an event: true: it is to call. */
static bool begin_call(struct weft__fd *entry, uint32_t ready)
{
	uint32_t word = atomic_load_acquire(&entry->watch_word);
	uint32_t next;

	do {
		if (!(word & WATCH_SET))
			return false;
		next = word & WATCH_CALLING ? word | ready : word | WATCH_CALLING;
	} while (!atomic_cas_acq_rel(&entry->watch_word, &word, next)); /* CALLING */
	return !(word & WATCH_CALLING);
}

/* After a call: what came meanwhile; 0: it is over. */
static uint32_t end_call(struct weft__fd *entry)
{
	uint32_t word = atomic_load_acquire(&entry->watch_word);
	uint32_t next;

	do
		next = (word & WATCH_SET) && (word & WATCH_BITS)
			       ? word & ~WATCH_BITS
			       : word & ~(WATCH_BITS | WATCH_CALLING);
	while (!atomic_cas_acq_rel(&entry->watch_word, &word, next)); /* CALLING */
	return next & WATCH_CALLING ? word & WATCH_BITS : 0;
}

void weft__watch_event(struct weft__fd *entry, uint32_t ready)
{
	if (atomic_load_relaxed(&entry->watch_word) == 0 || !begin_call(entry, ready & WATCH_BITS))
		return;
	do {
		entry->watch->ready(entry->watch, ready);
		ready = end_call(entry);
	} while (ready != 0);
}

void weft__watch_drop(struct weft__fd *entry)
{
	uint32_t word = atomic_load_acquire(&entry->watch_word);

	while (word & WATCH_SET)
		if (atomic_cas_acq_rel(&entry->watch_word, &word, word & WATCH_CALLING))
			break;
	while (atomic_load_acquire(&entry->watch_word) & WATCH_CALLING) /* CALLING */
		weft__sys_thread_yield();
}

static int set(struct weft__use *use, struct weft__watch *watch)
{
	struct weft__poller *poller = weft__poller_self();
	struct weft__poller *at;
	uint32_t none = 0;
	int error;

	if (!use->owned || poller == NULL)
		return -EINVAL;
	do {
		error = weft__fd_register(use, poller);
		if (error < 0)
			return error;
		/* Somebody else is at it, and may fail: nobody would tell us. */
		at = atomic_load_acquire(&use->entry->poller);
	} while (at == NULL || at == WEFT__FD_MOVING);
	if (!atomic_cas_acq_rel(&use->entry->watch_word, &none, WATCH_MAKING))
		return -EEXIST;
	use->entry->watch = watch;
	atomic_store_release(&use->entry->watch_word, WATCH_SET); /* CALLING */
	return 0;
}

int weft__watch(int fd, struct weft__watch *watch)
{
	struct weft__use use;
	int error = weft__fd_begin(fd, &use);

	if (error < 0)
		return error;
	error = set(&use, watch);
	weft__fd_end(&use);
	return error;
}

void weft__unwatch(int fd)
{
	struct weft__use use;

	if (weft__fd_begin(fd, &use) < 0)
		return;
	weft__watch_drop(use.entry);
	weft__fd_end(&use);
}
