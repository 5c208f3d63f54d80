/* SPDX-License-Identifier: MIT */
/* Meetings: for each last one as many as meet, and who was cancelled has not been counted. */
#include "base/atomic.h"
#include "storm.h"

enum { MEET = 3 };

static weft_barrier barrier;
static long met, lasts; /* atomic */

static void begin(long count)
{
	(void)count;
	bench_must(weft_barrier_init(&barrier, MEET), "barrier");
	met = 0;
	lasts = 0;
}

static int wait_for(struct storm_actor *actor)
{
	int64_t deadline_ns = storm_deadline(actor);

	if (storm_random(actor, 8) == 0)
		return weft_barrier_wait_try(&barrier);
	return deadline_ns == WEFT_FOREVER ? weft_barrier_wait(&barrier)
					   : weft_barrier_wait_until(&barrier, deadline_ns);
}

static void act(struct storm_actor *actor)
{
	int code = wait_for(actor);

	if (!storm_got(actor, code))
		return;
	atomic_add_relaxed(&met, 1);
	if (code == WEFT_BARRIER_LAST)
		atomic_add_relaxed(&lasts, 1);
}

static void end(void)
{
	long missing = lasts * MEET - met;

	weft_barrier_fini(&barrier);
	storm_lose(&storm_barrier, missing > 0 ? missing : 0, "of those that met");
	storm_double(&storm_barrier, missing < 0 ? -missing : 0, "went on without a meeting");
}

const struct storm_part storm_barrier = { "barrier", begin, act, end };
