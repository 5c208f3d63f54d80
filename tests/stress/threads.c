/* SPDX-License-Identifier: MIT */
/* Threads: spawned in trees, joined, joined in time, detached, cancelled; sleeps; blocking
 * brackets. */
#include "acts.h"

#include <stdlib.h>
#include <time.h>

#define DEPTH_MAX 3

static int64_t begun, ended; /* atomic */

struct child {
	struct actor actor;
	int result;
};

static int be_child(void *arg)
{
	struct child *child = arg;
	int result = child->result;

	stress_act(&child->actor, 1 + choose(&child->actor, 4));
	free(child);
	atomic_add_acq_rel(&ended, 1);
	if (result % 3 == 0)
		weft_thread_exit(result);
	return result;
}

static weft_thread *spawn(struct actor *actor, int result, bool detached)
{
	struct child *child = malloc(sizeof *child);
	weft_thread_options options = { .kind = choose(actor, 16) == 0 ? WEFT_KERNEL
								       : WEFT_KIND_DEFAULT };
	weft_thread *thread = NULL;

	must(child != NULL);
	child->actor = (struct actor){ .random = some_random(actor), .depth = actor->depth + 1 };
	child->result = result;
	atomic_add_acq_rel(&begun, 1);
	must(weft_thread_spawn(be_child, child, &options, detached ? NULL : &thread) == 0);
	stress_add(STRESS_SPAWNS, 1);
	return thread;
}

static void collect(struct actor *actor, weft_thread *thread, int expected)
{
	int64_t deadline_ns = soon(actor);
	int result = expected - 1;
	int code = -EBUSY;
	weft_shield shield;

	if (choose(actor, 4) == 0) {
		weft_thread_cancel(thread);
		stress_add(STRESS_THREADS_CANCELLED, 1);
	}
	switch (choose(actor, 6)) {
	case 0:
		must(weft_thread_detach(thread) == 0);
		return;
	case 1:
		code = weft_thread_join_try(thread, &result);
		must(code == 0 || code == -EBUSY);
		break;
	case 2:
		code = weft_thread_join_until(thread, deadline_ns, &result);
		ended_well(code, deadline_ns);
		break;
	case 3:
		code = weft_thread_join(thread, &result);
		ended_well(code, WEFT_FOREVER);
		break;
	default:
		break;
	}
	if (code != 0) {
		must(result == expected - 1);
		weft_shield_enter(&shield);
		code = weft_thread_join(thread, &result);
		weft_shield_leave(&shield);
	}
	must_be(code == 0 && result == expected, code);
}

static void spawn_family(struct actor *actor)
{
	weft_thread *threads[4];
	int results[4];
	unsigned children = 1 + choose(actor, 4);

	if (actor->depth >= DEPTH_MAX)
		return;
	for (unsigned i = 0; i < children; i++) {
		results[i] = (int)choose(actor, 1000);
		threads[i] = spawn(actor, results[i], false);
	}
	if (choose(actor, 4) == 0)
		(void)spawn(actor, 1, true);
	for (unsigned i = 0; i < children; i++)
		collect(actor, threads[i], results[i]);
}

static void sleep_until(int64_t deadline_ns)
{
	if (ended_well(weft_sleep_until(deadline_ns), WEFT_FOREVER))
		must(weft_now() >= deadline_ns);
}

static void block(struct actor *actor)
{
	struct timespec span = { 0, (long)choose(actor, 300000) };

	weft_blocking_begin();
	nanosleep(&span, NULL);
	if (choose(actor, 4) == 0)
		/* waits as ever, in between */
		sleep_until(weft_now() + (int64_t)choose(actor, 100000));
	weft_blocking_end();
}

void threads_act(struct actor *actor)
{
	switch (choose(actor, 8)) {
	case 0:
	case 1:
		spawn_family(actor);
		break;
	case 2:
	case 3:
		block(actor);
		break;
	case 4:
	case 5:
	case 6:
		sleep_until(soon(actor));
		break;
	default:
		weft_yield();
		break;
	}
}

void threads_wait(void)
{
	while (atomic_load_acquire(&begun) != atomic_load_acquire(&ended))
		weft_sleep(WEFT_MS);
}
