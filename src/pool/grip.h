/* SPDX-License-Identifier: MIT */
/*
 * Grip: how a worker that is blocked in a call that nobody declared loses its seat.
 *
 * The monitor sees that a worker's kernel thread sleeps in the kernel, and says so (seen). While
 * the worker is in the middle of a task's function it does nothing with its seat, so the seat is
 * taken from it, and another worker goes on with it. But it may come back at that very moment. So a
 * worker is `inside` whenever it uses its seat: between tasks, and in calls into the pool out of a
 * task (GRIP):
 *
 *	the worker			who has seen it
 *	1 inside = 1			1 grip: FIRM -> REVOKED
 *	  light barrier			  heavy barrier
 *	2 read grip			2 read inside
 *
 * Failing without the barriers: the worker's store waits in its store buffer and it reads FIRM; the
 * other has revoked and reads inside == 0; both use the seat. With them the worker sees REVOKED, or
 * it is seen inside. Both may: then the worker keeps its seat.
 *
 * Legend of the grip, an epoch in whose low two bits is
 *
 *   FIRM      the seat is the worker's, if it has one.
 *   REVOKED   somebody is about to take it. Set from FIRM, by anyone, with a new epoch.
 *   TAKEN     it is taken. The worker goes on without, once it has looked whether there is one.
 *
 *   (FIRM, e) -> (REVOKED, e+1)    seen
 *   (REVOKED, e) -> (FIRM, e)      the worker, under pool->lock; or he himself, who saw it inside
 *   (REVOKED, e) -> (TAKEN, e)     he, under pool->lock, where the seat becomes idle too
 *   (TAKEN, e) -> (FIRM, e)        the worker, under pool->lock
 *
 * The epoch is for two who see the same worker: between the read of inside and TAKEN of the one the
 * worker may come and go, and the other revoke anew; the barrier of the first is too old for that.
 *
 * A worker's record may be somebody's argument for as long as he likes, so records are not freed,
 * but used again; `host`, under `guard`, says whose it is. Whoever is late may so take the seat of
 * another worker, in a task that does not block: it is replaced for nothing, and no more than that.
 *
 * Rejected: the lock of the seat's own queue instead of `inside`. A worker that came back late
 * would set the mark of an owner in a queue that is another's by then.
 */
#ifndef WEFT_POOL_GRIP_H
#define WEFT_POOL_GRIP_H

#include <stdint.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "sys/sys.h"

#define WEFT__GRIP_FIRM 0u
#define WEFT__GRIP_REVOKED 1u
#define WEFT__GRIP_TAKEN 2u
#define WEFT__GRIP_STATE(word) ((word)&3u)
#define WEFT__GRIP_EPOCH 4u

struct weft__worker;

/* A part of the worker's record that outlives the worker. */
struct weft__grip {
	uint32_t inside; /* atomic: the worker writes */
	uint32_t word;   /* atomic, see above */
	uint32_t guard;
	/* guarded by guard */
	struct weft_pool *host; /* NULL: none, the worker has ended */
	/* of frame.h */
	uint32_t tell_lock;
	uint32_t telling; /* atomic: somebody has the lock, and looks at the worker's frames */
};

/* REVOKED or TAKEN. Afterwards FIRM, with a seat or without. */
void weft__grip_regain(struct weft__worker *worker, struct weft__grip *grip) weft__cold;

/* The worker itself: what it has for a seat stays that until leave. Returns what leave wants. Pairs
 * nest. */
static weft__always_inline uint32_t weft__grip_enter(struct weft__worker *worker,
						     struct weft__grip *grip)
{
	uint32_t was_inside = grip->inside;

	atomic_store_relaxed(&grip->inside, 1u);
	weft__sys_light_barrier(); /* GRIP */
	if (unlikely(WEFT__GRIP_STATE(atomic_load_acquire(&grip->word)) != WEFT__GRIP_FIRM))
		weft__grip_regain(worker, grip);
	return was_inside;
}

static weft__always_inline void weft__grip_leave(struct weft__grip *grip, uint32_t was_inside)
{
	atomic_store_release(&grip->inside, was_inside); /* GRIP */
}

/* Of weft__blocking_table; arg is a worker's record. */
void weft__grip_seen(void *arg);

#endif
