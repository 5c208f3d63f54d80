/* SPDX-License-Identifier: MIT */
/* Condition variables: a queue of numbers, in which none is lost or doubled. */
#include "acts.h"

#define ROOM 8

static struct {
	weft_mutex mutex;
	weft_cond not_empty, not_full;
	/* guarded by mutex */
	bool ending; /* nobody waits any more */
	uint64_t numbers[ROOM];
	unsigned first, count;
	uint64_t put, taken, put_sum, taken_sum;
} queue;

static int64_t some_deadline(struct actor *actor)
{
	return choose(actor, 8) == 0 ? WEFT_FOREVER : soon(actor);
}

/* With the mutex. False: wait no longer. */
static bool await(weft_cond *cond, int64_t deadline_ns)
{
	int code;

	if (queue.ending)
		return false;
	code = deadline_ns == WEFT_FOREVER ? weft_cond_wait(cond, &queue.mutex)
					   : weft_cond_wait_until(cond, &queue.mutex, deadline_ns);
	return ended_well(code, deadline_ns);
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
	int64_t deadline_ns = some_deadline(actor);
	uint64_t number = choose(actor, 1000000);

	weft_mutex_lock(&queue.mutex);
	while (queue.count == ROOM)
		if (!await(&queue.not_full, deadline_ns))
			break;
	if (queue.count < ROOM) {
		queue.numbers[(queue.first + queue.count++) % ROOM] = number;
		queue.put++;
		queue.put_sum += number;
		wake(actor, &queue.not_empty);
	}
	weft_mutex_unlock(&queue.mutex);
}

/* With the mutex. */
static void take_first(void)
{
	queue.taken_sum += queue.numbers[queue.first];
	queue.first = (queue.first + 1) % ROOM;
	queue.count--;
	queue.taken++;
}

static void take_number(struct actor *actor)
{
	int64_t deadline_ns = some_deadline(actor);

	weft_mutex_lock(&queue.mutex);
	while (queue.count == 0)
		if (!await(&queue.not_empty, deadline_ns))
			break;
	if (queue.count > 0) {
		take_first();
		wake(actor, &queue.not_full);
	}
	weft_mutex_unlock(&queue.mutex);
}

void cond_act(struct actor *actor)
{
	if (choose(actor, 2) == 0)
		put_number(actor);
	else
		take_number(actor);
}

void cond_stop(void)
{
	weft_mutex_lock(&queue.mutex);
	queue.ending = true;
	weft_cond_wake_all(&queue.not_empty);
	weft_cond_wake_all(&queue.not_full);
	weft_mutex_unlock(&queue.mutex);
}

void cond_end(void)
{
	while (queue.count > 0)
		take_first();
	must(queue.put == queue.taken && queue.put_sum == queue.taken_sum);
	weft_cond_fini(&queue.not_empty);
	weft_cond_fini(&queue.not_full);
	weft_mutex_fini(&queue.mutex);
}
