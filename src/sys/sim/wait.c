/* SPDX-License-Identifier: MIT */
/* The clock, waiting on a word, barriers. */
#include <errno.h>

#include "sys/sim/kernel.h"

bool weft__sys_has_heavy_barrier = true;

int64_t weft__sys_now(void)
{
	weft__sim_step("now");
	return weft__sim.now_ns;
}

/* Threads take turns on one processor: every access is ordered. Both barriers are only places where
 * others may run. */
void weft__sys_heavy_barrier(void)
{
	weft__sim_step("heavy_barrier");
}

void weft__sys_full_fence(void)
{
	weft__sim_step("full_fence");
}

void weft__sim_compute(int64_t duration_ns)
{
	weft__sim_step("compute");
	weft__sim.now_ns += duration_ns;
}

static int sleep_on(uint32_t *word, uint32_t expected, int64_t deadline_ns)
{
	for (;;) {
		switch (weft__sim_block("wait", word, NULL, deadline_ns)) {
		case WEFT__SIM_WOKEN:
			return 0;
		case WEFT__SIM_TIMED_OUT:
			return -ETIMEDOUT;
		case WEFT__SIM_INTERRUPTED:
			if (deadline_ns != WEFT__SIM_NEVER)
				return -EINTR;
		}
		if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected)
			return -EAGAIN;
	}
}

/* Linux compares and goes to sleep in one piece, and so is it here: there is no step between.
 * Broken off by a signal it begins anew, if it has no deadline. */
int weft__sys_wait(uint32_t *word, uint32_t expected, int64_t deadline_ns)
{
	int result;

	weft__sim_step("wait");
	if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected)
		result = -EAGAIN;
	else if (deadline_ns <= weft__sim.now_ns)
		result = -ETIMEDOUT;
	else if (weft__sim_nuisance(weft__sim.options.spurious))
		result = 0;
	else if (weft__sim_nuisance(weft__sim.options.eintr))
		result = -EINTR;
	else
		result = sleep_on(word, expected, deadline_ns);
	weft__sim_note("wait(%p, %u) = %d", (void *)word, expected, result);
	return result;
}

void weft__sys_wake(uint32_t *word, int count)
{
	int woken;

	weft__sim_step("wake");
	woken = weft__sim_wake(word, count, false);
	(void)woken;
	weft__sim_note("wake(%p, %d): %d", (void *)word, count, woken);
}
