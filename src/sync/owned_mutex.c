/* SPDX-License-Identifier: MIT */
/*
 * Owned mutex: a mutex, and beside it who holds it.
 *
 *   owner   NULL: nobody; GONE: a thread that ended and left it locked. Written by the holder of
 *           the mutex. Others only compare it with themselves, and for that a stale value serves:
 *           a thread finds itself there if and only if it put itself there.
 *   state   of a robust one; guarded by the mutex:
 *
 *	SOUND -> ABANDONED	its owner ended
 *	ABANDONED -> SOUND	weft_owned_mutex_consistent
 *	ABANDONED -> LOST	unlocked without
 *	LOST			for ever: who gets the mutex gives it back, so all that wait hear of
 *it
 *
 * A thread has a list of what it holds, robust or not, which it alone touches: whoever holds a
 * mutex has it in his list. When the thread ends (sched/owned.h) it gives up the robust ones, and
 * leaves the others to GONE. What fails without the latter:
 *
 *   A ends and holds; B begins in the same record, locks and is told that it has it already; or
 *   unlocks it.
 *	No: the owner is nobody's record.
 *
 * The list is emptied when nothing of the program's runs on the thread any more: what is deferred,
 * and the destructors of a user thread, may still unlock.
 *
 * Order: through the mutex.
 * Rejected: the thread's id as the owner (the thread that calls fork has another in the child,
 * where it holds what it held).
 */
#include <weft/owned_mutex.h>

#include <weft/time.h>

#include "base/panic.h"
#include "sched/owned.h"
#include "sched/thread.h"
#include "sync/wait.h"

#define GONE ((weft_thread *)1)

enum { SOUND, ABANDONED, LOST };

static void list_remove(weft_owned_mutex *mutex, struct weft_thread *self)
{
	if (mutex->prev != NULL)
		mutex->prev->next = mutex->next;
	else
		self->owned = mutex->next;
	if (mutex->next != NULL)
		mutex->next->prev = mutex->prev;
}

/* The thread itself, at its end. */
static void abandon(struct weft_thread *self)
{
	weft_owned_mutex *mutex;

	while ((mutex = self->owned) != NULL) {
		list_remove(mutex, self);
		mutex->depth = 0;
		if (!mutex->is_robust) {
			atomic_store_relaxed(&mutex->owner, GONE);
			continue;
		}
		mutex->state = ABANDONED;
		atomic_store_relaxed(&mutex->owner, NULL);
		weft_mutex_unlock(&mutex->mutex);
	}
}

static void list_push(weft_owned_mutex *mutex, struct weft_thread *self)
{
	if (unlikely(atomic_load_relaxed(&weft__owned_abandon) == NULL))
		atomic_store_relaxed(&weft__owned_abandon, abandon);
	mutex->prev = NULL;
	mutex->next = self->owned;
	if (mutex->next != NULL)
		mutex->next->prev = mutex;
	self->owned = mutex;
}

static bool is_own(weft_owned_mutex *mutex, const struct weft_thread *self)
{
	return atomic_load_relaxed(&mutex->owner) == self;
}

static int lock_again(weft_owned_mutex *mutex, int otherwise)
{
	if (!mutex->is_recursive)
		return otherwise;
	if (mutex->depth == UINT32_MAX)
		return -EAGAIN;
	mutex->depth++;
	return 0;
}

/* What came of locking the mutex within. */
static int take(weft_owned_mutex *mutex, struct weft_thread *self, int code)
{
	if (unlikely(code < 0))
		return code;
	if (unlikely(mutex->state == LOST)) {
		weft_mutex_unlock(&mutex->mutex);
		return -ENOTRECOVERABLE;
	}
	atomic_store_relaxed(&mutex->owner, self);
	list_push(mutex, self);
	return likely(mutex->state == SOUND) ? 0 : -EOWNERDEAD;
}

int weft_owned_mutex_lock(weft_owned_mutex *mutex)
{
	struct weft_thread *self = weft__self();

	if (is_own(mutex, self))
		return lock_again(mutex, -EDEADLK);
	return take(mutex, self, weft_mutex_lock(&mutex->mutex));
}

int weft_owned_mutex_lock_try(weft_owned_mutex *mutex)
{
	struct weft_thread *self = weft__self();

	if (is_own(mutex, self))
		return lock_again(mutex, -EBUSY);
	return take(mutex, self, weft_mutex_lock_try(&mutex->mutex));
}

int weft_owned_mutex_lock_until(weft_owned_mutex *mutex, int64_t deadline_ns)
{
	struct weft_thread *self = weft__self();

	if (is_own(mutex, self))
		return lock_again(mutex, -EDEADLK);
	return take(mutex, self, weft_mutex_lock_until(&mutex->mutex, deadline_ns));
}

int weft_owned_mutex_unlock(weft_owned_mutex *mutex)
{
	struct weft_thread *self = weft__self();

	if (unlikely(!is_own(mutex, self)))
		return -EPERM;
	if (mutex->depth > 0) {
		mutex->depth--;
		return 0;
	}
	if (unlikely(mutex->state == ABANDONED))
		mutex->state = LOST;
	list_remove(mutex, self);
	atomic_store_relaxed(&mutex->owner, NULL);
	weft_mutex_unlock(&mutex->mutex);
	return 0;
}

int weft_owned_mutex_consistent(weft_owned_mutex *mutex)
{
	if (!is_own(mutex, weft__self()))
		return -EPERM;
	if (mutex->state != ABANDONED)
		return -EINVAL;
	mutex->state = SOUND;
	return 0;
}

int weft_owned_mutex_init(weft_owned_mutex *mutex, const weft_owned_mutex_options *options)
{
	*mutex = (weft_owned_mutex){
		.is_recursive = options != NULL && options->recursive,
		.is_robust = options != NULL && options->robust,
	};
	return 0;
}

void weft_owned_mutex_fini(weft_owned_mutex *mutex)
{
	if (unlikely(atomic_load_relaxed(&mutex->owner) != NULL))
		weft__panic("owned mutex %p: destroyed while held", (void *)mutex);
	weft__sync_fini(&mutex->mutex.waiters, "owned mutex", mutex);
}
