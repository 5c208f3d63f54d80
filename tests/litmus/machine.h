/* SPDX-License-Identifier: MIT */
/*
 * C11's memory model as a machine that can be stepped through: the promise-free, view-based one.
 *
 * A variable is not a value but the list of all messages that were written to it, in modification
 * order. A thread has a view: for each variable the oldest message that it may still see. A load
 * takes any message that is not older; a store puts its own behind any that is not older (so not
 * always at the end); a read-modify-write puts its own directly behind the one that it saw, and
 * nothing ever comes between the two.
 *
 *   a message of a release store     carries its thread's view
 *   of a relaxed one                 the view at the thread's last full fence
 *   of a read-modify-write           that, and what the message that it saw carried
 *   an acquire load                  adds the message's view to the thread's
 *   a relaxed one                    keeps it for the next full fence
 *   a full fence                     adds the view that all full fences share, and becomes it
 *
 * So a store with a load behind it shows as "the load took an old message" (store buffering), and a
 * store that overtakes another as "its message carries no view".
 *
 * Happens-before goes the same ways, but not from fence to fence: a view has a clock for each
 * thread, and each variable the clocks of its last accesses. A plain access that does not come
 * after every other one that it conflicts with is a race. Releasing memory is a plain write, so
 * "it may free it from here on" is a race too, in either direction.
 *
 * What the machine cannot do: a store before a load that stands above it (load buffering). No value
 * comes out of thin air, then; where an order is there to forbid it, it shows as a race.
 *
 * Compiler barriers do nothing here; the search leaves one out by exchanging its neighbours. A
 * heavy barrier is a full fence on every thread, one after the other, in any order, each where that
 * thread happens to be, between two on one's own. Without membarrier (`fenced`) both are full
 * fences.
 */
#ifndef TESTS_LITMUS_MACHINE_H
#define TESTS_LITMUS_MACHINE_H

#include "program.h"

enum { MESSAGES = 14 };

struct view {
	uint8_t at[VARIABLES];
	uint8_t clock[THREADS];
};

struct message {
	int8_t value;
	bool follows; /* a read-modify-write: of the message before it */
	struct view view;
};

struct place {
	uint8_t count;
	struct message messages[MESSAGES];
	uint8_t plain_read[THREADS], plain_written[THREADS], read[THREADS], written[THREADS];
};

struct local {
	uint8_t pc, steps, heavy; /* heavy: whose fences are still to come, and IN_HEAVY */
	struct view current, acquired, released;
};

struct state {
	int8_t registers[REGISTERS];
	struct local locals[THREADS];
	struct place places[VARIABLES];
	uint8_t fences[VARIABLES];
};

/* What a step did, for those who read a trace. */
struct step {
	int thread, line, value;
	const struct op *op;
	bool stored;
};

struct machine {
	const struct program *program;
	bool fenced;
	/* For each state that one step leads to. */
	void (*take)(struct machine *machine, const struct state *state, const struct step *step);
	/* A step that is a data race. */
	void (*race)(struct machine *machine, const struct step *step);
};

void machine_start(const struct program *program, struct state *out_state);
void machine_steps(struct machine *machine, const struct state *state);

/* All threads have ended, and no handler is in the middle. */
bool machine_is_at_end(const struct program *program, const struct state *state);
bool machine_has_outcome(const struct program *program, const struct state *state);

#endif
