/* SPDX-License-Identifier: MIT */
/*
 * Cancellation: telling a thread to stop what it does. It is a request: the thread's waits end with
 * -ECANCELED from then on, and it returns, giving back what it holds on the way. Nothing is unwound
 * and nobody is killed.
 *
 *   thread   weft_thread_cancel: all that it does.
 *   scope    a part of what it does, from weft_scope_enter to weft_scope_leave, by
 *            weft_scope_cancel or when the scope's deadline has passed. Scopes nest: a wait is
 *            cancelled when any of those around it is.
 *   shield   waits inside are not cancelled by anything outside. For clean-up that must wait: a
 *            last message, a close in good order.
 *
 * A cancellation is lasting: as long as the thread is in the scope every further wait ends too. But
 * only waiting is refused: a call that has what it wants at hand takes it. (A call that reads,
 * writes, accepts or connects looks first: one that always finds data would never notice.) Who
 * computes asks weft_cancelled now and then.
 * Whether a wait was given something or cancelled is decided once: no wake-up, permit, lock or
 * element is lost. -ECANCELED means that nothing was taken.
 * Waits that never fail (weft_mutex_lock, weft_once_run's function, waiting for a condition's
 * mutex) are no cancellation points; each header says it of its calls.
 * When not to use it: to end a thread that may be anywhere in code that does not look at results.
 *
 * Example:
 *
 *	// All of it within the time: no call here needs a deadline of its own.
 *	ssize_t exchange(int fd, const char *question, char *out_answer, size_t bytes,
 *			 int64_t deadline_ns)
 *	{
 *		weft_scope scope;
 *		ssize_t got;
 *		int ended, failed;
 *
 *		weft_scope_enter(&scope, deadline_ns);
 *		failed = weft_write_all(fd, question, strlen(question));
 *		got = failed < 0 ? failed : weft_read(fd, out_answer, bytes);
 *		ended = weft_scope_leave(&scope);
 *		return got == -ECANCELED && ended < 0 ? ended : got; // -ETIMEDOUT, most likely
 *	}
 */
#ifndef WEFT_CANCEL_H
#define WEFT_CANCEL_H

#include <stdint.h>

#include <weft/api.h>
#include <weft/thread.h>

WEFT_API_BEGIN

/* In the caller's memory, usually on its stack; private. */
typedef struct weft_scope {
	struct weft_scope *outer;
	weft_thread *thread;
	int64_t deadline_ns;
	uint32_t cancelled, is_shield;
} weft_scope;

typedef struct weft_shield {
	weft_scope scope;
} weft_shield;

/* Cancels the thread, once and for all; it may be over already. The caller knows that it has not
 * been joined or detached, or is the thread itself. Blocks: never. Order: releases to the thread's
 * wait that ends. Progress: the thread goes on at once if it waits. Cost: bench cancel-storm. */
WEFT_API void weft_thread_cancel(weft_thread *thread);

/* For code that computes. Returns 0; -ECANCELED: the thread, or a scope that it is in and that no
 * shield covers, is cancelled, or that scope's time is over. Progress: wait-free. */
WEFT_API int weft_cancelled(void);

/*
 * Begins a scope of the calling thread; ends it. They nest properly: the last that was entered is
 * left first, by the same thread, or the program is stopped.
 *   deadline_ns   when the scope cancels itself; WEFT_FOREVER: never
 * leave returns 0; -ECANCELED: it was cancelled; -ETIMEDOUT: its deadline has passed.
 */
WEFT_API void weft_scope_enter(weft_scope *scope, int64_t deadline_ns);
WEFT_API int weft_scope_leave(weft_scope *scope);

/* Cancels a scope that has not been left yet; from any thread, which need not know more than that
 * it has not. Afterwards it does not touch the scope again. Blocks: never. */
WEFT_API void weft_scope_cancel(weft_scope *scope);

/* Begins and ends a shield of the calling thread. They nest with scopes. */
WEFT_API void weft_shield_enter(weft_shield *shield);
WEFT_API void weft_shield_leave(weft_shield *shield);

WEFT_API_END

#endif
