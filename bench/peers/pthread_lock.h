/* SPDX-License-Identifier: MIT */
/*
 * Threads that get in each other's way, on the C library's locks; a part of pthread.c, which brings
 * start_threads and join_threads.
 */
#ifndef WEFT_BENCH_PTHREAD_LOCK_H
#define WEFT_BENCH_PTHREAD_LOCK_H

#include <pthread.h>

#include "peer.h"

enum { CONTEND_MAX = 64, CONTEND_APART = 128, RW_THREADS = 4, MEET_THREADS = 8 };

static int start_threads(pthread_t *t, long threads, void *(*body)(void *), void *arg);
static void join_threads(pthread_t *t, long threads);

/* Thread i has the i-th of args. */
static int start_each(pthread_t *t, long threads, void *(*body)(void *), void *args, size_t bytes)
{
	for (long i = 0; i < threads; i++)
		if (start_threads(&t[i], 1, body, (char *)args + (size_t)i * bytes))
			return -1;
	return 0;
}

/* ---- mutex-contended */
static struct {
	pthread_mutex_t mutex;
	long taken;
	char apart[CONTEND_APART];
	int stop; /* atomic */
} contended = { PTHREAD_MUTEX_INITIALIZER, 0, { 0 }, 0 };

static void *contend(void *arg)
{
	long times = 0;

	while (!__atomic_load_n(&contended.stop, __ATOMIC_RELAXED)) {
		pthread_mutex_lock(&contended.mutex);
		contended.taken++;
		pthread_mutex_unlock(&contended.mutex);
		times++;
	}
	*(long *)arg = times;
	return NULL;
}

static int run_contended(long threads, long milliseconds, double *out)
{
	static pthread_t t[CONTEND_MAX];
	static long times[CONTEND_MAX];
	double start, took;
	long sum = 0, least;

	contended.taken = 0;
	contended.stop = 0;
	start = peer_now_ns();
	if (start_each(t, threads, contend, times, sizeof times[0]))
		return -1;
	usleep((useconds_t)milliseconds * 1000);
	__atomic_store_n(&contended.stop, 1, __ATOMIC_RELAXED);
	took = peer_now_ns() - start;
	join_threads(t, threads);
	least = times[0];
	for (long i = 0; i < threads; i++) {
		sum += times[i];
		least = times[i] < least ? times[i] : least;
	}
	out[0] = (double)sum * 1e3 / took;
	out[1] = (double)least * (double)threads / (double)sum;
	return sum == contended.taken ? 0 : -1;
}

static int run_contended_2(long milliseconds, double *out)
{
	return run_contended(2, milliseconds, out);
}

static int run_contended_8(long milliseconds, double *out)
{
	return run_contended(8, milliseconds, out);
}

static int run_contended_64(long milliseconds, double *out)
{
	return run_contended(64, milliseconds, out);
}

/* ---- rwlock */
static struct {
	pthread_rwlock_t lock;
	long left, right;
} pair = { PTHREAD_RWLOCK_INITIALIZER, 0, 0 };
static long torn; /* atomic */

struct pair_user {
	long count, every, next;
};

static void *use_pair(void *arg)
{
	struct pair_user user = *(struct pair_user *)arg;
	long seen = 0;

	for (; user.count > 0; user.count--) {
		if (--user.next > 0) {
			pthread_rwlock_rdlock(&pair.lock);
			seen += pair.left != pair.right;
			pthread_rwlock_unlock(&pair.lock);
			continue;
		}
		user.next = user.every;
		pthread_rwlock_wrlock(&pair.lock);
		pair.left++;
		pair.right++;
		pthread_rwlock_unlock(&pair.lock);
	}
	__atomic_add_fetch(&torn, seen, __ATOMIC_RELAXED);
	return NULL;
}

static int run_rwlock(long every, long count, double *out)
{
	pthread_t t[RW_THREADS];
	struct pair_user users[RW_THREADS];
	long each = count / RW_THREADS;
	double start;

	for (long i = 0; i < RW_THREADS; i++) {
		users[i].count = each;
		users[i].every = every;
		users[i].next = 1 + every * i / RW_THREADS;
	}
	start = peer_now_ns();
	if (start_each(t, RW_THREADS, use_pair, users, sizeof users[0]))
		return -1;
	join_threads(t, RW_THREADS);
	out[0] = (peer_now_ns() - start) / (double)(each * RW_THREADS);
	return torn == 0 && pair.left == pair.right ? 0 : -1;
}

static int run_rwlock_read(long count, double *out)
{
	return run_rwlock(100, count, out);
}

static int run_rwlock_write(long count, double *out)
{
	return run_rwlock(2, count, out);
}

/* ---- condvar */
static struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int turn;
} table = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 };

static void take_turns(int me, long count)
{
	for (; count > 0; count--) {
		pthread_mutex_lock(&table.mutex);
		while (table.turn != me)
			pthread_cond_wait(&table.changed, &table.mutex);
		table.turn = 1 - me;
		pthread_cond_signal(&table.changed);
		pthread_mutex_unlock(&table.mutex);
	}
}

static void *take_other_turns(void *arg)
{
	take_turns(1, *(long *)arg);
	return NULL;
}

static int run_condvar(long count, double *out)
{
	pthread_t t;
	double start = peer_now_ns();

	if (start_threads(&t, 1, take_other_turns, &count))
		return -1;
	take_turns(0, count);
	join_threads(&t, 1);
	out[0] = (peer_now_ns() - start) / (double)count;
	return 0;
}

/* ---- barrier */
static pthread_barrier_t meeting;

static void *meet(void *arg)
{
	for (long n = *(long *)arg; n > 0; n--)
		pthread_barrier_wait(&meeting);
	return NULL;
}

static int run_barrier(long count, double *out)
{
	pthread_t t[MEET_THREADS];
	long rounds = (count + MEET_THREADS - 1) / MEET_THREADS;
	double start;

	pthread_barrier_init(&meeting, NULL, MEET_THREADS);
	start = peer_now_ns();
	if (start_threads(t, MEET_THREADS, meet, &rounds))
		return -1;
	join_threads(t, MEET_THREADS);
	out[0] = (peer_now_ns() - start) / (double)(rounds * MEET_THREADS);
	pthread_barrier_destroy(&meeting);
	return 0;
}

#endif
