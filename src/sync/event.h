/* SPDX-License-Identifier: MIT */
/* An event as one of several things that a thread waits for (chan/select.h). */
#ifndef WEFT_SYNC_EVENT_H
#define WEFT_SYNC_EVENT_H

#include <weft/event.h>

#include "sched/waitq.h"

/* Enters the queue with a ticket that the thread has armed. False: it is set, and has not
 * entered. */
bool weft__event_enter(weft_event *event, struct weft__waiter *waiter, struct weft_thread *self,
		       uint64_t ticket);

/* Leaves it. True: a set has taken the waiter out. */
bool weft__event_leave(weft_event *event, struct weft__waiter *waiter);

#endif
