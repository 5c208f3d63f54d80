/* SPDX-License-Identifier: MIT */
/*
 * User-level threads, user and light: birth and end. The control block is in the top page of the
 * stack. Stacks of the default size that a processor's threads leave are kept there, hot, last in
 * first out; the rest goes back to the stack store.
 *
 * The end of a thread, against its joiner: the thread takes its joiners' lock, claims the joiner if
 * there is one, and leaves its stack for the last time; its successor sets `ended` and drops the
 * lock (switch.c). So a joiner that sees `ended` under the lock may free the stack at once, and one
 * that was claimed finds it when it gets the lock.
 */
#include <string.h>

#include "base/panic.h"
#include "mem/stack.h"
#include "sched/cancel.h"
#include "sched/enter.h"
#include "sched/fork.h"
#include "sched/group.h"
#include "sched/owned.h"
#include "sched/slot.h"
#include "sched/user.h"

#define STACK_BYTES ((size_t)64 << 10)
#define USER_STACK_BYTES ((size_t)256 << 10)
#define LEFT_BYTES ((size_t)4 << 10) /* of a small stack, beside what ticks need */
#define STACK_BYTES_MAX ((size_t)1 << 30)

static void light_main(void *arg)
{
	struct weft_thread *self = arg;

	weft__switch_start(self);
	if (self->tp != NULL)
		weft__sys_tls_begin();
	weft__group_begin(self);
	weft__light_exit(self, self->function(self->arg));
}

