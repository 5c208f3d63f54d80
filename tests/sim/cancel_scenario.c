/* SPDX-License-Identifier: MIT */
/* Cancellation: none is lost, and neither is what was given meanwhile. */
#include <errno.h>

#include "cancel.h"

#include <weft/group.h>

#define PAIRS 3
#define ROUNDS 3

/* ---- waits of every kind, each cancelled once at any moment */

struct world {
	weft_sem sem;
	uint32_t given, taken; /* atomic */
	weft_mutex mutex;
	weft_cond cond;
	weft_thread *sleeper;
	weft_sem wake_sleeper;
	struct member {
		struct world *world;
		struct seat seat;
	} members[PAIRS];
};

static void take_permit(struct world *world)
{
	int code = weft__sim_choose(2) ? weft_sem_wait(&world->sem)
				       : weft_sem_wait_until(&world->sem, engine_deadline());

	weft__sim_check(code == 0 || code == -ECANCELED || code == -ETIMEDOUT);
	if (code == 0)
		atomic_add_relaxed(&world->taken, 1u);
}

static void wait_for_condition(struct world *world)
{
	weft_mutex_lock(&world->mutex);
	weft__sim_check(weft_cond_wait(&world->cond, &world->mutex) == -ECANCELED);
	weft__sim_check(weft_mutex_lock_try(&world->mutex) == -EBUSY);
	weft_mutex_unlock(&world->mutex);
}

/* Whoever comes second gets -EINVAL: one at a time can join. */
static void join_sleeper(struct world *world)
{
	int code = weft_thread_join(world->sleeper, NULL);

	weft__sim_check(code == -ECANCELED || code == -EINVAL);
}

static void wait_in_shield(struct world *world)
{
	weft_shield shield;
	weft_sem none = WEFT_SEM_INIT(0);

	(void)world;
	weft_shield_enter(&shield);
	weft__sim_check(weft_sem_wait_until(&none, engine_deadline()) == -ETIMEDOUT);
	weft__sim_check(weft_cancelled() == 0);
	weft_shield_leave(&shield);
	weft__sim_check(weft_sem_wait(&none) == -ECANCELED);
}

static void wait_in_inner_scope(struct world *world)
{
	weft_sem none = WEFT_SEM_INIT(0);
	weft_scope inner;
	int code;

	(void)world;
	weft_scope_enter(&inner, engine_deadline());
	weft__sim_check(weft_sem_wait(&none) == -ECANCELED);
	code = weft_scope_leave(&inner);
	weft__sim_check(code == 0 || code == -ETIMEDOUT);
}

static int wait_somehow(void *arg)
{
	static void (*const waits[])(struct world *) = {
		take_permit,  take_permit,    wait_for_condition,
		join_sleeper, wait_in_shield, wait_in_inner_scope,
	};
	struct member *member = arg;

	for (int i = 0; i < ROUNDS; i++) {
		weft_scope scope;
		int code;

		seat_enter(&member->seat, &scope,
			   weft__sim_choose(4) == 0 ? engine_deadline() : WEFT_FOREVER);
		waits[weft__sim_choose(6)](member->world);
		code = seat_leave(&member->seat, &scope);
		weft__sim_check(code == 0 || code == -ECANCELED || code == -ETIMEDOUT);
		weft__sim_check(weft_cancelled() == 0);
	}
	return 0;
}

static int give_permits(void *arg)
{
	struct world *world = arg;

	for (int i = 0; i < PAIRS; i++) {
		engine_dawdle();
		atomic_add_relaxed(&world->given, 1u);
		weft__sim_check(weft_sem_wake(&world->sem) == 0);
	}
	return 0;
}

static int wait_for(void *sem)
{
	return weft_sem_wait(sem);
}

static int waits_app(void *arg)
{
	struct world world = { .sem = WEFT_SEM_INIT(0) };
	weft_thread *threads[2 * PAIRS + 1];
	uint32_t left = 0;
	int count = 0;

	(void)arg;
	world.sleeper = spawn_some_kind(wait_for, &world.wake_sleeper);
	for (int i = 0; i < PAIRS; i++) {
		world.members[i].world = &world;
		world.members[i].seat.rounds = ROUNDS;
		threads[count++] = spawn_some_kind(wait_somehow, &world.members[i]);
		threads[count++] = spawn_some_kind(seat_cancel, &world.members[i].seat);
	}
	threads[count++] = spawn_some_kind(give_permits, &world);
	while (count-- > 0)
		engine_join(threads[count], 0);
	while (weft_sem_wait_try(&world.sem) == 0)
		left++;
	weft__sim_check(world.given == world.taken + left);
	weft__sim_check(weft_mutex_lock_try(&world.mutex) == 0);
	weft_sem_wake(&world.wake_sleeper);
	engine_join(world.sleeper, 0);
	return 0;
}

