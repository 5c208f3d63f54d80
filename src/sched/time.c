/* SPDX-License-Identifier: MIT */
#include <weft/time.h>

#include "sched/thread.h"

int64_t weft_now(void)
{
	return weft__sys_now();
}

int weft_sleep_until(int64_t deadline_ns)
{
	struct weft_thread *self = weft__self();

	weft__arm(self);
	/* Nobody but the deadline and a cancellation can claim it. */
	return weft__park(self, "sleep", deadline_ns) == -ECANCELED ? -ECANCELED : 0;
}

int weft_sleep(int64_t duration_ns)
{
	int64_t now_ns;

	if (duration_ns <= 0)
		return weft_yield();
	now_ns = weft__sys_now();
	return weft_sleep_until(duration_ns < WEFT_FOREVER - now_ns ? now_ns + duration_ns
								    : WEFT_FOREVER);
}
