/* SPDX-License-Identifier: MIT */
/*
 * The processor, as the engine sees it.  This page is the whole contract: a port fulfils it in a
 * folder beside this file (x86_64/, aarch64/), which the build puts on the include path.
 *
 * A stack that does not run is one pointer: its registers lie on it, in a frame whose layout only
 * the folder knows.  Whoever holds that pointer may switch to it, once; from then on it is stale.
 *
 * What a switch keeps: the registers that a C function must leave as it found them, the stack
 * pointer, and where to go on.  What it does not:
 *   - Control registers of floating point (MXCSR and the x87 control word; FPCR).  They cost more
 *     than the rest together.  A thread that changes them puts them back before it waits; until
 *     then they are its carrier's, and the next thread would compute with them.
 *   - The signal mask, the alternate signal stack, the thread pointer: they belong to the carrier.
 *
 * To the compiler a switch is a call of unknown code: memory may have changed.  But it believes
 * that the kernel thread is the same, which it need not be: so the address of errno or of a
 * __thread variable taken before a switch is worth nothing after it.  weft__arch_self() is safe.
 *
 * Unwinding (gdb, perf, libgcc, libunwind) goes through a context to weft__arch_start, its first
 * frame, and stops there: the return address of that frame is marked undefined, and its frame
 * pointer and return address on the stack are 0 for those who read no marks.
 *
 * Design note: docs/design/0001-context-switch.md.
 */
#ifndef WEFT_ARCH_ARCH_H
#define WEFT_ARCH_ARCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/*
 * Puts the running context away, stores its stack pointer in *out_sp, and goes on with the context
 * whose stack pointer is to_sp.  Returns when somebody switches back.  *out_sp is written while the
 * processor is still on the old stack: only what runs after the switch may pass it on to another
 * kernel thread.
 */
static weft__always_inline void weft__arch_switch(void **out_sp, void *to_sp);

/*
 * Lays out a first context below stack_top, which need not be aligned, in at most
 * WEFT__ARCH_FRAME_BYTES.  The first switch to the pointer that it returns calls entry(arg) there.
 * entry must not return: the processor traps.
 */
static inline void *weft__arch_context(void *stack_top, void (*entry)(void *), void *arg);

/*
 * One word of this kernel thread: the thread that runs on it.  Read and written by volatile
 * assembly, so that no compiler keeps its address across a switch.
 */
static inline void *weft__arch_self(void);
static inline void weft__arch_self_set(void *thread);

/* Tells the processor that this is a loop that waits. */
static inline void weft__arch_relax(void);

/*
 * What a block of thread-local variables has of ours, in one line of the cache, for all of it is
 * wanted at each switch between threads with blocks of their own.  Code asks above and through
 * weft__arch_local_at, for no compiler may keep its address; debuggers find it by its name: self.c.
 */
struct weft__arch_local {
	void *thread; /* weft__arch_self */
	/* of sys/tls.h, which says what they are */
	void *own;
	uint32_t used, epoch;
};
extern __thread struct weft__arch_local weft__arch_current
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* How far it is from the thread pointer: the same in every block. */
static weft__always_inline ptrdiff_t weft__arch_local_offset(void);

static weft__always_inline struct weft__arch_local *weft__arch_local_at(void *tp)
{
	return (struct weft__arch_local *)(void *)((char *)tp + weft__arch_local_offset());
}

/* switch.S: where contexts begin.  A context enters behind its first instruction (see there). */
extern const char weft__arch_start[] __attribute__((visibility("hidden")));
#define WEFT__ARCH_START_SKIP 4

#include "context.h"
#include "self.h"

#endif
