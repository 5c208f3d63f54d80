/* SPDX-License-Identifier: MIT */
/*
 * Park and ready: how one of our threads stops, and how exactly one of several wakers makes it go
 * on.
 *
 * The park word of a thread is (epoch << 16 | code << 2 | state); while no code is there, bit 2 is
 * OPEN. Legend:
 *
 *   RUNNING   nobody may wake it. Set by the thread itself when a wait is over.
 *   ARMED     a wait is announced: wakers may claim it, the thread still runs. Set by the thread
 *             alone (weft__arm), by a plain store *before* it shows itself to wakers.
 *   PARKED    its registers are saved. Set from ARMED only: for a user-level thread by its
 *             successor on the carrier, after the switch; for a kernel thread by itself.
 *   OPEN      with ARMED or PARKED: a cancellation may claim it too (cancel.h). Set by weft__arm.
 *   NOTIFIED  one waker has claimed it, with a code. Set from ARMED or PARKED by the winner of a
 *             compare-and-swap.
 *
 *   (RUNNING, e) -> (ARMED, e+1) -> (PARKED, e+1) -> (NOTIFIED, e+1) -> (RUNNING, e+1)
 *                        \----------------------------^
 *
 * A ticket is the park word as it was armed: whoever holds (thread, ticket) can claim that wait and
 * no later one.
 * A stale ticket is legal and loses. Who claims a PARKED thread, and nobody else, hands it to
 * weft__ready, after he has dropped his locks; until then it cannot run, so its record cannot go
 * away. Who claims an ARMED one has nothing more to do: its successor (or the kernel thread itself)
 * fails to set PARKED and sees to it.
 * A claim touches the thread's record, so it happens where the thread cannot leave: under the lock
 * of the queue that it must unlink itself from, or of the wheel that it must take its timer out of.
 *
 * models/park.pml is this protocol, with the variants that fail.
 */
#ifndef WEFT_SCHED_PARK_H
#define WEFT_SCHED_PARK_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"

struct weft_thread;

enum weft__park_state {
	WEFT__RUNNING = 0,
	WEFT__ARMED = 1,
	WEFT__PARKED = 2,
	WEFT__NOTIFIED = 3,
};

#define WEFT__PARK_OPEN UINT64_C(4)
#define WEFT__PARK_STATE(word) ((unsigned)((word)&3))
#define WEFT__PARK_EPOCH UINT64_C(0x10000)

enum weft__claim {
	WEFT__CLAIM_LOST,    /* another waker was first, or the wait is long over */
	WEFT__CLAIM_RUNNING, /* won; nothing more to do */
	WEFT__CLAIM_PARKED,  /* won; the winner must call weft__ready */
};

/* Announces a wait of the calling thread. Returns its ticket. _firm: one that no cancellation ends,
 * for waits that cannot fail. */
uint64_t weft__arm(struct weft_thread *self);
uint64_t weft__arm_firm(struct weft_thread *self);

/* Takes an announced wait back that nobody has been shown. */
void weft__disarm(struct weft_thread *self);

/* Claims the wait. code: what weft__park will return: 0 to 4095, or a negative errno. */
enum weft__claim weft__claim(struct weft_thread *thread, uint64_t ticket, int code);

/*
 * Waits until the announced wait has been claimed. reason: static text, a word that says what for.
 * Returns the claimer's code; -ETIMEDOUT when the deadline claimed it; of an open wait -ECANCELED
 * when the thread is cancelled, or was before. Runs other threads meanwhile. May be called without
 * a processor.
 */
int weft__park(struct weft_thread *self, const char *reason, int64_t deadline_ns);

/* Makes a thread go on that the caller has claimed as PARKED. With the front door `weft__ready` it
 * runs soon (the hot slot); `_later` puts it at the queue's end. From any kernel thread; never
 * waits. The thread's record may be gone when this returns. */
void weft__ready(struct weft_thread *thread);
void weft__ready_later(struct weft_thread *thread);

/* weft__claim and, if need be, weft__ready. True: won. Only where the thread cannot leave
 * meanwhile, and no spin lock is held. */
bool weft__wake(struct weft_thread *thread, uint64_t ticket, int code);

#endif
