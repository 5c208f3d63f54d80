/* SPDX-License-Identifier: MIT */
/*
 * The three objects behind user-level threads: scheduler, processor, carrier.
 *
 * A processor is the right to run threads of its scheduler, with the state that goes with it. It is
 * held by one carrier at a time; the owner word says by which:
 *
 *   carrier          that carrier runs with it. Only it may change the word: to itself|IDLE, or
 *                    to another|IDLE (hand-off, weft_blocking_begin).
 *   carrier | IDLE   that carrier does not run with it: it sleeps in the poller and still holds it,
 *                    or it is a spare that has been given it and has yet to wake. Anyone without a
 *                    processor may take it by compare-and-swap, and so does the sleeper itself when
 *                    it wakes: whoever loses has lost the processor.
 *
 *   (c) -> (c|IDLE) by c      (c) -> (d|IDLE) by c, hand-off
 *   (c|IDLE) -> (c) by c      (c|IDLE) -> (d) by d
 *
 * A carrier without a processor that runs no thread is a spare, in the scheduler's list, from which
 * it takes itself when it wakes. Most sleep on their own word. One whose processor was taken while
 * it slept in the poller stays there, and is a spare all the same: a processor that is offered to
 * it is idle, and whoever is rung serves its queue and timers. models/ownership.pml is this
 * protocol (with the monitor's part, which revokes).
 */
#ifndef WEFT_SCHED_ENGINE_H
#define WEFT_SCHED_ENGINE_H

#include "base/list.h"
#include "sched/poller.h"
#include "sched/runq.h"
#include "sched/thread.h"
#include "sched/timer.h"

#define WEFT__OWNER_IDLE ((uintptr_t)1)
#define WEFT__CARRIERS_MAX 10000
#define WEFT__PROCESSORS_MAX 1024
#define WEFT__CHECK_MAX \
	64u /* most switches between two looks at the clock, the global queue and the poller */
#define WEFT__HOT_RUNS_MAX 3
#define WEFT__STACK_CACHE_MAX 256
#define WEFT__ID_BLOCK 1024

/* What a successor does for the one it was switched from, first thing. */
enum weft__after {
	WEFT__AFTER_NOTHING,
	WEFT__AFTER_YIELD,  /* back into the queue */
	WEFT__AFTER_PARK,   /* ARMED -> PARKED, or back into the queue */
	WEFT__AFTER_GLOBAL, /* into the global queue */
	WEFT__AFTER_EXIT,   /* has ended, its joiners' lock is held */
};

struct weft__processor {
	/* owner only */
	struct weft_sched *sched;
	unsigned index;
	unsigned check_every; /* switches between two looks around */
	uint64_t check_at;    /* look around at this switch */
	unsigned hot_runs;
	unsigned stack_count;
	uint64_t id_next, id_end; /* thread ids that it may give out */
	/* threads it may start before it must count them in sched->live */
	int64_t credit;
	struct weft_thread *stacks; /* hot ones of the default size, last in first out */
	int64_t clock_ns;           /* atomic: the time at the last look */
	int64_t polled_ns;
	/* all */
	uintptr_t owner; /* atomic, see above */
	/* atomic; of an idle one: its owner wakes by then. WEFT_FOREVER: it does not know that it
	 * has it */
	int64_t attended_ns;
	uint64_t switches, steals, polls, hand_offs; /* atomic: written by the owner */
	struct weft__runq queue;
	struct weft__wheel wheel;
};

struct weft__carrier {
	/* the carrier's own */
	struct weft_thread loop;           /* its own stack, as a thread to switch to */
	struct weft__processor *processor; /* NULL: it has none */
	struct weft_thread *exit_wake;     /* with WEFT__AFTER_EXIT: whom to make ready then */
	struct weft__processor *last;      /* the one it handed off last */
	struct weft_sched *sched;
	struct weft_thread *previous; /* whom it was switched from */
	enum weft__after after;
	bool searching;
	void *fault_stack;
	weft__sys_thread kernel_thread;
	struct weft_thread *current; /* atomic, for the inspector */
	/* atomic: 1: go on */
	uint32_t wake_word;
	/* guarded by sched->lock */
	struct weft__processor *given; /* offered, and not yet looked at */
	bool is_spare;                 /* in sched->spares; it takes itself out when it wakes */
	bool in_poller;                /* of a spare: it sleeps there, not on wake_word */
	struct weft__list all, spare;
};

struct weft_sched {
	/* constant */
	unsigned processor_count;
	bool strict;
	char name[WEFT__NAME_BYTES];
	struct weft__processor **processors;
	struct weft__poller poller;
	size_t bytes; /* of this mapping */

