/* SPDX-License-Identifier: MIT */
/* Locks and their kin: what they guard stays whole, whoever waits is woken or gives up in time. */
#include <errno.h>
#include <stdlib.h>

#include "stress.h"

#define LOCKS 4
#define PERMITS 3
#define SLOTS 8

static struct guarded {
	weft_mutex mutex;
	uint64_t a, b;   /* equal whenever the mutex is free */
	uint64_t rounds; /* atomic */
} guarded[LOCKS];

static weft_sem permits = WEFT_SEM_INIT(PERMITS);
static int holders; /* atomic */

/* A queue of numbers. */
static struct {
	weft_mutex mutex;
	weft_cond not_empty, not_full;
	/* guarded by mutex */
	uint64_t numbers[SLOTS];
	unsigned first, count;
	uint64_t put, taken, put_sum, taken_sum;
} queue;

static void dawdle(struct actor *actor)
{
	switch (choose(actor, 12)) {
	case 0:
		weft_yield();
		break;
	case 1:
		weft_sleep(choose(actor, 50000));
		break;
	default:
		break;
	}
}

static void use_mutex(struct actor *actor)
{
	struct guarded *it = &guarded[choose(actor, LOCKS)];
	int64_t deadline_ns = soon(actor);
	int code;

	switch (choose(actor, 3)) {
	case 0:
		code = weft_mutex_lock(&it->mutex);
		must(code == 0);
		break;
	case 1:
		code = weft_mutex_lock_try(&it->mutex);
		must(code == 0 || code == -EBUSY);
		break;
	default:
		code = weft_mutex_lock_until(&it->mutex, deadline_ns);
		must(code == 0 || (code == -ETIMEDOUT && weft_now() >= deadline_ns));
		break;
	}
	if (code != 0)
		return;
	must(it->a == it->b);
	it->a++;
	dawdle(actor);
	it->b++;
	atomic_add_relaxed(&it->rounds, 1);
	weft_mutex_unlock(&it->mutex);
	stress_add(STRESS_LOCKS, 1);
}

static void use_semaphore(struct actor *actor)
{
	int64_t deadline_ns = soon(actor);
	int code = choose(actor, 3) == 0 ? weft_sem_wait(&permits)
					 : weft_sem_wait_until(&permits, deadline_ns);

	if (code != 0) {
		must(code == -ETIMEDOUT && weft_now() >= deadline_ns);
		return;
	}
	must(atomic_add_acq_rel(&holders, 1) < PERMITS);
	dawdle(actor);
	atomic_sub_acq_rel(&holders, 1);
	must(weft_sem_wake(&permits) == 0);
	stress_add(STRESS_WAKES, 1);
}

/* With the mutex. False: the deadline. */
static bool await(weft_cond *cond, int64_t deadline_ns)
{
	int code = weft_cond_wait_until(cond, &queue.mutex, deadline_ns);

	must(code == 0 || (code == -ETIMEDOUT && weft_now() >= deadline_ns));
	return code == 0;
}

static void wake(struct actor *actor, weft_cond *cond)
{
	if (choose(actor, 8) == 0)
		weft_cond_wake_all(cond);
	else
		weft_cond_wake(cond);
}

static void put_number(struct actor *actor)
{
	int64_t deadline_ns = soon(actor);
	uint64_t number = choose(actor, 1000000);

	weft_mutex_lock(&queue.mutex);
	while (queue.count == SLOTS)
		if (!await(&queue.not_full, deadline_ns))
			break;
	if (queue.count < SLOTS) {
		queue.numbers[(queue.first + queue.count++) % SLOTS] = number;
		queue.put++;
		queue.put_sum += number;
		wake(actor, &queue.not_empty);
	} else {
		/* One who was woken for us may have gone by: the wake is passed on. */
		wake(actor, &queue.not_full);
	}
	weft_mutex_unlock(&queue.mutex);
}

static void take_number(struct actor *actor)
{
	int64_t deadline_ns = soon(actor);

	weft_mutex_lock(&queue.mutex);
	while (queue.count == 0)
		if (!await(&queue.not_empty, deadline_ns))
			break;
	if (queue.count > 0) {
		queue.taken_sum += queue.numbers[queue.first];
		queue.first = (queue.first + 1) % SLOTS;
		queue.count--;
		queue.taken++;
		wake(actor, &queue.not_full);
		stress_add(STRESS_WAKES, 1);
	}
	weft_mutex_unlock(&queue.mutex);
}

/* ---- once and wait group, each for a few threads and then gone */

struct party {
	weft_once once;
	weft_wait_group group;
	int runs; /* atomic */
};

static int run_once(void *arg)
{
	struct party *party = arg;

	must(atomic_add_relaxed(&party->runs, 1) == 0);
	weft_yield();
	return 0;
}

static int join_party(void *arg)
{
	struct party *party = arg;

	must(weft_once_run(&party->once, run_once, party) == 0);
	must(atomic_load_relaxed(&party->runs) == 1);
	weft_wait_group_done(&party->group);
	return 0;
}

static void throw_party(struct actor *actor)
{
	struct party *party = calloc(1, sizeof *party);
	unsigned guests = 1 + choose(actor, 3);
	weft_thread *threads[3];

	must(party != NULL);
	weft_wait_group_add(&party->group, guests);
	for (unsigned i = 0; i < guests; i++)
		must(weft_thread_spawn(join_party, party, NULL, &threads[i]) == 0);
	if (choose(actor, 2) == 0)
		must(weft_wait_group_wait(&party->group) == 0);
	else
		while (weft_wait_group_wait_until(&party->group, soon(actor)) != 0)
			;
	for (unsigned i = 0; i < guests; i++)
		must(weft_thread_join(threads[i], NULL) == 0);
	stress_add(STRESS_SPAWNS, guests);
	free(party);
}

void sync_act(struct actor *actor)
{
	switch (choose(actor, 9)) {
	case 0:
	case 1:
		use_mutex(actor);
		break;
	case 2:
	case 3:
		use_semaphore(actor);
		break;
	case 4:
	case 5:
		put_number(actor);
		break;
	case 6:
	case 7:
		take_number(actor);
		break;
	default:
		throw_party(actor);
		break;
	}
}

void sync_end(void)
{
	for (int i = 0; i < LOCKS; i++)
		must(guarded[i].a == guarded[i].rounds && guarded[i].b == guarded[i].rounds);
	must(holders == 0);
	for (int i = 0; i < PERMITS; i++)
		must(weft_sem_wait_try(&permits) == 0);
	must(weft_sem_wait_try(&permits) == -EAGAIN);
	must(queue.put == queue.taken + queue.count);
	while (queue.count > 0) {
		queue.taken_sum += queue.numbers[queue.first];
		queue.first = (queue.first + 1) % SLOTS;
		queue.count--;
	}
	must(queue.put_sum == queue.taken_sum);
}