static void cancelled_waits_end(void *arg)
{
	weft__sim_check(engine_run(waits_app, arg) == 0);
	engine_check_clean();
}

/* ---- threads as a whole, before they run, while they do, when they are over */

static int threads_app(void *arg)
{
	weft_thread *threads[PAIRS * 2];
	weft_sem never = WEFT_SEM_INIT(0), gate = WEFT_SEM_INIT(0);
	int passed = 0;

	(void)arg;
	for (int i = 0; i < PAIRS * 2; i++)
		threads[i] = spawn_some_kind(wait_for, i % 2 ? &never : &gate);
	for (int i = 0; i < PAIRS * 2; i++) {
		engine_dawdle();
		if (i % 2 == 0)
			weft_sem_wake(&gate);
		weft_thread_cancel(threads[i]);
	}
	for (int i = 0; i < PAIRS * 2; i++) {
		int result = 1;

		weft__sim_check(weft_thread_join(threads[i], &result) == 0);
		weft__sim_check(result == -ECANCELED || (i % 2 == 0 && result == 0));
		passed += result == 0;
	}
	while (weft_sem_wait_try(&gate) == 0)
		passed++;
	weft__sim_check(passed == PAIRS);
	return 0;
}

static void cancelled_threads_end(void *arg)
{
	weft__sim_check(engine_run(threads_app, arg) == 0);
	engine_check_clean();
}

/* ---- groups */

struct family {
	weft_group group;
	weft_sem never;
	uint32_t ended; /* atomic */
};

static int be_child(void *arg)
{
	struct family *family = arg;
	int code = 0;

	engine_dawdle();
	switch (weft__sim_choose(4)) {
	case 0:
		code = -EIO;
		break;
	case 1:
		if (weft_group_spawn(&family->group, be_child, family, NULL, NULL) == 0)
			atomic_sub_acq_rel(&family->ended, 1u);
		break;
	default:
		code = weft_sem_wait(&family->never);
		weft__sim_check(code == -ECANCELED);
		break;
	}
	atomic_add_acq_rel(&family->ended, 1u);
	return code;
}

static int cancel_family(void *arg)
{
	struct family *family = arg;

	engine_dawdle();
	weft_group_cancel(&family->group);
	return 0;
}

static int groups_app(void *arg)
{
	static const weft_thread_options kernel = { .kind = WEFT_KERNEL };
	struct family family = { .ended = 0 };
	weft_thread *canceller;
	weft_scope scope;
	uint32_t started = 0;
	int code;

	(void)arg;
	for (int i = 0; i < PAIRS; i++)
		started += weft_group_spawn(&family.group, be_child, &family,
					    weft__sim_choose(4) == 0 ? &kernel : NULL, NULL) == 0;
	/* Once, by one of three. */
	switch (weft__sim_choose(3)) {
	case 0:
		canceller = spawn_some_kind(cancel_family, &family);
		code = weft_group_join(&family.group);
		engine_join(canceller, 0);
		break;
	case 1:
		code = weft_group_join_until(&family.group, engine_deadline());
		break;
	default:
		weft_scope_enter(&scope, engine_deadline());
		code = weft_group_join(&family.group);
		weft_scope_leave(&scope);
		break;
	}
	weft__sim_check(code == 0 || code == -EIO || code == -ECANCELED || code == -ETIMEDOUT);
	weft__sim_check(family.ended == started && family.group.count == 0);
	weft__sim_check(weft_sem_wake(&family.never) == 0 && weft_sem_wait_try(&family.never) == 0);
	return 0;
}

static void groups_end_whole(void *arg)
{
	struct weft__sim_usage usage;

	weft__sim_check(engine_run(groups_app, arg) == 0);
	/* Of a kernel thread the group sees the end of its function: nobody joins it. */
	for (weft__sim_usage(&usage); usage.threads != 1; weft__sim_usage(&usage))
		weft__sys_thread_yield();
	engine_check_clean();
}

const struct scenario cancel_scenarios[] = {
	{ .name = "cancelled-waits-end", .run = cancelled_waits_end },
	{ .name = "cancelled-threads-end", .run = cancelled_threads_end },
	{ .name = "groups-end-whole", .run = groups_end_whole },
	{ 0 },
};
