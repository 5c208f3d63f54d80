/* SPDX-License-Identifier: MIT */
/* Sleeping, deadlines, and blocking calls between brackets. */
#include <errno.h>

#include "engine.h"

/* ---- sleepers wake at their time, however many processors there are and whatever runs
 * meanwhile */

#define SLEEPERS 8
/* Timers late by 3 ms, a neighbour's wheel by 10 ms, and a few thousand steps of 30 us. */
#define LATE_MAX WEFT_SECOND

static int sleep_some(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++) {
		static const unsigned spans[] = { 1000, 100000, 20000000, 2000000000 };
		int64_t until = weft_now() + weft__sim_choose(spans[weft__sim_choose(4)]);
		int64_t now;

		weft_sleep_until(until);
		now = weft_now();
		weft__sim_check(now >= until);
		weft__sim_check(now < until + LATE_MAX);
	}
	return 0;
}

/* One that never gives way for long, so that others must fire its processor's timers. */
static int compute(void *arg)
{
	int64_t until = weft_now() + weft__sim_choose(10000000);

	(void)arg;
	for (int i = 0; i < 300 && weft_now() < until; i++)
		;
	return 0;
}

static int sleepers_app(void *arg)
{
	weft_thread *threads[SLEEPERS];

	for (int i = 0; i < SLEEPERS; i++)
		threads[i] = engine_spawn(i % 4 == 3 ? compute : sleep_some, arg);
	for (int i = 0; i < SLEEPERS; i++)
		engine_join(threads[i], 0);
	return 0;
}

static void sleepers(void *arg)
{
	weft__sim_check(engine_run(sleepers_app, arg) == 0);
	engine_check_clean();
}

/* ---- a deadline races with a wake: one of the two wins, and the wait knows which */

struct race {
	weft_sem sem;
	int32_t posted, taken; /* atomic */
};

static int post_about_then(void *arg)
{
	struct race *race = arg;

	for (int i = 0; i < 6; i++) {
		weft_sleep_until(engine_deadline());
		atomic_add_relaxed(&race->posted, 1);
		weft_sem_wake(&race->sem);
	}
	return 0;
}

static int wait_about_then(void *arg)
{
	struct race *race = arg;

	for (int i = 0; i < 6; i++) {
		int64_t deadline = engine_deadline();
		int code = weft_sem_wait_until(&race->sem, deadline);

		weft__sim_check(code == 0 || code == -ETIMEDOUT);
		if (code == 0)
			atomic_add_relaxed(&race->taken, 1);
		else
			weft__sim_check(weft_now() >= deadline);
	}
	return 0;
}

static int race_app(void *arg)
{
	static const weft_thread_options kernel = { .kind = WEFT_KERNEL };
	struct race *race = arg;
	weft_thread *threads[4];

	for (int i = 0; i < 4; i++)
		weft__sim_check(weft_thread_spawn(i % 2 ? post_about_then : wait_about_then, race,
						  weft__sim_choose(4) == 0 ? &kernel : NULL,
						  &threads[i]) == 0);
	for (int i = 0; i < 4; i++)
		engine_join(threads[i], 0);
	while (weft_sem_wait_try(&race->sem) == 0)
		race->taken++;
	weft__sim_check(race->taken == race->posted);
	return 0;
}

static void deadline_races_with_wake(void *arg)
{
	struct race race = { 0 };

	(void)arg;
	weft__sim_check(engine_run(race_app, &race) == 0);
	engine_check_clean();
}

/* ---- blocking calls: the neighbours run on, even on one processor */

#define BLOCKERS 3

struct blocked {
	uint32_t word;   /* atomic: the kernel's to wait on */
	uint32_t rounds; /* atomic: light threads that got through */
	weft_sem sem;
};

/* Returns only when a neighbour on the same processor has run. */
static void block_in_kernel(struct blocked *blocked, uint32_t wanted)
{
	uint32_t seen;

	weft_blocking_begin();
	if (weft__sim_choose(3) == 0) {
		weft_blocking_begin(); /* pairs nest */
		weft_blocking_end();
	}
	while ((seen = atomic_load_acquire(&blocked->word)) < wanted)
		weft__sys_wait(&blocked->word, seen, WEFT_FOREVER);
	if (weft__sim_choose(2))
		/* what does not wait may be called without a processor */
		weft_sem_wake(&blocked->sem);
	else if (weft__sim_choose(2))
		weft_sleep(weft__sim_choose(5000)); /* and what waits, too */
	weft_blocking_end();
}

