/* SPDX-License-Identifier: MIT */
/*
 * What threads wait for that is no lock: that nobody stays behind, and that what is counted is
 * conserved, whoever leaves at his deadline or is cancelled.
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

static bool has_left(int code)
{
	return code == -ETIMEDOUT || code == -ECANCELED;
}

/* With and without cancellation. */
static void run_either(weft_function *user, void *arg)
{
	if (weft__sim_choose(2))
		run_crowd(user, arg);
	else
		run_crowd_cancelling(user, arg);
}

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
		weft__sim_check(code == 0 || code == -EAGAIN || has_left(code));
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
	run_either(take_and_give, &permits);
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
	if (is_big) {
		weft__sim_check(
			has_left(weft_sem_wait_n_until(&permits->sem, 4, engine_deadline())));
	} else {
		int code = weft_sem_wait(&permits->sem);

		weft__sim_check(code == 0 || code == -ECANCELED);
		if (code == 0)
			atomic_add_relaxed(&permits->taken, 1);
	}
	return 0;
}

static void who_leaves_lets_others_by(void *arg)
{
	struct permits permits = { .sem = WEFT_SEM_INIT(3) };

	(void)arg;
	run_either(ask_for_one_or_more, &permits);
	weft__sim_check(weft_sem_wait_n_try(&permits.sem, 4 - permits.taken) == -EAGAIN);
	weft__sim_check(weft_sem_wait_n_try(&permits.sem, 3 - permits.taken) == 0);
	weft_sem_fini(&permits.sem);
}

/* ---- event: who resets and then looks misses nothing; who waits goes on */
struct door {
	weft_event knocked;
	int32_t left;         /* atomic: parcels at the door */
	int32_t taken;        /* the opener's */
	uint32_t roles, done; /* atomic */
};

static int knock_or_open(void *arg)
{
	struct door *door = arg;

	if (atomic_add_relaxed(&door->roles, 1u) != 0) {
		engine_dawdle();
		atomic_add_relaxed(&door->left, 1);
		weft_event_set(&door->knocked);
		return 0;
	}
	while (door->taken < USERS) {
		int code = weft__sim_choose(3) == 0
				   ? weft_event_wait_until(&door->knocked, engine_deadline())
				   : weft_event_wait(&door->knocked);

		weft__sim_check(code == 0 || code == -ETIMEDOUT);
		if (code < 0)
			continue;
		weft_event_reset(&door->knocked);
		door->taken = atomic_load_relaxed(&door->left);
	}
	return 0;
}

static void no_knock_is_missed(void *arg)
{
	struct door door = { 0 };

	(void)arg;
	run_crowd(knock_or_open, &door);
	weft__sim_check(door.taken == USERS);
	weft_event_fini(&door.knocked);
}

/* All wait but one, who sets it, once, and resets it at once. */
static int pulse_or_wait(void *arg)
{
	struct door *door = arg;

	if (atomic_add_relaxed(&door->roles, 1u) == 0) {
		engine_dawdle();
		weft_event_set(&door->knocked);
		weft_event_reset(&door->knocked);
		/* who came after that waits for this one */
		while (atomic_load_relaxed(&door->done) < USERS) {
			weft_sleep(1000);
			weft_event_set(&door->knocked);
			weft_event_reset(&door->knocked);
		}
		return 0;
	}
	if (weft__sim_choose(2))
		engine_dawdle();
	while (weft__sim_choose(3) == 0 &&
	       weft_event_wait_until(&door->knocked, engine_deadline()) != 0)
		;
	weft__sim_check(weft_event_wait(&door->knocked) == 0);
	atomic_add_relaxed(&door->done, 1u);
	return 0;
}

static void a_pulse_reaches_all_that_wait(void *arg)
{
	struct door door = { 0 };

	(void)arg;
	run_crowd(pulse_or_wait, &door);
	weft__sim_check(weft_event_wait_try(&door.knocked) == -EAGAIN);
	weft_event_fini(&door.knocked);
}

/* ---- latch: nobody goes on before all have come */
struct gathering {
	weft_latch latch;
	weft_barrier barrier;
	int32_t came, last; /* atomic */
};

