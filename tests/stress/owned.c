/* SPDX-License-Identifier: MIT */
/*
 * Owned mutex, recursive and robust: its owner may lock it again, and may end while it holds it.
 * Then the next one is told, once, and finds what is guarded half changed: never otherwise.
 */
#include "acts.h"

static struct {
	weft_owned_mutex mutex;
	/* guarded by mutex */
	weft_thread *holder; /* NULL whenever it is free, unless its owner ended */
	uint64_t a, b;       /* likewise equal */
	uint64_t mended;
	uint64_t rounds, left; /* atomic */
} guarded;

/* With the mutex: its last owner ended. */
static void mend(void)
{
	must(guarded.holder != NULL && guarded.a == guarded.b + 1);
	guarded.b++;
	guarded.holder = NULL;
	guarded.mended++;
	must(weft_owned_mutex_consistent(&guarded.mutex) == 0);
}

/* For the first time. */
static bool lock(struct actor *actor)
{
	int64_t deadline_ns = soon(actor);
	int code;

	switch (choose(actor, 3)) {
	case 0:
		code = weft_owned_mutex_lock(&guarded.mutex);
		break;
	case 1:
		code = weft_owned_mutex_lock_try(&guarded.mutex);
		if (code == -EBUSY)
			return false;
		break;
	default:
		code = weft_owned_mutex_lock_until(&guarded.mutex, deadline_ns);
		if (code != -EOWNERDEAD && !ended_well(code, deadline_ns))
			return false;
		break;
	}
	must_be(code == 0 || code == -EOWNERDEAD, code);
	if (code == -EOWNERDEAD)
		mend();
	must(guarded.holder == NULL && guarded.a == guarded.b);
	guarded.holder = weft_thread_self();
	guarded.a++;
	atomic_add_relaxed(&guarded.rounds, 1);
	return true;
}

static int lock_and_end(void *arg)
{
	struct actor actor = { .random = *(uint64_t *)arg };

	if (lock(&actor)) {
		atomic_add_relaxed(&guarded.left, 1);
		stress_add(STRESS_OWNERS_ENDED, 1);
	}
	return 0;
}

static void end_with_it(struct actor *actor)
{
	uint64_t random = some_random(actor);
	weft_thread *thread;
	weft_shield shield;

	must(weft_thread_spawn(lock_and_end, &random, NULL, &thread) == 0);
	weft_shield_enter(&shield);
	must(weft_thread_join(thread, NULL) == 0);
	weft_shield_leave(&shield);
	stress_add(STRESS_SPAWNS, 1);
}

static void lock_again_and_again(struct actor *actor)
{
	unsigned again = choose(actor, 3);

	if (!lock(actor))
		return;
	for (unsigned i = 0; i < again; i++)
		must(weft_owned_mutex_lock_until(&guarded.mutex, 0) == 0);
	dawdle(actor);
	for (unsigned i = 0; i < again; i++) {
		must(weft_owned_mutex_unlock(&guarded.mutex) == 0);
		must(guarded.holder == weft_thread_self());
	}
	guarded.b++;
	guarded.holder = NULL;
	must(weft_owned_mutex_unlock(&guarded.mutex) == 0);
}

void owned_act(struct actor *actor)
{
	unsigned what = choose(actor, 16);

	if (what == 0)
		end_with_it(actor);
	else if (what == 1)
		/* of somebody else, or nobody */
		must(weft_owned_mutex_unlock(&guarded.mutex) == -EPERM);
	else
		lock_again_and_again(actor);
}

void owned_begin(void)
{
	must(weft_owned_mutex_init(&guarded.mutex, &(weft_owned_mutex_options){ .recursive = true,
										.robust = true }) ==
	     0);
}

void owned_end(void)
{
	struct actor actor = { .random = 1 };

	while (!lock(&actor))
		;
	guarded.b++;
	must(guarded.a == guarded.rounds && guarded.b == guarded.rounds);
	must_be(guarded.mended == guarded.left, guarded.mended);
	must(weft_owned_mutex_unlock(&guarded.mutex) == 0);
	weft_owned_mutex_fini(&guarded.mutex);
}
