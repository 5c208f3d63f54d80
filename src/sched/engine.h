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
 *   IDLE             no carrier's: the one that it was offered to could not be started. Anyone may
 *                    take it.
 *   carrier|REVOKED  the monitor is about to take it from that carrier, which is blocked in the
 *                    kernel: then it gives it to a spare. A carrier that finds this at its next
 *                    entry into the engine takes it back; see enter.h.
 *   REVOKED          nobody's: it is on its way to a carrier that stopped with its thread
 *                    (handoff.c). Nobody else takes it.
 *
 *   (c) -> (c|IDLE) by c      (c) -> (d|IDLE) by c, declared     (c) -> (d) by c, see stopped.c
 *   (c|IDLE) -> (c) by c      (c|IDLE) -> (d) by d
 *   (c) -> (c|REVOKED) by the monitor, and on to (d|IDLE), or back, by it; or back by c
 *
 * A carrier without a processor that runs no thread is a spare, in the scheduler's list, from which
 * it takes itself when it wakes. Most sleep on their own word. One whose processor was taken while
 * it slept in the poller stays there, and is a spare all the same: a processor that is offered to
 * it is idle, and whoever is rung serves its queue and timers. models/ownership.pml is this
 * protocol.
 */
#ifndef WEFT_SCHED_ENGINE_H
#define WEFT_SCHED_ENGINE_H

#include "base/list.h"
#include "sched/poller.h"
#include "sched/runq.h"
#include "sched/thread.h"
#include "sched/timer.h"
#include "sys/tick.h"
#include "sys/tls.h"

#define WEFT__OWNER_IDLE ((uintptr_t)1)
#define WEFT__OWNER_REVOKED ((uintptr_t)2)
#define WEFT__OWNER_BITS (WEFT__OWNER_IDLE | WEFT__OWNER_REVOKED)
#define WEFT__CARRIERS_MAX 10000
#define WEFT__SPARES_KEPT 2 /* of those that nobody needs */
#define WEFT__PROCESSORS_MAX 1024
#define WEFT__CHECK_MAX \
	64u /* most switches between two looks at the clock, the global queue and the poller */
#define WEFT__HOT_RUNS_MAX 3
#define WEFT__STACK_CACHE_MAX 256
#define WEFT__ID_BLOCK 1024
#define WEFT__SLICE_NS (10 * WEFT_MS)
#define WEFT__SLICE_MIN_NS (100 * WEFT_US)

/* What a successor does for the one it was switched from, first thing. */
enum weft__after {
	WEFT__AFTER_NOTHING,
	WEFT__AFTER_YIELD,  /* back into the queue */
	WEFT__AFTER_PARK,   /* ARMED -> PARKED, or back into the queue */
	WEFT__AFTER_GLOBAL, /* into the global queue */
	WEFT__AFTER_EXIT,   /* has ended, its joiners' lock is held */
};

/* Hot stacks of the default size, with their records, last in first out. */
struct weft__stack_cache {
	struct weft_thread *first;
	unsigned count;
};