static int arrive(void *arg)
{
	struct gathering *gathering = arg;
	int code;

	engine_dawdle();
	atomic_add_relaxed(&gathering->came, 1);
	switch (weft__sim_choose(3)) {
	case 0:
		code = weft_latch_arrive_and_wait(&gathering->latch);
		break;
	case 1:
		code = weft_latch_arrive_and_wait_until(&gathering->latch, engine_deadline());
		break;
	default:
		weft_latch_count_down(&gathering->latch, 1);
		code = weft_latch_wait_try(&gathering->latch);
		break;
	}
	weft__sim_check(code == 0 || code == -EBUSY || has_left(code));
	if (code != 0)
		code = weft_latch_wait(&gathering->latch);
	weft__sim_check(code == 0 || code == -ECANCELED);
	if (code == 0)
		weft__sim_check(atomic_load_relaxed(&gathering->came) == USERS + 1);
	return 0;
}

static void a_latch_opens_for_all(void *arg)
{
	struct gathering gathering = { .latch = WEFT_LATCH_INIT(USERS + 1) };

	(void)arg;
	run_either(arrive, &gathering);
	weft_latch_fini(&gathering.latch);
}

/* ---- barrier: one of each meeting is the last; who gives up has not come */
#define MEETINGS 3

/* Who was cancelled has not come; the others count on him. */
static int meet_all_the_same(weft_barrier *barrier)
{
	weft_shield shield;
	int code;

	weft_shield_enter(&shield);
	code = weft_barrier_wait(barrier);
	weft_shield_leave(&shield);
	return code;
}

static int meet(void *arg)
{
	struct gathering *gathering = arg;

	for (int i = 0; i < MEETINGS; i++) {
		int code;

		atomic_add_relaxed(&gathering->came, 1);
		do {
			engine_dawdle();
			code = weft__sim_choose(3) != 0
				       ? weft_barrier_wait(&gathering->barrier)
				       : weft_barrier_wait_until(&gathering->barrier,
								 engine_deadline());
			weft__sim_check(code >= 0 || has_left(code));
			if (code == -ECANCELED)
				code = meet_all_the_same(&gathering->barrier);
		} while (code < 0);
		weft__sim_check(atomic_load_relaxed(&gathering->came) >= (i + 1) * (USERS + 1));
		if (code == WEFT_BARRIER_LAST)
			weft__sim_check(atomic_add_relaxed(&gathering->last, 1) == i);
	}
	return 0;
}

static void all_meet(void *arg)
{
	struct gathering gathering = { .barrier = WEFT_BARRIER_INIT(USERS + 1) };

	(void)arg;
	run_either(meet, &gathering);
	weft__sim_check(gathering.last == MEETINGS && gathering.barrier.arrived == 0);
	weft_barrier_fini(&gathering.barrier);
}

/* ---- condition variable: for each who wants one there is an item, and one wake */
struct shelf {
	weft_mutex mutex;
	weft_cond filled;
	int items, taken, left; /* guarded by mutex */
	uint32_t roles;         /* atomic */
};

static void fill_shelf(struct shelf *shelf)
{
	for (int i = 0; i < USERS; i++) {
		engine_dawdle();
		weft_mutex_lock(&shelf->mutex);
		shelf->items++;
		weft_cond_wake(&shelf->filled);
		weft_mutex_unlock(&shelf->mutex);
	}
}

/* Who is cancelled leaves the item: the wake was not for him. */
static int fill_or_take(void *arg)
{
	struct shelf *shelf = arg;
	int code = 0;

	if (atomic_add_relaxed(&shelf->roles, 1u) == 0) {
		fill_shelf(shelf);
		return 0;
	}
	weft__sim_point();
	weft_mutex_lock(&shelf->mutex);
	while (shelf->items == 0 && code == 0)
		code = weft_cond_wait(&shelf->filled, &shelf->mutex);
	weft__sim_check(code == 0 || code == -ECANCELED);
	if (code == 0) {
		shelf->items--;
		shelf->taken++;
	} else {
		shelf->left++;
	}
	weft_mutex_unlock(&shelf->mutex);
	return 0;
}

static void each_wake_reaches_one_who_stays(void *arg)
{
	struct shelf shelf = { 0 };

	(void)arg;
	run_either(fill_or_take, &shelf);
	weft__sim_check(shelf.taken + shelf.left == USERS && shelf.items == shelf.left);
	weft_cond_fini(&shelf.filled);
}

