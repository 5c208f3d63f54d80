/* SPDX-License-Identifier: MIT */
/*
 * Simulated kernel threads: stacks that take turns on the real one. The engine's word of a kernel
 * thread (weft__arch_self) is put away and set at each turn; other variables of the real kernel
 * thread are shared by all.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/arch.h"
#include "sys/sim/kernel.h"

#define STACK_BYTES ((size_t)256 * 1024)
#define FIRST_TID 1000

/* ---- turns */

static struct weft__fiber host_fiber, *left; /* for sanitizers: who was running before the switch */

/* noinline: what the compiler knows about this frame holds again when the turn comes back. */
weft__noinline void weft__sim_switch(struct weft__sim_thread *to)
{
	struct weft__sim_thread *from = weft__sim.current;

	from->self = weft__arch_self();
	weft__sim.current = to;
	weft__sim.report->switches++;
	weft__sim_hash(weft__sim.steps << 8 | to->number);
	weft__arch_self_set(to->self);
	left = &from->fiber;
	weft__fiber_leave(&from->fiber, &to->fiber, false);
	weft__arch_switch(&from->sp, to->sp);
	weft__fiber_arrive_from(&from->fiber, left);
	while (unlikely(weft__sim.dumping)) {
		weft__sim_trace_backtrace();
		left = &from->fiber;
		weft__fiber_leave(&from->fiber, &weft__sim.current->fiber, false);
		weft__arch_switch(&from->sp, weft__sim.dumper_sp);
		weft__fiber_arrive_from(&from->fiber, left);
	}
}

weft__noinline void weft__sim_enter(struct weft__sim_thread *first)
{
	void *self = weft__arch_self();

	weft__arch_self_set(NULL);
	left = &host_fiber;
	weft__fiber_leave(&host_fiber, &first->fiber, false);
	weft__arch_switch(&weft__sim.host_sp, first->sp);
	weft__fiber_arrive_from(&host_fiber, left);
	weft__arch_self_set(self);
}

void weft__sim_leave(void)
{
	void *nobody;

	left = &weft__sim.current->fiber;
	weft__fiber_leave(&weft__sim.current->fiber, &host_fiber, true);
	weft__arch_switch(&nobody, weft__sim.host_sp);
	__builtin_unreachable();
}

void weft__sim_end(void)
{
	struct weft__sim_thread *self = weft__sim.current;

	weft__sim_step("exit");
	while (self->at_exit != NULL) {
		void (*function)(void *) = self->at_exit;

		self->at_exit = NULL; /* it may ask to be called once more */
		function(self->at_exit_arg);
	}
	self->state = WEFT__SIM_ENDED;
	weft__sim.alive--;
	weft__sim_wake(self, WEFT__SIM_THREADS_MAX, false);
	weft__sim_pass_on();
	__builtin_unreachable();
}

static void begin(void *arg)
{
	struct weft__sim_thread *self = arg;

	weft__fiber_arrive_from(&self->fiber, left);
	self->started = true;
	self->function(self->arg);
	weft__sim_end();
}

/* ---- birth */

