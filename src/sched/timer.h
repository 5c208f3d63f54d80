/* SPDX-License-Identifier: MIT */
/*
 * Timers: each processor has a wheel. A timer claims one wait of one thread when its deadline has
 * passed.
 *
 * Hierarchical wheel: the next 1,024 slots of 16 us, then levels of 64 slots, each as wide as the
 * whole level below. Adding, cancelling and firing cost O(1); a timer moves down at most once a
 * level, one of less than 16 ms never. It fires exactly: the slot of now is searched for what is
 * due to the nanosecond, and the next wake-up is the least deadline of the first occupied slot.
 *
 * The wheel has a spin lock: a thread cancels from whichever processor it woke on, and idle
 * processors fire the timers of busy ones.
 * Rejected: a heap (its moves touch a cold stack page per level), one wheel per scheduler
 * (contended), cancelling lazily (a server's time-outs would pile up).
 */
#ifndef WEFT_SCHED_TIMER_H
#define WEFT_SCHED_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct weft_thread;
struct weft__wakes;

#define WEFT__WHEEL_SLOT_BITS 14 /* 16.4 us */
#define WEFT__WHEEL_NEAR_BITS 10
#define WEFT__WHEEL_FAR_BITS 6
#define WEFT__WHEEL_FAR_LEVELS 7 /* 14 + 10 + 42 = 66 bits: all of int64_t */
#define WEFT__WHEEL_NEAR (1u << WEFT__WHEEL_NEAR_BITS)
#define WEFT__WHEEL_FAR (1u << WEFT__WHEEL_FAR_BITS)

struct weft__timer {
	/* guarded by the wheel's lock */
	struct weft__list link;
	/* where it is; NULL: nowhere (also read by its owner without the lock: set by him, cleared
	 * when fired) */
	struct weft__wheel *wheel;
	int64_t deadline_ns;
	uint64_t ticket;
	uint16_t place; /* level << 10 | slot */
	/* a timer that came into the slot some places later, or did once: only to prefetch */
	const void *ahead;
};

struct weft__wheel {
	uint32_t lock;
	size_t count;    /* atomic for readers */
	int64_t next_ns; /* atomic: no timer is due before this; WEFT_FOREVER: none */
	/* guarded by lock */
	/* level-0 slot number up to which everything has fired or moved down */
	int64_t now_slot;
	uint64_t near_used[WEFT__WHEEL_NEAR / 64];
	uint64_t far_used[WEFT__WHEEL_FAR_LEVELS];
	struct weft__list near[WEFT__WHEEL_NEAR];
	struct weft__list far[WEFT__WHEEL_FAR_LEVELS][WEFT__WHEEL_FAR];
};

void weft__wheel_init(struct weft__wheel *wheel, int64_t now_ns);

/* Arms the thread's timer for its announced wait. */
void weft__timer_add(struct weft__wheel *wheel, struct weft_thread *thread, uint64_t ticket,
		     int64_t deadline_ns);

/* Takes the thread's timer out if it has not fired. After this it touches the thread no more. */
void weft__timer_cancel(struct weft_thread *thread);

/* Claims the waits of all that are due; those that were parked go to wakes. Returns how many were
 * due. */
unsigned weft__wheel_fire(struct weft__wheel *wheel, int64_t now_ns, struct weft__wakes *wakes);

/* Nothing is due before this. Progress: wait-free; stale by an add or a fire that goes on
 * meanwhile. */
int64_t weft__wheel_next(struct weft__wheel *wheel);

#endif
