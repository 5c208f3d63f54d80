/* SPDX-License-Identifier: MIT */
/*
 * Group: threads whose lives end within a block. Threads spawned in a group have ended when
 * weft_group_join returns, so they may use what lies on the stack of whoever joins. The first one
 * that fails cancels the others (<weft/cancel.h>), as does a deadline, weft_group_cancel, and the
 * cancellation of the thread that joins. All-zero is an empty group.
 * When not to use it: for threads that live as long as the program; where a pool would do.
 *
 * Example:
 *
 *	// All of them, or the first failure, which cancels those that still run.
 *	int do_all(weft_function *job, int *items, int count, int64_t deadline_ns)
 *	{
 *		weft_group group = WEFT_GROUP_INIT;
 *
 *		for (int i = 0; i < count; i++)
 *			if (weft_group_spawn(&group, job, &items[i], NULL, NULL) < 0)
 *				weft_group_cancel(&group);
 *		return weft_group_join_until(&group, deadline_ns);
 *	}
 */
#ifndef WEFT_GROUP_H
#define WEFT_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/api.h>
#include <weft/mutex.h>
#include <weft/thread.h>

WEFT_API_BEGIN

typedef struct weft_group {
	weft__waitq waiters;
	uint32_t count; /* of threads that have not ended */
	uint32_t fork_count;
	void *first;
	int32_t error;
	uint32_t cancelled;
} weft_group;

#define WEFT_GROUP_INIT { { 0, 0, 0 }, 0, 0, 0, 0, 0 }

/*
 * Starts a thread of the group, from any thread, of any kind, also from one of the group's, as long
 * as the group has not been joined. In a cancelled group it starts cancelled.
 *   out_result   where its result goes before the join returns; NULL: nowhere
 * A negative result is a failure. Returns and blocks as weft_thread_spawn; on failure the group is
 * as before. A kernel thread's thread_local objects may be destroyed after the join.
 */
WEFT_API int weft_group_spawn(weft_group *group, weft_function *function, void *arg,
			      const weft_thread_options *options, int *out_result);

/*
 * Waits until no thread of the group is left; however it ends, none is. One thread joins. The group
 * is then empty and can be used again.
 * Returns 0; the result of the first that failed; -ETIMEDOUT: the deadline passed, and all ended
 * because of it; -ECANCELED: likewise, but weft_group_cancel or a cancellation of the caller.
 * Order: acquires what the threads did. A cancellation point in that sense only: it ends when they
 * have. In fork's child the parent's other threads count as ended, without a result.
 */
WEFT_API int weft_group_join(weft_group *group);
WEFT_API int weft_group_join_until(weft_group *group, int64_t deadline_ns);

/* Cancels all threads of the group, and those that come. Any thread may. Blocks: never. */
WEFT_API void weft_group_cancel(weft_group *group);

/* Whether it is cancelled, by whatever. */
WEFT_API bool weft_group_is_cancelled(const weft_group *group);

WEFT_API_END

#endif
