/* SPDX-License-Identifier: MIT */
/* Channels: a round trip, a stream, many on each side. What is sent is a number, and all of them
 * are added up at the other end. */
#include <stdio.h>

#include "base/atomic.h"
#include "harness.h"

enum { SLOTS = 128, SIDE = 4 };

static weft_chan *make(size_t capacity)
{
	weft_chan *chan = NULL;

	bench_must(weft_chan_create(sizeof(int64_t), capacity, &chan), "chan");
	return chan;
}

/* 0 + 1 + … + (count - 1) */
static int64_t sum_of(int64_t count)
{
	return count * (count - 1) / 2;
}

static int check(int64_t sum, int64_t expected)
{
	if (sum == expected)
		return 0;
	fprintf(stderr, "a channel's numbers: %lld, not %lld\n", (long long)sum,
		(long long)expected);
	return -1;
}

/* ---- a round trip, through channels without capacity */
struct table {
	weft_chan *ping, *pong;
};

static int answer(void *arg)
{
	struct table *table = arg;
	int64_t v;

	while (weft_chan_recv(table->ping, &v) == 0)
		weft_chan_send(table->pong, &v);
	return 0;
}

static int run_pingpong(weft_kind kind, long count, double *out)
{
	struct table table = { make(0), make(0) };
	weft_thread *thread;
	int64_t sum = 0, start_ns;

	count = bench_part(kind, count);
	bench_spawn(&thread, 1, answer, &table, sizeof table);
	start_ns = weft_now();
	for (int64_t i = 0; i < count; i++) {
		int64_t v = -1;

		weft_chan_send(table.ping, &i);
		weft_chan_recv(table.pong, &v);
		sum += v;
	}
	out[0] = (double)(weft_now() - start_ns) / (double)count;
	weft_chan_close(table.ping);
	bench_join(&thread, 1);
	return check(sum, sum_of(count));
}

/* ---- many senders, many receivers; a stream has one of each */
struct flow {
	weft_chan *items;
	int64_t each; /* of a sender */
	int64_t sum;  /* atomic */
};

static int produce(void *arg)
{
	struct flow *flow = arg;

	for (int64_t i = 0; i < flow->each; i++)
		weft_chan_send(flow->items, &i);
	return 0;
}

static int consume(void *arg)
{
	struct flow *flow = arg;
	int64_t v, mine = 0;

	while (weft_chan_recv(flow->items, &v) == 0)
		mine += v;
	atomic_add_relaxed(&flow->sum, mine);
	return 0;
}

static int flow_through(int side, long count, double *out)
{
	struct flow flow = { .items = make(SLOTS), .each = count / side };
	weft_thread *senders[SIDE], *receivers[SIDE];
	int64_t start_ns = weft_now();

	bench_spawn(senders, side, produce, &flow, 0);
	bench_spawn(receivers, side, consume, &flow, 0);
	bench_join(senders, side);
	weft_chan_close(flow.items);
	bench_join(receivers, side);
	out[0] = (double)(weft_now() - start_ns) / (double)(flow.each * side);
	weft_chan_destroy(flow.items);
	return check(flow.sum, side * sum_of(flow.each));
}

static int run_stream(weft_kind kind, long count, double *out)
{
	return flow_through(1, bench_part(kind, count), out);
}

static int run_mpmc(weft_kind kind, long count, double *out)
{
	return flow_through(SIDE, bench_part(kind, count), out);
}

static const struct bench_row pingpong_rows[] = {
	{ .cases = { { "1p", "ns" } },
	  .run = run_pingpong,
	  .count = 2000000,
	  .quick_count = 1000,
	  BENCH_ON_ONE },
	{ .cases = { { "2p", "ns" } },
	  .run = run_pingpong,
	  .count = 500000,
	  .quick_count = 1000,
	  BENCH_ON_TWO },
	{ .run = NULL },
};

static const struct bench_row stream_rows[] = {
	{ .cases = { { "1p", "ns" } },
	  .run = run_stream,
	  .count = 10000000,
	  .quick_count = 1000,
	  BENCH_ON_ONE },
	{ .cases = { { "2p", "ns" } },
	  .run = run_stream,
	  .count = 3000000,
	  .quick_count = 1000,
	  BENCH_ON_TWO },
	{ .run = NULL },
};

static const struct bench_row mpmc_rows[] = {
	{ .cases = { { "1p", "ns" } },
	  .run = run_mpmc,
	  .count = 10000000,
	  .quick_count = 1000,
	  BENCH_ON_ONE },
	{ .cases = { { "2p", "ns" } },
	  .run = run_mpmc,
	  .count = 2000000,
	  .quick_count = 1000,
	  BENCH_ON_TWO },
	{ .run = NULL },
};

const struct bench bench_channel_pingpong = { "channel-pingpong",
					      "a round trip through two channels without capacity",
					      pingpong_rows };
const struct bench bench_channel_stream = { "channel-stream",
					    "an item from one thread to another, 128 slots",
					    stream_rows };
const struct bench bench_channel_mpmc = { "channel-mpmc",
					  "an item from 4 threads to 4 others, 128 slots",
					  mpmc_rows };
