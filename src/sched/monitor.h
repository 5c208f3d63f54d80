/* SPDX-License-Identifier: MIT */
/*
 * What the files of the monitor share.
 *
 *	monitor.c	its loop, how often it looks, its life
 *	look.c		what it sees: who is blocked, who overran, who is back
 *	handoff.c	what it does for those that wait behind a blocked carrier
 *	maker.c		its helper, which makes carriers and sees them end
 */
#ifndef WEFT_SCHED_MONITOR_H
#define WEFT_SCHED_MONITOR_H

#include "sched/engine.h"

/* One look at everything. */
struct weft__look {
	int64_t now_ns;
	bool found; /* something to do */
	bool busy;  /* a processor is */
	bool away;  /* a carrier is */
};

static inline int64_t weft__earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* NULL: none; else it stays while we look: a carrier closes it when the scheduler
 * is looked at no more, or when it was retired: then nothing leads to it. */
static inline struct weft__watch *weft__watch_of(const struct weft__carrier *carrier)
{
	return atomic_load_acquire(&carrier->watch); /* WATCH */
}

/* ---- monitor.c: who walks through the schedulers that are looked at */
enum weft__walker { WEFT__WALKER_MONITOR, WEFT__WALKER_MAKER, WEFT__WALKERS };
/* The one after that one (NULL: the first), kept from going away until the next call; NULL: none.
 * If that one was taken out meanwhile the walk ends. */
struct weft_sched *weft__watched_next(enum weft__walker who, struct weft_sched *previous);

/* ---- look.c: when to look again at that scheduler, if nothing asks for it before */
int64_t weft__look_at(struct weft__look *look, struct weft_sched *sched);
/* Whether it has a block of its own. A guess: it runs elsewhere, and may have ended. */
bool weft__seems_user(const struct weft_thread *thread);

/* ---- handoff.c */
/* True: there is a spare that sleeps on its word. Else one is being made, or the bound is
 * reached. */
bool weft__have_spare(struct weft_sched *sched);
/* The processor of a carrier that is blocked goes to a spare. False: there is none, or it is not
 * blocked any more. */
bool weft__hand_off(struct weft_sched *sched, struct weft__processor *processor,
		    struct weft__carrier *carrier);
/* No spare is to be had: what can be done without one. False: nothing. */
bool weft__relieve(struct weft_sched *sched, struct weft__processor *processor,
		   struct weft__carrier *carrier);
/* Of a processor that nobody has. */
void weft__adopt(struct weft_sched *sched, struct weft__processor *processor);

/* ---- maker.c */
int weft__maker_begin(void);
void weft__maker_end(void);
void weft__maker_ring(void);

#endif
