/* SPDX-License-Identifier: MIT */
/* Putting threads where they will run: the processor's own queue, or the scheduler's global one,
 * which takes any number. */
#include "sched/engine.h"
#include "sys/spin.h"

#define GLOBAL_BATCH 128u

void weft__global_push(struct weft_sched *sched, struct weft_thread *thread)
{
	thread->next = NULL;
	weft__spin_lock(&sched->lock);
	if (sched->global_last != NULL)
		sched->global_last->next = thread;
	else
		sched->global_first = thread;
	sched->global_last = thread;
	atomic_store_relaxed(&sched->global_count, sched->global_count + 1);
	weft__spin_unlock(&sched->lock);
}

/*
 * Once the thread is pushed it may run and end, and with it the scheduler, while we have yet to
 * wake a carrier. So whoever takes the scheduler away waits for visitors: each is counted before
 * its push, and so before live can become 0. (VISIT)
 */
void weft__global_visit(struct weft_sched *sched, struct weft_thread *thread)
{
	atomic_add_acq_rel(&sched->visitors, 1);
	weft__global_push(sched, thread);
	weft__wake_idle_global(sched);
	atomic_sub_acq_rel(&sched->visitors, 1);
}

struct weft_thread *weft__global_take_stopped(struct weft_sched *sched)
{
	struct weft_thread *previous = NULL, *thread;

	weft__spin_lock(&sched->lock);
	thread = sched->global_first;
	while (thread != NULL && thread->stopped_with == NULL) {
		previous = thread;
		thread = thread->next;
	}
	if (thread != NULL) {
		if (previous != NULL)
			previous->next = thread->next;
		else
			sched->global_first = thread->next;
		if (thread->next == NULL)
			sched->global_last = previous;
		atomic_store_relaxed(&sched->global_count, sched->global_count - 1);
	}
	weft__spin_unlock(&sched->lock);
	return thread;
}

struct weft_thread *weft__global_take(struct weft__processor *processor)
{
	struct weft_sched *sched = processor->sched;
	struct weft_thread *first, *last, *rest;
	uint32_t taken = 1;

	if (atomic_load_relaxed(&sched->global_count) == 0)
		return NULL;
	weft__spin_lock(&sched->lock);
	first = sched->global_first;
	if (first != NULL) {
		/* A fair share, so that the other processors find some too. */
		uint32_t share = sched->global_count / sched->processor_count + 1;

		for (last = first; taken < share && taken < GLOBAL_BATCH && last->next != NULL;
		     taken++)
			last = last->next;
		sched->global_first = last->next;
		if (last->next == NULL)
			sched->global_last = NULL;
		last->next = NULL;
		atomic_store_relaxed(&sched->global_count, sched->global_count - taken);
	}
	weft__spin_unlock(&sched->lock);
	if (first == NULL)
		return NULL;
	for (rest = first->next; rest != NULL; rest = last) {
		last = rest->next;
		weft__enqueue(processor, rest);
	}
	/* MOVE: in our hands they were in no queue, so a carrier that went to sleep meanwhile has
	 * not seen them. */
	if (taken > 1 && sched->processor_count > 1)
		weft__wake_idle(sched);
	return first;
}

void weft__enqueue(struct weft__processor *processor, struct weft_thread *thread)
{
	struct weft__runq *queue = unlikely(thread->is_spent) ? &processor->spent
							      : &processor->queue;

	if (unlikely(!weft__runq_push(queue, thread)))
		weft__global_push(processor->sched, thread);
}

void weft__enqueue_hot(struct weft__processor *processor, struct weft_thread *thread)
{
	struct weft_thread *displaced = weft__runq_hot_put(&processor->queue, thread);

	if (displaced != NULL)
		weft__enqueue(processor, displaced);
}
