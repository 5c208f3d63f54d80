/* SPDX-License-Identifier: MIT */
/* Readers-writer lock: a writer is alone, readers are not disturbed. */
#include "acts.h"

#define LOCKS 2

static struct guarded {
	weft_rwlock lock;
	uint64_t a, b;        /* equal but while somebody writes */
	int readers, writers; /* atomic: who are in */
	uint64_t rounds;      /* atomic */
} guarded[LOCKS];

static bool lock(struct guarded *it, struct actor *actor, bool writes)
{
	int64_t deadline_ns = soon(actor);
	int code;

	switch (choose(actor, 3)) {
	case 0:
		code = writes ? weft_rwlock_write_lock(&it->lock)
			      : weft_rwlock_read_lock(&it->lock);
		must(code == 0);
		return true;
	case 1:
		code = writes ? weft_rwlock_write_lock_try(&it->lock)
			      : weft_rwlock_read_lock_try(&it->lock);
		must(code == 0 || code == -EBUSY);
		return code == 0;
	default:
		code = writes ? weft_rwlock_write_lock_until(&it->lock, deadline_ns)
			      : weft_rwlock_read_lock_until(&it->lock, deadline_ns);
		return ended_well(code, deadline_ns);
	}
}

static void read_it(struct guarded *it, struct actor *actor)
{
	uint64_t a;

	if (!lock(it, actor, false))
		return;
	atomic_add_acq_rel(&it->readers, 1);
	must(atomic_load_acquire(&it->writers) == 0);
	a = it->a;
	dawdle(actor);
	must(it->b == a);
	must(atomic_load_acquire(&it->writers) == 0);
	atomic_sub_acq_rel(&it->readers, 1);
	weft_rwlock_read_unlock(&it->lock);
}

static void write_it(struct guarded *it, struct actor *actor)
{
	if (!lock(it, actor, true))
		return;
	must(atomic_add_acq_rel(&it->writers, 1) == 0);
	must(atomic_load_acquire(&it->readers) == 0);
	must(it->a == it->b);
	it->a++;
	dawdle(actor);
	it->b++;
	must(atomic_load_acquire(&it->readers) == 0);
	atomic_sub_acq_rel(&it->writers, 1);
	atomic_add_relaxed(&it->rounds, 1);
	weft_rwlock_write_unlock(&it->lock);
}

void rwlock_act(struct actor *actor)
{
	struct guarded *it = &guarded[choose(actor, LOCKS)];

	if (choose(actor, 4) == 0)
		write_it(it, actor);
	else
		read_it(it, actor);
}

void rwlock_end(void)
{
	for (int i = 0; i < LOCKS; i++) {
		must(guarded[i].a == guarded[i].rounds && guarded[i].b == guarded[i].rounds);
		weft_rwlock_fini(&guarded[i].lock);
	}
}