struct weft__processor {
	/* owner only */
	struct weft_sched *sched;
	unsigned index;
	unsigned check_every; /* switches between two looks around */
	uint64_t check_at;    /* look around at this switch */
	unsigned hot_runs;
	uint64_t id_next, id_end; /* thread ids that it may give out */
	/* threads it may start before it must count them in sched->live */
	int64_t credit;
	struct weft__stack_cache stacks[2]; /* light, user */
	int64_t clock_ns;                   /* atomic: the time at the last look */
	int64_t polled_ns;
	/* when a spent thread last had its turn, and which switch that was: never two in a row
	 * while others wait */
	int64_t spent_ns;
	uint64_t spent_at;
	bool spent_due;
	struct weft__runq spent; /* threads that used their slice up; behind all others */
	/* the monitor's */
	uint64_t seen_switches;
	int64_t seen_ns; /* since when the same thread runs, as far as it has seen */
	uint32_t seen_calls;
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
	/* atomic; see enter.h: the carrier writes, the monitor reads */
	uint32_t inside;
	/* the carrier's own */
	struct weft_thread loop;           /* its own stack, as a thread to switch to */
	struct weft__processor *processor; /* atomic, for the monitor; NULL: it has none */
	struct weft_thread *exit_wake;     /* with WEFT__AFTER_EXIT: whom to make ready then */
	struct weft__processor *last;      /* the one it handed off last */
	struct weft_sched *sched;
	struct weft_thread *previous; /* whom it was switched from */
	struct weft_thread *grant;    /* picked, but another carrier must run it; see stopped.c */
	struct weft__watch *watch;    /* atomic, for the monitor; NULL: none could be had */
	uint64_t tick_switches;       /* of its processor, at the last tick */
	int64_t tick_run_ns;          /* for how long the same thread has run, counted in ticks */
	/* atomic: written by the carrier */
	uint64_t ticks, preemptions, deferrals, migrations, calls_broken, extra_runs;
	bool armed;        /* atomic: ticks come */
	bool is_in_a_call; /* atomic: its last tick fell into one */
	enum weft__after after;
	bool searching;
	void *fault_stack;
	weft__sys_thread kernel_thread;
	struct weft_thread *current; /* atomic, for the inspector */
	/* atomic: 1: go on */
	uint32_t wake_word;
	uint32_t stop_word;              /* the same, for one that stopped with its thread */
	struct weft__processor *granted; /* with stop_word */
	/* guarded by sched->lock */
	struct weft__processor *given; /* offered, and not yet looked at */
	bool is_spare;                 /* in sched->spares; it takes itself out when it wakes */
	bool in_poller;                /* of a spare: it sleeps there, not on wake_word */
	bool is_retired;               /* it ends, or has ended: its record is kept for another */
	struct weft__list all, spare;
	bool is_stopped; /* atomic: it sleeps with its thread; see stopped.c */
	bool is_new;     /* its own: made as a spare, and not yet one */
	/* its own: it began where there is no monitor yet (fork.c), and opens its watch later */
	bool awaits_monitor;
	bool is_dislodged; /* atomic: by the monitor; its next tick is to give way */
	/* the monitor's; for the maker: of whose blocking it is to tell, and in which turn it
	 * was */
	bool is_away;            /* its processor was handed off */
	uint64_t tried_switches; /* in which turn it was to be dislodged the last time */
	int64_t dislodged_ns;    /* and when it was */
	struct weft__list away;
	void *seen_arg;                                /* atomic; NULL: of none */
	const struct weft__blocking_table *seen_table; /* atomic */
	uint64_t told_turn; /* of which processor, too: it may have another by now */
};

struct weft_sched {
	/* constant */
	unsigned processor_count;
	bool strict;
	int64_t slice_ns; /* WEFT_FOREVER: no preemption */
	unsigned carriers_max;
	uint64_t fp_control; /* its maker's: what its carriers begin with */
	char name[WEFT__NAME_BYTES];
	struct weft__processor **processors;
	struct weft__poller poller;
	size_t bytes; /* of this mapping */
	/* fork.c: the forks before it was made, or through which it came; atomic: it has one
	 * carrier and no monitor yet; the thread that came through, until it ends */
	uint32_t fork_count;
	bool is_reborn;
	struct weft_thread *survivor;

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
	unsigned carrier_count, spare_count, carriers_most;
	uint32_t spare_turns; /* how often a carrier became a spare; the monitor reads it without */
	uint32_t seen_spare_turns; /* the monitor's: of the last look */

	int64_t tick_ns;           /* atomic: the shortest slice of the scheduler and its threads */
	uint64_t hand_offs;        /* atomic: the monitor's */
	struct weft__list watched; /* the monitor's list */
	bool is_watched;
	/* the monitor's: carriers whose processor was handed off; until when spares stay, the bound
	 * is not reported, no spare is asked for */
	struct weft__list away;
	int64_t retire_ns, report_ns, ask_ns;
	uint32_t spare_asked;   /* atomic; see maker.c */
	uint32_t stopped_count; /* atomic: threads that are stopped with their carrier */
	/* guarded by lock; carriers that end, and whose records are free */
	struct weft__list dying, retired;

	weft__waitq ended;     /* who waits for live to become 0 */
	struct weft__list all; /* guarded by the registry's lock */
};

static inline struct weft__processor *weft__processor_self(struct weft_thread *self)
{
	return self->carrier != NULL ? self->carrier->processor : NULL;
}

/* ---- owner.c */
/* At an entry that found the owner word changed: takes the processor back, or has lost it
 * (NULL). */
struct weft__processor *weft__owner_regain(struct weft__carrier *carrier) weft__cold;
/* A user-level thread that runs without a processor takes an idle one, or queues for its turn. */
void weft__owner_return(struct weft_thread *self) weft__cold;

/* ---- preempt.c */
int weft__preempt_install(void);
bool weft__has_waiters(struct weft__processor *processor);

