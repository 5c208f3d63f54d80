/* SPDX-License-Identifier: MIT */
/*
 * Elements: what was sent is received, once; what was not sent is not. Channels of several
 * capacities, by single calls and by select; each element is a number of its own, with two marks:
 * sent, received. A send that failed sets none, so an element that a cancelled sender left behind
 * counts as doubled.
 */
#include <stdlib.h>

#include "base/atomic.h"
#include "storm.h"

enum { CHANNELS = 4, WORD_BITS = 64 };

static const size_t capacities[CHANNELS] = { 0, 1, 16, WEFT_CHAN_UNBOUNDED };

static weft_chan *channels[CHANNELS];
static long numbers, last;        /* last: atomic */
static uint64_t *sent, *received; /* marks, by number; atomic */
static long twice;                /* atomic: received again */

static void begin(long count)
{
	size_t words;

	numbers = count;
	last = 0;
	twice = 0;
	words = (size_t)numbers / WORD_BITS + 1;
	sent = calloc(words, sizeof *sent);
	received = calloc(words, sizeof *received);
	if (sent == NULL || received == NULL)
		bench_must(-ENOMEM, "marks");
	for (int i = 0; i < CHANNELS; i++)
		bench_must(weft_chan_create(sizeof(int64_t), capacities[i], &channels[i]), "chan");
}

/* Whether it was there already. */
static bool mark(uint64_t *marks, int64_t number)
{
	uint64_t bit = UINT64_C(1) << number % WORD_BITS;

	return (atomic_or_acq_rel(&marks[number / WORD_BITS], bit) & bit) != 0;
}

static void send_one(struct storm_actor *actor, weft_chan *chan)
{
	int64_t deadline_ns = storm_deadline(actor), number = atomic_add_relaxed(&last, 1);
	int code;

	if (storm_random(actor, 8) == 0)
		code = weft_chan_send_try(chan, &number);
	else if (deadline_ns == WEFT_FOREVER)
		code = weft_chan_send(chan, &number);
	else
		code = weft_chan_send_until(chan, &number, deadline_ns);
	if (storm_got(actor, code))
		mark(sent, number);
}

static void note(int64_t number)
{
	if (mark(received, number))
		atomic_add_relaxed(&twice, 1);
}

static void receive_one(struct storm_actor *actor, weft_chan *chan)
{
	int64_t deadline_ns = storm_deadline(actor), number = 0;
	int code;

	if (storm_random(actor, 8) == 0)
		code = weft_chan_recv_try(chan, &number);
	else if (deadline_ns == WEFT_FOREVER)
		code = weft_chan_recv(chan, &number);
	else
		code = weft_chan_recv_until(chan, &number, deadline_ns);
	if (storm_got(actor, code))
		note(number);
}

/* From one of two channels, or to a third. */
static void select_one(struct storm_actor *actor)
{
	int64_t number = atomic_add_relaxed(&last, 1), got[2] = { 0, 0 };
	weft_case cases[] = {
		WEFT_RECV(channels[storm_random(actor, CHANNELS)], &got[0]),
		WEFT_RECV(channels[storm_random(actor, CHANNELS)], &got[1]),
		WEFT_SEND(channels[storm_random(actor, CHANNELS)], &number),
	};
	int count = storm_random(actor, 3) == 0 ? 3 : 2, which;

	which = weft_select(cases, count, storm_random(actor, 8) == 0 ? 0 : storm_deadline(actor));
	if (!storm_got(actor, which))
		return;
	bench_must(cases[which].result, "select");
	if (which == 2)
		mark(sent, number);
	else
		note(got[which]);
}

/* More are received than sent, in the mean: the unbounded one does not grow. */
static void act(struct storm_actor *actor)
{
	weft_chan *chan = channels[storm_random(actor, CHANNELS)];
	uint64_t choice = storm_random(actor, 16);

	if (choice < 6)
		send_one(actor, chan);
	else if (choice < 12)
		receive_one(actor, chan);
	else
		select_one(actor);
}

static void end(void)
{
	long missing = 0, unsent = 0;
	int64_t number;

	for (int i = 0; i < CHANNELS; i++) {
		while (weft_chan_recv_try(channels[i], &number) == 0)
			note(number);
		weft_chan_destroy(channels[i]);
	}
	for (size_t w = 0; w <= (size_t)numbers / WORD_BITS; w++) {
		missing += __builtin_popcountll(sent[w] & ~received[w]);
		unsent += __builtin_popcountll(received[w] & ~sent[w]);
	}
	storm_lose(&storm_chan, missing, "elements that were sent");
	storm_double(&storm_chan, twice, "elements that were received before");
	storm_double(&storm_chan, unsent, "elements whose sending had failed");
	free(sent);
	free(received);
}

const struct storm_part storm_chan = { "channel", begin, act, end };
