/* SPDX-License-Identifier: MIT */
/*
 * Every choice of the simulated kernel, from the seed. Strategies differ in the bugs they find
 * (docs/design/0004-simulated-kernel.md):
 *
 *   walk      at each step another thread may go on; how often is drawn for the run: about every
 *             2nd, 8th or 64th step
 *   priority  the runnable thread of the highest priority runs; at a few steps, drawn beforehand,
 *             the running one becomes the lowest
 *   starve    a walk in which one thread runs only when no other can, or once in a long while
 *
 * Fairness, under every strategy, so that a loop that waits for another thread ends: a thread that
 * has run ROW_MAX steps on end gives way, and one that could have run for HUNGER_MAX steps runs
 * next (and all get new priorities).
 */
#include "sys/sim/kernel.h"

#define ROW_MAX 400
#define HUNGER_MAX 4000
#define CHANGES_MAX 6

static struct {
	uint64_t random[2];
	unsigned strategy;
	uint64_t switch_at;            /* walk, starve: the step of the next switch */
	unsigned stretch;              /* walk, starve: mean steps from one to the next */
	uint64_t changes[CHANGES_MAX]; /* priority: ascending; 0: used up */
	uint64_t row_ends_at;          /* the step at which the running one has had ROW_MAX */
	unsigned lowest;               /* priority: the next lower one */
	unsigned victim;               /* starve: its number */
	bool preempt;                  /* priority: somebody higher became runnable */
	int64_t late_ns;               /* timers are up to so late */
} choice;

static uint64_t mix(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* xoroshiro128+ */
uint64_t weft__sim_random(void)
{
	uint64_t a = choice.random[0], b = choice.random[1], sum = a + b;

	b ^= a;
	choice.random[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16);
	choice.random[1] = (b << 37) | (b >> 27);
	return sum;
}

unsigned weft__sim_choose(unsigned n)
{
	return n < 2 ? 0 : (unsigned)(((weft__sim_random() >> 32) * n) >> 32);
}

bool weft__sim_chance(unsigned per_mille)
{
	return per_mille != 0 && weft__sim_choose(1000) < per_mille;
}

bool weft__sim_fault(unsigned per_mille)
{
	return weft__sim.inject && weft__sim_chance(per_mille);
}

bool weft__sim_nuisance(unsigned per_mille)
{
	return weft__sim.nuisance && weft__sim_fault(per_mille);
}

void weft__sim_seed(uint64_t seed)
{
	static const unsigned stretches[] = { 2, 8, 64 };
	static const int64_t ticks_ns[] = { 1, 20, 20, 100, 1000, 30000 };
	static const int64_t lates_ns[] = { 0, 1000, 50000, 3000000 };
	unsigned length_log;

	choice.random[0] = mix(&seed);
	choice.random[1] = mix(&seed);
	choice.strategy = weft__sim.options.strategy;
	if (choice.strategy == WEFT__SIM_ANY)
		choice.strategy = 1 + weft__sim_choose(WEFT__SIM_STRATEGIES - 1);
	choice.stretch = stretches[weft__sim_choose(3)];
	choice.switch_at = 0;
	choice.row_ends_at = 0;
	choice.lowest = 1000;
	choice.victim = weft__sim_choose(5);
	choice.preempt = false;
	length_log = 6 + weft__sim_choose(8);
	for (unsigned i = 0; i < CHANGES_MAX; i++)
		choice.changes[i] = 1 + weft__sim_choose(1u << length_log);
	for (unsigned i = weft__sim_choose(CHANGES_MAX); i < CHANGES_MAX; i++)
		choice.changes[i] = 0;
	choice.late_ns = lates_ns[weft__sim_choose(4)];
	weft__sim.tick_ns = ticks_ns[weft__sim_choose(6)];
	weft__sim.nuisance = weft__sim_choose(2) == 0;
}

int64_t weft__sim_lateness(void)
{
	return choice.late_ns == 0 ? 0 : weft__sim_choose((unsigned)choice.late_ns);
}

/* Half of the stretches are short, so that a thread may be interrupted twice in one operation. */
static uint64_t stretch(void)
{
	return 1 + weft__sim_choose(weft__sim_choose(2) == 0 ? 4 : 3 * choice.stretch);
}

static uint64_t next_change(void)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < CHANGES_MAX; i++)
		if (choice.changes[i] > weft__sim.steps && choice.changes[i] < next)
			next = choice.changes[i];
	return next;
}

