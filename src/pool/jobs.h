/* SPDX-License-Identifier: MIT */
/*
 * Jobs: a queue of tasks that wait, in three levels, each a list of chunks. A job lies in its slot
 * by value; only one that somebody holds a handle of (or that is in a batch) has a record, which
 * knows where its job lies, so that it can be taken out of the middle: its slot is emptied, and
 * passed over later.
 *
 * Only the last chunk is pushed to, and none but an only one is without a job. When many jobs go to
 * another queue their chunks go.
 *
 * Everything is guarded by the queue's lock. A biased queue has an owner, the worker that holds its
 * seat, who locks it without a locked instruction (BIAS):
 *
 *	owner				others
 *	1 inside = 1			1 lock the word
 *	  light barrier			  heavy barrier
 *	2 read the word: free?		2 read inside: 0?
 *	  yes: go in			  yes: go in; no: wait for it
 *	  no: inside = 0, wait
 *
 * Failing without the barriers: the owner's store to `inside` waits in its store buffer, it reads a
 * free word; the other has locked the word and reads an old inside == 0; both are in. With them at
 * least one sees the other. Both may: then the owner gives way.
 * Others spin for `inside`, so whoever sets it is not switched away by force (arch/hold.h) until he
 * has cleared it, and calls nothing meanwhile that takes a lock of the C library; who gives way
 * waits for a spin lock, as anyone.
 * What one side wrote the other sees: `inside` and the word are released at the end of a section
 * and acquired at the beginning of the next. The other side pays about half a microsecond and so
 * moves many jobs at a time.
 *
 * Rejected: a ring with one compare-and-swap a pop, as the run queue of a processor: it can neither
 * remove from the middle nor hold levels, and costs the owner more. A ring that doubles: half a
 * million tasks were copied twice. A linked list of records: one allocation a task.
 */
#ifndef WEFT_POOL_JOBS_H
#define WEFT_POOL_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/pool.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "pool/chunk.h"
#include "sys/spin.h"

enum weft__level_name {
	WEFT__LEVEL_HIGH,
	WEFT__LEVEL_NORMAL,
	WEFT__LEVEL_LOW,
};

struct weft__level {
	struct weft__chunk *first, *last; /* NULL: none yet */
};

/* The first line holds all that a push and a pop change. */
struct weft__jobs {
	uint32_t lock;
	uint32_t inside; /* atomic, owner writes: BIAS */
	bool biased;     /* constant */
	uint32_t count;  /* atomic for readers: jobs */
	struct weft__level levels[WEFT_PRIORITY_COUNT];
	struct weft__chunk *spare;       /* a free one, or NULL */
	struct weft__chunk_store *store; /* constant */
};

/* What a job with a record runs. */
int weft__task_run(void *arg); /* the record */

void weft__jobs_init(struct weft__jobs *queue, struct weft__chunk_store *store, bool biased);
void weft__jobs_fini(struct weft__jobs *queue);

void weft__jobs_enter_slow(struct weft__jobs *queue) weft__cold;

/* The owner's lock. */
static inline void weft__jobs_enter(struct weft__jobs *queue)
{
	weft__hold();
	atomic_store_relaxed(&queue->inside, 1u);
	weft__sys_light_barrier(); /* BIAS */
	if (unlikely(atomic_load_acquire(&queue->lock) != 0))
		weft__jobs_enter_slow(queue);
}

/* The same; false instead of a wait. */
static inline bool weft__jobs_enter_try(struct weft__jobs *queue)
{
	weft__hold();
	atomic_store_relaxed(&queue->inside, 1u);
	weft__sys_light_barrier(); /* BIAS */
	if (likely(atomic_load_acquire(&queue->lock) == 0))
		return true;
	atomic_store_release(&queue->inside, 0u);
	weft__release();
	return false;
}

static inline void weft__jobs_leave(struct weft__jobs *queue)
{
	atomic_store_release(&queue->inside, 0u); /* BIAS */
	weft__release();
}

/* Everybody else's lock; the only one of a queue that is not biased. */
void weft__jobs_lock(struct weft__jobs *queue);
static inline void weft__jobs_unlock(struct weft__jobs *queue)
{
	weft__spin_unlock(&queue->lock);
}

static inline uint32_t weft__jobs_count(const struct weft__jobs *queue)
{
	return atomic_load_relaxed(&queue->count);
}

/* ---- with the lock held */

/* A new last chunk. Returns 0; -ENOMEM. */
int weft__jobs_extend(struct weft__jobs *queue, unsigned level);
/* The last job of the first chunk was taken. */
void weft__jobs_shorten(struct weft__jobs *queue, unsigned level);
/* The record learns where it lies. */
void weft__jobs_placed(struct weft__jobs *queue, unsigned level, struct weft__chunk *chunk,
		       struct weft_task *task);

static inline unsigned weft__chunk_count(const struct weft__chunk *chunk)
{
	return (unsigned)(chunk->tail - chunk->head - chunk->holes);
}

static inline bool weft__chunk_is_empty(const struct weft__chunk *chunk)
{
	return weft__chunk_count(chunk) == 0;
}

/* Puts it at the end. Returns 0; -ENOMEM. (By value and not as a struct: two stores of 8 bytes that
 * are read back as one of 16 cost more than the rest.) */
static inline int weft__jobs_push(struct weft__jobs *queue, unsigned level, weft_function *function,
				  void *arg)
{
	struct weft__chunk *last = queue->levels[level].last;

	if (unlikely(last == NULL || last->tail == WEFT__CHUNK_JOBS)) {
		int error = weft__jobs_extend(queue, level);

		if (error < 0)
			return error;
		last = queue->levels[level].last;
	}
	last->jobs[last->tail].function = function;
	last->jobs[last->tail].arg = arg;
	if (unlikely(function == weft__task_run))
		weft__jobs_placed(queue, level, last, arg);
	last->tail++;
	atomic_bump(&queue->count, 1);
	return 0;
}

/* The oldest of that level. False: none. Its record, if any, still says that it lies here. */
static inline bool weft__jobs_pop(struct weft__jobs *queue, unsigned level,
				  struct weft__job *out_job)
{
	struct weft__level *at = &queue->levels[level];
	struct weft__chunk *first = at->first;

	if (unlikely(first == NULL || weft__chunk_is_empty(first)))
		return false;
	*out_job = first->jobs[first->head++];
	while (unlikely(out_job->function == NULL)) {
		first->holes--;
		*out_job = first->jobs[first->head++];
	}
	atomic_bump(&queue->count, -1);
	if (unlikely(weft__chunk_is_empty(first)))
		weft__jobs_shorten(queue, level);
	return true;
}

static inline bool weft__jobs_has(const struct weft__jobs *queue, unsigned level)
{
	const struct weft__chunk *first = queue->levels[level].first;

	return first != NULL && !weft__chunk_is_empty(first);
}

/* The first level from the highest that holds one; WEFT_PRIORITY_COUNT: none. */
unsigned weft__jobs_first_level(const struct weft__jobs *queue);

/* Moves the first `count` of a level, or fewer if there is no memory, to the end of the same level
 * of another queue, which is locked too. Returns how many; a chunk goes as a whole, so it may be
 * fewer, but not 0 while there is memory. */
uint32_t weft__jobs_move(struct weft__jobs *from, struct weft__jobs *to, unsigned level,
			 uint32_t count);

/* Takes that one out of wherever in the queue it lies. */
void weft__jobs_remove(struct weft__jobs *queue, unsigned level, struct weft__chunk *chunk,
		       unsigned index);

#endif
