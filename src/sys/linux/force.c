/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "sys/linux/force.h"

struct weft__sys_force weft__sys_force;

static bool is_asked_for(const char *variable, const char *value)
{
	const char *text = getenv(variable);

	return text != NULL && strcmp(text, value) == 0;
}

/* Before main: later the environment may change under other threads. */
static __attribute__((constructor)) void read_environment(void)
{
	struct weft__sys_force *force = &weft__sys_force;

	force->no_perf_tick = is_asked_for("WEFT_FORCE_TICK", "timer");
	force->no_clock_watch = is_asked_for("WEFT_FORCE_WATCH", "proc");
	force->no_perf_watch = force->no_clock_watch || is_asked_for("WEFT_FORCE_WATCH", "clock");
	force->no_fsgsbase = is_asked_for("WEFT_FORCE_FSGSBASE", "0");
	force->lacking = getenv("WEFT_FORCE_TLS");
}
