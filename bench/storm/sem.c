/* SPDX-License-Identifier: MIT */
/* Permits: never more out than there are, and in the end all of them back. */
#include "base/atomic.h"
#include "storm.h"

enum { PERMITS = 3 };

static weft_sem sem;
static long out;      /* atomic: how many are taken */
static long too_many; /* atomic: how often there were more than there are */

static void begin(long count)
{
	(void)count;
	bench_must(weft_sem_init(&sem, PERMITS), "sem");
	too_many = 0;
}

static int wait_for(struct storm_actor *actor, int32_t n)
{
	int64_t deadline_ns = storm_deadline(actor);

	if (storm_random(actor, 8) == 0)
		return weft_sem_wait_n_try(&sem, n);
	if (deadline_ns != WEFT_FOREVER)
		return weft_sem_wait_n_until(&sem, n, deadline_ns);
	return n == 1 ? weft_sem_wait(&sem) : weft_sem_wait_n(&sem, n);
}

static void act(struct storm_actor *actor)
{
	int32_t n = 1 + (int32_t)storm_random(actor, PERMITS);

	if (!storm_got(actor, wait_for(actor, n)))
		return;
	if (atomic_add_relaxed(&out, n) + n > PERMITS)
		atomic_add_relaxed(&too_many, 1);
	storm_dawdle(actor);
	atomic_add_relaxed(&out, -n);
	weft_sem_wake_n(&sem, n);
}

static void end(void)
{
	long back = 0;

	while (weft_sem_wait_try(&sem) == 0)
		back++;
	weft_sem_fini(&sem);
	storm_double(&storm_sem, too_many, "more permits out than there are");
	storm_double(&storm_sem, back > PERMITS ? back - PERMITS : 0, "permits in the end");
	storm_lose(&storm_sem, back < PERMITS ? PERMITS - back : 0, "permits in the end");
}

const struct storm_part storm_sem = { "semaphore", begin, act, end };
