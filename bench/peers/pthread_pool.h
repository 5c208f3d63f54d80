/* SPDX-License-Identifier: MIT */
/*
 * The pool that a C programmer writes by hand: one mutex, one condition variable, a ring that
 * doubles when it is full. A submitter signals only when a worker sleeps, after the unlock.
 */
#ifndef WEFT_BENCH_PTHREAD_POOL_H
#define WEFT_BENCH_PTHREAD_POOL_H

#include <pthread.h>
#include <stdbool.h>

#include "peer_pool.h"

static struct {
	pthread_mutex_t lock;
	pthread_cond_t more; /* a task came, or the end */
	pthread_t worker[POOL_WORKERS];
	/* guarded by lock */
	struct pool_task **ring; /* room for `room` tasks, a power of two */
	size_t room, head, tail; /* tail - head tasks wait */
	int sleeping;
	bool stop;
} pool;

static void *work(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&pool.lock);
	for (;;) {
		struct pool_task *task;

		while (pool.head == pool.tail && !pool.stop) {
			pool.sleeping++;
			pthread_cond_wait(&pool.more, &pool.lock);
			pool.sleeping--;
		}
		if (pool.head == pool.tail)
			break;
		task = pool.ring[pool.head++ & (pool.room - 1)];
		pthread_mutex_unlock(&pool.lock);
		task->run(task);
		pthread_mutex_lock(&pool.lock);
	}
	pthread_mutex_unlock(&pool.lock);
	return NULL;
}

static void grow_ring(void)
{
	size_t room = pool.room ? pool.room * 2 : 1024;
	struct pool_task **ring = (struct pool_task **)calloc(room, sizeof(void *));

	if (!ring)
		abort();
	for (size_t i = pool.head; i != pool.tail; i++)
		ring[i & (room - 1)] = pool.ring[i & (pool.room - 1)];
	free(pool.ring);
	pool.ring = ring;
	pool.room = room;
}

static void pool_submit(struct pool_task *task)
{
	bool wake;

	pthread_mutex_lock(&pool.lock);
	if (pool.tail - pool.head == pool.room)
		grow_ring();
	pool.ring[pool.tail++ & (pool.room - 1)] = task;
	wake = pool.sleeping > 0;
	pthread_mutex_unlock(&pool.lock);
	if (wake)
		pthread_cond_signal(&pool.more);
}

static void pool_start(int workers)
{
	memset(&pool, 0, sizeof pool);
	pthread_mutex_init(&pool.lock, NULL);
	pthread_cond_init(&pool.more, NULL);
	for (int i = 0; i < workers; i++)
		if (pthread_create(&pool.worker[i], NULL, work, NULL))
			abort();
}

static void pool_stop(void)
{
	pthread_mutex_lock(&pool.lock);
	pool.stop = true;
	pthread_mutex_unlock(&pool.lock);
	pthread_cond_broadcast(&pool.more);
	for (int i = 0; i < POOL_WORKERS; i++)
		pthread_join(pool.worker[i], NULL);
	free(pool.ring);
	pthread_cond_destroy(&pool.more);
	pthread_mutex_destroy(&pool.lock);
}

#endif
