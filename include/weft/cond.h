/* SPDX-License-Identifier: MIT */
/*
 * Condition variable: threads wait, with a mutex held, until another says that something has
 * changed. All-zero is ready for use.
 * Wait in a loop that checks the condition: by the time a waiter has the mutex again others may
 * have run. The memory may go away when every wait has returned: a thread that was woken still
 * looks at it.
 *
 * Example:
 *
 *	static weft_mutex lock = WEFT_MUTEX_INIT;
 *	static weft_cond arrived = WEFT_COND_INIT;
 *	static int letters;
 *
 *	void put_letter(void)
 *	{
 *		weft_mutex_lock(&lock);
 *		letters++;
 *		weft_cond_wake(&arrived);
 *		weft_mutex_unlock(&lock);
 *	}
 *
 *	int take_letter(int64_t deadline_ns)
 *	{
 *		int failed = 0;
 *
 *		weft_mutex_lock(&lock);
 *		while (letters == 0 && failed == 0)
 *			failed = weft_cond_wait_until(&arrived, &lock, deadline_ns);
 *		if (letters > 0) { // it may have come with the deadline
 *			letters--;
 *			failed = 0;
 *		}
 *		weft_mutex_unlock(&lock);
 *		return failed;
 *	}
 */
#ifndef WEFT_COND_H
#define WEFT_COND_H

#include <weft/api.h>
#include <weft/mutex.h>

WEFT_API_BEGIN

typedef struct weft_cond {
	weft__waitq waiters;
} weft_cond;

#define WEFT_COND_INIT { { 0, 0, 0 } }

/* The end of a condition variable; nothing to give back. One that is waited for: stops the program.
 */
WEFT_API void weft_cond_fini(weft_cond *cond);

/* Unlocks the mutex, waits to be woken, locks the mutex again: no wake between the first two is
 * missed. The mutex is held on return, whatever is returned. One that is not locked: stops the
 * program. Returns 0: woken; _until: -ETIMEDOUT; both -ECANCELED. Does not wake by itself; a wake
 * is never lost to one whose wait has ended otherwise. Order: through the mutex. */
WEFT_API int weft_cond_wait(weft_cond *cond, weft_mutex *mutex);
WEFT_API int weft_cond_wait_until(weft_cond *cond, weft_mutex *mutex, int64_t deadline_ns);

/* Wakes the one that has waited longest, if any / all that wait. With or without the mutex held. */
WEFT_API void weft_cond_wake(weft_cond *cond);
WEFT_API void weft_cond_wake_all(weft_cond *cond);

WEFT_API_END

#endif
