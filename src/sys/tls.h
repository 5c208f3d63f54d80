/* SPDX-License-Identifier: MIT */
/*
 * Identity: what makes a user-level thread a thread to the C library. Its own block holds the
 * library's control block (errno, locale, malloc's cache, pthread_self, …) and every thread_local;
 * the thread pointer says whose block is in force. The other half of sys.h for threads of kind
 * user; sys/linux knows glibc, sys/sim makes believe.
 *
 * A block is for ever: the library may keep what it gave to it, and links it into a list that
 * cannot be left. So blocks are reused, not freed, and the memory under one is never given back.
 */
#ifndef WEFT_SYS_TLS_H
#define WEFT_SYS_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct weft__tls_layout {
	size_t bytes; /* that a block needs */
	size_t align; /* of its first byte; a power of two */
};

/*
 * Whether there can be such blocks here; looks once, and makes ready what the first one needs. Call
 * it before the first block, from any kernel thread. 0; -ENOTSUP: no, and weft__sys_tls_why says why.
 */
int weft__sys_tls_init(struct weft__tls_layout *out_layout);
const char *weft__sys_tls_why(void); /* one line for a person; "" if there can */

/*
 * Makes a block in [at, at + layout.bytes), which is the caller's for ever. stack_low and stack_bytes: the
 * stack that goes with it, for pthread_getattr_np. *out_pointer: what weft__sys_tls_set wants.
 * -ENOMEM, after which the memory is the caller's again.
 */
int weft__sys_tls_create(void *at, void *stack_low, size_t stack_bytes, void **out_pointer);

/* Makes it as new for another thread: every module's image but the library's own, errno, locale,
 * keys. By anyone, while no thread runs with it. */
void weft__sys_tls_renew(void *pointer);

/* The end of the thread that runs with it, on its stack, before its last switch: destructors of
 * thread_local objects and of keys. They may wait. */
void weft__sys_tls_end(void);

/* The thread pointer. set: everything after it sees the other block, errno and weft__arch_self
 * too. Both async-signal-safe. */
void *weft__sys_tls_get(void);
void weft__sys_tls_set(void *pointer);

/* Sets one word of a block that is not in force: what weft__arch_self answers there. */
void weft__sys_tls_self_set(void *pointer, void *thread);

/* In fork's child, by the thread that called fork: the kernel's idea of the calling kernel thread (clear_child_tid,
 * robust list) is put back to the carrier's own block. */
void weft__sys_tls_forked(void *carrier_pointer);

#endif
