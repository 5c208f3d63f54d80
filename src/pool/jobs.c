/* SPDX-License-Identifier: MIT */
/* Jobs; see jobs.h. */
#include "pool/jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "pool/pool.h"

#define COPY_MAX 64u

void weft__jobs_init(struct weft__jobs *queue, struct weft__chunk_store *store, bool biased)
{
	memset(queue, 0, sizeof *queue);
	queue->biased = biased;
	queue->store = store;
}

void weft__jobs_fini(struct weft__jobs *queue)
{
	weft__assert(queue->count == 0);
	for (unsigned i = 0; i < WEFT_PRIORITY_COUNT; i++)
		if (queue->levels[i].last != NULL) /* an only one, and empty */
			weft__chunk_give(queue->store, queue->levels[i].last);
	if (queue->spare != NULL)
		weft__chunk_give(queue->store, queue->spare);
}

void weft__jobs_enter_slow(struct weft__jobs *queue)
{
	/* Gives way, or the other would wait for us and we for it. Then goes in under the word,
	 * which it can let go at once: who locks it next sees `inside`. */
	atomic_store_release(&queue->inside, 0u);
	weft__spin_lock(&queue->lock);
	atomic_store_relaxed(&queue->inside, 1u);
	weft__spin_unlock(&queue->lock);
}

void weft__jobs_lock(struct weft__jobs *queue)
{
	unsigned rounds = 0;

	weft__spin_lock(&queue->lock);
	if (!queue->biased)
		return;
	weft__sys_heavy_barrier(); /* BIAS */
	while (atomic_load_acquire(&queue->inside) != 0) {
		if (++rounds % WEFT__SPIN_ROUNDS == 0)
			/* the kernel has stopped the owner; weft does not */
			weft__sys_thread_yield();
		else
			weft__arch_relax();
	}
}

void weft__jobs_placed(struct weft__jobs *queue, unsigned level, struct weft__chunk *chunk,
		       struct weft_task *task)
{
	task->level = (uint8_t)level;
	task->chunk = chunk;
	task->index = chunk->tail;
	chunk->records++;
	atomic_store_release(&task->queue, queue);
}

static void append_chunk(struct weft__level *at, struct weft__chunk *chunk)
{
	chunk->next = NULL;
	chunk->prev = at->last;
	if (at->last != NULL)
		at->last->next = chunk;
	else
		at->first = chunk;
	at->last = chunk;
}

static void unlink_chunk(struct weft__level *at, struct weft__chunk *chunk)
{
	if (chunk->prev != NULL)
		chunk->prev->next = chunk->next;
	else
		at->first = chunk->next;
	if (chunk->next != NULL)
		chunk->next->prev = chunk->prev;
	else
		at->last = chunk->prev;
}

static void free_chunk(struct weft__jobs *queue, struct weft__chunk *chunk)
{
	if (queue->spare == NULL)
		queue->spare = chunk;
	else
		weft__chunk_give(queue->store, chunk);
}

static void reset_chunk(struct weft__chunk *chunk)
{
	chunk->head = 0;
	chunk->tail = 0;
	chunk->holes = 0;
	chunk->records = 0;
}

int weft__jobs_extend(struct weft__jobs *queue, unsigned level)
{
	struct weft__chunk *chunk = queue->spare;

	queue->spare = NULL;
	if (chunk == NULL) {
		chunk = weft__chunk_take(queue->store);
		if (chunk == NULL)
			return -ENOMEM;
	}
	reset_chunk(chunk);
	append_chunk(&queue->levels[level], chunk);
	return 0;
}

/* A chunk without a job: the only one stays. */
static void drop_chunk(struct weft__jobs *queue, struct weft__level *at, struct weft__chunk *chunk)
{
	if (at->first == at->last) {
		reset_chunk(chunk);
	} else {
		unlink_chunk(at, chunk);
		free_chunk(queue, chunk);
	}
}

void weft__jobs_shorten(struct weft__jobs *queue, unsigned level)
{
	drop_chunk(queue, &queue->levels[level], queue->levels[level].first);
}

unsigned weft__jobs_first_level(const struct weft__jobs *queue)
{
	unsigned level = 0;

	while (level < WEFT_PRIORITY_COUNT && !weft__jobs_has(queue, level))
		level++;
	return level;
}

/* A chunk and its jobs go to another queue. */
static void move_chunk(struct weft__jobs *from, struct weft__jobs *to, unsigned level,
		       struct weft__chunk *chunk)
{
	struct weft__chunk *last = to->levels[level].last;

	unlink_chunk(&from->levels[level], chunk);
	if (last != NULL && weft__chunk_is_empty(last)) {
		unlink_chunk(&to->levels[level], last);
		free_chunk(from->spare == NULL ? from : to, last); /* in exchange */
	}
	append_chunk(&to->levels[level], chunk);
	atomic_bump(&from->count, -weft__chunk_count(chunk));
	atomic_bump(&to->count, weft__chunk_count(chunk));
	for (unsigned i = chunk->head; chunk->records != 0 && i < chunk->tail; i++)
		if (chunk->jobs[i].function == weft__task_run)
			atomic_store_release(&((struct weft_task *)chunk->jobs[i].arg)->queue, to);
}

static bool is_full(const struct weft__level *at)
{
	return at->last == NULL || at->last->tail == WEFT__CHUNK_JOBS;
}

uint32_t weft__jobs_move(struct weft__jobs *from, struct weft__jobs *to, unsigned level,
			 uint32_t count)
{
	struct weft__level *at = &from->levels[level];
	uint32_t left = count;
	struct weft__job job = { NULL, NULL };

	while (weft__jobs_has(from, level) && weft__chunk_count(at->first) <= left) {
		left -= weft__chunk_count(at->first);
		move_chunk(from, to, level, at->first);
	}
	/* If that was none, copies. Room first: what was popped must not be lost. */
	while (left > 0 && count - left < COPY_MAX && weft__jobs_has(from, level)) {
		if (is_full(&to->levels[level]) && weft__jobs_extend(to, level) < 0)
			break;
		weft__jobs_pop(from, level, &job);
		weft__jobs_push(to, level, job.function, job.arg);
		left--;
	}
	return count - left;
}

void weft__jobs_remove(struct weft__jobs *queue, unsigned level, struct weft__chunk *chunk,
		       unsigned index)
{
	struct weft__level *at = &queue->levels[level];

	weft__assert(index >= chunk->head && index < chunk->tail &&
		     chunk->jobs[index].function != NULL);
	chunk->jobs[index].function = NULL;
	chunk->holes++;
	atomic_bump(&queue->count, -1);
	if (weft__chunk_is_empty(chunk)) {
		drop_chunk(queue, at, chunk);
		return;
	}
	/* The last ones at once: who submits and waits in a loop leaves nothing behind. */
	for (; chunk->jobs[chunk->tail - 1].function == NULL; chunk->holes--)
		chunk->tail--;
}
