/* SPDX-License-Identifier: MIT */
/*
 * What the scenarios of cancellation share: a seat, in which one who waits shows his scope, and who
 * cancels it, once. Were that lost, the one would wait for ever, and the simulator finds it. (But
 * not a barrier that is missing, for the simulated machine is sequentially consistent: for that
 * there are models/cancel.pml and the litmus programs of CANCEL.)
 */
#ifndef WEFT_TEST_CANCEL_H
#define WEFT_TEST_CANCEL_H

#include <weft/cancel.h>

#include "engine.h"
#include "sys/spin.h"

struct seat {
	uint32_t lock;
	weft_scope *scope; /* guarded by lock; NULL: left */
	weft_sem begun;    /* a scope is shown */
	int rounds;
};

static inline void seat_enter(struct seat *seat, weft_scope *scope, int64_t deadline_ns)
{
	weft_scope_enter(scope, deadline_ns);
	weft__spin_lock(&seat->lock);
	seat->scope = scope;
	weft__spin_unlock(&seat->lock);
	weft_sem_wake(&seat->begun);
}

static inline int seat_leave(struct seat *seat, weft_scope *scope)
{
	weft__spin_lock(&seat->lock);
	seat->scope = NULL;
	weft__spin_unlock(&seat->lock);
	return weft_scope_leave(scope);
}

/* Each scope that is shown, if it has not been left, once. */
static inline int seat_cancel(void *arg)
{
	struct seat *seat = arg;

	for (int i = 0; i < seat->rounds; i++) {
		weft__sim_check(weft_sem_wait(&seat->begun) == 0);
		engine_dawdle();
		weft__spin_lock(&seat->lock);
		if (seat->scope != NULL)
			weft_scope_cancel(seat->scope);
		weft__spin_unlock(&seat->lock);
	}
	return 0;
}

static inline weft_thread *spawn_some_kind(weft_function *function, void *arg)
{
	static const weft_kind kinds[] = { WEFT_KIND_DEFAULT, WEFT_KIND_DEFAULT, WEFT_LIGHT,
					   WEFT_KERNEL };

	return engine_spawn_kind(kinds[weft__sim_choose(4)], function, arg);
}

#endif
