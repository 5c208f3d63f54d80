/* SPDX-License-Identifier: MIT */
/* What a thread owns when it ends; see owned.h. */
#include "sched/owned.h"

void (*weft__owned_abandon)(struct weft_thread *self);