/* ---- once: whoever leaves, one who stays runs it */
struct first {
	weft_once once;
	weft_wait_group tried;
	int32_t attempts, successes, inside; /* atomic */
};

static int fail_at_first(void *arg)
{
	struct first *first = arg;
	int32_t attempt = atomic_add_relaxed(&first->attempts, 1);

	weft__sim_check(atomic_add_relaxed(&first->inside, 1) == 0);
	engine_dawdle();
	atomic_add_relaxed(&first->inside, -1);
	if (attempt < 3)
		return -EIO;
	atomic_add_relaxed(&first->successes, 1);
	return 0;
}

static int be_first(void *arg)
{
	struct first *first = arg;
	int code;

	do {
		engine_dawdle();
		code = weft__sim_choose(3) != 0 ? weft_once_run(&first->once, fail_at_first, first)
						: weft_once_run_until(&first->once, fail_at_first,
								      first, engine_deadline());
		weft__sim_check(code == 0 || code == -EIO || has_left(code));
	} while (code != 0 && code != -ECANCELED);
	if (code == 0)
		weft__sim_check(atomic_load_relaxed(&first->successes) == 1);
	weft_wait_group_done(&first->tried);
	code = weft_wait_group_wait(&first->tried);
	weft__sim_check(code == 0 || code == -ECANCELED);
	return 0;
}

static void one_who_stays_runs_it(void *arg)
{
	struct first first = { 0 };

	(void)arg;
	weft_wait_group_add(&first.tried, USERS + 1);
	run_either(be_first, &first);
	weft__sim_check(first.attempts == 4 && first.successes == 1);
	weft_wait_group_fini(&first.tried);
	weft_once_fini(&first.once);
}

/* ---- what was waited on may go away when nobody can wait on it any more */
struct brief {
	weft_sem sem;
	weft_event event;
	weft_latch latch;
};

static int post_all(void *arg)
{
	engine_dawdle();
	weft__sim_check(weft_sem_wake_n(&((struct brief *)arg)->sem, 5) == 0);
	return 0;
}

static int set_event(void *arg)
{
	engine_dawdle();
	weft_event_set(&((struct brief *)arg)->event);
	return 0;
}

static int open_latch(void *arg)
{
	engine_dawdle();
	weft_latch_count_down(&((struct brief *)arg)->latch, 1);
	return 0;
}

static void use_and_spoil(void)
{
	static weft_function *const users[] = { post_all, set_event, open_latch };
	struct brief *brief = calloc(1, sizeof *brief);
	const unsigned char *bytes = (const unsigned char *)brief;
	unsigned which = weft__sim_choose(3);
	weft_thread *thread;

	weft__sim_check(brief != NULL);
	weft_latch_init(&brief->latch, 1);
	thread = engine_spawn(users[which], brief);
	if (which == 0) {
		weft__sim_check(weft_sem_wait_n(&brief->sem, 2) == 0);
		weft__sim_check(weft_sem_wait_n(&brief->sem, 3) == 0);
	} else {
		engine_dawdle();
		weft__sim_check((which == 1 ? weft_event_wait(&brief->event)
					    : weft_latch_wait(&brief->latch)) == 0);
	}
	memset(brief, 0xa5, sizeof *brief);
	engine_join(thread, 0);
	for (size_t i = 0; i < sizeof *brief; i++)
		weft__sim_check(bytes[i] == 0xa5);
	free(brief);
}

static int spoil_often(void *arg)
{
	(void)arg;
	use_and_spoil();
	use_and_spoil();
	return 0;
}

static void used_up_may_go(void *arg)
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
	{ .name = "no-knock-is-missed",
	  .run = no_knock_is_missed,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "a-pulse-reaches-all-that-wait",
	  .run = a_pulse_reaches_all_that_wait,
	  .options = { .spurious = 50 } },
	{ .name = "a-latch-opens-for-all",
	  .run = a_latch_opens_for_all,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "all-meet", .run = all_meet, .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "each-wake-reaches-one-who-stays",
	  .run = each_wake_reaches_one_who_stays,
	  .options = { .spurious = 50 } },
	{ .name = "one-who-stays-runs-it",
	  .run = one_who_stays_runs_it,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "used-up-may-go", .run = used_up_may_go, .options = { .spurious = 50 } },
	{ 0 },
};
