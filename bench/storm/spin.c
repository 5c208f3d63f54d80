/* SPDX-License-Identifier: MIT */
/* A spin lock: as a mutex. */
#include "base/atomic.h"
#include "storm.h"

static weft_spin spin;
/* guarded by spin */
static long inside, had, together;
static long expected; /* atomic: what `had` is to be */

static void begin(long count)
{
	(void)count;
	had = 0;
	together = 0;
	expected = 0;
}

static int lock(struct storm_actor *actor)
{
	int64_t deadline_ns = storm_deadline(actor);

	if (storm_random(actor, 8) == 0)
		return weft_spin_lock_try(&spin);
	if (deadline_ns == WEFT_FOREVER && storm_random(actor, 2) == 0)
		return weft_spin_lock(&spin);
	return weft_spin_lock_until(&spin, deadline_ns);
}

static void act(struct storm_actor *actor)
{
	if (!storm_got(actor, lock(actor)))
		return;
	together += inside++;
	had++;
	if (storm_random(actor, 64) == 0)
		storm_dawdle(actor);
	inside--;
	weft_spin_unlock(&spin);
	atomic_add_relaxed(&expected, 1);
	storm_dawdle(actor);
}

static void end(void)
{
	if (weft_spin_lock_try(&spin) != 0)
		storm_lose(&storm_spin, 1, "nobody holds it, nobody gets it");
	else
		weft_spin_unlock(&spin);
	weft_spin_fini(&spin);
	storm_double(&storm_spin, together, "two were in");
	storm_lose(&storm_spin, expected - had, "writes under the lock");
}

const struct storm_part storm_spin = { "spin", begin, act, end };
