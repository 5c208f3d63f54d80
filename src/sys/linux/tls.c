/* SPDX-License-Identifier: MIT */
/*
 * Identity on Linux: looking whether there can be blocks, and the thread pointer. libc.c knows the
 * C library, tls_create.c makes blocks, tls_life.c is what their threads run.
 */
#include "sys/tls.h"

#include <errno.h>
#include <pthread.h>

#include "arch/arch.h"
#include "sys/linux/force.h"
#include "sys/linux/setxid.h"
#include "sys/linux/tls_state.h"
#include "sys/sys.h"
#include "thread_pointer.h"

uint32_t weft__tls_epoch;
bool weft__sys_tls_is_quick;

static struct {
	uint32_t once; /* atomic. 0; 1: somebody looks; 2: looked */
	/* constant once looked */
	int answer;
	const char *why;
	bool has_handler;
} looked = { .why = "" };

static int look(void)
{
	int error = weft__libc_learn(&looked.why);

	weft__sys_tls_is_quick = weft__arch_tp_is_fast() && !weft__sys_force.no_fsgsbase;
	if (error < 0)
		return error;
	/* Behind the engine's own handlers, so that in the child it runs after those. */
	if (!looked.has_handler && pthread_atfork(NULL, NULL, weft__tls_forked) != 0)
		return -ENOMEM;
	looked.has_handler = true;
	weft__setxid_wrap();
	looked.why = "";
	return 0;
}

int weft__sys_tls_init(struct weft__tls_layout *out_layout)
{
	uint32_t once = 0;

	/* LOOKED: who finds 2, by one that fails, has seen what was found */
	while (!atomic_cas_acq_rel(&looked.once, &once, 1u)) {
		if (once == 2)
			break;
		once = 0;
		weft__sys_thread_yield();
	}
	if (once != 2) {
		looked.answer = look();
		/* What was lacking may be there another time. */
		once = looked.answer == 0 || looked.answer == -ENOTSUP ? 2 : 0;
		atomic_store_release(&looked.once, once); /* LOOKED */
		if (once == 0)
			return looked.answer;
	}
	if (looked.answer < 0)
		return looked.answer;
	out_layout->align = weft__libc.tls_align;
	out_layout->bytes = weft__tls_bytes_below() + weft__tls_bytes_above();
	out_layout->is_kept = true;
	return 0;
}

const char *weft__sys_tls_why(void)
{
	return looked.why;
}

/* ---- the thread pointer */

void weft__sys_tls_adopt(void)
{
	void *tp = weft__arch_tp();

	weft__arch_local_at(tp)->own = tp;
}

void *weft__sys_tls_get(void)
{
	return weft__arch_tp();
}

/*
 * The new block knows the kernel thread's own before it is in force: a signal may come in between
 * (setxid.c). A kernel thread that never set one has its own in force.
 */
void weft__sys_tls_set(void *pointer)
{
	char *now = weft__arch_tp();
	char *own = weft__arch_local_at(now)->own;

	if (unlikely(own == NULL))
		own = now;
	if (pointer == NULL)
		pointer = own;
	weft__arch_local_at(pointer)->own = own;
	atomic_compiler_barrier();
	weft__arch_tp_set(pointer, weft__sys_tls_is_quick);
}

void weft__sys_tls_self_set(void *pointer, void *thread)
{
	weft__arch_local_at(pointer)->thread = thread;
}
