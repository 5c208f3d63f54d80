/* SPDX-License-Identifier: MIT */
/*
 * Light threads: birth and end. The control block is in the top page of the stack. Stacks of the
 * default size that a processor's threads leave are kept there, hot, last in first out; the rest
 * goes back to the stack store.
 *
 * The end of a thread, against its joiner: the thread takes its joiners' lock, claims the joiner if
 * there is one, and leaves its stack for the last time; its successor sets `ended` and drops the
 * lock (switch.c). So a joiner that sees `ended` under the lock may free the stack at once, and one
 * that was claimed finds it when it gets the lock.
 */
#include <string.h>

#include "base/panic.h"
#include "mem/stack.h"
#include "sched/engine.h"

#define STACK_BYTES ((size_t)64 << 10)
#define STACK_BYTES_MIN ((size_t)16 << 10)
#define STACK_BYTES_MAX ((size_t)1 << 30)

static void light_main(void *arg)
{
	struct weft_thread *self = arg;

	weft__switch_start(self);
	weft__light_exit(self, self->function(self->arg));
}

static struct weft_thread *take_hot(struct weft__processor *processor)
{
	struct weft_thread *thread = processor->stacks;

	if (thread != NULL) {
		processor->stacks = thread->next;
		processor->stack_count--;
	}
	return thread;
}

/* A record with its stack; what is not set per spawn is zero. */
static int take_cold(size_t stack_bytes, struct weft_thread **out_thread)
{
	struct weft_thread *thread;
	void *control;
	size_t usable;
	int error = weft__stack_take(stack_bytes, sizeof *thread, &control, &usable);

	if (error < 0)
		return error;
	thread = control;
	memset(thread, 0, sizeof *thread);
	thread->stack_low = (char *)control - usable;
	thread->stack_bytes = (uint32_t)usable;
	thread->kind = WEFT_LIGHT;
	thread->bell = -1;
	*out_thread = thread;
	return 0;
}

static void give_back(struct weft_thread *thread)
{
	atomic_store_relaxed(&thread->id, 0);
	weft__stack_give(thread);
}

static void prepare(struct weft_thread *thread, struct weft_sched *sched, weft_function *function,
		    void *arg, uint8_t ended)
{
	thread->function = function;
	thread->arg = arg;
	thread->sched = sched;
	thread->carrier = NULL; /* of an earlier life, perhaps gone */
	thread->ended = ended;
	thread->joined = 0;
	thread->blocking = 0;
	thread->switches = 0;
	thread->since_ns = 0;
	weft__fiber_create(&thread->fiber, thread->stack_low, thread->stack_bytes);
	thread->sp = weft__arch_context(thread, light_main, thread);
}

static uint64_t next_id(struct weft__processor *processor)
{
	if (processor == NULL)
		return weft__thread_id_next(1);
	if (processor->id_next == processor->id_end) {
		processor->id_next = weft__thread_id_next(WEFT__ID_BLOCK);
		processor->id_end = processor->id_next + WEFT__ID_BLOCK;
	}
	return processor->id_next++;
}

int weft__light_spawn(struct weft_sched *sched, weft_function *function, void *arg,
		      const weft_thread_options *options, weft_thread **out_thread)
{
	struct weft_thread *self = weft__arch_self();
	struct weft__processor *processor = NULL;
	struct weft_thread *thread = NULL;
	size_t stack_bytes = options != NULL ? options->stack_bytes : 0;
	int error;

	if (self != NULL && self->sched == sched)
		processor = weft__processor_self(self);
	else if (atomic_load_acquire(&sched->ending))
		return -ESHUTDOWN;
	if (stack_bytes == 0)
		stack_bytes = STACK_BYTES;
	if (processor != NULL && stack_bytes == STACK_BYTES)
		thread = take_hot(processor);
	if (thread == NULL) {
		error = take_cold(stack_bytes, &thread);
		if (error < 0)
			return error;
	}
	if (!weft__live_start(sched, processor, self != NULL && self->sched == sched)) {
		give_back(thread);
		return -ESHUTDOWN;
	}
	prepare(thread, sched, function, arg,
		out_thread != NULL ? WEFT__ENDED_NO : WEFT__ENDED_DETACHED);
	weft__thread_name_copy(thread->name, options != NULL ? options->name : NULL, self);
	atomic_store_release(&thread->id, next_id(processor));
	if (out_thread != NULL)
		*out_thread = thread;
	if (processor != NULL) {
		weft__enqueue(processor, thread);
		if (sched->processor_count > 1)
			weft__wake_idle(sched);
	} else {
		weft__global_visit(sched, thread);
	}
	return 0;
}

void weft__light_exit(struct weft_thread *self, int result)
{
	struct weft__carrier *carrier = self->carrier;
	struct weft__wakes wakes = { NULL, NULL };
	struct weft_thread *next = NULL;

	self->result = result;
	self->blocking = 0; /* ended between its brackets: the carrier simply has no processor */
	weft__waitq_lock(&self->joiners);
	weft__waitq_wake(&self->joiners, 0, &wakes);
	if (wakes.first != NULL && carrier->processor != NULL &&
	    wakes.first->sched == self->sched) {
		next = wakes.first; /* it waits for exactly this: run it at once */
		wakes.first = NULL;
	}
	carrier->exit_wake = wakes.first;
	if (next != NULL)
		weft__switch_to(self, next, WEFT__AFTER_EXIT);
	else
		weft__switch_away(self, WEFT__AFTER_EXIT);
	weft__panic("thread %llu runs after its end", (unsigned long long)self->id);
}

void weft__light_free(struct weft_thread *thread)
{
	struct weft_thread *self = weft__arch_self();
	struct weft__processor *processor = self != NULL ? weft__processor_self(self) : NULL;

	/* A slot of 64 KiB has this much; other sizes are not kept here. */
	if (processor != NULL && processor->stack_count < WEFT__STACK_CACHE_MAX &&
	    thread->stack_bytes < STACK_BYTES && thread->stack_bytes > STACK_BYTES / 2) {
		atomic_store_relaxed(&thread->id, 0);
		thread->next = processor->stacks;
		processor->stacks = thread;
		processor->stack_count++;
		return;
	}
	give_back(thread);
}
