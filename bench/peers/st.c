/* SPDX-License-Identifier: MIT */
/*
 * The thread benchmarks on State Threads: N:1, no atomics.
 *
 * - st_usleep(0) is what its manual calls a yield. It is a zero sleep in fact: the thread goes into
 *   the timer heap, and once the run queue is empty the idle thread asks the clock and the poller.
 *   With two threads every yield pays that, with a thousand it is shared.
 * - Debian's build has no epoll; it waits with select. Nothing here waits for a descriptor.
 * - Where stacks count, threads have SMALL_STACK_BYTES; else the library's default (64 KiB). Its
 *   stacks have no guard pages in Debian's build.
 * - The library keeps the stacks of ended threads and uses them again.
 */
#include <st.h>

#include "peer.h"

enum { BATCH = 1000, SMALL_STACK_BYTES = 16 * 1024, SLEEPS = 10 };

static int start_st(void)
{
	st_set_eventsys(ST_EVENTSYS_ALT);
	return st_init();
}

static void *return_at_once(void *arg)
{
	return arg;
}

/* Runs `threads` of them and returns how long they took from first to last. */
static double time_threads(void *(*body)(void *), void *arg, long threads, int stack_bytes)
{
	st_thread_t *t = calloc((size_t)threads, sizeof(void *));
	double start;

	if (!t || start_st())
		exit(1);
	start = peer_now_ns();
	for (long i = 0; i < threads; i++) {
		t[i] = st_thread_create(body, arg, 1, stack_bytes);
		if (!t[i])
			exit(1);
	}
	for (long i = 0; i < threads; i++)
		st_thread_join(t[i], NULL);
	start = peer_now_ns() - start;
	free(t);
	return start;
}

static void *yield_many(void *arg)
{
	for (long n = *(long *)arg; n > 0; n--)
		st_usleep(0);
	return NULL;
}

static int run_yield(long threads, long count, double *out)
{
	long each = count / threads;

	out[0] = time_threads(yield_many, &each, threads, 0) / (double)(each * threads);
	return 0;
}

static int run_yield_2(long count, double *out)
{
	return run_yield(2, count, out);
}

static int run_yield_1000(long count, double *out)
{
	return run_yield(1000, count, out);
}

static int run_spawn_join(long count, double *out)
{
	double start;

	if (start_st())
		return -1;
	start = peer_now_ns();
	for (long i = 0; i < count; i++) {
		st_thread_t t = st_thread_create(return_at_once, NULL, 1, 0);

		if (!t || st_thread_join(t, NULL))
			return -1;
	}
	out[0] = (peer_now_ns() - start) / (double)count;
	return 0;
}

static int run_spawn_batch(long rounds, double *out)
{
	double sum = 0;

	for (long i = 0; i < rounds; i++)
		sum += time_threads(return_at_once, NULL, BATCH, 0);
	out[0] = sum / (double)(rounds * BATCH);
	return 0;
}

static int run_mutex(long count, double *out)
{
	st_mutex_t m;
	double start;

	if (start_st() || !(m = st_mutex_new()))
		return -1;
	start = peer_now_ns();
	for (long i = 0; i < count; i++) {
		st_mutex_lock(m);
		st_mutex_unlock(m);
	}
	out[0] = (peer_now_ns() - start) / (double)count;
	st_mutex_destroy(m);
	return 0;
}

struct semaphore {
	st_cond_t cond;
	int value;
};

static struct semaphore ping, pong;

static void post(struct semaphore *s)
{
	s->value++;
	st_cond_signal(s->cond);
}

static void wait_for(struct semaphore *s)
{
	while (!s->value)
		st_cond_wait(s->cond);
	s->value--;
}

static void *answer(void *arg)
{
	for (long n = *(long *)arg; n > 0; n--) {
		wait_for(&ping);
		post(&pong);
	}
	return NULL;
}

static int run_semaphore(long count, double *out)
{
	st_thread_t t;
	double start;

	if (start_st())
		return -1;
	ping.cond = st_cond_new();
	pong.cond = st_cond_new();
	t = st_thread_create(answer, &count, 1, 0);
	if (!t)
		return -1;
	start = peer_now_ns();
	for (long i = 0; i < count; i++) {
		post(&ping);
		wait_for(&pong);
	}
	out[0] = (peer_now_ns() - start) / (double)count;
	return st_thread_join(t, NULL);
}

static void *sleep_often(void *arg)
{
	for (int i = 0; i < SLEEPS; i++)
		st_usleep(10 * 1000);
	return arg;
}

static int run_sleep(long threads, double *out)
{
	double cpu = peer_cpu_seconds();

	time_threads(sleep_often, NULL, threads, SMALL_STACK_BYTES);
	out[0] = peer_cpu_seconds() - cpu;
	return 0;
}

static long parked;
static st_cond_t never;

static void *park(void *arg)
{
	parked++;
	st_cond_wait(never);
	return arg;
}

static int run_park(long count, double *out)
{
	long before = parked, made = 0;
	double bytes;

	if (start_st() || (!never && !(never = st_cond_new())))
		return -1;
	bytes = peer_resident_bytes();
	while (made < count && st_thread_create(park, NULL, 0, SMALL_STACK_BYTES))
		made++;
	while (parked < before + made)
		st_usleep(0);
	out[0] = (peer_resident_bytes() - bytes) / (double)made;
	out[1] = (double)made;
	return made ? 0 : -1;
}

static const struct peer_bench benches[] = {
	{ "yield", { "2" }, { "ns" }, 1000000, run_yield_2, PEER_ONE_CPU },
	{ "yield", { "1000" }, { "ns" }, 1000000, run_yield_1000, PEER_ONE_CPU },
	{ "spawn-join", { "" }, { "ns" }, 1000000, run_spawn_join, PEER_ONE_CPU },
	{ "spawn-batch", { "" }, { "ns" }, 500, run_spawn_batch, PEER_ONE_CPU },
	{ "mutex", { "" }, { "ns" }, 50000000, run_mutex, PEER_ONE_CPU },
	{ "semaphore", { "" }, { "ns" }, 4000000, run_semaphore, PEER_ONE_CPU },
	{ "sleep-100k", { "" }, { "s" }, 100000, run_sleep, PEER_FRESH },
	{ "park-million",
	  { "bytes", "count" },
	  { "bytes", "threads" },
	  1000000,
	  run_park,
	  PEER_FRESH },
	PEER_END,
};

int main(int argc, char **argv)
{
	return peer_main(argc, argv, "st", "light", benches);
}
