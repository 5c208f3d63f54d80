/* SPDX-License-Identifier: MIT */
/*
 * Wake-ups: each one ends one wait, and no wait ends without one.
 *
 * A wake-up of a condition variable that nobody waits for is rightly nothing, so it is to be
 * certain that somebody does. Some threads always wait, and nobody cancels them: `firm` is how many
 * of them are in the queue, or have been woken and not yet got the mutex back. Of these at most
 * wakes - woken have been woken. So while firm is more than that, under the mutex, at least one
 * waits: a wake-up now finds it, or an actor before it, who is cancelled at this moment or is not.
 * If he is, and takes it with him, it is missing in the end.
 */
#include "base/atomic.h"
#include "storm.h"

enum { FIRM = 4 };

static struct {
	weft_mutex mutex;
	weft_cond cond;
	/* guarded by mutex */
	long firm, wakes, woken;
	bool over;
} shared;
static weft_thread *threads[FIRM];

static int wait_firmly(void *arg)
{
	(void)arg;
	weft_mutex_lock(&shared.mutex);
	while (!shared.over) {
		shared.firm++;
		weft_cond_wait(&shared.cond, &shared.mutex);
		shared.firm--;
		shared.woken += !shared.over;
	}
	weft_mutex_unlock(&shared.mutex);
	return 0;
}

static void begin(long count)
{
	(void)count;
	shared.wakes = 0;
	shared.woken = 0;
	shared.over = false;
	bench_spawn(threads, FIRM, wait_firmly, NULL, 0);
}

static int wait_for(struct storm_actor *actor)
{
	int64_t deadline_ns = storm_deadline(actor);

	return deadline_ns == WEFT_FOREVER
		       ? weft_cond_wait(&shared.cond, &shared.mutex)
		       : weft_cond_wait_until(&shared.cond, &shared.mutex, deadline_ns);
}

static void act(struct storm_actor *actor)
{
	weft_mutex_lock(&shared.mutex);
	if (storm_random(actor, 2) == 0) {
		shared.woken += storm_got(actor, wait_for(actor));
	} else if (shared.firm > shared.wakes - shared.woken) {
		shared.wakes++;
		weft_cond_wake(&shared.cond);
	}
	weft_mutex_unlock(&shared.mutex);
}

/* Those that were woken may still be on their way to the mutex: they have all the time they need,
 * or one that is lost would be if there were no end to it. */
static long outstanding(void)
{
	int64_t until_ns = weft_now() + WEFT_SECOND;
	long count;

	do {
		weft_sleep(WEFT_MS);
		weft_mutex_lock(&shared.mutex);
		count = shared.wakes - shared.woken;
		weft_mutex_unlock(&shared.mutex);
	} while (count > 0 && weft_now() < until_ns);
	return count;
}

static void end(void)
{
	long count = outstanding();

	storm_lose(&storm_cond, count > 0 ? count : 0, "wake-ups");
	storm_double(&storm_cond, count < 0 ? -count : 0, "waits that nobody ended");
	weft_mutex_lock(&shared.mutex);
	shared.over = true;
	weft_cond_wake_all(&shared.cond);
	weft_mutex_unlock(&shared.mutex);
	bench_join(threads, FIRM);
	weft_cond_fini(&shared.cond);
	weft_mutex_fini(&shared.mutex);
}

const struct storm_part storm_cond = { "condvar", begin, act, end };
