/* SPDX-License-Identifier: MIT */
/*
 * Locks and their kin, used by light threads, kernel threads and foreign ones together. The fast
 * paths in the headers are no steps of the simulated kernel, so the scenarios put steps around
 * them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"

/* ---- mutex: one at a time, whichever way it is taken */

struct guarded {
	weft_mutex mutex;
	int inside, entered;
	int32_t allowed; /* atomic */
};

static int lock_somehow(weft_mutex *mutex)
{
	weft__sim_point();
	switch (weft__sim_choose(4)) {
	case 0:
		return weft_mutex_lock_try(mutex);
	case 1:
		return weft_mutex_lock_until(mutex, engine_deadline());
	default:
		return weft_mutex_lock(mutex);
	}
}

static int enter_often(void *arg)
{
	struct guarded *guarded = arg;

	for (int i = 0; i < 4; i++) {
		int code = lock_somehow(&guarded->mutex);

		weft__sim_check(code == 0 || code == -EBUSY || code == -ETIMEDOUT ||
				code == -ECANCELED);
		if (code < 0)
			continue;
		atomic_add_relaxed(&guarded->allowed, 1);
		weft__sim_check(guarded->inside++ == 0);
		engine_dawdle();
		guarded->entered++;
		weft__sim_check(--guarded->inside == 0);
		weft_mutex_unlock(&guarded->mutex);
		weft__sim_point();
	}
	return 0;
}

static void mutex_excludes(void *arg)
{
	struct guarded guarded = { 0 };

	(void)arg;
	run_crowd_cancelling(enter_often, &guarded);
	weft__sim_check(guarded.entered == guarded.allowed && guarded.inside == 0);
	weft_mutex_fini(&guarded.mutex);
}

/* ---- spin lock: the same, with holders that give way */

struct spun {
	weft_spin spin;
	int inside, entered;
	int32_t allowed; /* atomic */
};

static int spin_somehow(weft_spin *spin)
{
	switch (weft__sim_choose(4)) {
	case 0:
		return weft_spin_lock_try(spin);
	case 1:
		return weft_spin_lock_until(spin, engine_deadline());
	default:
		return weft_spin_lock(spin);
	}
}

static int enter_spun(void *arg)
{
	struct spun *spun = arg;

	for (int i = 0; i < 4; i++) {
		int code = spin_somehow(&spun->spin);

		weft__sim_check(code == 0 || code == -EBUSY || code == -ETIMEDOUT ||
				code == -ECANCELED);
		if (code < 0)
			continue;
		atomic_add_relaxed(&spun->allowed, 1);
		weft__sim_check(spun->inside++ == 0);
		/* No sleep: simulated time hardly passes while others spin. */
		if (weft__sim_choose(3) == 0)
			weft_yield();
		spun->entered++;
		weft__sim_check(--spun->inside == 0);
		weft_spin_unlock(&spun->spin);
	}
	return 0;
}

static void spin_excludes(void *arg)
{
	struct spun spun = { 0 };

	(void)arg;
	run_crowd_cancelling(enter_spun, &spun);
	weft__sim_check(spun.entered == spun.allowed && spun.inside == 0);
	weft_spin_fini(&spun.spin);
}

/* ---- condition variable: a small buffer between those who put and those who take */

struct buffer {
	weft_mutex mutex;
	weft_cond not_full, not_empty;
	int items, made, taken;
	uint32_t roles; /* atomic */
};

#define ITEMS_EACH 4
#define MAKERS 3 /* and as many takers; the rest change nothing */

static void wait_on(weft_cond *cond, struct buffer *buffer)
{
	int code;

	if (weft__sim_choose(3) != 0) {
		weft_cond_wait(cond, &buffer->mutex);
		return;
	}
	code = weft_cond_wait_until(cond, &buffer->mutex, engine_deadline());
	weft__sim_check(code == 0 || code == -ETIMEDOUT);
	/* A wake may have been meant for whoever is still there. */
	weft_cond_wake(cond);
}

static void put_items(struct buffer *buffer)
{
	for (int i = 0; i < ITEMS_EACH; i++) {
		weft__sim_point();
		weft_mutex_lock(&buffer->mutex);
		while (buffer->items == 2)
			wait_on(&buffer->not_full, buffer);
		buffer->items++;
		buffer->made++;
		if (weft__sim_choose(2))
			weft_cond_wake(&buffer->not_empty);
		else
			weft_cond_wake_all(&buffer->not_empty);
		weft_mutex_unlock(&buffer->mutex);
	}
}

static void take_items(struct buffer *buffer)
{
	for (int i = 0; i < ITEMS_EACH; i++) {
		weft__sim_point();
		weft_mutex_lock(&buffer->mutex);
		while (buffer->items == 0)
			wait_on(&buffer->not_empty, buffer);
		buffer->items--;
		buffer->taken++;
		weft_mutex_unlock(&buffer->mutex);
		weft__sim_point();
		weft_cond_wake(&buffer->not_full);
	}
}

static int put_or_take(void *arg)
{
	struct buffer *buffer = arg;
	uint32_t role = atomic_add_relaxed(&buffer->roles, 1u);

	if (role < MAKERS)
		put_items(buffer);
	else if (role < 2 * MAKERS)
		take_items(buffer);
	return 0;
}

static void buffer_passes_all(void *arg)
{
	struct buffer buffer = { 0 };

	(void)arg;
	run_crowd(put_or_take, &buffer);
	weft__sim_check(buffer.made == MAKERS * ITEMS_EACH && buffer.taken == buffer.made &&
			buffer.items == 0);
}

/* ---- semaphore: permits are neither lost nor made */