static int blocker(void *arg)
{
	struct blocked *blocked = arg;

	for (uint32_t i = 1; i <= 3; i++) {
		block_in_kernel(blocked, i);
		engine_dawdle();
	}
	atomic_add_relaxed(&blocked->rounds, 1u);
	return 0;
}

static int neighbour(void *arg)
{
	struct blocked *blocked = arg;

	for (int i = 0; i < 3; i++) {
		engine_dawdle();
		weft_yield();
		atomic_add_acq_rel(&blocked->word, 1u);
		weft__sys_wake(&blocked->word, BLOCKERS);
	}
	return 0;
}

static int blocked_app(void *arg)
{
	weft_thread *threads[BLOCKERS + 1];

	for (int i = 0; i < BLOCKERS; i++)
		threads[i] = engine_spawn(blocker, arg);
	threads[BLOCKERS] = engine_spawn(neighbour, arg);
	for (int i = 0; i <= BLOCKERS; i++)
		engine_join(threads[i], 0);
	return 0;
}

static void blocking_hands_over(void *arg)
{
	struct blocked blocked = { 0 };
	const weft_sched_options options = { .processors = 1 + weft__sim_choose(2) };

	(void)arg;
	engine_watch();
	weft__sim_check(weft_run(blocked_app, &blocked, &options) == 0);
	weft__sim_check(blocked.rounds == BLOCKERS);
	engine_check_clean();
}

/* Short brackets one after the other: the hand-off and the way back meet. */
static int bracket_often(void *arg)
{
	for (int i = 0; i < 6; i++) {
		weft_blocking_begin();
		if (weft__sim_choose(2))
			weft__sys_thread_yield();
		weft_blocking_end();
		if (weft__sim_choose(3) == 0)
			engine_dawdle();
	}
	if (arg != NULL) {
		weft_blocking_begin(); /* a thread may end between its brackets */
		weft_thread_exit(0);
	}
	return 0;
}

static int brackets_app(void *arg)
{
	weft_thread *threads[4];

	for (int i = 0; i < 4; i++)
		threads[i] =
			engine_spawn(i == 3 ? sleep_some : bracket_often, i == 0 ? threads : arg);
	bracket_often(arg);
	for (int i = 0; i < 4; i++)
		engine_join(threads[i], 0);
	return 0;
}

static void brackets(void *arg)
{
	(void)arg;
	weft__sim_check(engine_run(brackets_app, NULL) == 0);
	engine_check_clean();
}

/* Nobody holds the wheel of one that sleeps between its brackets, and yet somebody looks after it:
 * it is less late than what waits behind a busy processor. */
#define GRACE_NS (10 * WEFT_MS)

static int64_t clock_step(void)
{
	int64_t before_ns = weft_now();

	return weft_now() - before_ns;
}

static int sleep_between_brackets(void *arg)
{
	(void)arg;
	for (int i = 0; i < 4; i++) {
		int64_t until_ns, late_ns;

		weft_sleep(weft__sim_choose(2) ? 1 : 100000); /* so that the others fall asleep */
		weft_blocking_begin();
		weft__sys_wait(&(uint32_t){ 0 }, 0, weft_now() + weft__sim_choose(200000));
		until_ns = weft_now() + WEFT_MS;
		weft_sleep_until(until_ns);
		late_ns = weft_now() - until_ns;
		weft_blocking_end();
		weft__sim_check(late_ns >= 0);
		weft__sim_check(late_ns < GRACE_NS || clock_step() > 2000); /* a slow machine */
	}
	return 0;
}

static void bracketed_sleep_ends_in_time(void *arg)
{
	(void)arg;
	weft__sim_check(engine_run_on(2 + weft__sim_choose(2), sleep_between_brackets, NULL) == 0);
	engine_check_clean();
}

const struct scenario time_scenarios[] = {
	{ .name = "sleepers", .run = sleepers, .options = { .eintr = 50 } },
	{ .name = "deadline-races-with-wake",
	  .run = deadline_races_with_wake,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "blocking-hands-over", .run = blocking_hands_over, .options = { .eintr = 50 } },
	{ .name = "brackets", .run = brackets },
	{ .name = "bracketed-sleep-ends-in-time", .run = bracketed_sleep_ends_in_time },
	{ 0 },
};
