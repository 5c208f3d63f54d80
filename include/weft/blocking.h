/* SPDX-License-Identifier: MIT */
/*
 * Blocking: brackets around a call that weft does not know and that may block in the kernel.
 * Between them the thread keeps its carrier, but the processor goes to another carrier at once, so
 * its neighbours run on. In a pool's kernel worker a replacement worker runs meanwhile. Weft's own
 * calls need none of this, and on user and light threads other calls do not either: a carrier that
 * blocks is found out, some 25 us to 10 ms later. The brackets save that time, and are the only way
 * for a pool's kernel workers, which nobody watches.
 *
 * Example:
 *
 *	int wait_for(pid_t child)
 *	{
 *		int status;
 *
 *		weft_blocking_begin(); // the neighbours run on at once
 *		if (waitpid(child, &status, 0) < 0)
 *			status = -errno;
 *		weft_blocking_end();
 *		return status;
 *	}
 */
#ifndef WEFT_BLOCKING_H
#define WEFT_BLOCKING_H

#include <weft/api.h>

WEFT_API_BEGIN

/* Hands the processor over. Pairs nest, up to 255 deep; the outermost counts. Does nothing on a
 * kernel thread outside a pool, in a strict scheduler, and at the bound on carriers. Until the end
 * bracket the thread may call anything, and waits as usual. Cost: a wake of a spare carrier, made
 * when there is none. */
WEFT_API void weft_blocking_begin(void);

/* Takes a processor again. Without a begin: stops the program. Blocks: until its turn, where no
 * processor is idle. */
WEFT_API void weft_blocking_end(void);

/*
 * Brackets around a short system call that may block: the processor goes to another carrier only if
 * it does. Between them the thread calls nothing of weft's but weft_blocking_begin/end; the pairs
 * do not nest. They are never needed: an undeclared call is found out too, only later. On a kernel
 * thread and in a strict scheduler they do nothing.
 * Blocks: leave, until its turn, if the processor was handed off meanwhile. Cost: bench
 * wrapped-call.
 */
WEFT_API void weft_syscall_enter(void);
WEFT_API void weft_syscall_leave(void);

WEFT_API_END

#endif
