/* SPDX-License-Identifier: MIT */
/*
 * The cast: actors that stay, on three schedulers and outside. The director, which is the program's
 * main thread, cancels one now and then that may be; that one ends, whatever it waited for, and
 * begins again somewhere else. User threads are few: without wrfsbase they switch slowly.
 */
#include <pthread.h>

#include "stress.h"

enum { SPREAD, ALONE, STRICT, SCHEDS };

static const struct part {
	weft_kind kind;
	int sched;
	unsigned count;
} parts[] = {
	{ WEFT_LIGHT, SPREAD, 18 }, { WEFT_LIGHT, ALONE, 8 }, { WEFT_LIGHT, STRICT, 5 },
	{ WEFT_USER, SPREAD, 6 },   { WEFT_USER, ALONE, 3 },  { WEFT_USER, STRICT, 2 },
	{ WEFT_KERNEL, SPREAD, 4 },
};

#define PARTS (sizeof parts / sizeof *parts)
#define FOREIGN 2
#define HARD_LIMIT (120 * WEFT_SECOND) /* later than the watch, which tells more */

static weft_sched *scheds[SCHEDS];
static struct member {
	struct actor actor;
	weft_thread *thread;
	bool may_restart;
} members[CAST_MAX];
static pthread_t foreign[FOREIGN];
static unsigned count;     /* atomic, since the watch reads it */
static unsigned own_count; /* without the foreign ones */
static struct actor director;

const struct actor *cast_member(unsigned i)
{
	return i < atomic_load_acquire(&count) ? &members[i].actor : NULL; /* ADDED */
}

static int act(void *arg)
{
	struct actor *actor = arg;

	atomic_store_relaxed(&actor->thread_id, weft_thread_id(weft_thread_self()));
	while (!atomic_load_relaxed(&stress_stop) && weft_cancelled() == 0)
		stress_act(actor, 1);
	atomic_store_relaxed(&actor->doing, NULL);
	return 0;
}

static void *act_foreign(void *arg)
{
	act(arg);
	return NULL;
}

static void start(struct member *member, const struct part *part)
{
	weft_thread_options options = { .kind = part->kind, .sched = scheds[part->sched] };
	char name[32];

	if (part->kind == WEFT_USER && *weft_user_why() != '\0')
		options.kind = WEFT_LIGHT;
	if (part->kind == WEFT_KERNEL)
		options.sched = NULL;
	snprintf(name, sizeof name, "actor %u", member->actor.number);
	options.name = name;
	must(weft_thread_spawn(act, &member->actor, &options, &member->thread) == 0);
}

static void create_scheds(void)
{
	static const weft_sched_options options[SCHEDS] = {
		[SPREAD] = { .name = "spread", .processors = 2 },
		[ALONE] = { .name = "alone", .processors = 1, .slice_ns = 200 * WEFT_US },
		[STRICT] = { .name = "strict", .strict = true, .slice_ns = WEFT_MS },
	};

	for (int i = 0; i < SCHEDS; i++)
		must(weft_sched_create(&options[i], &scheds[i]) == 0);
}

static struct member *add_member(uint64_t seed)
{
	struct member *member = &members[count];

	must(count < CAST_MAX);
	member->actor = (struct actor){
		.random = (seed + count) * UINT64_C(0x9e3779b97f4a7c15) | 1,
		.number = count + 1,
	};
	atomic_store_release(&count, count + 1); /* ADDED: the watch looks at it */
	return member;
}

void cast_begin(uint64_t seed)
{
	director.random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	create_scheds();
	for (unsigned i = 0; i < PARTS; i++)
		for (unsigned j = 0; j < parts[i].count; j++) {
			struct member *member = add_member(seed);

			member->may_restart = j % 2 == 0;
			start(member, &parts[i]);
		}
	own_count = count;
	for (unsigned i = 0; i < FOREIGN; i++)
		must(pthread_create(&foreign[i], NULL, act_foreign, &add_member(seed)->actor) == 0);
}

/* However it waits, its wait ends. */
static void restart(struct member *member)
{
	weft_thread_cancel(member->thread);
	stress_add(STRESS_THREADS_CANCELLED, 1);
	must(weft_thread_join_until(member->thread, weft_now() + HARD_LIMIT, NULL) == 0);
	start(member, &parts[choose(&director, PARTS)]);
	stress_add(STRESS_RESTARTS, 1);
}

void cast_direct(unsigned seconds)
{
	int64_t end_ns = weft_now() + (int64_t)seconds * WEFT_SECOND;

	while (weft_now() < end_ns) {
		struct member *member = &members[choose(&director, own_count)];

		weft_sleep((int64_t)choose(&director, 20) * WEFT_MS);
		if (member->may_restart)
			restart(member);
	}
}

static int run(void *arg)
{
	void (*function)(void) = *(void (**)(void))arg;

	function();
	return 0;
}

/* In a thread of its own: what a kernel thread opens for its waits goes with it. */
static void apart(void (*function)(void))
{
	weft_thread *thread;

	must(weft_thread_spawn(run, &function, NULL, &thread) == 0);
	must(weft_thread_join(thread, NULL) == 0);
}

void cast_end(void)
{
	apart(acts_stop);
	for (unsigned i = 0; i < own_count; i++)
		must(weft_thread_join(members[i].thread, NULL) == 0);
	for (unsigned i = 0; i < FOREIGN; i++)
		pthread_join(foreign[i], NULL);
	acts_wait();
	apart(acts_end);
	for (int i = 0; i < SCHEDS; i++)
		must(weft_sched_destroy(scheds[i]) == 0);
}
