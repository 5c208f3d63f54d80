/* SPDX-License-Identifier: MIT */
/*
 * Tube: a channel that everybody sends to and receives from, until somebody closes it; then, when
 * all have left it, the next is made.
 *
 * What was sent has been received, once and whole, when the channel goes. An actor that stays
 * numbers what it sends; whoever receives finds any one sender's numbers ascending.
 */
#ifndef WEFT_TESTS_STRESS_TUBE_H
#define WEFT_TESTS_STRESS_TUBE_H

#include "stress.h"

#define TUBES 6

struct parcel {
	uint32_t tube, sender;
	uint64_t serial, number, check;
};

/* A tube and its channel, which stays until _leave; false: not now. */
bool tube_enter(struct actor *actor, unsigned *out_tube, weft_chan **out_chan);
void tube_leave(unsigned tube);

/* What this one sends next. Then, if it was sent: */
struct parcel tube_pack(struct actor *actor, unsigned tube);
void tube_sent(unsigned tube, const struct parcel *parcel);

/* Checks what it received. */
void tube_received(struct actor *actor, unsigned tube, const struct parcel *parcel);

/* Code of a send or receive: whether it was done. */
bool tube_done(unsigned tube, int code, int64_t deadline_ns);

/* Closes it, waits for all to leave, and checks. */
void tube_close(unsigned tube);

#endif
