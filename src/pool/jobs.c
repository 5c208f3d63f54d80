/* SPDX-License-Identifier: MIT */
/* Jobs; see jobs.h. */
#include "pool/jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "pool/pool.h"

#define LEVEL_FIRST 64u
#define LEVEL_MAX (UINT32_C(1) << 30)

void weft__jobs_init(struct weft__jobs *queue, bool biased)
{
	memset(queue, 0, sizeof *queue);
	queue->biased = biased;
}

void weft__jobs_fini(struct weft__jobs *queue)
{
	weft__assert(queue->count == 0);
	for (unsigned i = 0; i < WEFT_PRIORITY_COUNT; i++)
		free(queue->levels[i].jobs);
}

void weft__jobs_enter_slow(struct weft__jobs *queue)
{
	/* Gives way, or the other would wait for us and we for it. Then goes in under the word, which it can let go at once: who locks
	 * it next sees `inside`. */
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
			weft__sys_thread_yield(); /* the kernel has stopped the owner */
		else
			weft__arch_relax();
	}
}

void weft__jobs_placed(struct weft__jobs *queue, unsigned level, uint64_t index, struct weft_task *task)
{
	task->level = (uint8_t)level;
	task->index = index;
	atomic_store_release(&task->queue, queue);
}

/* Moves the jobs of a level, without the empty slots, into a ring of that size. */
static void move_level(struct weft__jobs *queue, unsigned level, struct weft__job *jobs, uint32_t mask)
{
	struct weft__level *at = &queue->levels[level];
	uint64_t to = at->head;

	/* In place too: `to` never passes `from`. */
	for (uint64_t from = at->head; from != at->tail; from++) {
		struct weft__job job = at->jobs[from & at->mask];

		if (job.function == NULL)
			continue;
		jobs[to & mask] = job;
		if (job.task != NULL)
			weft__jobs_placed(queue, level, to, job.task);
		to++;
	}
	at->tail = to;
	at->removed = 0;
	at->mask = mask;
	at->jobs = jobs;
}

int weft__jobs_reserve(struct weft__jobs *queue, unsigned level, uint32_t count)
{
	struct weft__level *at = &queue->levels[level];
	struct weft__job *jobs, *old = at->jobs;
	uint64_t used = at->tail - at->head - at->removed;
	uint64_t room = old == NULL ? LEVEL_FIRST : at->mask + UINT64_C(1);

	if (weft__jobs_free(at) >= count)
		return 0;
	/* At least half of it empty slots: without them there is room. */
	if (old != NULL && at->removed >= room / 2 && room - used >= count) {
		move_level(queue, level, old, at->mask);
		return 0;
	}
	while (room - used < count || (old != NULL && room == at->mask + UINT64_C(1)))
		room *= 2;
	if (room > LEVEL_MAX)
		return -ENOMEM;
	jobs = malloc(room * sizeof *jobs);
	if (jobs == NULL)
		return -ENOMEM;
	move_level(queue, level, jobs, (uint32_t)(room - 1));
	free(old);
	return 0;
}

unsigned weft__jobs_first_level(const struct weft__jobs *queue)
{
	unsigned level = 0;

	while (level < WEFT_PRIORITY_COUNT && !weft__jobs_has(queue, level))
		level++;
	return level;
}

void weft__jobs_remove(struct weft__jobs *queue, unsigned level, uint64_t index, struct weft__job *out_job)
{
	struct weft__level *at = &queue->levels[level];
	struct weft__job *slot = &at->jobs[index & at->mask];

	weft__assert(slot->function != NULL);
	*out_job = *slot;
	slot->function = NULL;
	slot->task = NULL;
	at->removed++;
	atomic_bump(&queue->count, -1);
	/* The last ones at once: who submits and waits in a loop leaves nothing behind. */
	while (at->tail != at->head && at->jobs[(at->tail - 1) & at->mask].function == NULL) {
		at->tail--;
		at->removed--;
	}
}
