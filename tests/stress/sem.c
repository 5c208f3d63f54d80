/* SPDX-License-Identifier: MIT */
/* Semaphore, with weights: never more out than there are, and all come back. */
#include "acts.h"

#define PERMITS 5

static weft_sem permits = WEFT_SEM_INIT(PERMITS);
static int out; /* atomic */

static bool take(struct actor *actor, int32_t n)
{
	int64_t deadline_ns = soon(actor);
	int code;

	switch (choose(actor, 4)) {
	case 0:
		code = n == 1 ? weft_sem_wait_try(&permits) : weft_sem_wait_n_try(&permits, n);
		must(code == 0 || code == -EAGAIN);
		return code == 0;
	case 1:
		code = n == 1 ? weft_sem_wait_until(&permits, deadline_ns)
			      : weft_sem_wait_n_until(&permits, n, deadline_ns);
		return ended_well(code, deadline_ns);
	default:
		code = n == 1 ? weft_sem_wait(&permits) : weft_sem_wait_n(&permits, n);
		return ended_well(code, WEFT_FOREVER);
	}
}

static void give(struct actor *actor, int32_t n)
{
	int32_t first = (int32_t)choose(actor, (unsigned)n + 1);

	must(weft_sem_wake_n(&permits, first) == 0);
	for (int32_t i = first; i < n; i++)
		must(weft_sem_wake(&permits) == 0);
}

void sem_act(struct actor *actor)
{
	/* Often one, sometimes all. */
	int32_t n = choose(actor, 2) == 0 ? 1 : (int32_t)choose(actor, PERMITS + 1);

	if (!take(actor, n))
		return;
	must(atomic_add_acq_rel(&out, n) + n <= PERMITS);
	dawdle(actor);
	atomic_sub_acq_rel(&out, n);
	give(actor, n);
}

void sem_end(void)
{
	must(out == 0);
	must(weft_sem_wait_n_try(&permits, PERMITS) == 0);
	must(weft_sem_wait_try(&permits) == -EAGAIN);
	weft_sem_fini(&permits);
}
