/* SPDX-License-Identifier: MIT */
/*
 * User threads: records that have a block of their own (sys/tls.h) above them, at the top of the
 * stack's slot.
 *
 *	| guard | usable, grows down <-- | record | block: thread_local and control block of the C
 *library |
 *
 * A block is for ever, so a slot that has one is not given back to the stack store when its thread
 * has ended but kept for the next user thread with a stack of that size; only the pages of the
 * stack below it are.
 */
#ifndef WEFT_SCHED_USER_H
#define WEFT_SCHED_USER_H

#include "sched/engine.h"

/* Whether there can be user threads here; looks once. 0, -ENOTSUP; -ENOMEM, -EAGAIN: it could not
 * be found out now, and the next call looks again. */
int weft__user_init(void);
const char *weft__user_why(void); /* what weft_user_why says */
/* The same without looking: false where nobody has asked yet. */
extern uint32_t weft__user_state; /* atomic */
enum { WEFT__USER_UNKNOWN, WEFT__USER_OFFERED, WEFT__USER_REFUSED };
static inline bool weft__user_is_offered(void)
{
	return atomic_load_acquire(&weft__user_state) == WEFT__USER_OFFERED;
}

/* What a record takes of its slot, with the block of a user thread. */
size_t weft__user_control_bytes(weft_kind kind);
/* A record with its stack and block, as new. slot_bytes: a power of two. -ENOMEM, -EAGAIN */
int weft__user_take(size_t slot_bytes, struct weft_thread **out_thread);
void weft__user_give(struct weft_thread *thread);

/* How many slots lie ready for another thread. For tests. */
size_t weft__user_kept(void);

#endif
