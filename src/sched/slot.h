/* SPDX-License-Identifier: MIT */
/* The slots of a thread, seen by its end. */
#ifndef WEFT_SCHED_SLOT_H
#define WEFT_SCHED_SLOT_H

#include "sched/thread.h"

/* Calls the destructors of the calling thread's values, and forgets them. It may wait. */
void weft__slots_run(struct weft_thread *self) weft__cold;

static inline void weft__slots_end(struct weft_thread *self)
{
	if (unlikely(self->slots != NULL))
		weft__slots_run(self);
}

/* In fork's child. */
void weft__slots_forked(void);

#endif
