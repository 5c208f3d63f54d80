/* SPDX-License-Identifier: MIT */
/*
 * Kernel threads, ours and foreign ones. Their records are in the heap and in one list, for the
 * inspector. A kernel thread of ours is joined as such by whoever joins its record, so that nothing
 * of it is left when that returns; a detached one detaches itself at its end.
 */
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "sched/cancel.h"
#include "sched/fork.h"
#include "sched/group.h"
#include "sched/owned.h"
#include "sched/slot.h"
#include "sys/spin.h"

#define STACK_BYTES ((size_t)8 << 20)
#define STACK_BYTES_MIN ((size_t)16 << 10)

static struct {
	uint32_t lock;
	bool ready;
	struct weft__list all; /* guarded by lock */
} registry;

/* Of no thread yet: who fills it in gives it its number last. */
static struct weft_thread *make_record(void)
{
	struct weft_thread *thread = calloc(1, sizeof *thread);

	if (thread == NULL)
		return NULL;
	thread->kind = WEFT_KERNEL;
	thread->bell = -1;
	weft__spin_lock(&registry.lock);
	if (!registry.ready) {
		weft__list_init(&registry.all);
		registry.ready = true;
	}
	weft__list_push(&registry.all, &thread->all);
	weft__spin_unlock(&registry.lock);
	return thread;
}

void weft__kernel_free(struct weft_thread *thread)
{
	weft__spin_lock(&registry.lock);
	weft__list_remove(&thread->all);
	weft__spin_unlock(&registry.lock);
	if (thread->bell >= 0)
		weft__sys_close(thread->bell);
	free(thread);
}

int weft__kernel_walk(int (*visit)(void *arg, struct weft_thread *thread), void *arg)
{
	int result = 0;

	weft__spin_lock(&registry.lock);
	if (registry.ready)
		weft__list_for(link, &registry.all) {
			result = visit(arg, container_of(link, struct weft_thread, all));
			if (result != 0)
				break;
		}
	weft__spin_unlock(&registry.lock);
	return result;
}

void weft__kernel_forked(struct weft_thread *self)
{
	registry.lock = 0;
	weft__list_init(&registry.all);
	registry.ready = true;
	if (self != NULL)
		weft__list_push(&registry.all, &self->all);
}

/* ---- foreign ones */

static void foreign_ended(void *arg)
{
	weft__defers_run(arg);
	weft__slots_end(arg);
	weft__owned_end(arg);
	weft__arch_self_set(NULL);
	weft__kernel_free(arg);
}

struct weft_thread *weft__thread_adopt(void)
{
	struct weft_thread *thread = weft__thread_adopt_try();

	if (thread == NULL)
		weft__panic("no memory for the record of a kernel thread that weft did not make");
	return thread;
}

struct weft_thread *weft__thread_adopt_try(void)
{
	struct weft_thread *thread = make_record();
	size_t bytes;

	if (thread == NULL)
		return NULL;
	thread->is_foreign = 1;
	memcpy(thread->name, "foreign", sizeof "foreign");
	thread->ended = WEFT__ENDED_DETACHED;
	weft__sys_thread_stack(&thread->stack_low, &bytes);
	thread->stack_bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
	atomic_store_release(&thread->id, weft__thread_id_next(1));
	if (weft__sys_thread_at_exit(foreign_ended, thread) < 0) {
		weft__kernel_free(thread);
		return NULL;
	}
	weft__arch_self_set(thread);
	return thread;
}

/* ---- ours */

static void *kernel_main(void *arg)
{
	struct weft_thread *self = arg;
	size_t bytes;

	weft__sys_thread_stack(&self->stack_low, &bytes);
	weft__arch_self_set(self);
	weft__group_begin(self);
	weft__kernel_exit(self, self->function(self->arg));
}

int weft__kernel_spawn(const struct weft__birth *birth, const weft_thread_options *options,
		       weft_thread **out_thread)
{
	size_t stack_bytes = options != NULL && options->stack_bytes != 0 ? options->stack_bytes
									  : STACK_BYTES;
	struct weft_thread *thread = make_record();
	int error;

	if (thread == NULL)
		return -ENOMEM;
	if (stack_bytes < STACK_BYTES_MIN)
		stack_bytes = STACK_BYTES_MIN;
	thread->stack_bytes = (uint32_t)stack_bytes;
	thread->function = birth->function;
	thread->arg = birth->arg;
	thread->group = birth->group;
	thread->out_result = birth->out_result;
	thread->ended = out_thread != NULL ? WEFT__ENDED_NO : WEFT__ENDED_DETACHED;
	weft__thread_name_copy(thread->name, options != NULL ? options->name : NULL,
			       weft__arch_self());
	atomic_store_release(&thread->id, weft__thread_id_next(1));
	/* Until the start has returned the handle is not there to be joined with: the thread may be
	 * over before. */
	weft__waitq_lock(&thread->joiners);
	error = weft__sys_thread_start(kernel_main, thread, stack_bytes, thread->name,
				       &thread->kernel_thread);
	if (error < 0) {
		weft__waitq_unlock(&thread->joiners);
		weft__kernel_free(thread);
		return error;
	}
	if (out_thread != NULL)
		*out_thread = thread;
	weft__waitq_unlock(&thread->joiners);
	return 0;
}

void weft__kernel_exit(struct weft_thread *self, int result)
{
	struct weft__wakes wakes = { NULL, NULL };
	bool detached;

	weft__defers_run(self);
	if (self->is_foreign)
		weft__sys_thread_exit();
	weft__slots_end(self);
	weft__owned_end(self);
	weft__group_end(self, result);
	self->result = result;
	weft__waitq_lock(&self->joiners);
	detached = self->ended == WEFT__ENDED_DETACHED;
	if (!detached) {
		weft__waitq_wake(&self->joiners, 0, &wakes);
		self->ended = WEFT__ENDED_YES;
	}
	weft__arch_self_set(NULL);
	weft__waitq_unlock(&self->joiners); /* JOIN: a joiner may free it from here on */
	weft__wakes_ready(&wakes);
	if (detached) {
		weft__sys_thread_detach(self->kernel_thread);
		weft__kernel_free(self);
	}
	weft__sys_thread_exit();
}
