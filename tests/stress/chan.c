/* SPDX-License-Identifier: MIT */
/* Channels of every capacity, sent to, received from and closed by all (tube.h). */
#include "acts.h"
#include "tube.h"

static void send_one(struct actor *actor, unsigned tube, weft_chan *chan)
{
	struct parcel parcel = tube_pack(actor, tube);
	int64_t deadline_ns = soon(actor);
	int code;

	switch (choose(actor, 6)) {
	case 0:
		code = weft_chan_send_try(chan, &parcel);
		if (code == -EAGAIN)
			return;
		break;
	case 1:
		deadline_ns = WEFT_FOREVER;
		code = weft_chan_send(chan, &parcel);
		break;
	default:
		code = weft_chan_send_until(chan, &parcel, deadline_ns);
		break;
	}
	if (tube_done(tube, code, deadline_ns))
		tube_sent(tube, &parcel);
}

static void receive_one(struct actor *actor, unsigned tube, weft_chan *chan)
{
	struct parcel parcel;
	int64_t deadline_ns = soon(actor);
	int code;

	switch (choose(actor, 6)) {
	case 0:
		code = weft_chan_recv_try(chan, &parcel);
		if (code == -EAGAIN)
			return;
		break;
	case 1:
		deadline_ns = WEFT_FOREVER;
		code = weft_chan_recv(chan, &parcel);
		break;
	default:
		code = weft_chan_recv_until(chan, &parcel, deadline_ns);
		break;
	}
	if (tube_done(tube, code, deadline_ns))
		tube_received(actor, tube, &parcel);
}

void chan_act(struct actor *actor)
{
	bool sends = choose(actor, 2) == 0;
	weft_chan *chan;
	unsigned tube;

	if (choose(actor, 60) == 0)
		tube_close(choose(actor, TUBES));
	if (!tube_enter(actor, &tube, &chan))
		return;
	for (unsigned times = choose(actor, 6); times > 0; times--) {
		if (sends)
			send_one(actor, tube, chan);
		else
			receive_one(actor, tube, chan);
	}
	tube_leave(tube);
}

void chan_stop(void)
{
	for (unsigned i = 0; i < TUBES; i++)
		tube_close(i);
}

/* Somebody may have been about to close one that others then found closed. */
void chan_end(void)
{
	chan_stop();
}
