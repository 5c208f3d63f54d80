/* SPDX-License-Identifier: MIT */
/* Who has a CPU: a guess, for those that would wait for him by spinning. */
#ifndef WEFT_SCHED_RUNNING_H
#define WEFT_SCHED_RUNNING_H

#include <stdbool.h>

#include "sched/thread.h"

/*
 * Whether that thread runs now with a processor of the calling thread's scheduler. It may be over;
 * only its address is looked at. A thread that is blocked in the kernel counts until its processor
 * is handed off. Costs a few loads a processor.
 */
bool weft__runs_beside(const struct weft_thread *self, const struct weft_thread *thread);

#endif
