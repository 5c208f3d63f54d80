/* SPDX-License-Identifier: MIT */
/*
 * The pthread calls that libraries use: locks held long enough to be switched away with, whose
 * owner is then asked for; keys; once. A wait for such a lock blocks the carrier.
 */
#include "soak.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "base/atomic.h"

static pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER, recursive, checking;
static pthread_rwlock_t both = PTHREAD_RWLOCK_INITIALIZER;
static pthread_key_t key;
static uint64_t left, right, deep, shared[8], keys_made, keys_destroyed;

static void forget(void *value)
{
	(void)value;
	atomic_add_relaxed(&keys_destroyed, 1);
}

static int make(const char *folder)
{
	pthread_mutexattr_t attributes;

	(void)folder;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&recursive, &attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&checking, &attributes);
	pthread_mutexattr_destroy(&attributes);
	if (pthread_key_create(&key, forget) != 0) {
		fputs("weft soak: pthread: no key is left\n", stderr);
		return -1;
	}
	return 0;
}

static void compute(struct soak_run *run, unsigned steps)
{
	uint64_t sum = 0;

	while (steps-- > 0)
		sum += soak_random(run) >> 9;
	soak_add_number(run, sum);
}

static void hold_plain(struct soak_run *run)
{
	pthread_mutex_lock(&plain);
	left++;
	compute(run, 4000);
	if (++right != left)
		soak_fail(run, "two threads held a mutex");
	pthread_mutex_unlock(&plain);
}

static void hold_recursive(struct soak_run *run)
{
	int error = pthread_mutex_lock(&recursive);

	deep = 1;
	compute(run, 4000);
	error |= pthread_mutex_lock(&recursive);
	if (error != 0 || ++deep != 2)
		soak_fail(run, "a recursive mutex: %d, depth %llu", error,
			  (unsigned long long)deep);
	compute(run, 4000);
	error = pthread_mutex_unlock(&recursive);
	if (error != 0 || deep != 2)
		soak_fail(run, "a recursive mutex, half unlocked: %d", error);
	pthread_mutex_unlock(&recursive);
}

static void hold_checking(struct soak_run *run)
{
	int error = pthread_mutex_lock(&checking);

	compute(run, 4000);
	if (error != 0 || (error = pthread_mutex_lock(&checking)) != EDEADLK)
		soak_fail(run, "a mutex that checks does not know its owner: %d", error);
	compute(run, 4000);
	error = pthread_mutex_unlock(&checking);
	if (error != 0)
		soak_fail(run, "its owner cannot unlock it: %d", error);
}

static void hold_both(struct soak_run *run)
{
	uint64_t first;

	pthread_rwlock_rdlock(&both);
	first = shared[0];
	compute(run, 4000);
	for (int i = 0; i < 8; i++)
		if (shared[i] != first)
			soak_fail(run, "somebody wrote while others read");
	pthread_rwlock_unlock(&both);
	pthread_rwlock_wrlock(&both);
	for (int i = 0; i < 8; i++) {
		shared[i]++;
		compute(run, 200);
	}
	pthread_rwlock_unlock(&both);
}

static void work(struct soak_run *run)
{
	pthread_t self = pthread_self();

	if (pthread_getspecific(key) == NULL) /* once in a thread's life */
		atomic_add_relaxed(&keys_made, 1);
	pthread_setspecific(key, run);
	for (int i = 0; i < 6; i++) {
		hold_plain(run);
		compute(run, 20000);
		hold_recursive(run);
		hold_checking(run);
		hold_both(run);
		if (pthread_getspecific(key) != run)
			soak_fail(run, "what stands under its key is another's");
		if (!pthread_equal(self, pthread_self()))
			soak_fail(run, "it is another thread");
	}
}

static void check(struct soak_run *run)
{
	if (keys_made < keys_destroyed)
		soak_fail(run, "%llu keys were set, %llu destroyed", (unsigned long long)keys_made,
			  (unsigned long long)keys_destroyed);
	if (pthread_key_delete(key) != 0 || pthread_mutex_destroy(&plain) != 0 ||
	    pthread_mutex_destroy(&recursive) != 0 || pthread_mutex_destroy(&checking) != 0 ||
	    pthread_rwlock_destroy(&both) != 0)
		soak_fail(run, "a lock is still held");
}

const struct soak_operation soak_pthread = { "pthread",       "mutexes that know their owner, keys",
					     .setup = make,   .run = work,
					     .finish = check, .at_once = 64 };
