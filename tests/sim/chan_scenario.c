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

/* ---- a select hears of elements, events and bytes, whatever they come with */

#define NEWS_EACH 3

struct news {
	weft_chan *chan;
	weft_event event;
	int pipe[2];
	int32_t told; /* atomic: before each set of the event */
	int heard, elements, bytes;
};

static int send_news(void *arg)
{
	struct news *news = arg;

	for (int i = 0; i < NEWS_EACH; i++) {
		engine_dawdle();
		weft__sim_check(weft_chan_send(news->chan, &i) == 0);
	}
	return 0;
}

static int tell_news(void *arg)
{
	struct news *news = arg;

	for (int i = 0; i < NEWS_EACH; i++) {
		engine_dawdle();
		atomic_add_relaxed(&news->told, 1);
		weft_event_set(&news->event);
	}
	return 0;
}

static int write_news(void *arg)
{
	struct news *news = arg;

	for (int i = 0; i < NEWS_EACH; i++) {
		engine_dawdle();
		weft__sim_check(weft_write(news->pipe[1], "x", 1) == 1);
	}
	return 0;
}

static bool has_heard_all(const struct news *news)
{
	return news->elements == NEWS_EACH && news->heard == NEWS_EACH && news->bytes == NEWS_EACH;
}

static void hear(struct news *news, int index, int result)
{
	char bytes[NEWS_EACH];

	switch (index) {
	case 0:
		weft__sim_check(result == 0);
		news->elements++;
		break;
	case 1:
		weft__sim_check(result == 0);
		weft_event_reset(&news->event);
		news->heard = atomic_load_relaxed(&news->told);
		break;
	case 2:
		weft__sim_check(result == WEFT_READABLE);
		news->bytes += (int)weft_read(news->pipe[0], bytes, sizeof bytes);
		break;
	default:
		weft__sim_check(index == -ETIMEDOUT);
	}
}

static int hear_news(void *arg)
{
	struct news *news = arg;

	while (!has_heard_all(news)) {
		int element = -1, index;
		weft_case cases[] = { WEFT_RECV(news->chan, &element), WEFT_EVENT(&news->event),
				      WEFT_FD(news->pipe[0], WEFT_READABLE) };

		weft__sim_point();
		index = weft_select(cases, 3,
				    weft__sim_choose(3) ? WEFT_FOREVER : engine_deadline());
		weft__sim_check((element != -1) == (index == 0));
		hear(news, index, index >= 0 ? cases[index].result : 0);
	}
	return 0;
}

static int news_app(void *arg)
{
	static weft_function *const functions[] = { hear_news, send_news, tell_news, write_news };
	static const weft_thread_options kernel = { .kind = WEFT_KERNEL };
	struct news *news = arg;
	weft_thread *threads[4];

	weft__sim_check(weft_pipe(news->pipe) == 0);
	for (int i = 0; i < 4; i++)
		weft__sim_check(weft_thread_spawn(functions[i], news,
						  weft__sim_choose(4) == 0 ? &kernel : NULL,
						  &threads[i]) == 0);
	for (int i = 0; i < 4; i++)
		engine_join(threads[i], 0);
	weft_close(news->pipe[0]);
	weft_close(news->pipe[1]);
	return 0;
}

