/* SPDX-License-Identifier: MIT */
/* Spin lock: what it guards stays whole. */
#include "acts.h"

static struct {
	weft_spin spin;
	uint64_t a, b;   /* equal whenever the lock is free */
	uint64_t rounds; /* atomic */
} guarded;

static bool lock(struct actor *actor)
{
	int64_t deadline_ns = soon(actor);
	int code;

	switch (choose(actor, 3)) {
	case 0:
		must(weft_spin_lock(&guarded.spin) == 0);
		return true;
	case 1:
		code = weft_spin_lock_try(&guarded.spin);
		must(code == 0 || code == -EBUSY);
		return code == 0;
	default:
		return ended_well(weft_spin_lock_until(&guarded.spin, deadline_ns), deadline_ns);
	}
}

void spin_act(struct actor *actor)
{
	for (unsigned times = choose(actor, 20); times > 0; times--) {
		if (!lock(actor))
			continue;
		must(guarded.a == guarded.b);
		guarded.a++;
		for (unsigned i = choose(actor, 100); i > 0; i--)
			atomic_compiler_barrier();
		guarded.b++;
		weft_spin_unlock(&guarded.spin);
		atomic_add_relaxed(&guarded.rounds, 1);
	}
}

void spin_end(void)
{
	must(guarded.a == guarded.rounds && guarded.b == guarded.rounds);
	weft_spin_fini(&guarded.spin);
}