/* The stack of one that has ended, or a new one; the page below it traps. */
static char *take_stack(void)
{
	char *at;

	for (unsigned i = 0; i < weft__sim.thread_count; i++) {
		struct weft__sim_thread *old = weft__sim.threads[i];

		if (old->state == WEFT__SIM_ENDED && old != weft__sim.current &&
		    old->stack != NULL) {
			at = old->stack;
			old->stack = NULL;
			return at;
		}
	}
	at = mmap(NULL, STACK_BYTES + WEFT__PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (at == MAP_FAILED)
		weft__panic("the simulator has no memory for a stack");
	mprotect(at, WEFT__PAGE, PROT_NONE);
	return at + WEFT__PAGE;
}

struct weft__sim_thread *weft__sim_thread_make(void *(*function)(void *), void *arg,
					       const char *name)
{
	struct weft__sim_thread *thread;

	if (weft__sim.thread_count == WEFT__SIM_THREADS_MAX)
		return NULL;
	thread = calloc(1, sizeof *thread);
	weft__assert(thread != NULL);
	thread->stack = take_stack();
	thread->stack_bytes = STACK_BYTES;
	thread->number = weft__sim.thread_count;
	snprintf(thread->name, sizeof thread->name, "%s", name);
	thread->function = function;
	thread->arg = arg;
	weft__fiber_create(&thread->fiber, thread->stack, STACK_BYTES);
	thread->sp = weft__arch_context(thread->stack + STACK_BYTES, begin, thread);
	weft__sim.threads[weft__sim.thread_count++] = thread;
	weft__sim.alive++;
	thread->state = WEFT__SIM_WAITING;
	weft__sim_make_runnable(thread, WEFT__SIM_WOKEN);
	return thread;
}

void weft__sim_threads_drop(void)
{
	for (unsigned i = 0; i < weft__sim.thread_count; i++) {
		struct weft__sim_thread *thread = weft__sim.threads[i];

		if (thread->stack != NULL)
			munmap(thread->stack - WEFT__PAGE, STACK_BYTES + WEFT__PAGE);
		free(thread);
	}
}

/* ---- the calls */

int weft__sys_thread_start(void *(*function)(void *), void *arg, size_t stack_bytes,
			   const char *name, weft__sys_thread *out_thread)
{
	struct weft__sim_thread *thread;

	(void)stack_bytes;
	weft__sim_step("thread_start");
	if (weft__sim_fault(weft__sim.options.fail_thread)) {
		weft__sim_note("thread_start = -EAGAIN");
		return -EAGAIN;
	}
	thread =
		weft__sim_thread_make(function, arg, name != NULL ? name : weft__sim.current->name);
	if (thread == NULL)
		return -EAGAIN;
	weft__sim_note("thread_start(%s) = %u", thread->name, thread->number);
	out_thread->handle = (uintptr_t)thread;
	return 0;
}

void weft__sys_thread_join(weft__sys_thread thread)
{
	struct weft__sim_thread *other = (struct weft__sim_thread *)thread.handle;

	weft__sim_step("thread_join");
	weft__assert(!other->detached && !other->joined && other != weft__sim.current);
	other->joined = true;
	weft__sim_note("thread_join(%u)", other->number);
	while (other->state != WEFT__SIM_ENDED)
		weft__sim_block("thread_join", other, NULL, WEFT__SIM_NEVER);
}

void weft__sys_thread_detach(weft__sys_thread thread)
{
	struct weft__sim_thread *other = (struct weft__sim_thread *)thread.handle;

	weft__sim_step("thread_detach");
	weft__assert(!other->detached && !other->joined);
	other->detached = true;
}

void weft__sys_thread_exit(void)
{
	weft__sim_end();
}

void weft__sys_thread_name(const char *name)
{
	snprintf(weft__sim.current->name, sizeof weft__sim.current->name, "%s", name);
}

void weft__sys_thread_yield(void)
{
	weft__sim_step("thread_yield");
	weft__sim_give_way();
}

int weft__sys_thread_tid(void)
{
	return FIRST_TID + (int)weft__sim.current->number;
}

void weft__sys_thread_stack(void **out_low, size_t *out_bytes)
{
	*out_low = weft__sim.current->stack;
	*out_bytes = weft__sim.current->stack_bytes;
}

int weft__sys_thread_at_exit(void (*function)(void *), void *arg)
{
	weft__sim.current->at_exit = function;
	weft__sim.current->at_exit_arg = arg;
	return 0;
}

unsigned weft__sys_cpu_count(void)
{
	return weft__sim.options.cpus;
}

unsigned weft__sys_thread_limit(void)
{
	return 4096;
}

/* ---- the report */

static void print_place(const struct weft__sim_thread *thread)
{
	static const char *const states[] = { "can run", "waits in", "has ended" };

	dprintf(2, "kernel thread %u '%s' %s", thread->number, thread->name, states[thread->state]);
	if (thread->state == WEFT__SIM_WAITING)
		dprintf(2, " %s, on %p since step %llu", thread->call, thread->on[0],
			(unsigned long long)thread->waits_since);
	if (thread->state == WEFT__SIM_WAITING && thread->due_ns != WEFT__SIM_NEVER)
		dprintf(2, ", until %lld ns", (long long)thread->due_ns);
	dprintf(2, "%s\n", thread == weft__sim.current ? " (running)" : "");
}

/* Each prints its own stack: we switch to it and it switches back. */
weft__noinline void weft__sim_threads_print(void)
{
	for (unsigned i = 0; i < weft__sim.thread_count; i++) {
		struct weft__sim_thread *thread = weft__sim.threads[i];

		if (thread->state == WEFT__SIM_ENDED)
			continue;
		print_place(thread);
		if (thread == weft__sim.current) {
			weft__sim_trace_backtrace();
		} else if (thread->started) {
			weft__sim.dumping = true;
			left = &weft__sim.current->fiber;
			weft__fiber_leave(&weft__sim.current->fiber, &thread->fiber, false);
			weft__arch_switch(&weft__sim.dumper_sp, thread->sp);
			weft__fiber_arrive_from(&weft__sim.current->fiber, left);
			weft__sim.dumping = false;
		}
	}
}

/* Nobody forks here. */
int weft__sys_at_fork(void (*prepare)(void), void (*in_parent)(void), void (*in_child)(void))
{
	(void)prepare;
	(void)in_parent;
	(void)in_child;
	return 0;
}
