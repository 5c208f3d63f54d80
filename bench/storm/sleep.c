/* SPDX-License-Identifier: MIT */
/* Time: a sleep that nobody ended has lasted as long as it was to. */
#include "base/atomic.h"
#include "storm.h"

static long early; /* atomic */

static void begin(long count)
{
	(void)count;
	early = 0;
}

static void act(struct storm_actor *actor)
{
	int64_t deadline_ns = storm_deadline(actor);

	if (storm_got(actor, weft_sleep_until(deadline_ns)) && weft_now() < deadline_ns)
		atomic_add_relaxed(&early, 1);
}

static void end(void)
{
	storm_double(&storm_sleep, early, "sleeps that ended by themselves");
}

const struct storm_part storm_sleep = { "sleep", begin, act, end };
