/* SPDX-License-Identifier: MIT */
/* A kernel thread with a watch that does what it is told, for the tests of ticks and watches. */
#ifndef WEFT_TESTS_SYS_WATCHED_H
#define WEFT_TESTS_SYS_WATCHED_H

#include <stdlib.h>

#include <weft/time.h>

#include "sys/linux/force.h"
#include "sys/tick.h"

#define PATIENCE (20 * WEFT_SECOND) /* a test that waits longer has failed */

struct watched {
	struct weft__watch *watch;
	void (*task)(void *);
	void *arg;
	uint32_t turn; /* atomic; even: idle; odd: at the task */
	bool end;      /* atomic */
	weft__sys_thread thread;
};

static inline void watched_wait(struct watched *watched, uint32_t turn)
{
	uint32_t now;

	while ((now = atomic_load_acquire(&watched->turn)) != turn)
		weft__sys_wait(&watched->turn, now, WEFT_FOREVER);
}

static inline void watched_turn(struct watched *watched)
{
	atomic_add_acq_rel(&watched->turn, 1u);
	weft__sys_wake(&watched->turn, 1);
}

static void *watched_body(void *arg)
{
	struct watched *watched = arg;

	if (weft__sys_watch_open(&watched->watch) != 0)
		abort();
	watched_turn(watched);
	for (uint32_t turn = 3; !atomic_load_acquire(&watched->end); turn += 2) {
		uint32_t now;

		weft__sys_watch_pause(watched->watch);
		while ((now = atomic_load_acquire(&watched->turn)) != turn)
			weft__sys_wait(&watched->turn, now, WEFT_FOREVER);
		weft__sys_watch_resume(watched->watch);
		if (!atomic_load_acquire(&watched->end))
			watched->task(watched->arg);
		watched_turn(watched);
	}
	weft__sys_watch_close(watched->watch);
	return NULL;
}

static inline void watched_start(struct watched *watched)
{
	*watched = (struct watched){ .turn = 1 };
	if (weft__sys_thread_start(watched_body, watched, 0, "watched", &watched->thread) != 0)
		abort();
	watched_wait(watched, 2);
}

/* Begins task(arg) there. */
static inline void watched_begin(struct watched *watched, void (*task)(void *), void *arg)
{
	watched->task = task;
	watched->arg = arg;
	watched_turn(watched);
}

static inline void watched_finish(struct watched *watched)
{
	watched_wait(watched, (atomic_load_acquire(&watched->turn) + 1) & ~1u);
}

static inline void watched_do(struct watched *watched, void (*task)(void *), void *arg)
{
	watched_begin(watched, task, arg);
	watched_finish(watched);
}

static inline void watched_end(struct watched *watched)
{
	atomic_store_release(&watched->end, true);
	watched_turn(watched);
	weft__sys_thread_join(watched->thread);
}

#endif