/* One of the default size that ended on this processor; NULL: none. */
static struct weft_thread *take_hot(struct weft__processor *processor, weft_kind kind,
				    size_t slot_bytes)
{
	struct weft__stack_cache *cache;
	struct weft_thread *thread;

	if (processor == NULL || slot_bytes != (kind == WEFT_USER ? USER_STACK_BYTES : STACK_BYTES))
		return NULL;
	cache = &processor->stacks[kind == WEFT_USER];
	thread = cache->first;
	if (thread != NULL) {
		cache->first = thread->next;
		cache->count--;
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
	if (thread->kind == WEFT_USER) {
		weft__user_give(thread);
		return;
	}
	atomic_store_relaxed(&thread->id, 0);
	weft__stack_give(thread);
}

static size_t slot_bytes_of(weft_kind kind, size_t stack_bytes)
{
	size_t slot_bytes = WEFT__STACK_BYTES_MIN;

	if (stack_bytes == 0)
		return kind == WEFT_USER ? USER_STACK_BYTES : STACK_BYTES;
	/* A tick's frame lies on the stack too: a small one must have the room. */
	if (stack_bytes < STACK_BYTES) {
		size_t taken = WEFT__STACK_GUARD_BYTES + WEFT__STACK_COLOUR_BYTES +
			       weft__user_control_bytes(kind);

		stack_bytes += weft__sys_tick_stack_bytes();
		if (stack_bytes < taken + weft__sys_tick_stack_bytes() + LEFT_BYTES)
			stack_bytes = taken + weft__sys_tick_stack_bytes() + LEFT_BYTES;
	}
	while (slot_bytes < stack_bytes && slot_bytes < STACK_BYTES_MAX)
		slot_bytes *= 2;
	return slot_bytes;
}

static int make(weft_kind kind, size_t slot_bytes, struct weft_thread **out_thread)
{
	return kind == WEFT_USER ? weft__user_take(slot_bytes, out_thread)
				 : take_cold(slot_bytes, out_thread);
}

static void prepare(struct weft_thread *thread, struct weft_sched *sched,
		    const struct weft__birth *birth, uint8_t ended)
{
	thread->function = birth->function;
	thread->arg = birth->arg;
	thread->group = birth->group;
	thread->out_result = birth->out_result;
	weft__cancel_begin(thread);
	thread->sched = sched;
	atomic_store_release(&thread->ended, ended); /* WALK: after the carrier was forgotten */
	atomic_store_relaxed(&thread->calls, 0u);
	thread->blocking = 0;
	thread->is_spent = false;
	thread->libc_ticks = 0;
	thread->disabled = 0;
	thread->stopped_with = NULL;
	thread->switches = 0;
	thread->spent_turn = 0;
	thread->since_ns = 0;
	thread->hold.wish = 0;
	thread->hold.depth = 1; /* weft__switch_start releases it */
	weft__fiber_create(&thread->fiber, thread->stack_low, thread->stack_bytes);
	thread->sp = weft__arch_context(thread, light_main, thread);
}

static void set_slice(struct weft_thread *thread, const weft_thread_options *options)
{
	struct weft_sched *sched = thread->sched;
	int64_t slice_ns = options != NULL ? options->slice_ns : 0, tick_ns;

	if (slice_ns == 0 || sched->slice_ns == WEFT_FOREVER)
		slice_ns = sched->slice_ns;
	if (slice_ns < WEFT__SLICE_MIN_NS)
		slice_ns = WEFT__SLICE_MIN_NS;
	thread->slice_ns = slice_ns;
	tick_ns = atomic_load_relaxed(&sched->tick_ns);
	while (unlikely(slice_ns < tick_ns) &&
	       !atomic_cas_acq_rel(&sched->tick_ns, &tick_ns, slice_ns))
		;
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

/* Where it will run; its id says that it lives. */
static void launch(struct weft_thread *thread, struct weft__processor *processor)
{
	struct weft_sched *sched = thread->sched;

	atomic_store_release(&thread->id, next_id(processor));
	if (processor == NULL) {
		weft__global_visit(sched, thread);
		return;
	}
	weft__enqueue(processor, thread);
	if (sched->processor_count > 1)
		weft__wake_idle(sched);
}

/* inside: by a thread of this scheduler, with that processor or none. */
static int start(struct weft_thread *thread, struct weft_thread *self,
		 struct weft__processor *processor, bool inside, struct weft_sched *sched,
		 const struct weft__birth *birth, const weft_thread_options *options,
		 weft_thread **out_thread)
{
	if (!weft__live_start(sched, processor, inside))
		return -ESHUTDOWN;
	prepare(thread, sched, birth, out_thread != NULL ? WEFT__ENDED_NO : WEFT__ENDED_DETACHED);
	set_slice(thread, options);
	weft__thread_name_copy(thread->name, options != NULL ? options->name : NULL, self);
	if (out_thread != NULL)
		*out_thread = thread;
	launch(thread, processor);
	return 0;
}

int weft__light_spawn(struct weft_sched *sched, weft_kind kind, const struct weft__birth *birth,
		      const weft_thread_options *options, weft_thread **out_thread)
{
	struct weft_thread *self = weft__arch_self();
	bool inside = self != NULL && self->sched == sched;
	size_t slot_bytes = slot_bytes_of(kind, options != NULL ? options->stack_bytes : 0);
	struct weft__processor *processor = NULL;
	struct weft_thread *thread = NULL;
	uint32_t was_inside = 0;
	int error = 0;

	if (!inside && atomic_load_acquire(&sched->ending))
		return -ESHUTDOWN;
	if (inside) {
		was_inside = weft__enter_on(self, &processor);
		thread = take_hot(processor, kind, slot_bytes);
	}
	if (thread == NULL) {
		/* not inside: it waits for locks of the C library */
		if (inside)
			weft__leave(self, was_inside);
		error = make(kind, slot_bytes, &thread);
		if (error < 0)
			return error;
		if (inside)
			was_inside = weft__enter_on(self, &processor);
	}
	error = start(thread, self, processor, inside, sched, birth, options, out_thread);
	if (error < 0)
		give_back(thread);
	if (inside)
		weft__leave(self, was_inside);
	return error;
}

void weft__light_exit(struct weft_thread *self, int result)
{
	struct weft__carrier *carrier;
	struct weft__wakes wakes = { NULL, NULL };
	struct weft_thread *next = NULL;

	weft__defers_run(self);
	weft__slots_end(self);
	if (self->tp != NULL)
		weft__sys_tls_end();
	weft__slots_end(self); /* what destructors of thread_local objects have set */
	weft__owned_end(self);
	weft__group_end(self, result);
	weft__fork_before_exit(self, result);
	weft__enter(self);
	carrier = self->carrier;
	self->result = result;
	self->blocking = 0; /* ended between its brackets: the carrier simply has no processor */
	weft__waitq_lock(&self->joiners);
	if (!weft__waitq_is_empty(&self->joiners))
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

/* Default sizes only: a slot has its guard and record inside. */
static struct weft__stack_cache *cache_for(struct weft__processor *processor,
					   const struct weft_thread *thread)
{
	size_t bytes = thread->kind == WEFT_USER ? USER_STACK_BYTES : STACK_BYTES;
	struct weft__stack_cache *cache = &processor->stacks[thread->kind == WEFT_USER];

	return cache->count < WEFT__STACK_CACHE_MAX && thread->stack_bytes < bytes &&
			       thread->stack_bytes > bytes / 2
		       ? cache
		       : NULL;
}

void weft__light_free(struct weft_thread *thread)
{
	struct weft_thread *self = weft__arch_self();
	struct weft__stack_cache *cache = NULL;
	struct weft__processor *processor;
	uint32_t was_inside;

	atomic_store_relaxed(&thread->carrier, NULL); /* it may be gone in the next life */
	if (self != NULL && self->sched != NULL) {
		was_inside = weft__enter_on(self, &processor);
		if (processor != NULL)
			cache = cache_for(processor, thread);
		if (cache != NULL) {
			atomic_store_relaxed(&thread->id, 0);
			thread->next = cache->first;
			cache->first = thread;
			cache->count++;
		}
		weft__leave(self, was_inside);
	}
	if (cache == NULL)
		give_back(thread);
}

void weft__stacks_give_back(struct weft__processor *processor)
{
	for (int i = 0; i < 2; i++)
		while (processor->stacks[i].first != NULL) {
			struct weft_thread *thread = processor->stacks[i].first;

			processor->stacks[i].first = thread->next;
			give_back(thread);
		}
}
