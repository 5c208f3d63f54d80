/* SPDX-License-Identifier: MIT */
/*
 * What a thread owns when it ends: a list that the sync floor keeps (owned_mutex.c) and that the
 * thread alone touches. The function is fastened before the first thing is put into any list, by
 * the thread that does.
 */
#ifndef WEFT_SCHED_OWNED_H
#define WEFT_SCHED_OWNED_H

#include "sched/thread.h"

/* Empties the list of that thread, which is the calling one, and ends. */
extern void (*weft__owned_abandon)(struct weft_thread *self); /* atomic */

static inline void weft__owned_end(struct weft_thread *self)
{
	if (unlikely(self->owned != NULL))
		atomic_load_relaxed (&weft__owned_abandon)(self);
}

#endif