void weft__sim_plan(void)
{
	uint64_t next = choice.row_ends_at;
	uint64_t other = choice.strategy == WEFT__SIM_PRIORITY ? next_change() : choice.switch_at;

	if (other < next)
		next = other;
	if (weft__sim.ticking != 0 && weft__sim.tick_at < next)
		next = weft__sim.tick_at;
	/* A due timer waits for 64 steps at most. */
	if (next > weft__sim.steps + 64)
		next = weft__sim.steps + 64;
	if (choice.preempt || next <= weft__sim.steps)
		next = weft__sim.steps + 1;
	weft__sim.decide_at = next;
	weft__sim_arm();
}

/* Takes away every change point up to now: whether there was one. */
static bool passed_change(void)
{
	bool passed = false;

	for (unsigned i = 0; i < CHANGES_MAX; i++)
		if (choice.changes[i] != 0 && choice.changes[i] <= weft__sim.steps) {
			choice.changes[i] = 0;
			passed = true;
		}
	return passed;
}

bool weft__sim_wants_switch(void)
{
	bool row_over = weft__sim.steps >= choice.row_ends_at;

	if (choice.strategy != WEFT__SIM_PRIORITY)
		return row_over || weft__sim.steps >= choice.switch_at;
	if (passed_change() || row_over)
		weft__sim_gave_way(weft__sim.current);
	return true; /* pick says whether there is a higher one */
}

void weft__sim_ready_hint(struct weft__sim_thread *thread)
{
	thread->hungry_since = weft__sim.steps;
	if (!thread->started && thread->priority == 0)
		thread->priority = 1001 + weft__sim_choose(1000);
	if (choice.strategy == WEFT__SIM_PRIORITY && weft__sim.current != NULL &&
	    thread->priority > weft__sim.current->priority) {
		choice.preempt = true;
		weft__sim_settle();
		weft__sim_plan();
	}
}

/* It has nothing to do but to wait for others. */
void weft__sim_gave_way(struct weft__sim_thread *thread)
{
	thread->priority = --choice.lowest;
	if (choice.lowest == 1)
		choice.lowest = 1000; /* a run this long mixes them again */
}

static struct weft__sim_thread *highest(void)
{
	struct weft__sim_thread *best = weft__sim.runnable[0];

	for (unsigned i = 1; i < weft__sim.runnable_count; i++)
		if (weft__sim.runnable[i]->priority > best->priority)
			best = weft__sim.runnable[i];
	return best;
}

static struct weft__sim_thread *any_but(struct weft__sim_thread *except)
{
	unsigned count = weft__sim.runnable_count;
	struct weft__sim_thread *picked;

	if (except == NULL || except->state != WEFT__SIM_RUNNABLE)
		return weft__sim.runnable[weft__sim_choose(count)];
	if (count == 1)
		return except;
	picked = weft__sim.runnable[weft__sim_choose(count - 1)];
	return picked == except ? weft__sim.runnable[count - 1] : picked;
}

static struct weft__sim_thread *hungry(void)
{
	for (unsigned i = 0; i < weft__sim.runnable_count; i++)
		if (weft__sim.runnable[i] != weft__sim.current &&
		    weft__sim.steps > weft__sim.runnable[i]->hungry_since + HUNGER_MAX)
			return weft__sim.runnable[i];
	return NULL;
}

static void mix_priorities(struct weft__sim_thread *top)
{
	for (unsigned i = 0; i < weft__sim.runnable_count; i++)
		weft__sim.runnable[i]->priority = 1001 + weft__sim_choose(1000);
	top->priority = 2001;
}

/* Who goes on. At least one is runnable. */
struct weft__sim_thread *weft__sim_pick(struct weft__sim_thread *except)
{
	struct weft__sim_thread *picked = hungry();

	choice.preempt = false;
	if (weft__sim.current != NULL)
		weft__sim.current->hungry_since = weft__sim.steps;
	if (picked != NULL) {
		mix_priorities(picked);
		choice.switch_at = weft__sim.steps + stretch();
	} else if (choice.strategy == WEFT__SIM_PRIORITY) {
		picked = highest();
	} else {
		picked = any_but(except);
		if (choice.strategy == WEFT__SIM_STARVE && picked->number == choice.victim &&
		    weft__sim.steps < choice.row_ends_at && weft__sim_choose(32) != 0)
			picked = any_but(picked);
		choice.switch_at = weft__sim.steps + stretch();
	}
	if (picked != weft__sim.current || weft__sim.steps >= choice.row_ends_at)
		choice.row_ends_at = weft__sim.steps + ROW_MAX;
	return picked;
}
