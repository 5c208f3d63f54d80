/* SPDX-License-Identifier: MIT */
/*
 * Identity, simulated: a block is one word, what weft__arch_self answers with it. The word of the
 * block that is in force is the real kernel thread's, and moves with each simulated one.
 */
#include "sys/tls.h"

#include "arch/arch.h"
#include "sys/sim/kernel.h"

#define BLOCK_BYTES 64

bool weft__sys_tls_is_quick; /* never: it would not know of it */

static void **block_in_force(void)
{
	struct weft__sim_thread *self = weft__sim.current;

	return self->block != NULL ? self->block : &self->own_self;
}

int weft__sys_tls_init(struct weft__tls_layout *out_layout)
{
	*out_layout = (struct weft__tls_layout){
		.bytes = BLOCK_BYTES,
		.align = BLOCK_BYTES,
		.is_kept = false,
	};
	return 0;
}

const char *weft__sys_tls_why(void)
{
	return "";
}

int weft__sys_tls_create(void *at, void *stack_low, size_t stack_bytes, void **out_pointer)
{
	*(void **)at = NULL;
	*out_pointer = at;
	return 0;
}

void weft__sys_tls_begin(void)
{
}

void weft__sys_tls_end(void)
{
}

void weft__sys_tls_adopt(void)
{
}

void *weft__sys_tls_get(void)
{
	return block_in_force();
}

void weft__sys_tls_set(void *pointer)
{
	struct weft__sim_thread *self = weft__sim.current;
	void **to = pointer != NULL ? pointer : &self->own_self;

	weft__sim_step("tls_set");
	*block_in_force() = weft__arch_self();
	self->block = to;
	weft__arch_self_set(*to);
	weft__sim_point();
}

void weft__sys_tls_self_set(void *pointer, void *thread)
{
	*(void **)pointer = thread;
}
