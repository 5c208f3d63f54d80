/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "scenario.h"

static const struct {
	const char *group;
	const struct scenario *scenarios;
} lists[] = {
	{ "sys", sys_scenarios },
	{ "thread", thread_scenarios },
	{ "sync", sync_scenarios },
	{ "lock", lock_scenarios },
	{ "chan", chan_scenarios },
	{ "signal", signal_scenarios },
	{ "time", time_scenarios },
	{ "io", io_scenarios },
	{ "failure", failure_scenarios },
	{ "pool", pool_scenarios },
	{ "serve", serve_scenarios },
	{ "preempt", preempt_scenarios },
	{ "handoff", handoff_scenarios },
	{ "cancel", cancel_scenarios },
	{ "cancel_io", cancel_io_scenarios },
	{ "cancel_pool", cancel_pool_scenarios },
};

static bool bears(const char *name, const char *group, const struct scenario *scenario)
{
	return strcmp(name, "all") == 0 || strcmp(name, group) == 0 ||
	       strcmp(name, scenario->name) == 0;
}

const struct scenario *scenario_next(const char *name, unsigned *place)
{
	unsigned at = 0;

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		for (const struct scenario *scenario = lists[i].scenarios; scenario->name != NULL;
		     scenario++)
			if (at++ >= *place && bears(name, lists[i].group, scenario)) {
				*place = at;
				return scenario;
			}
	return NULL;
}