	/* The idle protocol; see idle.c */
	/* atomic: carriers asleep in the poller, or about to be */
	uint32_t idle weft__aligned(WEFT__CACHE_LINE);
	/* atomic: carriers that look for work, and the ring that is under way */
	uint32_t searching;

	int64_t live;  /* atomic: threads, and credit given out to processors */
	bool stopping; /* atomic: carriers shall end */
	/* atomic: somebody waits for live to become 0; nothing is started from outside */
	bool ending;
	uint32_t visitors; /* atomic: kernel threads of others that are in weft__global_visit */

	uint32_t lock weft__aligned(WEFT__CACHE_LINE);
	/* guarded by lock */
	struct weft_thread *global_first, *global_last;
	uint32_t global_count; /* atomic for readers */
	struct weft__list carriers, spares;
	unsigned carrier_count, spare_count;

	weft__waitq ended;     /* who waits for live to become 0 */
	struct weft__list all; /* guarded by the registry's lock */
};

static inline struct weft__processor *weft__processor_self(struct weft_thread *self)
{
	return self->carrier != NULL ? self->carrier->processor : NULL;
}

/* ---- switch.c: from one thread to the next on a carrier */
/* the next of its own queue; NULL: none */
struct weft_thread *weft__pick(struct weft__processor *processor);
void weft__switch_to(struct weft_thread *self, struct weft_thread *next, enum weft__after after);
/* to the next, or the carrier's loop */
void weft__switch_away(struct weft_thread *self, enum weft__after after);
/* first thing on a new stack */
void weft__switch_start(struct weft_thread *self);

/* ---- carrier.c */
/* A new carrier, to which the processor is offered. On failure `offerer` (NULL: nobody) has it
 * again, if no other took it. */
/* 0, -ENOMEM, -EAGAIN */
int weft__carrier_start(struct weft_sched *sched, struct weft__processor *processor,
			struct weft__carrier *offerer);
void weft__carrier_wake(struct weft__carrier *carrier);
void weft__carrier_keep(struct weft__carrier *carrier);

/* ---- blocking.c */
void weft__blocking_resume(struct weft_thread *self) weft__cold;

/* ---- idle.c */
/* waits for some; NULL: lost the processor, or the end */
struct weft_thread *weft__find_work(struct weft__carrier *carrier);
void weft__wake_slow(struct weft_sched *sched);
/* now and then, while busy: clock, timers, poller, global queue */
void weft__look_around(struct weft__processor *processor);
void weft__search_end(struct weft__carrier *carrier);
/*
 * After work has been published in the queue of the caller's own processor, where others can take
 * it. A scheduler of one processor has nobody to wake then, and its sleeper relies on that: it
 * makes no heavy barrier.
 */
static inline void weft__wake_idle(struct weft_sched *sched)
{
	weft__sys_light_barrier(); /* IDLE: work before idle; see idle.c */
	if (unlikely(atomic_load_relaxed(&sched->idle) != 0) &&
	    atomic_load_relaxed(&sched->searching) == 0)
		weft__wake_slow(sched);
}
/* After work has been published in the global queue, by anyone. */
static inline void weft__wake_idle_global(struct weft_sched *sched)
{
	weft__sys_full_barrier(); /* IDLE */
	if (atomic_load_relaxed(&sched->idle) != 0 && atomic_load_relaxed(&sched->searching) == 0)
		weft__wake_slow(sched);
}

/* ---- queue.c: putting threads where they will run */
void weft__global_push(struct weft_sched *sched, struct weft_thread *thread); /* no wake */
/* and wakes; from any kernel thread */
void weft__global_visit(struct weft_sched *sched, struct weft_thread *thread);
/* one to run, others into its queue */
struct weft_thread *weft__global_take(struct weft__processor *processor);
void weft__enqueue(struct weft__processor *processor, struct weft_thread *thread);
void weft__enqueue_hot(struct weft__processor *processor, struct weft_thread *thread);

/* ---- sched.c */
/* processor NULL: of no processor; inside: by a thread of this scheduler. False: it ends, nothing
 * more is started from outside. */
bool weft__live_start(struct weft_sched *sched, struct weft__processor *processor, bool inside);
void weft__live_end(struct weft_sched *sched, struct weft__processor *processor);
void weft__live_flush(struct weft__processor *processor);
/* under the registry's lock */
int weft__sched_walk(int (*visit)(void *arg, struct weft_sched *sched), void *arg);
/* Between the two, carriers that a thread's record may name stay. For whoever walks through
 * records. */
unsigned weft__sched_hold(void);
void weft__sched_release(unsigned held); /* what hold returned */

#endif
