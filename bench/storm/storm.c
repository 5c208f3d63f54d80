/* SPDX-License-Identifier: MIT */
/* Who acts, who cancels, when it is over; see storm.h. */
#include "storm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/panic.h"

static const struct storm_part *const parts[] = { &storm_mutex,      &storm_sem,  &storm_cond,
						  &storm_sleep,      &storm_chan, &storm_barrier,
						  &storm_event,      &storm_spin, &storm_rwlock,
						  &storm_owned_mutex };

enum {
	PARTS = sizeof parts / sizeof parts[0],
	ACTORS = PARTS * STORM_ACTORS,
	CANCELLERS = 2,
	BURST = 8,         /* that a canceller cancels before it gives way */
	LIFE_MAX = 256,    /* operations of one thread */
	SOON_NS = 30000,   /* the latest deadline */
	ALARM_EACH = 1024, /* operations */
	STALL_S = 60,      /* who has not done so many in it never will */
};

static struct storm_actor actors[ACTORS];
static long wanted;      /* operations of each part; constant in a run */
static long done[PARTS]; /* atomic; go beyond that by an actor each */
static bool over;        /* atomic: the actors have ended */
static long lost, doubled;

uint64_t storm_random(struct storm_actor *actor, uint64_t below)
{
	uint64_t x = actor->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	actor->random = x;
	return (x >> 16) % below;
}

int64_t storm_deadline(struct storm_actor *actor)
{
	uint64_t choice = storm_random(actor, 8);

	if (choice < 4)
		return WEFT_FOREVER;
	return weft_now() + (choice == 4 ? 0 : (int64_t)storm_random(actor, SOON_NS));
}

bool storm_got(struct storm_actor *actor, int code)
{
	switch (code) {
	case -ECANCELED:
		actor->cancelled++;
		return false;
	case -ETIMEDOUT:
		actor->timed_out++;
		return false;
	case -EAGAIN:
	case -EBUSY:
		return false;
	default:
		if (code < 0)
			weft__panic("storm: %s ended with %d", actor->part->name, code);
		return true;
	}
}

void storm_dawdle(struct storm_actor *actor)
{
	if (storm_random(actor, 4) == 0)
		weft_yield();
}

void storm_lose(const struct storm_part *part, long count, const char *what)
{
	if (count > 0)
		fprintf(stderr, "cancel-storm: %s: %ld lost: %s\n", part->name, count, what);
	lost += count;
}

void storm_double(const struct storm_part *part, long count, const char *what)
{
	if (count > 0)
		fprintf(stderr, "cancel-storm: %s: %ld doubled: %s\n", part->name, count, what);
	doubled += count;
}

/* The alarm: some wait for good, and are not even cancelled. */
static void report_stall(int number)
{
	(void)number;
	for (int i = 0; i < PARTS; i++) {
		long so_far = atomic_load_relaxed(&done[i]);

		if (so_far < wanted)
			weft__report("cancel-storm: %s: stopped at %ld of %ld", parts[i]->name,
				     so_far, wanted);
	}
	weft__panic("cancel-storm: stands still");
}

/* ---- actors */
static bool take_one(struct storm_actor *actor)
{
	long number = atomic_add_relaxed(actor->done, 1);

	if (number % ALARM_EACH == 0)
		alarm(STALL_S);
	return number < wanted;
}

static void show(struct storm_actor *actor, weft_thread *thread, weft_scope *scope)
{
	weft_mutex_lock(&actor->mutex);
	actor->thread = thread;
	actor->scope = scope;
	weft_mutex_unlock(&actor->mutex);
}

static void act_in_scope(struct storm_actor *actor, weft_thread *self)
{
	weft_scope scope;

	weft_scope_enter(&scope,
			 storm_random(actor, 4) == 0 ? storm_deadline(actor) : WEFT_FOREVER);
	show(actor, self, &scope);
	actor->part->act(actor);
	show(actor, self, NULL);
	weft_scope_leave(&scope);
}

