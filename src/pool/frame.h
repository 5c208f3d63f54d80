/* SPDX-License-Identifier: MIT */
/*
 * Frames: the tasks that a worker is in the middle of, one within another; and how a task that runs
 * is cancelled, so that its waits end.
 *
 * A task that nobody cancels pays for it with a few loads. There is no scope around it: whoever
 * cancels it goes through the task to its worker, sees which frames that has, and cancels
 *
 *	the worker's thread as a whole	where the frame has no bulkhead: nothing of the thread's
 *					scopes is then outside of it
 *	the frame's bulkhead		otherwise: a shield, with which the worker keeps out what
 *the
 *					outer task has entered, or was told
 *
 * if it is the innermost frame. If not, the frame is only marked, since the inner task was not
 * told; the worker cancels itself when it is back in it. At the end of the task the worker takes
 * back what was done to its thread.
 *
 * Frames are pushed and popped by the worker without a lock. Whoever tells it looks at them under
 * tell_lock. (TELL-FRAME)
 *
 *	the worker			who tells it, in tell_lock
 *	1 pushes or pops		1 telling = 1
 *	  light barrier			  heavy barrier
 *	2 read telling: waits for	2 reads the frames
 *	  tell_lock
 *
 *   Worker pops the task's frame and returns from it, while the other writes into it.
 *	No: the pop is seen, or the worker waits until the other is done.
 *   Worker pushes an inner frame, while the other takes the outer one for the innermost.
 *	No: likewise. Then it finds the outer one told, and the inner one has a bulkhead.
 *
 * How the worker is found (TELL-TASK):
 *
 *	the worker			who tells the task
 *	1 task->worker = it, pushes	1 state |= TOLD
 *	  light barrier			  heavy barrier
 *	2 read state			2 read task->worker, and its frames
 *
 * So the one finds the frame, or the other that it was told before it began; or both: the frame
 * says who was first.
 * A worker's record is never freed (grip.h), and one that has gone on has no frame of the task.
 *
 * Rejected: a scope around each task: two sections under a lock for what hardly ever comes.
 */
#ifndef WEFT_POOL_FRAME_H
#define WEFT_POOL_FRAME_H

#include <stdbool.h>

#include <weft/cancel.h>

#include "pool/pool.h"

/* On the worker's stack. */
struct weft__frame {
	struct weft__frame *outer; /* constant */
	struct weft_task *task;    /* constant; NULL: one without a record */
	bool has_bulkhead;         /* the worker's: written before anybody may see it told */
	/* guarded by tell_lock */
	uint32_t is_told; /* atomic: the worker reads it when it has seen that nobody is telling */
	bool is_applied;  /* the thread, or the bulkhead, is cancelled for it */
	weft_shield bulkhead;
};

void weft__frame_push_slow(struct weft__worker *worker, struct weft__frame *frame) weft__cold;
void weft__frame_pop_slow(struct weft__worker *worker, struct weft__frame *frame) weft__cold;

static inline bool weft__task_is_told(const struct weft_task *task)
{
	return (atomic_load_relaxed(&task->state) & WEFT__TASK_TOLD) != 0;
}

static inline bool weft__frame_is_told(const struct weft__frame *frame)
{
	return frame != NULL && atomic_load_relaxed(&frame->is_told);
}

static inline void weft__frame_push(struct weft__worker *worker, struct weft__frame *frame,
				    struct weft_task *task)
{
	frame->outer = worker->frame;
	frame->task = task;
	frame->has_bulkhead = false;
	frame->is_told = 0;
	frame->is_applied = false;
	if (task != NULL)
		atomic_store_relaxed(&task->worker, worker);
	atomic_store_release(&worker->frame, frame);
	weft__sys_light_barrier(); /* TELL-FRAME, TELL-TASK */
	if (unlikely(atomic_load_acquire(&worker->grip.telling) != 0 ||
		     weft__frame_is_told(frame->outer) || worker->self->scopes != NULL ||
		     (task != NULL && weft__task_is_told(task))))
		weft__frame_push_slow(worker, frame);
}

static inline void weft__frame_pop(struct weft__worker *worker, struct weft__frame *frame)
{
	atomic_store_release(&worker->frame, frame->outer);
	weft__sys_light_barrier(); /* TELL-FRAME */
	if (unlikely(atomic_load_acquire(&worker->grip.telling) != 0 ||
		     weft__frame_is_told(frame) || frame->has_bulkhead ||
		     weft__frame_is_told(frame->outer)))
		weft__frame_pop_slow(worker, frame);
}

#endif
