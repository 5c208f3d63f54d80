/* SPDX-License-Identifier: MIT */
/*
 * Stress: threads of all kinds do whatever a seed says, on the real kernel, and check all the while
 * that what must hold holds. The seed repeats what each thread chooses; the order in which they run
 * it cannot repeat.
 *
 *   cast.c    the actors that stay, of every kind and on several schedulers; some are cancelled
 *             now and then, end, and begin again as another kind
 *   acts.c    what an actor can do; one file for each noun (mutex.c, chan.c, ...)
 *   scope.c   around any act: a scope with a deadline, or that others cancel; a shield
 *   watch.c   who does not get on is told, with what he waits for
 *
 * What each act keeps to, so that whoever waits is served in the end:
 *
 *   - A wait without a deadline is for what somebody gives back for sure, or ends when all do
 *     (its _stop).
 *   - A wait that is cancelled leaves everything as it was: acts go on as after a deadline.
 *   - Who was told -ECANCELED was cancelled, and who was told -ETIMEDOUT was late (ended_well).
 */
#ifndef WEFT_TESTS_STRESS_H
#define WEFT_TESTS_STRESS_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <weft/weft.h>

#include "base/atomic.h"

#define CAST_MAX 128

struct actor {
	uint64_t random;
	unsigned depth;  /* of spawning */
	unsigned number; /* of one that stays, from 1 to CAST_MAX; 0: of those that come and go */
	/* of one that stays; atomic, for the watch */
	const char *doing;
	uint64_t acts, thread_id;
	int64_t longest_ns; /* of an act */
};

/* Ends the program if the condition does not hold: what follows could only hide it. */
#define must(condition)                                                 \
	do {                                                            \
		if (!(condition))                                       \
			stress_fail(__FILE__, __LINE__, #condition, 0); \
	} while (0)
#define must_be(condition, value)                                                        \
	do {                                                                             \
		if (!(condition))                                                        \
			stress_fail(__FILE__, __LINE__, #condition, (long long)(value)); \
	} while (0)
void stress_fail(const char *file, int line, const char *condition, long long value)
	__attribute__((noreturn));

extern bool stress_stop;     /* atomic: come to an end */
extern uint64_t stress_acts; /* atomic: that were done, by anybody */

/* How often each thing was done, for the summary; written by atomics. (Acts are counted, too.) */
enum stress_count {
	STRESS_TIMEOUTS,
	STRESS_CANCELED,
	STRESS_THREADS_CANCELLED,
	STRESS_SCOPES_CANCELLED,
	STRESS_RESTARTS,
	STRESS_SPAWNS,
	STRESS_BYTES,
	STRESS_CLOSES,
	STRESS_CONNECTIONS,
	STRESS_ELEMENTS,
	STRESS_OWNERS_ENDED,
	STRESS_MEETINGS,
	STRESS_COUNTS,
};
extern uint64_t stress_counts[STRESS_COUNTS];

static inline void stress_add(enum stress_count which, uint64_t n)
{
	atomic_add_relaxed(&stress_counts[which], n);
}

/* From 0 to below n. */
static inline unsigned choose(struct actor *actor, unsigned n)
{
	actor->random ^= actor->random << 13;
	actor->random ^= actor->random >> 7;
	actor->random ^= actor->random << 17;
	return (unsigned)(actor->random >> 32) % n;
}

/* A deadline: long past, now, soon, or somewhat later. */
static inline int64_t soon(struct actor *actor)
{
	static const int64_t spans[] = { 1, 20 * WEFT_US, 500 * WEFT_US, 5 * WEFT_MS,
					 30 * WEFT_MS };

	if (choose(actor, 20) == 0)
		return 0;
	return weft_now() + (int64_t)choose(actor, (unsigned)spans[choose(actor, 5)]);
}

/* The number that begins an actor's choices. */
static inline uint64_t some_random(struct actor *actor)
{
	return ((uint64_t)choose(actor, UINT32_MAX) << 32 | choose(actor, UINT32_MAX)) | 1;
}

/* In the middle of what somebody holds. */
static inline void dawdle(struct actor *actor)
{
	weft_shield shield;

	switch (choose(actor, 12)) {
	case 0:
		weft_yield();
		break;
	case 1:
		weft_shield_enter(&shield);
		must(weft_sleep(choose(actor, 50000)) == 0);
		weft_shield_leave(&shield);
		break;
	default:
		break;
	}
}

/* What a wait may say beside success, and whether it is true. Returns whether it was success. */
static inline bool ended_well(int64_t code, int64_t deadline_ns)
{
	if (code >= 0)
		return true;
	if (code == -ETIMEDOUT) {
		must(deadline_ns != WEFT_FOREVER && weft_now() >= deadline_ns);
		stress_add(STRESS_TIMEOUTS, 1);
		return false;
	}
	must_be(code == -ECANCELED && weft_cancelled() == -ECANCELED, code);
	stress_add(STRESS_CANCELED, 1);
	return false;
}

/* ---- acts.c */

/* A few random things, in scopes and without. */
void stress_act(struct actor *actor, unsigned times);
void acts_begin(void);
/* In this order, after stress_stop has been set: whoever waits without a deadline is let go; those
 * who came and were not joined are waited for; each checks that nothing is lost or left. */
void acts_stop(void);
void acts_wait(void);
void acts_end(void);
void acts_report(void);

/* ---- scope.c */

/* Does it in a scope, or under a shield in one. */
void scope_around(struct actor *actor, void (*act)(struct actor *actor));

/* ---- cast.c: the actors that stay */
void cast_begin(uint64_t seed);
void cast_direct(unsigned seconds);
void cast_end(void);
const struct actor *cast_member(unsigned i); /* NULL: there are no more */

/* ---- watch.c */
void watch_begin(void);

#endif