/* A thread that was cancelled as a whole goes on for a while: it gets what is at hand, and no
 * more. */
static int live(void *arg)
{
	struct storm_actor *actor = arg;
	weft_thread *self = weft_thread_self();
	uint64_t more = storm_random(actor, LIFE_MAX);

	actor->is_to_end = false;
	for (; more > 0 && !actor->is_to_end && take_one(actor); more--) {
		act_in_scope(actor, self);
		if (weft_cancelled() != 0 && more > 4)
			more = 4;
	}
	show(actor, NULL, NULL);
	return 0;
}

static int keep_alive(void *arg)
{
	struct storm_actor *actor = arg;

	while (atomic_load_relaxed(actor->done) < wanted) {
		weft_thread *thread;

		bench_must(weft_thread_spawn(live, actor, &bench_options, &thread), "spawn");
		weft_thread_join(thread, NULL);
	}
	return 0;
}

/* ---- cancellers */
static void cancel(struct storm_actor *by, struct storm_actor *actor)
{
	if (weft_mutex_lock_try(&actor->mutex) != 0)
		return;
	if (actor->thread != NULL && storm_random(by, 16) == 0)
		weft_thread_cancel(actor->thread);
	else if (actor->scope != NULL)
		weft_scope_cancel(actor->scope);
	weft_mutex_unlock(&actor->mutex);
}

static int cancel_at_random(void *arg)
{
	struct storm_actor *me = arg; /* its random numbers */

	while (!atomic_load_acquire(&over)) {
		for (int i = 0; i < BURST; i++)
			cancel(me, &actors[storm_random(me, ACTORS)]);
		weft_yield();
	}
	return 0;
}

/* ---- a run */
static void storm(void)
{
	static struct storm_actor cancellers[CANCELLERS];
	weft_thread *keepers[ACTORS], *others[CANCELLERS];

	for (int i = 0; i < ACTORS; i++)
		actors[i] = (struct storm_actor){ .part = parts[i % PARTS],
						  .done = &done[i % PARTS],
						  .random = UINT64_C(0x9e3779b97f4a7c15) *
							    (uint64_t)(i + 1) };
	for (int i = 0; i < CANCELLERS; i++)
		cancellers[i].random = (uint64_t)i + 1;
	bench_spawn(keepers, ACTORS, keep_alive, actors, sizeof actors[0]);
	bench_spawn(others, CANCELLERS, cancel_at_random, cancellers, sizeof cancellers[0]);
	bench_join(keepers, ACTORS);
	atomic_store_release(&over, true);
	bench_join(others, CANCELLERS);
}

static int run(weft_kind kind, long count, double *out)
{
	signal(SIGALRM, report_stall);
	wanted = (kind == WEFT_KERNEL ? count / 20 : count) / PARTS + 1;
	lost = 0;
	doubled = 0;
	over = false;
	for (int i = 0; i < PARTS; i++) {
		done[i] = 0;
		parts[i]->begin(wanted);
	}
	storm();
	for (int i = 0; i < PARTS; i++)
		parts[i]->end();
	memset(out, 0, BENCH_CASES_MAX * sizeof *out);
	out[0] = (double)wanted * PARTS;
	for (int i = 0; i < ACTORS; i++) {
		out[1] += (double)actors[i].cancelled;
		out[2] += (double)actors[i].timed_out;
	}
	out[3] = (double)lost;
	out[4] = (double)doubled;
	return 0;
}

static const struct bench_row rows[] = {
	{ .cases = { { "operations", "times" },
		     { "cancelled", "waits" },
		     { "timed-out", "waits" },
		     { "lost", "things" },
		     { "doubled", "things" } },
	  .run = run,
	  .count = 1000000,
	  .quick_count = 20000,
	  BENCH_ON_TWO },
	{ .run = NULL },
};

const struct bench bench_cancel_storm = {
	"cancel-storm", "cancels and time-outs everywhere: what is lost, what comes twice", rows
};
