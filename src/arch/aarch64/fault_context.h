/* SPDX-License-Identifier: MIT */
/* What a signal interrupted, on aarch64: out of the third argument of its handler. */
#ifndef WEFT_ARCH_FAULT_CONTEXT_H
#define WEFT_ARCH_FAULT_CONTEXT_H

#include <ucontext.h>

static inline void *weft__fault_pc(void *context)
{
	return (void *)((ucontext_t *)context)->uc_mcontext.pc;
}

static inline void *weft__fault_sp(void *context)
{
	return (void *)((ucontext_t *)context)->uc_mcontext.sp;
}

#endif
