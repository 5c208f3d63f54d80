/* SPDX-License-Identifier: MIT */
/*
 * A robust mutex whose owners die: one at a time has it, in the end nobody, and each death is told
 * once, to who has it next.
 */
#include "base/atomic.h"
#include "storm.h"

static struct {
	weft_owned_mutex mutex;
	/* guarded by mutex */
	long inside, together;
	long deaths, told;
} shared;

static void begin(long count)
{
	(void)count;
	bench_must(weft_owned_mutex_init(&shared.mutex,
					 &(weft_owned_mutex_options){ .robust = true }),
		   "owned mutex");
	shared.together = 0;
	shared.deaths = 0;
	shared.told = 0;
}

static int lock(struct storm_actor *actor)
{
	int64_t deadline_ns = storm_deadline(actor);

	if (storm_random(actor, 8) == 0)
		return weft_owned_mutex_lock_try(&shared.mutex);
	if (deadline_ns == WEFT_FOREVER && storm_random(actor, 2) == 0)
		return weft_owned_mutex_lock(&shared.mutex);
	return weft_owned_mutex_lock_until(&shared.mutex, deadline_ns);
}

static void hear(void)
{
	shared.told++;
	bench_must(weft_owned_mutex_consistent(&shared.mutex), "consistent");
}

static void act(struct storm_actor *actor)
{
	int code = lock(actor);

	if (code == -EOWNERDEAD)
		hear();
	else if (!storm_got(actor, code))
		return;
	shared.together += shared.inside++;
	storm_dawdle(actor);
	shared.inside--;
	if (storm_random(actor, 32) == 0) {
		shared.deaths++;
		actor->is_to_end = true;
		return;
	}
	bench_must(weft_owned_mutex_unlock(&shared.mutex), "unlock");
}

static void end(void)
{
	int code = weft_owned_mutex_lock_try(&shared.mutex);

	if (code == -EOWNERDEAD)
		hear();
	if (code == -EBUSY)
		storm_lose(&storm_owned_mutex, 1, "nobody holds it, nobody gets it");
	else
		weft_owned_mutex_unlock(&shared.mutex);
	weft_owned_mutex_fini(&shared.mutex);
	storm_double(&storm_owned_mutex, shared.together, "two were in");
	storm_lose(&storm_owned_mutex,
		   shared.deaths > shared.told ? shared.deaths - shared.told : 0, "deaths");
	storm_double(&storm_owned_mutex,
		     shared.told > shared.deaths ? shared.told - shared.deaths : 0, "deaths");
}

const struct storm_part storm_owned_mutex = { "owned mutex", begin, act, end };
