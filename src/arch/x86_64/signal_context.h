/* SPDX-License-Identifier: MIT */
/*
 * What a signal interrupted, on x86-64, beyond fault_context.h: whether it was a system call.
 */
#ifndef WEFT_ARCH_SIGNAL_CONTEXT_H
#define WEFT_ARCH_SIGNAL_CONTEXT_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#define WEFT__SIGNAL_PAGE 4096

static inline bool weft__signal_is_syscall(uintptr_t pc)
{
	static const unsigned char bytes[2] = { 0x0f, 0x05 };

	return memcmp((const void *)pc, bytes, sizeof bytes) == 0;
}

/*
 * Interrupted right behind a system call instruction that answered EINTR: the signal broke the
 * call off. (A call that the kernel restarts is interrupted before that instruction.) Code at the
 * very beginning of a page says no: the page before it may not be there.
 */
static inline bool weft__signal_broke_call(void *context)
{
	const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	uintptr_t pc = (uintptr_t)registers[REG_RIP];

	return registers[REG_RAX] == -EINTR && pc % WEFT__SIGNAL_PAGE >= 2 &&
	       weft__signal_is_syscall(pc - 2);
}

/* Interrupted at a system call instruction: the kernel restarts the call, or it was about to begin.
 * Code at the very end of a page says no. */
static inline bool weft__signal_restarts_call(void *context)
{
	uintptr_t pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	return pc % WEFT__SIGNAL_PAGE <= WEFT__SIGNAL_PAGE - 2 && weft__signal_is_syscall(pc);
}

#endif
