/* SPDX-License-Identifier: MIT */
/* Frames, and tasks that are cancelled while they run; see frame.h. */
#include "pool/frame.h"

#include "sched/cancel.h"

/* With tell_lock held, of the innermost frame: by whoever tells it, or the worker itself. */
static void apply(struct weft_thread *thread, struct weft__frame *frame, struct weft__wakes *wakes)
{
	frame->is_applied = true;
	if (frame->has_bulkhead) {
		weft__cancel_scope(&frame->bulkhead.scope, wakes);
		return;
	}
	weft__cancel_mark(thread);
	weft__sys_heavy_barrier(); /* CANCEL */
	weft__cancel_claim(thread, wakes);
}

/* The worker itself, which waits nowhere. */
static void apply_self(struct weft__worker *worker, struct weft__frame *frame)
{
	struct weft__wakes none = { NULL, NULL };

	weft__spin_lock(&worker->grip.tell_lock);
	atomic_store_relaxed(&frame->is_told, 1u);
	if (!frame->is_applied)
		apply(worker->self, frame, &none);
	weft__spin_unlock(&worker->grip.tell_lock);
}

/* Until nobody looks at the frames as they were. */
static void await_teller(struct weft__worker *worker)
{
	weft__spin_lock(&worker->grip.tell_lock);
	weft__spin_unlock(&worker->grip.tell_lock);
}

/* With tell_lock held: an outer task is told, by way of the thread as a whole. */
static bool is_thread_told(const struct weft__frame *frame)
{
	for (frame = frame->outer; frame != NULL; frame = frame->outer)
		if (frame->is_applied && !frame->has_bulkhead)
			return true;
	return false;
}

void weft__frame_push_slow(struct weft__worker *worker, struct weft__frame *frame)
{
	weft__spin_lock(&worker->grip.tell_lock);
	if (weft__frame_is_told(frame->outer) || worker->self->scopes != NULL) {
		weft_shield_enter(&frame->bulkhead);
		frame->has_bulkhead = true;
		/* Told between the push and now. */
		if (frame->is_applied && !is_thread_told(frame))
			weft__cancel_undo(worker->self);
		frame->is_applied = false;
	}
	weft__spin_unlock(&worker->grip.tell_lock);
	if (weft__frame_is_told(frame) || (frame->task != NULL && weft__task_is_told(frame->task)))
		apply_self(worker, frame);
}

void weft__frame_pop_slow(struct weft__worker *worker, struct weft__frame *frame)
{
	await_teller(worker);
	if (frame->has_bulkhead)
		weft_shield_leave(&frame->bulkhead);
	else if (frame->is_applied)
		weft__cancel_undo(worker->self);
	/* Told while the inner task ran, perhaps. */
	if (weft__frame_is_told(frame->outer))
		apply_self(worker, frame->outer);
}

/* With tell_lock held. */
static struct weft__frame *find_frame(struct weft__worker *worker, const struct weft_task *task)
{
	struct weft__frame *frame = atomic_load_acquire(&worker->frame);

	while (frame != NULL && frame->task != task)
		frame = frame->outer;
	return frame;
}

static void tell_worker(struct weft__worker *worker, const struct weft_task *task)
{
	struct weft__grip *grip = &worker->grip;
	struct weft__wakes wakes = { NULL, NULL };
	struct weft__frame *frame;

	weft__spin_lock(&grip->tell_lock);
	atomic_store_relaxed(&grip->telling, 1u);
	weft__sys_heavy_barrier(); /* TELL-FRAME */
	frame = find_frame(worker, task);
	if (frame != NULL && !weft__frame_is_told(frame)) {
		atomic_store_relaxed(&frame->is_told, 1u);
		if (frame == atomic_load_relaxed(&worker->frame))
			apply(worker->self, frame, &wakes);
	}
	atomic_store_release(&grip->telling, 0u);
	weft__spin_unlock(&grip->tell_lock);
	weft__wakes_ready(&wakes);
}

/* Whether it runs, and is told now. */
static bool mark_told(struct weft_task *task)
{
	uint32_t state = atomic_load_acquire(&task->state);

	while (WEFT__TASK_STATE(state) == WEFT__TASK_RUNNING)
		if (atomic_cas_acq_rel(&task->state, &state, state | WEFT__TASK_TOLD))
			return true;
	return false;
}

bool weft__task_tell(struct weft_task *task)
{
	struct weft__worker *worker;

	if (!mark_told(task))
		return false;
	weft__sys_heavy_barrier(); /* TELL-TASK */
	worker = atomic_load_acquire(&task->worker);
	if (worker != NULL)
		tell_worker(worker, task);
	return true;
}
