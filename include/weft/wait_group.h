/* SPDX-License-Identifier: MIT */
/*
 * Wait group: counts things under way; threads wait until none is. All-zero: none. It can be used
 * again when it has come to zero.
 *
 * Example:
 *
 *	static weft_wait_group under_way = WEFT_WAIT_GROUP_INIT;
 *
 *	static int work(void *arg)
 *	{
 *		++*(int *)arg;
 *		weft_wait_group_done(&under_way);
 *		return 0;
 *	}
 *
 *	int work_on_all(int *items, int count)
 *	{
 *		int failed = 0;
 *
 *		for (int i = 0; i < count && failed == 0; i++) {
 *			weft_wait_group_add(&under_way, 1); // before it starts
 *			failed = weft_thread_spawn(work, &items[i], NULL, NULL);
 *			if (failed < 0)
 *				weft_wait_group_done(&under_way);
 *		}
 *		weft_wait_group_wait(&under_way);
 *		return failed;
 *	}
 */
#ifndef WEFT_WAIT_GROUP_H
#define WEFT_WAIT_GROUP_H

#include <stdint.h>

#include <weft/api.h>
#include <weft/mutex.h>

WEFT_API_BEGIN

typedef struct weft_wait_group {
	int64_t count;
	weft__waitq waiters;
} weft_wait_group;

#define WEFT_WAIT_GROUP_INIT { 0, { 0, 0, 0 } }

/* The end of a wait group; nothing to give back. One that is not at zero, or is waited for: stops
 * the program. */
WEFT_API void weft_wait_group_fini(weft_wait_group *group);

/* Adds n (negative takes away); at zero all that wait go on. Below zero: stops the program. Add
 * before you start what will be done. Order: releases to those that wait. */
WEFT_API void weft_wait_group_add(weft_wait_group *group, int64_t n);
static inline void weft_wait_group_done(weft_wait_group *group)
{
	weft_wait_group_add(group, -1);
}

/* Waits for zero. Returns 0; _try: -EBUSY; _until: -ETIMEDOUT; both waiting forms -ECANCELED. */
WEFT_API int weft_wait_group_wait(weft_wait_group *group);
WEFT_API int weft_wait_group_wait_try(weft_wait_group *group);
WEFT_API int weft_wait_group_wait_until(weft_wait_group *group, int64_t deadline_ns);

WEFT_API_END

#endif