static void select_hears_all(void *arg)
{
	struct news news = { 0 };

	(void)arg;
	weft__sim_check(weft_chan_create(sizeof(int), weft__sim_choose(2), &news.chan) == 0);
	weft__sim_check(engine_run(news_app, &news) == 0);
	weft_chan_destroy(news.chan);
	engine_check_clean();
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

/* ---- selects, of sends and receives on two channels, that meet each other and plain ones */

#define MEETERS 5
#define MEETINGS 4

struct market {
	weft_chan *stalls[2];
	weft_chan *end;               /* is closed when hardly anybody is left */
	int32_t numbers;              /* atomic */
	int32_t busy;                 /* atomic: that are not done */
	int32_t sold, bought;         /* atomic: how many */
	int32_t sold_sum, bought_sum; /* atomic */
	bool is_cancelled;
};

static void sell(struct market *market, int number)
{
	atomic_add_relaxed(&market->sold, 1);
	atomic_add_relaxed(&market->sold_sum, number);
}

static void buy(struct market *market, int number)
{
	atomic_add_relaxed(&market->bought, 1);
	atomic_add_relaxed(&market->bought_sum, number);
}

/* True: the end has come. */
static bool meet_in_market(struct market *market)
{
	int number = 1 << atomic_add_relaxed(&market->numbers, 1) % 16, got[2] = { -1, -1 };
	weft_case cases[] = {
		WEFT_RECV(market->end, NULL),          WEFT_SEND(market->stalls[0], &number),
		WEFT_RECV(market->stalls[1], &got[0]), WEFT_SEND(market->stalls[1], &number),
		WEFT_RECV(market->stalls[0], &got[1]),
	};
	int count = 2 + (int)weft__sim_choose(4), index;
	/* With all of them it meets whoever else is left, or the end. */
	bool for_ever = count == 5 && weft__sim_choose(4) != 0;

	weft__sim_point();
	index = weft_select(cases, count, for_ever ? WEFT_FOREVER : engine_deadline());
	weft__sim_check((got[0] != -1) == (index == 2) && (got[1] != -1) == (index == 4));
	if (index <= 0) {
		weft__sim_check(index == 0 || index == -ETIMEDOUT ||
				(index == -ECANCELED && market->is_cancelled));
		return index == 0 || index == -ECANCELED;
	}
	weft__sim_check(index < count && cases[index].result == 0);
	if (index == 1 || index == 3)
		sell(market, number);
	else
		buy(market, got[index == 4]);
	return false;
}

static void meet_at_stall(struct market *market)
{
	weft_chan *stall = market->stalls[weft__sim_choose(2)];
	int number = 1 << atomic_add_relaxed(&market->numbers, 1) % 16, got;

	weft__sim_point();
	if (weft__sim_choose(2)) {
		if (weft_chan_send_until(stall, &number, engine_deadline()) == 0)
			sell(market, number);
	} else if (weft_chan_recv_until(stall, &got, engine_deadline()) == 0) {
		buy(market, got);
	}
}

static int go_to_market(void *arg)
{
	struct market *market = arg;

	for (int i = 0; i < MEETINGS; i++) {
		if (weft__sim_choose(4) == 0)
			meet_at_stall(market);
		else if (meet_in_market(market))
			break;
		if (weft__sim_choose(4) == 0)
			engine_dawdle();
	}
	if (atomic_sub_acq_rel(&market->busy, 1) == 2)
		weft_chan_close(market->end);
	return 0;
}

static int market_app(void *arg)
{
	static const weft_thread_options kernel = { .kind = WEFT_KERNEL };
	struct market *market = arg;
	weft_thread *threads[MEETERS];

	for (int i = 0; i < MEETERS; i++)
		weft__sim_check(weft_thread_spawn(go_to_market, market,
						  weft__sim_choose(4) == 0 ? &kernel : NULL,
						  &threads[i]) == 0);
	for (int i = 0; market->is_cancelled && i < MEETERS; i++) {
		engine_dawdle();
		weft_thread_cancel(threads[i]);
	}
	for (int i = 0; i < MEETERS; i++)
		engine_join(threads[i], 0);
	return 0;
}

static void run_market(bool is_cancelled)
{
	struct market market = { .busy = MEETERS, .is_cancelled = is_cancelled };
	int got;

	weft__sim_check(weft_chan_create(0, 0, &market.end) == 0);
	for (int i = 0; i < 2; i++)
		weft__sim_check(weft_chan_create(sizeof(int), weft__sim_choose(4) == 0,
						 &market.stalls[i]) == 0);
	weft__sim_check(engine_run(market_app, &market) == 0);
	for (int i = 0; i < 2; i++) {
		while (weft_chan_recv_try(market.stalls[i], &got) == 0)
			buy(&market, got);
		weft_chan_destroy(market.stalls[i]);
	}
	weft_chan_destroy(market.end);
	weft__sim_check(market.sold == market.bought && market.sold_sum == market.bought_sum);
	engine_check_clean();
}

static void select_keeps_all(void *arg)
{
	(void)arg;
	run_market(false);
}

static void select_is_cancelled(void *arg)
{
	(void)arg;
	run_market(true);
}

/* Two selects that can only meet each other, in either of two channels, crosswise: they do. */

struct pair {
	weft_chan *chans[2];
	int32_t sent, received; /* atomic */
};

static int meet_crosswise(struct pair *pair, int side)
{
	int number = 3, got[2] = { 0, 0 };
	weft_case cases[] = { WEFT_SEND(pair->chans[side], &number),
			      WEFT_RECV(pair->chans[1 - side], &got[0]) };
	int index;

	weft__sim_point();
	index = weft_select(cases, 2, WEFT_FOREVER);
	weft__sim_check(index >= 0 && cases[index].result == 0 && got[0] == (index == 1 ? 3 : 0));
	atomic_add_relaxed(index == 0 ? &pair->sent : &pair->received, 1);
	return 0;
}

static int meet_left(void *arg)
{
	for (int i = 0; i < 4; i++)
		meet_crosswise(arg, 0);
	return 0;
}

static int meet_right(void *arg)
{
	for (int i = 0; i < 4; i++)
		meet_crosswise(arg, 1);
	return 0;
}

static int pair_app(void *arg)
{
	weft_thread *left = engine_spawn(meet_left, arg), *right = engine_spawn(meet_right, arg);

	engine_join(left, 0);
	engine_join(right, 0);
	return 0;
}

static void two_selects_meet(void *arg)
{
	struct pair pair = { 0 };

	(void)arg;
	for (int i = 0; i < 2; i++)
		weft__sim_check(weft_chan_create(sizeof(int), 0, &pair.chans[i]) == 0);
	weft__sim_check(engine_run(pair_app, &pair) == 0);
	weft__sim_check(pair.sent == 4 && pair.received == 4);
	for (int i = 0; i < 2; i++)
		weft_chan_destroy(pair.chans[i]);
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
	{ .name = "select-keeps-all",
	  .run = select_keeps_all,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "select-is-cancelled", .run = select_is_cancelled, .options = { .eintr = 50 } },
	{ .name = "two-selects-meet", .run = two_selects_meet, .options = { .spurious = 50 } },
	{ .name = "select-hears-all",
	  .run = select_hears_all,
	  .options = { .spurious = 50, .eintr = 50, .short_io = 50 } },
	{ .name = "chan-may-go", .run = chan_may_go, .options = { .spurious = 50 } },
	{ 0 },
};
