/* SPDX-License-Identifier: MIT */
/*
 * Select among channels (tube.h): one case is done and no other. The other sends were not sent, the
 * other places not written. (Among descriptors: lines.c.)
 */
#include "acts.h"
#include "tube.h"

#define CASES 4

struct choice {
	unsigned tube;
	struct parcel parcel; /* to send, or received */
	bool sends;
};

#define UNTOUCHED UINT64_C(0x5e1ec7ed)

/* Returns how many cases there are. */
static int offer(struct actor *actor, struct choice *choices, weft_case *cases)
{
	int count = 0;

	for (unsigned wanted = 1 + choose(actor, CASES); wanted > 0; wanted--) {
		struct choice *it = &choices[count];
		weft_chan *chan;

		if (!tube_enter(actor, &it->tube, &chan))
			continue;
		it->sends = choose(actor, 2) == 0;
		if (it->sends) {
			it->parcel = tube_pack(actor, it->tube);
			cases[count] = (weft_case)WEFT_SEND(chan, &it->parcel);
		} else {
			it->parcel = (struct parcel){ .check = UNTOUCHED };
			cases[count] = (weft_case)WEFT_RECV(chan, &it->parcel);
		}
		count++;
	}
	return count;
}

static void check(struct actor *actor, struct choice *choices, const weft_case *cases, int count,
		  int done)
{
	for (int i = 0; i < count; i++) {
		struct choice *it = &choices[i];

		if (i == done && tube_done(it->tube, cases[i].result, WEFT_FOREVER)) {
			if (it->sends)
				tube_sent(it->tube, &it->parcel);
			else
				tube_received(actor, it->tube, &it->parcel);
		} else if (!it->sends) {
			must(it->parcel.check == UNTOUCHED && it->parcel.number == 0);
		}
	}
}

void select_act(struct actor *actor)
{
	struct choice choices[CASES];
	weft_case cases[CASES];
	int count = offer(actor, choices, cases);
	int64_t deadline_ns = choose(actor, 6) == 0 && count > 0 ? WEFT_FOREVER : soon(actor);
	int done = weft_select(cases, count, deadline_ns);

	if (!ended_well(done, deadline_ns))
		done = -1;
	must(done < count);
	check(actor, choices, cases, count, done);
	for (int i = 0; i < count; i++)
		tube_leave(choices[i].tube);
}
