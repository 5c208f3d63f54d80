/* SPDX-License-Identifier: MIT */
/* Mutex: what it guards stays whole. */
#include "acts.h"

#define LOCKS 4

static struct guarded {
	weft_mutex mutex;
	uint64_t a, b;   /* equal whenever the mutex is free */
	uint64_t rounds; /* atomic */
} guarded[LOCKS];

static bool lock(struct guarded *it, struct actor *actor)
{
	int64_t deadline_ns = soon(actor);
	int code;

	switch (choose(actor, 3)) {
	case 0:
		must(weft_mutex_lock(&it->mutex) == 0);
		return true;
	case 1:
		code = weft_mutex_lock_try(&it->mutex);
		must(code == 0 || code == -EBUSY);
		return code == 0;
	default:
		return ended_well(weft_mutex_lock_until(&it->mutex, deadline_ns), deadline_ns);
	}
}

void mutex_act(struct actor *actor)
{
	struct guarded *it = &guarded[choose(actor, LOCKS)];

	if (!lock(it, actor))
		return;
	must(it->a == it->b);
	it->a++;
	dawdle(actor);
	it->b++;
	atomic_add_relaxed(&it->rounds, 1);
	weft_mutex_unlock(&it->mutex);
}

void mutex_end(void)
{
	for (int i = 0; i < LOCKS; i++) {
		must(guarded[i].a == guarded[i].rounds && guarded[i].b == guarded[i].rounds);
		weft_mutex_fini(&guarded[i].mutex);
	}
}
