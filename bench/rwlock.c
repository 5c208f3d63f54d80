/* SPDX-License-Identifier: MIT */
/* Four threads read two halves of one thing, which must be equal, and now and then, or every other
 * time, one writes them. */
#include <stdio.h>

#include "base/atomic.h"
#include "harness.h"

enum { THREADS = 4 };

static struct {
	weft_rwlock lock;
	long left, right; /* guarded by lock */
} pair;
static long torn; /* atomic */

/* Of a thread's operations every n-th is a write; which ones differs from thread to thread. */
struct user {
	long count, every, next;
};

static int use(void *arg)
{
	struct user user = *(struct user *)arg;
	long seen = 0;

	for (; user.count > 0; user.count--) {
		if (--user.next > 0) {
			weft_rwlock_read_lock(&pair.lock);
			seen += pair.left != pair.right;
			weft_rwlock_read_unlock(&pair.lock);
			continue;
		}
		user.next = user.every;
		weft_rwlock_write_lock(&pair.lock);
		pair.left++;
		pair.right++;
		weft_rwlock_write_unlock(&pair.lock);
	}
	atomic_add_relaxed(&torn, seen);
	return 0;
}

static int run(long every, long count, double *out)
{
	weft_thread *threads[THREADS];
	struct user users[THREADS];
	const long each = count / THREADS;
	int64_t start_ns;

	for (int i = 0; i < THREADS; i++)
		users[i] = (struct user){ .count = each,
					  .every = every,
					  .next = 1 + every * i / THREADS };
	start_ns = weft_now();
	bench_spawn(threads, THREADS, use, users, sizeof users[0]);
	bench_join(threads, THREADS);
	out[0] = (double)(weft_now() - start_ns) / (double)(each * THREADS);
	if (torn == 0 && pair.left == pair.right)
		return 0;
	fputs("rwlock: a reader and a writer were in together\n", stderr);
	return -1;
}

static int run_read(weft_kind kind, long count, double *out)
{
	(void)kind;
	return run(100, count, out);
}

static int run_write(weft_kind kind, long count, double *out)
{
	(void)kind;
	return run(2, count, out);
}

static const struct bench_row rows[] = {
	{ .cases = { { "1p-read", "ns" } },
	  .run = run_read,
	  .count = 10000000,
	  .quick_count = 1000,
	  BENCH_ON_ONE },
	{ .cases = { { "1p-write", "ns" } },
	  .run = run_write,
	  .count = 10000000,
	  .quick_count = 1000,
	  BENCH_ON_ONE },
	{ .cases = { { "2p-read", "ns" } },
	  .run = run_read,
	  .count = 5000000,
	  .quick_count = 1000,
	  BENCH_ON_TWO },
	{ .cases = { { "2p-write", "ns" } },
	  .run = run_write,
	  .count = 2000000,
	  .quick_count = 1000,
	  BENCH_ON_TWO },
	{ .run = NULL },
};

const struct bench bench_rwlock = { "rwlock", "one write in 100, and one in 2, among 4 threads",
				    rows };
