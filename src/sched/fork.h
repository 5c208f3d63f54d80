/* SPDX-License-Identifier: MIT */
/*
 * fork: what the child can do with weft. In it there is one kernel thread, and on that the thread
 * that called fork; every other thread is lost. See fork.c.
 */
#ifndef WEFT_SCHED_FORK_H
#define WEFT_SCHED_FORK_H

#include "sched/engine.h"

/* 0: this process was not forked. Else threads with an id up to this one are lost; the survivor got
 * a new one. Constant but for fork. */
extern uint64_t weft__fork_lost_id;
/* How many forks lie between the process that weft began in and this one. A scheduler that was made
 * before the last has neither carriers nor threads, unless the survivor is one of them. */
extern uint32_t weft__fork_count;

static weft__always_inline bool weft__fork_has_lost(const struct weft_thread *thread)
{
	return unlikely(weft__fork_lost_id != 0) &&
	       atomic_load_relaxed(&thread->id) <= weft__fork_lost_id;
}

static inline bool weft__fork_has_lost_sched(const struct weft_sched *sched)
{
	return sched->fork_count != weft__fork_count;
}

/*
 * Before a thread is started: in a child the survivor's scheduler has one carrier at first, which
 * is all that exec needs. Gives each of its processors one, and the monitor back.
 */
void weft__fork_resume(struct weft_thread *self) weft__cold;
static inline void weft__fork_before_spawn(struct weft_thread *self)
{
	if (unlikely(self != NULL && self->sched != NULL &&
		     atomic_load_relaxed(&self->sched->is_reborn)))
		weft__fork_resume(self);
}

/*
 * The end of a user-level thread's function. If the thread survived a fork, who waited for its
 * scheduler is lost: from here on somebody waits who then ends the process with that result as its
 * status.
 */
void weft__fork_end(struct weft_thread *self, int result) weft__cold;
static inline void weft__fork_before_exit(struct weft_thread *self, int result)
{
	if (unlikely(self->sched->survivor == self))
		weft__fork_end(self, result);
}

/* ---- in the child, by its one thread: each file begins anew */
void weft__sched_forked(struct weft_sched *own);          /* NULL: none is left */
void weft__kernel_forked(struct weft_thread *self);       /* NULL: none is left */
void weft__monitor_forked(struct weft__carrier *carrier); /* the one that is left, or NULL */
void weft__user_forked(void);

/* ---- and for what comes later */
void weft__sched_await(struct weft_sched *sched);             /* until no thread of it lives */
void weft__carrier_open_watch(struct weft__carrier *carrier); /* by the carrier itself */

#endif
