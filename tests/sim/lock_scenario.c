/* SPDX-License-Identifier: MIT */
/* Locks with more than one side. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"

/* ---- readers-writer lock: readers together, a writer alone, whichever way it is taken */

struct read_and_written {
	weft_rwlock lock;
	int32_t readers, allowed; /* atomic */
	int writers, entered;
};

static int lock_somehow(weft_rwlock *lock, bool write)
{
	switch (weft__sim_choose(4)) {
	case 0:
		return write ? weft_rwlock_write_lock_try(lock) : weft_rwlock_read_lock_try(lock);
	case 1:
		return write ? weft_rwlock_write_lock_until(lock, engine_deadline())
			     : weft_rwlock_read_lock_until(lock, engine_deadline());
	default:
		return write ? weft_rwlock_write_lock(lock) : weft_rwlock_read_lock(lock);
	}
}

static void write_alone(struct read_and_written *shared)
{
	weft__sim_check(shared->writers++ == 0);
	weft__sim_check(atomic_load_relaxed(&shared->readers) == 0);
	engine_dawdle();
	atomic_add_relaxed(&shared->allowed, 1);
	shared->entered++;
	weft__sim_check(--shared->writers == 0);
	weft_rwlock_write_unlock(&shared->lock);
}

static void read_together(struct read_and_written *shared)
{
	atomic_add_relaxed(&shared->readers, 1);
	weft__sim_check(shared->writers == 0);
	engine_dawdle();
	weft__sim_check(shared->writers == 0);
	atomic_add_relaxed(&shared->readers, -1);
	weft_rwlock_read_unlock(&shared->lock);
}

static int read_or_write(void *arg)
{
	struct read_and_written *shared = arg;

	for (int i = 0; i < 4; i++) {
		bool write = weft__sim_choose(2);
		int code = lock_somehow(&shared->lock, write);

		weft__sim_check(code == 0 || code == -EBUSY || code == -ETIMEDOUT ||
				code == -ECANCELED);
		if (code < 0)
			continue;
		if (write)
			write_alone(shared);
		else
			read_together(shared);
	}
	return 0;
}

static void rwlock_excludes(void *arg)
{
	struct read_and_written shared = { 0 };

	(void)arg;
	run_crowd_cancelling(read_or_write, &shared);
	weft__sim_check(shared.entered == shared.allowed && shared.lock.word == 0);
	weft_rwlock_fini(&shared.lock);
}

/* ---- a writer gives up while a reader, who waits for another reader, goes on */

struct given_up {
	weft_rwlock lock;
	weft_sem is_in;
	int64_t deadline_ns;
};

static int write_in_vain(void *arg)
{
	struct given_up *shared = arg;
	int code = weft_rwlock_write_lock_until(&shared->lock, shared->deadline_ns);

	weft__sim_check(code == 0 || code == -ETIMEDOUT || code == -ECANCELED);
	if (code == 0) /* it began late */
		weft_rwlock_write_unlock(&shared->lock);
	return 0;
}

static int read_behind(void *arg)
{
	struct given_up *shared = arg;

	engine_dawdle();
	weft__sim_check(weft_rwlock_read_lock(&shared->lock) == 0);
	weft_sem_wake(&shared->is_in);
	weft_rwlock_read_unlock(&shared->lock);
	return 0;
}

static int read_and_wait(void *arg)
{
	struct given_up *shared = arg;
	bool cancels = weft__sim_choose(2);
	weft_thread *writer, *readers[2];

	shared->deadline_ns = cancels ? WEFT_FOREVER : engine_deadline();
	weft__sim_check(weft_rwlock_read_lock(&shared->lock) == 0);
	writer = engine_spawn(write_in_vain, shared);
	for (int i = 0; i < 2; i++)
		readers[i] = engine_spawn(read_behind, shared);
	engine_dawdle();
	if (cancels)
		weft_thread_cancel(writer);
	for (int i = 0; i < 2; i++)
		weft__sim_check(weft_sem_wait(&shared->is_in) == 0);
	weft_rwlock_read_unlock(&shared->lock);
	engine_join(writer, 0);
	for (int i = 0; i < 2; i++)
		engine_join(readers[i], 0);
	return 0;
}

static void writer_that_left_keeps_nobody_out(void *arg)
{
	struct given_up shared = { 0 };

	(void)arg;
	weft__sim_check(engine_run(read_and_wait, &shared) == 0);
	weft__sim_check(shared.lock.word == 0);
	engine_check_clean();
}

/* ---- the lock may go with the writer who has found out that he is the last user */

