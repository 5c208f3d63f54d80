/* SPDX-License-Identifier: MIT */
/*
 * The storm: actors use every primitive, and are cancelled and timed out at random while they do;
 * at the end what came out is compared with what went in.
 *
 *   part     one primitive: what its actors share, one operation, and the reckoning.
 *   actor    a thread that does operations of one part, each in a scope of its own. Cancellers
 *            end the scope, or the thread; then another one goes on in its place. A wait without a
 *            deadline may have nobody who would end it: then a canceller does, sooner or later.
 *   lost     what went in and did not come out: a permit, an element, a wake-up, a lock that nobody
 *            holds and nobody gets.
 *   doubled  what came out and had not gone in: an element twice, or one whose sending had failed;
 *            two in a lock; a wait that ended by itself.
 *
 * A wake-up that is lost so that an actor sleeps for good stops the whole: the run ends by an
 * alarm, which every so many operations put off, and which says who stands still.
 */
#ifndef WEFT_BENCH_STORM_H
#define WEFT_BENCH_STORM_H

#include "harness.h"

enum { STORM_ACTORS = 8 }; /* of each part */

struct storm_part;

struct storm_actor {
	const struct storm_part *part;
	long *done; /* of the part's operations; atomic */
	uint64_t random;
	long cancelled, timed_out; /* waits that ended so */
	bool is_to_end;            /* set by the part: the thread's life ends with this operation */
	weft_mutex mutex;
	/* guarded by mutex; NULL: not to be cancelled now */
	weft_thread *thread;
	weft_scope *scope;
};

struct storm_part {
	const char *name;
	void (*begin)(long count); /* that many operations will be done */
	void (*act)(struct storm_actor *actor);
	void (*end)(void); /* the actors have ended: the reckoning */
};

extern const struct storm_part storm_mutex, storm_sem, storm_cond, storm_sleep, storm_chan,
	storm_barrier, storm_event, storm_spin, storm_rwlock, storm_owned_mutex;

/* ---- for the parts */
uint64_t storm_random(struct storm_actor *actor, uint64_t below);
/* A time that is past, or soon, or WEFT_FOREVER. */
int64_t storm_deadline(struct storm_actor *actor);
/* Counts how a wait ended, and stops the program if it cannot end so. Whether it got what it
 * wanted. */
bool storm_got(struct storm_actor *actor, int code);
/* Now and then lets others run. */
void storm_dawdle(struct storm_actor *actor);
/* So many of something are lost, doubled. */
void storm_lose(const struct storm_part *part, long count, const char *what);
void storm_double(const struct storm_part *part, long count, const char *what);

#endif