struct permits {
	weft_sem sem;
	int32_t taken, given; /* atomic */
};

static int take_and_give(void *arg)
{
	struct permits *permits = arg;

	for (int i = 0; i < 4; i++) {
		int code;

		engine_dawdle();
		switch (weft__sim_choose(3)) {
		case 0:
			code = weft_sem_wait_try(&permits->sem);
			break;
		case 1:
			code = weft_sem_wait_until(&permits->sem, engine_deadline());
			break;
		default:
			code = weft_sem_wait(&permits->sem);
			break;
		}
		weft__sim_check(code == 0 || code == -EAGAIN || code == -ETIMEDOUT);
		if (code < 0)
			continue;
		atomic_add_relaxed(&permits->taken, 1);
		engine_dawdle();
		weft__sim_check(atomic_load_relaxed(&permits->taken) -
					atomic_load_relaxed(&permits->given) <=
				2);
		atomic_add_relaxed(&permits->given, 1);
		weft__sim_check(weft_sem_wake(&permits->sem) == 0);
	}
	return 0;
}

static void permits_are_kept(void *arg)
{
	struct permits permits = { .sem = WEFT_SEM_INIT(2) };

	(void)arg;
	run_crowd(take_and_give, &permits);
	weft__sim_check(permits.taken == permits.given);
	weft__sim_check(weft_sem_wait_try(&permits.sem) == 0 &&
			weft_sem_wait_try(&permits.sem) == 0);
	weft__sim_check(weft_sem_wait_try(&permits.sem) == -EAGAIN);
}

/* ---- what was waited on may go away when the wait returns: nobody writes there afterwards */

struct brief {
	weft_sem sem;
	weft_wait_group group;
	unsigned char rest[64];
};

static int post_sem(void *arg)
{
	engine_dawdle();
	weft_sem_wake(&((struct brief *)arg)->sem);
	return 0;
}

static int finish_group(void *arg)
{
	engine_dawdle();
	weft_wait_group_done(&((struct brief *)arg)->group);
	return 0;
}

static void use_and_spoil(void)
{
	struct brief *brief = calloc(1, sizeof *brief);
	const unsigned char *bytes = (const unsigned char *)brief;
	bool group = weft__sim_choose(2);
	weft_thread *thread;

	weft__sim_check(brief != NULL);
	weft_wait_group_add(&brief->group, 1);
	thread = engine_spawn(group ? finish_group : post_sem, brief);
	if (group)
		weft_wait_group_wait(&brief->group);
	else
		weft_sem_wait(&brief->sem);
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

static void waited_on_may_go(void *arg)
{
	(void)arg;
	run_crowd(spoil_often, NULL);
}

/* The mutex may go with the holder who has found out that he is the last user. */
struct shared {
	weft_mutex mutex;
	int users;
};

struct owner {
	struct shared *shared;
};

static int leave_shared(void *arg)
{
	struct shared *shared = ((struct owner *)arg)->shared;
	int left;

	engine_dawdle();
	weft__sim_point();
	weft_mutex_lock(&shared->mutex);
	left = --shared->users;
	weft__sim_point();
	weft_mutex_unlock(&shared->mutex);
	if (left == 0)
		memset(shared, 0xa5, sizeof *shared);
	return 0;
}

static void last_user_takes_the_mutex(void *arg)
{
	unsigned char memory[sizeof(struct shared)];
	struct shared *shared = calloc(1, sizeof *shared);
	struct owner owner = { shared };

	(void)arg;
	shared->users = USERS + 1;
	run_crowd(leave_shared, &owner);
	memset(memory, 0xa5, sizeof memory);
	weft__sim_check(memcmp(memory, shared, sizeof memory) == 0);
	free(shared);
}

/* ---- once, and a wait group */

struct first {
	weft_once once;
	int32_t attempts, successes, inside; /* atomic */
};

static int try_it(void *arg)
{
	struct first *first = arg;
	int32_t attempt = atomic_add_relaxed(&first->attempts, 1);

	weft__sim_check(atomic_add_relaxed(&first->inside, 1) == 0);
	engine_dawdle();
	atomic_add_relaxed(&first->inside, -1);
	if (attempt < 2)
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
		switch (weft__sim_choose(3)) {
		case 0:
			code = weft_once_run_try(&first->once, try_it, first);
			break;
		case 1:
			code = weft_once_run_until(&first->once, try_it, first, engine_deadline());
			break;
		default:
			code = weft_once_run(&first->once, try_it, first);
			break;
		}
		weft__sim_check(code == 0 || code == -EIO || code == -EBUSY || code == -ETIMEDOUT);
	} while (code != 0);
	weft__sim_check(atomic_load_acquire(&first->successes) == 1);
	return 0;
}

static void once_succeeds_once(void *arg)
{
	struct first first = { 0 };

	(void)arg;
	run_crowd(be_first, &first);
	weft__sim_check(first.attempts == 3 && first.successes == 1);
}

const struct scenario sync_scenarios[] = {
	{ .name = "mutex-excludes",
	  .run = mutex_excludes,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "spin-excludes", .run = spin_excludes, .options = { .eintr = 50 } },
	{ .name = "buffer-passes-all",
	  .run = buffer_passes_all,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "permits-are-kept",
	  .run = permits_are_kept,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "waited-on-may-go", .run = waited_on_may_go, .options = { .spurious = 50 } },
	{ .name = "last-user-takes-the-mutex", .run = last_user_takes_the_mutex },
	{ .name = "once-succeeds-once", .run = once_succeeds_once, .options = { .spurious = 50 } },
	{ 0 },
};
