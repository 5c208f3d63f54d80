/* SPDX-License-Identifier: MIT */
/* Channels: whatever is sent is received once, or is still there, under time-outs, cancellations
 * and a close; and each sender's elements come in order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

#define SENDERS 3
#define RECEIVERS 3
#define EACH 4

struct letter {
	int sender, number;
};

struct office {
	weft_chan *chan;
	int32_t next_sender;            /* atomic */
	int32_t sending;                /* atomic: senders that are not done */
	int8_t sent[SENDERS][EACH];     /* by its sender */
	int8_t received[SENDERS][EACH]; /* atomic */
	bool is_closed_early;
	bool is_cancelled; /* all of the threads, at some time */
};

static int go(weft_chan *chan, struct letter *letter, bool sends)
{
	weft_scope scope;
	int code;

	weft__sim_point();
	switch (weft__sim_choose(5)) {
	case 0:
		return sends ? weft_chan_send_try(chan, letter) : weft_chan_recv_try(chan, letter);
	case 1:
		return sends ? weft_chan_send_until(chan, letter, engine_deadline())
			     : weft_chan_recv_until(chan, letter, engine_deadline());
	case 2:
		weft_scope_enter(&scope, engine_deadline());
		code = sends ? weft_chan_send(chan, letter) : weft_chan_recv(chan, letter);
		weft_scope_leave(&scope);
		return code;
	default:
		return sends ? weft_chan_send(chan, letter) : weft_chan_recv(chan, letter);
	}
}

static void check_failure(const struct office *office, int code)
{
	weft__sim_check(code == -EAGAIN || code == -ETIMEDOUT || code == -ECANCELED ||
			(code == -EPIPE && office->is_closed_early));
}

static int send_letters(void *arg)
{
	struct office *office = arg;
	struct letter letter = { .sender = atomic_add_relaxed(&office->next_sender, 1) };

	for (; letter.number < EACH; letter.number++) {
		int code = go(office->chan, &letter, true);

		office->sent[letter.sender][letter.number] = code == 0;
		if (code != 0)
			check_failure(office, code);
		engine_dawdle();
	}
	if (atomic_sub_acq_rel(&office->sending, 1) == 1)
		weft_chan_close(office->chan);
	return 0;
}

static int receive_letters(void *arg)
{
	struct office *office = arg;
	int last[SENDERS] = { -1, -1, -1 };

	for (;;) {
		struct letter letter = { -1, -1 };
		int code = go(office->chan, &letter, false);

		if (code == -EPIPE)
			return 0;
		if (code != 0) {
			weft__sim_check(letter.sender == -1 && letter.number == -1);
			check_failure(office, code);
			if (code == -ECANCELED && office->is_cancelled)
				return 0;
			continue;
		}
		weft__sim_check(letter.number > last[letter.sender]);
		last[letter.sender] = letter.number;
		atomic_add_relaxed(&office->received[letter.sender][letter.number], (int8_t)1);
	}
}

static int office_app(void *arg)
{
	struct office *office = arg;
	weft_thread *threads[SENDERS + RECEIVERS];
	static const weft_thread_options kernel = { .kind = WEFT_KERNEL };

	for (int i = 0; i < SENDERS + RECEIVERS; i++)
		weft__sim_check(weft_thread_spawn(i < SENDERS ? send_letters : receive_letters,
						  office, weft__sim_choose(4) == 0 ? &kernel : NULL,
						  &threads[i]) == 0);
	if (office->is_closed_early) {
		engine_dawdle();
		engine_dawdle();
		weft_chan_close(office->chan);
	}
	for (int i = 0; office->is_cancelled && i < SENDERS + RECEIVERS; i++) {
		engine_dawdle();
		weft_thread_cancel(threads[i]);
	}
	for (int i = 0; i < SENDERS + RECEIVERS; i++)
		engine_join(threads[i], 0);
	return 0;
}

/* All that was sent and not received is there. */
static void check_office(struct office *office)
{
	struct letter letter;

	while (weft_chan_recv_try(office->chan, &letter) == 0)
		office->received[letter.sender][letter.number]++;
	for (int sender = 0; sender < SENDERS; sender++)
		for (int number = 0; number < EACH; number++)
			weft__sim_check(office->sent[sender][number] ==
					office->received[sender][number]);
}

static void run_office(bool is_closed_early, bool is_cancelled)
{
	static const size_t capacities[] = { 0, 0, 1, 2, WEFT_CHAN_UNBOUNDED };
	struct office office = { .sending = SENDERS,
				 .is_closed_early = is_closed_early,
				 .is_cancelled = is_cancelled };

	weft__sim_check(weft_chan_create(sizeof(struct letter), capacities[weft__sim_choose(5)],
					 &office.chan) == 0);
	weft__sim_check(engine_run(office_app, &office) == 0);
	check_office(&office);
	weft_chan_destroy(office.chan);
	engine_check_clean();
}

static void chan_keeps_all(void *arg)
{
	(void)arg;
	run_office(false, false);
}

static void chan_is_closed_early(void *arg)
{
	(void)arg;
	run_office(true, false);
}

static void chan_users_are_cancelled(void *arg)
{
	(void)arg;
	run_office(false, true);
}

/* ---- whichever side is through may take the channel, and the element, away */

struct errand {
	weft_chan *chan;
	bool sender_destroys;
};

static int deliver_once(void *arg)
{
	struct errand *errand = arg;
	int64_t *element = malloc(sizeof *element);

	*element = 7;
	engine_dawdle();
	weft__sim_check(weft_chan_send(errand->chan, element) == 0);
	memset(element, 0xa5, sizeof *element);
	free(element);
	if (errand->sender_destroys) {
		weft__sim_point();
		memset((void *)errand->chan, 0xa5, 64);
	}
	return 0;
}

static int errand_app(void *arg)
{
	struct errand *errand = arg;
	weft_thread *thread = engine_spawn(deliver_once, errand);
	int64_t got = 0;

	engine_dawdle();
	weft__sim_check(weft_chan_recv(errand->chan, &got) == 0 && got == 7);
	if (!errand->sender_destroys) {
		weft__sim_point();
		memset((void *)errand->chan, 0xa5, 64);
	}
	engine_join(thread, 0);
	for (int i = 0; i < 64; i++)
		weft__sim_check(((unsigned char *)errand->chan)[i] == 0xa5);
	return 0;
}

static void chan_may_go(void *arg)
{
	struct errand errand = { .sender_destroys = weft__sim_choose(2) };

	(void)arg;
	weft__sim_check(weft_chan_create(sizeof(int64_t), 0, &errand.chan) == 0);
	weft__sim_check(engine_run(errand_app, &errand) == 0);
	free(errand.chan);
	engine_check_clean();
}

const struct scenario chan_scenarios[] = {
	{ .name = "chan-keeps-all",
	  .run = chan_keeps_all,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "chan-is-closed-early",
	  .run = chan_is_closed_early,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "chan-users-are-cancelled",
	  .run = chan_users_are_cancelled,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "chan-may-go", .run = chan_may_go, .options = { .spurious = 50 } },
	{ 0 },
};