struct shared {
	weft_rwlock lock;
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
	if (weft__sim_choose(2)) {
		weft_rwlock_read_lock(&shared->lock);
		weft__sim_check(shared->users > 0);
		weft_rwlock_read_unlock(&shared->lock);
	}
	weft_rwlock_write_lock(&shared->lock);
	left = --shared->users;
	weft_rwlock_write_unlock(&shared->lock);
	if (left == 0)
		memset(shared, 0xa5, sizeof *shared);
	return 0;
}

static void last_user_takes_the_rwlock(void *arg)
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

/* ---- a robust mutex: owners end while they hold it, and the next is told */

struct handed_down {
	weft_owned_mutex mutex;
	int inside, ended, mended;
	bool is_dirty;
};

static int own_somehow(weft_owned_mutex *mutex)
{
	switch (weft__sim_choose(4)) {
	case 0:
		return weft_owned_mutex_lock_try(mutex);
	case 1:
		return weft_owned_mutex_lock_until(mutex, engine_deadline());
	default:
		return weft_owned_mutex_lock(mutex);
	}
}

/* True: it is held. */
static bool own(struct handed_down *shared)
{
	int code = own_somehow(&shared->mutex);

	weft__sim_check(code == 0 || code == -EOWNERDEAD || code == -EBUSY || code == -ETIMEDOUT ||
			code == -ECANCELED);
	if (code != 0 && code != -EOWNERDEAD)
		return false;
	weft__sim_check(shared->is_dirty == (code == -EOWNERDEAD));
	if (code == -EOWNERDEAD) {
		shared->mended++;
		shared->inside = 0;
		weft__sim_check(weft_owned_mutex_consistent(&shared->mutex) == 0);
	}
	weft__sim_check(shared->inside++ == 0);
	shared->is_dirty = true;
	if (weft__sim_choose(3) == 0) {
		weft__sim_check(weft_owned_mutex_lock(&shared->mutex) == 0);
		engine_dawdle();
		weft__sim_check(weft_owned_mutex_unlock(&shared->mutex) == 0);
	}
	return true;
}

static int own_and_end(void *arg)
{
	struct handed_down *shared = arg;

	for (int i = 0; i < 4; i++) {
		engine_dawdle();
		if (!own(shared))
			continue;
		if (weft__sim_choose(4) == 0) {
			shared->ended++;
			return 0;
		}
		shared->is_dirty = false;
		weft__sim_check(--shared->inside == 0);
		weft__sim_check(weft_owned_mutex_unlock(&shared->mutex) == 0);
		weft__sim_check(weft_owned_mutex_unlock(&shared->mutex) == -EPERM);
	}
	return 0;
}

/* The crowd's own thread may not end with it, for it waits for the others. */
static int hand_down(void *arg)
{
	weft_thread *threads[USERS];

	for (int i = 0; i < USERS; i++)
		threads[i] = engine_spawn_kind(
			weft__sim_choose(4) == 0 ? WEFT_KERNEL : engine_kind(), own_and_end, arg);
	engine_dawdle();
	weft_thread_cancel(threads[weft__sim_choose(USERS)]);
	for (int i = 0; i < USERS; i++)
		engine_join(threads[i], 0);
	return 0;
}

static void owners_end_and_others_are_told(void *arg)
{
	const weft_owned_mutex_options options = { .recursive = true, .robust = true };
	struct handed_down shared = { 0 };
	int code;

	(void)arg;
	weft__sim_check(weft_owned_mutex_init(&shared.mutex, &options) == 0);
	weft__sim_check(engine_run(hand_down, &shared) == 0);
	code = weft_owned_mutex_lock_try(&shared.mutex);
	weft__sim_check(code == (shared.is_dirty ? -EOWNERDEAD : 0));
	weft__sim_check(shared.ended == shared.mended + shared.is_dirty);
	weft__sim_check(weft_owned_mutex_unlock(&shared.mutex) == 0);
	weft_owned_mutex_fini(&shared.mutex);
	engine_check_clean();
}

const struct scenario lock_scenarios[] = {
	{ .name = "rwlock-excludes",
	  .run = rwlock_excludes,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "writer-that-left-keeps-nobody-out",
	  .run = writer_that_left_keeps_nobody_out,
	  .options = { .spurious = 50 } },
	{ .name = "last-user-takes-the-rwlock", .run = last_user_takes_the_rwlock },
	{ .name = "owners-end-and-others-are-told",
	  .run = owners_end_and_others_are_told,
	  .options = { .spurious = 50 } },
	{ 0 },
};
