/* SPDX-License-Identifier: MIT */
/*
 * Jobs: a queue of tasks that wait, in three levels, each a ring of values that grows. A job lies in its slot by value; only
 * one that somebody holds a handle of (or that is in a batch) has a record, which knows where its job lies, so that it can be taken
 * out of the middle: its slot is emptied, and passed over later.
 *
 * Everything is guarded by the queue's lock. A biased queue has an owner, the worker that holds its seat, who locks it without a
 * locked instruction (BIAS):
 *
 *	owner				others
 *	1 inside = 1			1 lock the word
 *	  light barrier			  heavy barrier
 *	2 read the word: free?		2 read inside: 0?
 *	  yes: go in			  yes: go in; no: wait for it
 *	  no: inside = 0, wait
 *
 * Failing without the barriers: the owner's store to `inside` waits in its store buffer, it reads a free word; the other has
 * locked the word and reads an old inside == 0; both are in. With them at least one sees the other. Both may: then the owner gives way.
 * What one side wrote the other sees: `inside` and the word are released at the end of a section and acquired at the
 * beginning of the next. The other side pays about half a microsecond and so moves many jobs at a time.
 *
 * Rejected: a ring with one compare-and-swap a pop, as the run queue of a processor: it can neither remove from the middle nor hold levels, and
 * costs the owner more. Records in linked lists: one allocation a task.
 */
#ifndef WEFT_POOL_JOBS_H
#define WEFT_POOL_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/pool.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "sys/spin.h"

enum weft__level_name {
	WEFT__LEVEL_HIGH,
	WEFT__LEVEL_NORMAL,
	WEFT__LEVEL_LOW,
};

struct weft__job {
	weft_function *function; /* NULL: taken out; an empty slot */
	void *arg;
	struct weft_task *task; /* NULL: nobody asks for it */
};

struct weft__level {
	struct weft__job *jobs; /* room for mask + 1; NULL: none yet */
	uint32_t mask;
	uint32_t removed; /* empty slots between head and tail */
	uint64_t head, tail;
};

struct weft__jobs {
	uint32_t inside; /* atomic, owner writes: BIAS */
	bool biased;     /* constant */
	uint32_t count;  /* atomic for readers: jobs, without the empty slots */
	struct weft__level levels[WEFT_PRIORITY_COUNT];
	uint32_t lock weft__aligned(WEFT__CACHE_LINE);
};

void weft__jobs_init(struct weft__jobs *queue, bool biased);
void weft__jobs_fini(struct weft__jobs *queue);

void weft__jobs_enter_slow(struct weft__jobs *queue) weft__cold;

/* The owner's lock. */
static inline void weft__jobs_enter(struct weft__jobs *queue)
{
	atomic_store_relaxed(&queue->inside, 1u);
	weft__sys_light_barrier(); /* BIAS */
	if (unlikely(atomic_load_acquire(&queue->lock) != 0))
		weft__jobs_enter_slow(queue);
}

/* The same; false instead of a wait. */
static inline bool weft__jobs_enter_try(struct weft__jobs *queue)
{
	atomic_store_relaxed(&queue->inside, 1u);
	weft__sys_light_barrier(); /* BIAS */
	if (likely(atomic_load_acquire(&queue->lock) == 0))
		return true;
	atomic_store_release(&queue->inside, 0u);
	return false;
}

static inline void weft__jobs_leave(struct weft__jobs *queue)
{
	atomic_store_release(&queue->inside, 0u); /* BIAS */
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

/* Makes room for `count` more. Returns 0; -ENOMEM. */
int weft__jobs_reserve(struct weft__jobs *queue, unsigned level, uint32_t count);

/* Where a job lies is known to its record. */
void weft__jobs_placed(struct weft__jobs *queue, unsigned level, uint64_t index, struct weft_task *task);

static inline uint32_t weft__jobs_free(const struct weft__level *level)
{
	return level->jobs == NULL ? 0 : level->mask + 1 - (uint32_t)(level->tail - level->head);
}

/* There is room. */
static inline void weft__jobs_put(struct weft__jobs *queue, unsigned level, const struct weft__job *job)
{
	struct weft__level *at = &queue->levels[level];

	at->jobs[at->tail & at->mask] = *job;
	if (job->task != NULL)
		weft__jobs_placed(queue, level, at->tail, job->task);
	at->tail++;
	atomic_bump(&queue->count, 1);
}

static inline int weft__jobs_push(struct weft__jobs *queue, unsigned level, const struct weft__job *job)
{
	if (unlikely(weft__jobs_free(&queue->levels[level]) == 0)) {
		int error = weft__jobs_reserve(queue, level, 1);

		if (error < 0)
			return error;
	}
	weft__jobs_put(queue, level, job);
	return 0;
}

/* The oldest of that level. False: none. Its record, if any, still says that it lies here. */
static inline bool weft__jobs_pop(struct weft__jobs *queue, unsigned level, struct weft__job *out_job)
{
	struct weft__level *at = &queue->levels[level];

	while (at->head != at->tail) {
		*out_job = at->jobs[at->head++ & at->mask];
		if (likely(out_job->function != NULL)) {
			atomic_bump(&queue->count, -1);
			return true;
		}
		at->removed--;
	}
	return false;
}

/* The first level from the highest that holds one; WEFT_PRIORITY_COUNT: none. */
unsigned weft__jobs_first_level(const struct weft__jobs *queue);
static inline bool weft__jobs_has(const struct weft__jobs *queue, unsigned level)
{
	const struct weft__level *at = &queue->levels[level];

	return (uint32_t)(at->tail - at->head) != at->removed;
}

/* Takes that one out of wherever in the queue it lies. */
void weft__jobs_remove(struct weft__jobs *queue, unsigned level, uint64_t index, struct weft__job *out_job);

#endif
