/* SPDX-License-Identifier: MIT */
/*
 * The contract of arch.h under other names, in C, for any processor: what the assembly is compared
 * with.  Only tests link it.  A context is a ucontext_t on its own stack, and its "stack pointer"
 * is that one's address.
 *
 * It keeps more than the contract asks for: the C library's swapcontext saves the control registers
 * of floating point too, and the signal mask, with a system call each time: a hundred times the
 * cost.
 */
#ifndef WEFT_ARCH_PORTABLE_TWIN_H
#define WEFT_ARCH_PORTABLE_TWIN_H

void weft__twin_switch(void **out_sp, void *to_sp);
void *weft__twin_context(void *stack_top, void (*entry)(void *), void *arg);

#endif
