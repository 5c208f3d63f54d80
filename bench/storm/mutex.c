/* SPDX-License-Identifier: MIT */
/* A lock is had by one at a time, and in the end by nobody. */
#include "base/atomic.h"
#include "storm.h"

static struct {
	weft_mutex mutex;
	/* guarded by mutex */
	long inside, had, together;
} shared;
static long expected; /* atomic: what `had` is to be */

static void begin(long count)
{
	(void)count;
	shared.had = 0;
	shared.together = 0;
	expected = 0;
}

static int lock(struct storm_actor *actor)
{
	int64_t deadline_ns = storm_deadline(actor);

	if (storm_random(actor, 8) == 0)
		return weft_mutex_lock_try(&shared.mutex);
	if (deadline_ns == WEFT_FOREVER && storm_random(actor, 2) == 0)
		return weft_mutex_lock(&shared.mutex);
	return weft_mutex_lock_until(&shared.mutex, deadline_ns);
}

static void act(struct storm_actor *actor)
{
	if (!storm_got(actor, lock(actor)))
		return;
	shared.together += shared.inside++;
	shared.had++;
	storm_dawdle(actor);
	shared.inside--;
	weft_mutex_unlock(&shared.mutex);
	atomic_add_relaxed(&expected, 1);
}

static void end(void)
{
	if (weft_mutex_lock_try(&shared.mutex) != 0)
		storm_lose(&storm_mutex, 1, "nobody holds it, nobody gets it");
	else
		weft_mutex_unlock(&shared.mutex);
	weft_mutex_fini(&shared.mutex);
	storm_double(&storm_mutex, shared.together, "two were in");
	storm_lose(&storm_mutex, expected - shared.had, "writes under the lock");
}

const struct storm_part storm_mutex = { "mutex", begin, act, end };
