/* SPDX-License-Identifier: MIT */
/*
 * The benchmarks on what the C library offers: POSIX threads, and a pool written by hand.
 *
 * - sched_yield on one CPU asks the kernel to run somebody else; whether it does is its decision.
 * - mutex: glibc takes a shortcut without atomics while a process has one thread. A program that
 *   needs a mutex has more, so the figure to compare with has a second thread, asleep ("");
 *   "alone" is the shortcut.
 * - sleep-100k: a hundred thousand kernel threads are more than most systems allow. A thousand do
 *   the same sleeps, and their CPU time is multiplied by a hundred.
 * - park-million: 10,000 threads. The kernel's own memory for each (its stack: 16 KiB) is not in
 *   the figure.
 */
#include "pthread_lock.h"
#include "pthread_pool.h"

enum { BATCH = 1000, SLEEPS = 10, SLEEPERS = 100000 };

static void *return_at_once(void *arg)
{
	return arg;
}

static int start_threads(pthread_t *t, long threads, void *(*body)(void *), void *arg)
{
	for (long i = 0; i < threads; i++) {
		int error = pthread_create(&t[i], NULL, body, arg);

		if (error) {
			fprintf(stderr, "thread %ld: %s\n", i, strerror(error));
			return -1;
		}
	}
	return 0;
}

