/* SPDX-License-Identifier: MIT */
/*
 * What threads wait for that is no lock: that nobody stays behind, and that what is counted is
 * conserved, whoever leaves at his deadline.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"

/* ---- semaphore: several permits at once */
#define WEIGHT 4

struct permits {
	weft_sem sem;
	int32_t taken, given; /* atomic */
	uint32_t roles;       /* atomic */
};

static int take_somehow(weft_sem *sem, int32_t n)
{
	switch (weft__sim_choose(3)) {
	case 0:
		return weft_sem_wait_n_try(sem, n);
	case 1:
		return weft_sem_wait_n_until(sem, n, engine_deadline());
	default:
		return n == 1 ? weft_sem_wait(sem) : weft_sem_wait_n(sem, n);
	}
}

/* Together, or one by one. */
static void give_somehow(weft_sem *sem, int32_t n)
{
	if (weft__sim_choose(2)) {
		weft__sim_check(weft_sem_wake_n(sem, n) == 0);
		return;
	}
	while (n-- > 0)
		weft__sim_check(weft_sem_wake(sem) == 0);
}

static int take_and_give(void *arg)
{
	struct permits *permits = arg;

	for (int i = 0; i < 4; i++) {
		int32_t n = 1 + (int32_t)weft__sim_choose(weft__sim_choose(2) ? 2 : WEIGHT);
		int code;

		engine_dawdle();
		code = take_somehow(&permits->sem, n);
		weft__sim_check(code == 0 || code == -EAGAIN || code == -ETIMEDOUT);
		if (code < 0)
			continue;
		atomic_add_relaxed(&permits->taken, n);
		engine_dawdle();
		weft__sim_check(atomic_load_relaxed(&permits->taken) -
					atomic_load_relaxed(&permits->given) <=
				WEIGHT);
		atomic_add_relaxed(&permits->given, n);
		give_somehow(&permits->sem, n);
	}
	return 0;
}

static void weights_are_kept(void *arg)
{
	struct permits permits = { .sem = WEFT_SEM_INIT(WEIGHT) };

	(void)arg;
	run_crowd(take_and_give, &permits);
	weft__sim_check(permits.taken == permits.given);
	weft__sim_check(weft_sem_wait_n_try(&permits.sem, WEIGHT + 1) == -EAGAIN);
	weft__sim_check(weft_sem_wait_n_try(&permits.sem, WEIGHT) == 0);
	weft_sem_fini(&permits.sem);
}

/* There is one permit for each who asks for one, and nobody posts. The others ask for more than
 * there will ever be, and have to let them by. */
static int ask_for_one_or_more(void *arg)
{
	struct permits *permits = arg;
	bool is_big = atomic_add_relaxed(&permits->roles, 1u) >= 3;

	engine_dawdle();
	if (!is_big)
		weft__sim_check(weft_sem_wait(&permits->sem) == 0);
	else
		weft__sim_check(weft_sem_wait_n_until(&permits->sem, 4, engine_deadline()) ==
				-ETIMEDOUT);
	return 0;
}

static void who_leaves_lets_others_by(void *arg)
{
	struct permits permits = { .sem = WEFT_SEM_INIT(3) };

	(void)arg;
	run_crowd(ask_for_one_or_more, &permits);
	weft__sim_check(weft_sem_wait_try(&permits.sem) == -EAGAIN);
	weft_sem_fini(&permits.sem);
}

/* ---- what was waited on may go away when nobody can wait on it any more */
static int post_all(void *arg)
{
	engine_dawdle();
	weft__sim_check(weft_sem_wake_n(arg, 5) == 0);
	return 0;
}

static void use_and_spoil(void)
{
	weft_sem *sem = calloc(1, sizeof *sem);
	const unsigned char *bytes = (const unsigned char *)sem;
	weft_thread *thread;

	weft__sim_check(sem != NULL);
	thread = engine_spawn(post_all, sem);
	weft__sim_check(weft_sem_wait_n(sem, 2) == 0);
	weft__sim_check(weft_sem_wait_n(sem, 3) == 0);
	memset(sem, 0xa5, sizeof *sem);
	engine_join(thread, 0);
	for (size_t i = 0; i < sizeof *sem; i++)
		weft__sim_check(bytes[i] == 0xa5);
	free(sem);
}

static int spoil_often(void *arg)
{
	(void)arg;
	use_and_spoil();
	use_and_spoil();
	return 0;
}

static void all_taken_may_go(void *arg)
{
	(void)arg;
	run_crowd(spoil_often, NULL);
}

const struct scenario signal_scenarios[] = {
	{ .name = "weights-are-kept",
	  .run = weights_are_kept,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "who-leaves-lets-others-by",
	  .run = who_leaves_lets_others_by,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "all-taken-may-go", .run = all_taken_may_go, .options = { .spurious = 50 } },
	{ 0 },
};
