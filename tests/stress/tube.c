/* SPDX-License-Identifier: MIT */
#include "tube.h"

static const size_t capacities[TUBES] = { 0, 0, 1, 4, 50, WEFT_CHAN_UNBOUNDED };

static struct tube {
	weft_mutex lock;
	weft_chan *chan; /* guarded by lock; NULL: to be made */
	bool closing;    /* atomic; set with lock held: nobody enters */
	/* atomic */
	int users;
	uint64_t sent, received, sent_sum, received_sum;
} tubes[TUBES];

/* Of each actor that stays, in each tube: the number of what it sent last, and of what it received
 * last from each. Only its own thread uses them. */
static uint64_t serials[CAST_MAX + 1][TUBES];
static uint64_t seen[CAST_MAX + 1][TUBES][CAST_MAX + 1];

bool tube_enter(struct actor *actor, unsigned *out_tube, weft_chan **out_chan)
{
	unsigned i = choose(actor, TUBES);
	struct tube *tube = &tubes[i];
	bool is_open;

	weft_mutex_lock(&tube->lock);
	if (tube->chan == NULL && !atomic_load_relaxed(&stress_stop))
		must(weft_chan_create(sizeof(struct parcel), capacities[i], &tube->chan) == 0);
	is_open = tube->chan != NULL && !atomic_load_relaxed(&tube->closing);
	if (is_open) {
		atomic_add_acq_rel(&tube->users, 1);
		*out_chan = tube->chan;
		*out_tube = i;
	}
	weft_mutex_unlock(&tube->lock);
	return is_open;
}

void tube_leave(unsigned tube)
{
	atomic_sub_acq_rel(&tubes[tube].users, 1);
}

static uint64_t check_of(const struct parcel *parcel)
{
	return (parcel->number ^ parcel->serial << 20) + parcel->tube * 3 + parcel->sender;
}

struct parcel tube_pack(struct actor *actor, unsigned tube)
{
	struct parcel parcel = { .tube = tube,
				 .sender = actor->number,
				 .number = choose(actor, 1000000) };

	if (actor->number != 0)
		parcel.serial = ++serials[actor->number][tube];
	parcel.check = check_of(&parcel);
	return parcel;
}

void tube_sent(unsigned tube, const struct parcel *parcel)
{
	atomic_add_relaxed(&tubes[tube].sent, 1);
	atomic_add_relaxed(&tubes[tube].sent_sum, parcel->number);
}

static void receive(unsigned tube, const struct parcel *parcel)
{
	must(parcel->tube == tube && parcel->sender <= CAST_MAX);
	must(parcel->check == check_of(parcel));
	atomic_add_relaxed(&tubes[tube].received, 1);
	atomic_add_relaxed(&tubes[tube].received_sum, parcel->number);
	stress_add(STRESS_ELEMENTS, 1);
}

void tube_received(struct actor *actor, unsigned tube, const struct parcel *parcel)
{
	receive(tube, parcel);
	if (actor->number != 0 && parcel->sender != 0) {
		must(parcel->serial > seen[actor->number][tube][parcel->sender]);
		seen[actor->number][tube][parcel->sender] = parcel->serial;
	}
}

bool tube_done(unsigned tube, int code, int64_t deadline_ns)
{
	if (code == -EPIPE) {
		must(atomic_load_acquire(&tubes[tube].closing));
		return false;
	}
	return ended_well(code, deadline_ns);
}

/* Who set `closing` is alone with it, once all have left. */
static void end(unsigned i)
{
	struct tube *tube = &tubes[i];
	struct parcel parcel;
	int code;

	while (atomic_load_acquire(&tube->users) != 0)
		weft_yield();
	must(weft_chan_send_try(tube->chan, &parcel) == -EPIPE);
	while ((code = weft_chan_recv_try(tube->chan, &parcel)) == 0)
		receive(i, &parcel);
	must_be(code == -EPIPE, code);
	must_be(tube->sent == tube->received, (int64_t)(tube->sent - tube->received));
	must(tube->sent_sum == tube->received_sum);
	must(weft_chan_count(tube->chan) == 0);
	weft_chan_destroy(tube->chan);
}

void tube_close(unsigned i)
{
	struct tube *tube = &tubes[i];
	bool is_mine = false;

	weft_mutex_lock(&tube->lock);
	if (tube->chan != NULL && !atomic_load_relaxed(&tube->closing)) {
		is_mine = true;
		atomic_store_release(&tube->closing, true);
	}
	weft_mutex_unlock(&tube->lock);
	if (!is_mine)
		return;
	weft_chan_close(tube->chan);
	end(i);
	weft_mutex_lock(&tube->lock);
	tube->chan = NULL;
	atomic_store_release(&tube->closing, false);
	weft_mutex_unlock(&tube->lock);
	stress_add(STRESS_CLOSES, 1);
}
