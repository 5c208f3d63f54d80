/* SPDX-License-Identifier: MIT */
/* What scenarios of the engine have in common. */
#ifndef WEFT_TEST_ENGINE_H
#define WEFT_TEST_ENGINE_H

#include <weft/weft.h>

#include "base/atomic.h"
#include "scenario.h"
#include "sys/sys.h"

/* weft_run on 1 to 3 processors, as the seed says; strict now and then. What app returns; fails the
 * run if it cannot start. */
int engine_run(weft_function *app, void *arg);
int engine_run_on(unsigned processors, weft_function *app, void *arg);

/* Options of a scheduler in which ticks come: a slice as the seed says, from the shortest on, and
 * now and then hardly more carriers than processors. */
weft_sched_options engine_ticking(unsigned processors);

/* User or light, for all of a run or one thread. */
weft_kind engine_kind(void);
weft_thread *engine_spawn_kind(weft_kind kind, weft_function *function, void *arg);

/* Runs app in a scheduler of these options, checks what it has counted, and ends it. */
void engine_run_counted(const weft_sched_options *options, weft_kind kind, weft_function *app,
			void *arg);

/* The engine has ended: no kernel thread but the caller's lives, no descriptor is open, no thread's
 * stack is in use. */
void engine_check_clean(void);

weft_thread *engine_spawn(weft_function *function, void *arg);
void engine_join(weft_thread *thread, int expected_result);

/* A kernel thread that weft did not make. */
weft__sys_thread engine_foreign(void *(*function)(void *), void *arg);

/* Nothing, a yield, a short sleep, a read of the clock: as the seed says. */
void engine_dawdle(void);

/* A deadline from a little ago to some time ahead. */
int64_t engine_deadline(void);

/* The threads are printed if the run fails. Every scenario calls it first, or calls engine_run. */
void engine_watch(void);

#endif