static void join_threads(pthread_t *t, long threads)
{
	for (long i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
}

struct yielder {
	pthread_barrier_t *together;
	long each;
	double first_ns, last_ns;
};

static void *yield_many(void *arg)
{
	struct yielder *y = (struct yielder *)arg;

	pthread_barrier_wait(y->together);
	y->first_ns = peer_now_ns();
	for (long n = y->each; n > 0; n--)
		sched_yield();
	y->last_ns = peer_now_ns();
	return NULL;
}

/* Kernel threads start when they please: from the first that yields to the last. */
static int run_yield(long threads, long count, double *out)
{
	static struct yielder y[BATCH];
	static pthread_t t[BATCH];
	pthread_barrier_t together;
	long each = count / threads, all = each * threads;
	double first, last;

	pthread_barrier_init(&together, NULL, (unsigned)threads);
	for (long i = 0; i < threads; i++) {
		y[i].together = &together;
		y[i].each = each;
		if (start_threads(&t[i], 1, yield_many, &y[i]))
			return -1;
	}
	join_threads(t, threads);
	first = y[0].first_ns;
	last = y[0].last_ns;
	for (long i = 1; i < threads; i++) {
		first = y[i].first_ns < first ? y[i].first_ns : first;
		last = y[i].last_ns > last ? y[i].last_ns : last;
	}
	out[0] = (last - first) / (double)all;
	pthread_barrier_destroy(&together);
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
	double start = peer_now_ns();

	for (long i = 0; i < count; i++) {
		pthread_t t;

		if (start_threads(&t, 1, return_at_once, NULL))
			return -1;
		join_threads(&t, 1);
	}
	out[0] = (peer_now_ns() - start) / (double)count;
	return 0;
}

static int run_spawn_batch(long rounds, double *out)
{
	static pthread_t t[BATCH];
	double start = peer_now_ns();

	for (long i = 0; i < rounds; i++) {
		if (start_threads(t, BATCH, return_at_once, NULL))
			return -1;
		join_threads(t, BATCH);
	}
	out[0] = (peer_now_ns() - start) / (double)(rounds * BATCH);
	return 0;
}

static int run_mutex_alone(long count, double *out)
{
	static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	double start = peer_now_ns();

	for (long i = 0; i < count; i++) {
		pthread_mutex_lock(&m);
		pthread_mutex_unlock(&m);
	}
	out[0] = (peer_now_ns() - start) / (double)count;
	return 0;
}

static void *wait_for_post(void *arg)
{
	while (sem_wait((sem_t *)arg))
		;
	return NULL;
}

static int run_mutex(long count, double *out)
{
	pthread_t t;
	sem_t end;

	sem_init(&end, 0, 0);
	if (start_threads(&t, 1, wait_for_post, &end))
		return -1;
	run_mutex_alone(count, out);
	sem_post(&end);
	join_threads(&t, 1);
	return 0;
}

static sem_t ping, pong;

static void *answer(void *arg)
{
	for (long n = *(long *)arg; n > 0; n--) {
		wait_for_post(&ping);
		sem_post(&pong);
	}
	return NULL;
}

static int run_semaphore(long count, double *out)
{
	pthread_t t;
	double start;

	sem_init(&ping, 0, 0);
	sem_init(&pong, 0, 0);
	if (start_threads(&t, 1, answer, &count))
		return -1;
	start = peer_now_ns();
	for (long i = 0; i < count; i++) {
		sem_post(&ping);
		wait_for_post(&pong);
	}
	out[0] = (peer_now_ns() - start) / (double)count;
	join_threads(&t, 1);
	return 0;
}

static void *sleep_often(void *arg)
{
	for (int i = 0; i < SLEEPS; i++)
		usleep(10 * 1000);
	return arg;
}

static int run_sleep(long threads, double *out)
{
	static pthread_t t[BATCH];
	double cpu = peer_cpu_seconds();

	if (start_threads(t, threads, sleep_often, NULL))
		return -1;
	join_threads(t, threads);
	out[0] = (peer_cpu_seconds() - cpu) * SLEEPERS / (double)threads;
	return 0;
}

struct parking {
	long parked; /* atomic */
	sem_t never;
};

static void *park(void *arg)
{
	struct parking *p = (struct parking *)arg;

	__atomic_add_fetch(&p->parked, 1, __ATOMIC_RELEASE);
	return wait_for_post(&p->never);
}

static int run_park(long count, double *out)
{
	static struct parking p;
	long before = p.parked;
	pthread_t t;
	double bytes = peer_resident_bytes();

	for (long i = 0; i < count; i++)
		if (start_threads(&t, 1, park, &p))
			return -1;
	while (__atomic_load_n(&p.parked, __ATOMIC_ACQUIRE) < before + count)
		usleep(1000);
	out[0] = (peer_resident_bytes() - bytes) / (double)count;
	out[1] = (double)count;
	return 0;
}

static const struct peer_bench benches[] = {
	{ "yield", { "2" }, { "ns" }, 200000, run_yield_2, PEER_ONE_CPU },
	{ "yield", { "1000" }, { "ns" }, 200000, run_yield_1000, PEER_ONE_CPU },
	{ "spawn-join", { "" }, { "ns" }, 10000, run_spawn_join, PEER_ONE_CPU },
	{ "spawn-batch", { "" }, { "ns" }, 10, run_spawn_batch, PEER_ONE_CPU },
	{ "mutex", { "" }, { "ns" }, 10000000, run_mutex, PEER_ONE_CPU },
	{ "mutex", { "alone" }, { "ns" }, 50000000, run_mutex_alone, PEER_ONE_CPU },
	{ "mutex-contended",
	  { "1p-2", "1p-2-least" },
	  { "M/s", "of mean" },
	  300,
	  run_contended_2,
	  PEER_ONE_CPU },
	{ "mutex-contended",
	  { "1p-8", "1p-8-least" },
	  { "M/s", "of mean" },
	  1000,
	  run_contended_8,
	  PEER_ONE_CPU },
	{ "mutex-contended",
	  { "1p-64", "1p-64-least" },
	  { "M/s", "of mean" },
	  1500,
	  run_contended_64,
	  PEER_ONE_CPU },
	{ "mutex-contended",
	  { "2p-2", "2p-2-least" },
	  { "M/s", "of mean" },
	  300,
	  run_contended_2,
	  0 },
	{ "mutex-contended",
	  { "2p-8", "2p-8-least" },
	  { "M/s", "of mean" },
	  1000,
	  run_contended_8,
	  0 },
	{ "mutex-contended",
	  { "2p-64", "2p-64-least" },
	  { "M/s", "of mean" },
	  1500,
	  run_contended_64,
	  0 },
	{ "rwlock", { "1p-read" }, { "ns" }, 5000000, run_rwlock_read, PEER_ONE_CPU },
	{ "rwlock", { "1p-write" }, { "ns" }, 5000000, run_rwlock_write, PEER_ONE_CPU },
	{ "rwlock", { "2p-read" }, { "ns" }, 2000000, run_rwlock_read, 0 },
	{ "rwlock", { "2p-write" }, { "ns" }, 1000000, run_rwlock_write, 0 },
	{ "semaphore", { "" }, { "ns" }, 100000, run_semaphore, PEER_ONE_CPU },
	{ "semaphore", { "2p" }, { "ns" }, 30000, run_semaphore, 0 },
	{ "condvar", { "1p" }, { "ns" }, 50000, run_condvar, PEER_ONE_CPU },
	{ "condvar", { "2p" }, { "ns" }, 20000, run_condvar, 0 },
	{ "barrier", { "1p" }, { "ns" }, 50000, run_barrier, PEER_ONE_CPU },
	{ "barrier", { "2p" }, { "ns" }, 50000, run_barrier, 0 },
	{ "sleep-100k", { "1000 threads, times 100" }, { "s" }, BATCH, run_sleep, PEER_FRESH },
	{ "park-million", { "bytes", "count" }, { "bytes", "threads" }, 10000, run_park, PEER_FRESH },
	POOL_OUTSIDE,
	POOL_INSIDE,
	POOL_LATENCY,
	POOL_IDLE,
	POOL_BLOCKED,
	PEER_END,
};

int main(int argc, char **argv)
{
	return peer_main(argc, argv, "pthread", "kernel", benches);
}
