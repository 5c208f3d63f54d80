/* SPDX-License-Identifier: MIT */
/* A writer is alone, readers are among themselves, and in the end there is nobody. */
#include "base/atomic.h"
#include "storm.h"

enum { READER = 1, WRITER = 1 << 16 };

static weft_rwlock lock;
static long inside;        /* atomic: READER for each, WRITER for each */
static long together;      /* atomic: how often there was somebody where nobody was to be */
static long had, expected; /* writes: guarded by lock; atomic */

static void begin(long count)
{
	(void)count;
	together = 0;
	had = 0;
	expected = 0;
}

static int lock_read(struct storm_actor *actor, int64_t deadline_ns)
{
	if (storm_random(actor, 8) == 0)
		return weft_rwlock_read_lock_try(&lock);
	if (deadline_ns == WEFT_FOREVER && storm_random(actor, 2) == 0)
		return weft_rwlock_read_lock(&lock);
	return weft_rwlock_read_lock_until(&lock, deadline_ns);
}

static int lock_write(struct storm_actor *actor, int64_t deadline_ns)
{
	if (storm_random(actor, 8) == 0)
		return weft_rwlock_write_lock_try(&lock);
	if (deadline_ns == WEFT_FOREVER && storm_random(actor, 2) == 0)
		return weft_rwlock_write_lock(&lock);
	return weft_rwlock_write_lock_until(&lock, deadline_ns);
}

static void read_it(struct storm_actor *actor)
{
	if (!storm_got(actor, lock_read(actor, storm_deadline(actor))))
		return;
	if (atomic_add_relaxed(&inside, READER) >= WRITER)
		atomic_add_relaxed(&together, 1);
	storm_dawdle(actor);
	atomic_add_relaxed(&inside, -READER);
	weft_rwlock_read_unlock(&lock);
}

static void write_it(struct storm_actor *actor)
{
	if (!storm_got(actor, lock_write(actor, storm_deadline(actor))))
		return;
	if (atomic_add_relaxed(&inside, WRITER) != 0)
		atomic_add_relaxed(&together, 1);
	had++;
	storm_dawdle(actor);
	atomic_add_relaxed(&inside, -WRITER);
	weft_rwlock_write_unlock(&lock);
	atomic_add_relaxed(&expected, 1);
}

static void act(struct storm_actor *actor)
{
	if (storm_random(actor, 3) == 0)
		write_it(actor);
	else
		read_it(actor);
}

static void end(void)
{
	if (weft_rwlock_write_lock_try(&lock) != 0)
		storm_lose(&storm_rwlock, 1, "nobody is in, nobody gets in");
	else
		weft_rwlock_write_unlock(&lock);
	weft_rwlock_fini(&lock);
	storm_double(&storm_rwlock, together, "others beside a writer");
	storm_lose(&storm_rwlock, expected - had, "writes under the lock");
}

const struct storm_part storm_rwlock = { "rwlock", begin, act, end };
