/* SPDX-License-Identifier: MIT */
/*
 * A scenario is a small program whose invariants hold however the kernel behaves. It runs as the
 * first kernel thread of a simulated process; the driver (sim_main.c) runs it over many seeds.
 */
#ifndef WEFT_TEST_SCENARIO_H
#define WEFT_TEST_SCENARIO_H

#include "sys/sim/sim.h"

struct scenario {
	const char *name; /* NULL ends a list */
	void (*run)(void *);
	struct weft__sim_options options;
	bool must_fail; /* it has a bug, which the simulator has to find */
};

/* Each GROUP_scenario.c has one of these; scenarios.c lists them all. */
extern const struct scenario sys_scenarios[];
extern const struct scenario thread_scenarios[];
extern const struct scenario sync_scenarios[];
extern const struct scenario lock_scenarios[];
extern const struct scenario signal_scenarios[];
extern const struct scenario chan_scenarios[];
extern const struct scenario time_scenarios[];
extern const struct scenario io_scenarios[];
extern const struct scenario failure_scenarios[];
extern const struct scenario pool_scenarios[];
extern const struct scenario serve_scenarios[];
extern const struct scenario preempt_scenarios[];
extern const struct scenario handoff_scenarios[];
extern const struct scenario cancel_scenarios[];
extern const struct scenario cancel_io_scenarios[];
extern const struct scenario cancel_pool_scenarios[];

/* The next scenario that bears this name, or whose group does, or any if that is "all"; NULL behind
 * the last. */
const struct scenario *scenario_next(const char *name, unsigned *place);

#endif
