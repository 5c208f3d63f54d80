/* SPDX-License-Identifier: MIT */
/* What an actor can do, how often it is chosen, and how it begins and ends. */
#include "acts.h"

static struct {
	const char *name;
	unsigned weight;
	void (*act)(struct actor *actor);
	void (*begin)(void), (*stop)(void), (*wait)(void), (*end)(void);
	uint64_t count, spent_ns; /* atomic */
} acts[] = {
	{ "lines", 20, lines_act, lines_begin, lines_stop, NULL, lines_end, 0, 0 },
	{ "threads", 12, threads_act, NULL, NULL, threads_wait, NULL, 0, 0 },
	{ "mutex", 8, mutex_act, NULL, NULL, NULL, mutex_end, 0, 0 },
	{ "spin", 4, spin_act, NULL, NULL, NULL, spin_end, 0, 0 },
	{ "rwlock", 8, rwlock_act, NULL, NULL, NULL, rwlock_end, 0, 0 },
	{ "owned mutex", 6, owned_act, owned_begin, NULL, NULL, owned_end, 0, 0 },
	{ "semaphore", 8, sem_act, NULL, NULL, NULL, sem_end, 0, 0 },
	{ "cond", 8, cond_act, NULL, cond_stop, NULL, cond_end, 0, 0 },
	{ "event", 5, event_act, NULL, event_stop, NULL, event_end, 0, 0 },
	{ "channel", 12, chan_act, NULL, chan_stop, NULL, chan_end, 0, 0 },
	{ "select", 10, select_act, NULL, NULL, NULL, NULL, 0, 0 },
	{ "party", 3, party_act, NULL, NULL, NULL, NULL, 0, 0 },
	{ "scope", 4, scope_act, NULL, NULL, NULL, NULL, 0, 0 },
	{ "slot", 4, slot_act, slot_begin, NULL, NULL, slot_end, 0, 0 },
};

#define ACTS (sizeof acts / sizeof *acts)

static unsigned choose_act(struct actor *actor)
{
	unsigned all = 0, i = 0, at;

	for (unsigned j = 0; j < ACTS; j++)
		all += acts[j].weight;
	for (at = choose(actor, all); at >= acts[i].weight; i++)
		at -= acts[i].weight;
	return i;
}

static void act_once(struct actor *actor)
{
	unsigned i = choose_act(actor);
	int64_t begun_ns = weft_now(), spent_ns;

	atomic_store_relaxed(&actor->doing, acts[i].name);
	if (choose(actor, 4) == 0)
		scope_around(actor, acts[i].act);
	else
		acts[i].act(actor);
	atomic_add_relaxed(&acts[i].count, 1);
	atomic_add_relaxed(&stress_acts, 1);
	atomic_store_relaxed(&actor->acts, actor->acts + 1);
	spent_ns = weft_now() - begun_ns;
	atomic_add_relaxed(&acts[i].spent_ns, (uint64_t)spent_ns);
	if (spent_ns > actor->longest_ns)
		atomic_store_relaxed(&actor->longest_ns, spent_ns);
}

void stress_act(struct actor *actor, unsigned times)
{
	while (times-- > 0)
		act_once(actor);
}

void acts_begin(void)
{
	for (unsigned i = 0; i < ACTS; i++)
		if (acts[i].begin != NULL)
			acts[i].begin();
}

void acts_stop(void)
{
	for (unsigned i = 0; i < ACTS; i++)
		if (acts[i].stop != NULL)
			acts[i].stop();
}

void acts_wait(void)
{
	for (unsigned i = 0; i < ACTS; i++)
		if (acts[i].wait != NULL)
			acts[i].wait();
}

void acts_end(void)
{
	for (unsigned i = 0; i < ACTS; i++)
		if (acts[i].end != NULL)
			acts[i].end();
}

void acts_report(void)
{
	for (unsigned i = 0; i < ACTS; i++)
		printf("%-18s %12llu, %.3f ms each\n", acts[i].name,
		       (unsigned long long)acts[i].count,
		       (double)acts[i].spent_ns / (double)(acts[i].count + 1) / WEFT_MS);
}
