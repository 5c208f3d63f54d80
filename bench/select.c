/* SPDX-License-Identifier: MIT */
/* Four threads send, each into a channel of its own without capacity, and one takes from whichever
 * is ready. */
#include <stdio.h>

#include "harness.h"

enum { SENDERS = 4 };

struct sender {
	weft_chan *to;
	int64_t count;
};

static int send_all(void *arg)
{
	struct sender *sender = arg;

	for (int64_t i = 0; i < sender->count; i++)
		weft_chan_send(sender->to, &i);
	return 0;
}

static int run(weft_kind kind, long count, double *out)
{
	weft_thread *threads[SENDERS];
	struct sender senders[SENDERS];
	weft_case cases[SENDERS];
	int64_t v = 0, sum = 0, each = bench_part(kind, count) / SENDERS, start_ns;

	for (int i = 0; i < SENDERS; i++) {
		senders[i].count = each;
		bench_must(weft_chan_create(sizeof v, 0, &senders[i].to), "chan");
		cases[i] = (weft_case)WEFT_RECV(senders[i].to, &v);
	}
	start_ns = weft_now();
	bench_spawn(threads, SENDERS, send_all, senders, sizeof senders[0]);
	for (int64_t n = each * SENDERS; n > 0; n--) {
		bench_must(weft_select(cases, SENDERS, WEFT_FOREVER), "select");
		sum += v;
	}
	out[0] = (double)(weft_now() - start_ns) / (double)(each * SENDERS);
	bench_join(threads, SENDERS);
	if (sum == SENDERS * (each * (each - 1) / 2))
		return 0;
	fputs("select: wrong numbers came out\n", stderr);
	return -1;
}

static const struct bench_row rows[] = {
	{ .cases = { { "1p", "ns" } },
	  .run = run,
	  .count = 2000000,
	  .quick_count = 1000,
	  BENCH_ON_ONE },
	{ .cases = { { "2p", "ns" } },
	  .run = run,
	  .count = 500000,
	  .quick_count = 1000,
	  BENCH_ON_TWO },
	{ .run = NULL },
};

const struct bench bench_select = { "select", "an item, from one of 4 threads that send", rows };
