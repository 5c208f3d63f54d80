/* SPDX-License-Identifier: MIT */
/* See twin.h. */
#include "arch/portable/twin.h"

#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

/* Nominal: only the end of the stack is ours to say, and only that is used. */
#define STACK_BYTES 4096

/* makecontext passes ints: each pointer comes in two. */
static void *join_halves(unsigned high, unsigned low)
{
	return (void *)((uintptr_t)high << 32 | low);
}

static void start_context(unsigned entry_high, unsigned entry_low, unsigned arg_high,
			  unsigned arg_low)
{
	void (*entry)(void *) = (void (*)(void *))(uintptr_t)join_halves(entry_high, entry_low);

	entry(join_halves(arg_high, arg_low));
	abort();
}

void weft__twin_switch(void **out_sp, void *to_sp)
{
	ucontext_t here;

	*out_sp = &here;
	if (swapcontext(&here, to_sp) != 0)
		abort();
}

void *weft__twin_context(void *stack_top, void (*entry)(void *), void *arg)
{
	uintptr_t top = ((uintptr_t)stack_top - sizeof(ucontext_t)) & ~(uintptr_t)63;
	ucontext_t *context = (ucontext_t *)top;
	uint64_t e = (uintptr_t)entry, a = (uintptr_t)arg;

	if (getcontext(context) != 0)
		abort();
	context->uc_link = NULL;
	context->uc_stack.ss_sp = (char *)context - STACK_BYTES;
	context->uc_stack.ss_size = STACK_BYTES;
	makecontext(context, (void (*)(void))start_context, 4, (unsigned)(e >> 32), (unsigned)e,
		    (unsigned)(a >> 32), (unsigned)a);
	return context;
}
