/* SPDX-License-Identifier: MIT */
/* What a thread's beginning and end owe to its group (group.c) and to what it deferred
 * (defer.c). */
#ifndef WEFT_SCHED_GROUP_H
#define WEFT_SCHED_GROUP_H

#include "sched/thread.h"

void weft__defers_run(struct weft_thread *self);

void weft__group_enter(struct weft_thread *self);
void weft__group_leave(struct weft_thread *self, int result);
/* In fork's child: of its group it alone is left. */
void weft__group_forked(struct weft_thread *self);

/* The thread itself, before its function / when nothing of the program's runs on it any more. */
static inline void weft__group_begin(struct weft_thread *self)
{
	if (unlikely(self->group != NULL))
		weft__group_enter(self);
}

static inline void weft__group_end(struct weft_thread *self, int result)
{
	if (unlikely(self->group != NULL))
		weft__group_leave(self, result);
}

#endif
