/* SPDX-License-Identifier: MIT */
/* Threads of all kinds that do the same: light and user ones by and large, a kernel thread and a
 * foreign one among them. */
#ifndef WEFT_TEST_SIM_CROWD_H
#define WEFT_TEST_SIM_CROWD_H

#include "engine.h"

#define USERS 6

/* USERS + 1 in all; the scheduler that they ran in has ended. */
void run_crowd(weft_function *user, void *arg);
/* The same, with users whose waits may be cancelled. */
void run_crowd_cancelling(weft_function *user, void *arg);

#endif
