/* SPDX-License-Identifier: MIT */
/*
 * What a signal interrupted, on aarch64, beyond fault_context.h: whether it was a system call.
 */
#ifndef WEFT_ARCH_SIGNAL_CONTEXT_H
#define WEFT_ARCH_SIGNAL_CONTEXT_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#define WEFT__SIGNAL_PAGE 4096
#define WEFT__SIGNAL_SVC UINT32_C(0xd4000001) /* svc #0 */

/*
 * Interrupted right behind a system call instruction that answered EINTR: the signal broke the
 * call off. (A call that the kernel restarts is interrupted before that instruction.) Code at the
 * very beginning of a page says no: the page before it may not be there.
 */
static inline bool weft__signal_broke_call(void *context)
{
	const mcontext_t *registers = &((ucontext_t *)context)->uc_mcontext;
	uintptr_t pc = (uintptr_t)registers->pc;

	return (int64_t)registers->regs[0] == -EINTR && pc % WEFT__SIGNAL_PAGE >= 4 &&
	       *(const uint32_t *)(pc - 4) == WEFT__SIGNAL_SVC;
}

/* Interrupted at a system call instruction: the kernel restarts the call, or it was about to
 * begin. */
static inline bool weft__signal_restarts_call(void *context)
{
	const mcontext_t *registers = &((ucontext_t *)context)->uc_mcontext;

	return *(const uint32_t *)(uintptr_t)registers->pc == WEFT__SIGNAL_SVC;
}

#endif