/* ---- stopped.c */
/* Whom to switch to for a thread that was picked: the thread, or the loop if only another carrier
 * can run it. */
static weft__always_inline struct weft_thread *weft__runner_of(struct weft__carrier *carrier,
							       struct weft_thread *next)
{
	if (likely(next->stopped_with == NULL))
		return next;
	carrier->grant = next;
	return &carrier->loop;
}

bool weft__stop_here(struct weft_thread *self);
void weft__stopped_grant(struct weft__carrier *carrier, struct weft_thread *thread);
/* The next that waits to go on with its carrier; NULL: none. The rest of that processor's queues is
 * in the global one then. Both: of a processor that is the caller's alone. */
struct weft_thread *weft__stopped_take(struct weft_sched *sched, struct weft__processor *processor);
void weft__stopped_give(struct weft_thread *thread, struct weft__processor *processor);

/* ---- monitor.c */
/* Starts it for the first scheduler, ends it after the last. */
int weft__monitor_begin(void);
void weft__monitor_end(void);
/* It looks at that scheduler from here on; does so no more when the call returns. */
void weft__monitor_add(struct weft_sched *sched);
void weft__monitor_remove(struct weft_sched *sched);
/* The watch of a carrier, at its start; NULL: at its end. The monitor looks at no other. */
void weft__monitor_watch(struct weft__carrier *carrier, struct weft__watch *watch);
void weft__monitor_ring(void);
/* A processor of that scheduler has become busy: the monitor, if it sleeps, should look. */
void weft__monitor_busy(void);

/* ---- maker.c */
enum weft__spare_asked {
	WEFT__SPARE_UNASKED,
	WEFT__SPARE_ASKED,  /* by anyone */
	WEFT__SPARE_MADE,   /* by the maker; it says itself when it is there */
	WEFT__SPARE_FAILED, /* no thread, no memory */
};
/* A carrier more is wanted. It does not wait. False: there will be none. Async-signal-safe. */
bool weft__maker_ask(struct weft_sched *sched);

/* ---- switch.c: from one thread to the next on a carrier */
/* the next of its own queue; NULL: none */
struct weft_thread *weft__pick(struct weft__processor *processor);
void weft__switch_to(struct weft_thread *self, struct weft_thread *next, enum weft__after after);
/* to the next, or the carrier's loop */
void weft__switch_away(struct weft_thread *self, enum weft__after after);
/* The usual wait, of a thread that has announced it: without an end, by one that has a processor.
 * False: it is not the usual one, or over already; nothing has changed. */
bool weft__switch_park(struct weft_thread *self, const char *reason);

/* SEEN: since_ns before reason, for the inspector. */
static weft__always_inline void weft__note_wait(struct weft_thread *self, const char *reason,
						int64_t since_ns)
{
	atomic_store_relaxed(&self->since_ns, since_ns);
	atomic_store_release(&self->reason, reason);
}
/* first thing on a new stack */
void weft__switch_start(struct weft_thread *self);

/* ---- carrier.c */
/* A new carrier, to which the processor is offered (NULL: none, it is a spare). On failure
 * `offerer` (NULL: nobody) has it again, if no other took it. */
/* 0, -ENOMEM, -EAGAIN */
int weft__carrier_start(struct weft_sched *sched, struct weft__processor *processor,
			struct weft__carrier *offerer);
/* A spare is to end. With sched->lock held. */
void weft__carrier_retire(struct weft__carrier *carrier);
/* Waits for the end of one that is no more in the list of those that are dying. */
void weft__carrier_bury(struct weft__carrier *carrier);
void weft__carrier_wake(struct weft__carrier *carrier);
void weft__carrier_keep(struct weft__carrier *carrier);

/* ---- blocking.c */
/* Offers the carrier's processor to a spare: one that sleeps on its word, or also in the poller.
 * False: there is none, the carrier has it still. Inside. */
/* One to which a processor can be offered, and which sleeps on its word; NULL: none. With
 * sched->lock held. */
struct weft__carrier *weft__spare_on_word(struct weft_sched *sched);
/* One that sleeps in the poller without a processor is rung: it comes out, and sleeps on its word.
 * False: there is none. */
bool weft__spare_rouse(struct weft_sched *sched);
bool weft__offer(struct weft__carrier *carrier, struct weft__processor *processor, bool in_poller);
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
/* the first that is stopped with its carrier; NULL: none */
struct weft_thread *weft__global_take_stopped(struct weft_sched *sched);
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
