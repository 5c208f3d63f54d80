/* SPDX-License-Identifier: MIT */
/*
 * Identity: what makes a user-level thread a thread to the C library. Its own block holds the
 * library's control block (errno, locale, malloc's cache, pthread_self, …) and every thread_local;
 * the thread pointer says whose block is in force. The other half of sys.h for threads of kind
 * user; sys/linux knows glibc, sys/sim makes believe.
 *
 * A block is for ever: the library may keep what it gave to it, and links it into a list that
 * cannot be left. So blocks are reused, not freed, and the memory under one is never given back.
 *
 * Under the sanitizers, which keep state of their own in the block, user threads share their
 * carrier's: a block's pointer is NULL there, and all that takes one does nothing.
 *
 * fork must find the kernel thread's own block in force: the child's kernel thread is registered
 * with the block that is (its tid, robust mutexes), and the library takes the memory of all others,
 * a carrier's own stack among them, for free. In the child the library has forgotten our blocks; it
 * is told again of that which is in force when the handlers of weft__sys_at_fork have run, and of
 * others when they begin.
 */
#ifndef WEFT_SYS_TLS_H
#define WEFT_SYS_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "arch/arch.h"
#include "base/atomic.h"
#include "thread_pointer.h"

struct weft__tls_layout {
	size_t bytes; /* that a block needs */
	size_t align; /* of its first byte; a power of two */
	bool is_kept; /* false: there are none, and nothing is for ever (a sanitizer's build) */
};

/*
 * Whether there can be such blocks here; looks once, and makes ready what the first one needs. Call
 * it before the first block, from any kernel thread. 0; -ENOTSUP: no, and weft__sys_tls_why says
 * why; -ENOMEM, -EAGAIN: not now, ask again.
 */
int weft__sys_tls_init(struct weft__tls_layout *out_layout);
const char *weft__sys_tls_why(void); /* one line for a person; "" if there can */

/*
 * Makes a block in [at, at + layout.bytes), which is the caller's for ever. stack_low and
 * stack_bytes: the stack that goes with it, as the C library is to see it. *out_pointer: what
 * weft__sys_tls_set wants. -ENOMEM, after which the memory is the caller's again. It waits for
 * locks of the C library's (malloc's, the list of threads), which a preempted thread may hold: not
 * from where the caller would keep that thread from going on.
 */
int weft__sys_tls_create(void *at, void *stack_low, size_t stack_bytes, void **out_pointer);

/*
 * By the thread that runs with it, on its own stack. begin: before anything else of its, as the
 * user's own code would run (it may wait, as above): errno, locale, cancellation as in a new
 * thread; in a block that was used before also every module's thread_locals, the library's own
 * excepted, which keep what its malloc has. end: before its last switch: destructors of
 * thread_local objects and of keys, which may wait. On a block that is a kernel thread's own both
 * do nothing.
 */
void weft__sys_tls_begin(void);
void weft__sys_tls_end(void);

/* The calling kernel thread's own block is in force: remembers which that is. Once, before its
 * first set. */
void weft__sys_tls_adopt(void);

/*
 * The thread pointer. set: everything after it sees the other block, errno and weft__arch_self too;
 * NULL: the kernel thread's own. get: never NULL. Both async-signal-safe; set by a thread that is
 * held (arch/hold.h).
 */
void *weft__sys_tls_get(void);
void weft__sys_tls_set(void *pointer);

/* The same from one block of a user thread's to another, where it takes no call. */
extern bool weft__sys_tls_is_quick; /* constant once there are any */
static weft__always_inline void weft__sys_tls_swap(void *from, void *to)
{
	/* It knows the kernel thread's own before it is in force: a signal may come in between. */
	weft__arch_local_at(to)->own = weft__arch_local_at(from)->own;
	atomic_compiler_barrier();
	weft__arch_tp_set(to, true);
}

/* Sets one word of a block that is not in force: what weft__arch_self answers there. It stays until
 * it is set again. */
void weft__sys_tls_self_set(void *pointer, void *thread);

#endif
