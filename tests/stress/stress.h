/* SPDX-License-Identifier: MIT */
/*
 * Stress: threads of all kinds do whatever a seed says, on the real kernel, and check all the while
 * that what must hold holds. The seed repeats what each thread chooses; the order in which they run
 * it cannot repeat.
 */
#ifndef WEFT_TESTS_STRESS_H
#define WEFT_TESTS_STRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <weft/weft.h>

#include "base/atomic.h"

struct actor {
	uint64_t random;
	unsigned depth; /* of spawning */
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

extern bool stress_stop; /* atomic: come to an end */

/* How often each thing was done, for the summary; written by atomics. */
enum stress_count {
	STRESS_READS,
	STRESS_WRITES,
	STRESS_BYTES,
	STRESS_TIMEOUTS,
	STRESS_CLOSES,
	STRESS_CONNECTIONS,
	STRESS_SPAWNS,
	STRESS_LOCKS,
	STRESS_WAKES,
	STRESS_SLEEPS,
	STRESS_BRACKETS,
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

/* One thing each. */
void lines_act(struct actor *actor);
void sync_act(struct actor *actor);
void threads_act(struct actor *actor);

void lines_begin(void);
/* In this order, after stress_stop has been set; each checks what it can. */
void lines_stop(void);
void threads_end(void); /* waits for all who were spawned and not joined */
void lines_end(void);
void sync_end(void);

/* A few random things. */
void stress_act(struct actor *actor, unsigned times);

#endif
