/* SPDX-License-Identifier: MIT */
/*
 * What tls.c, tls_create.c and tls_life.c share.
 *
 * The address of a thread_local must not outlive a change of the thread pointer, and compilers keep
 * it: so ours are reached by their distance from a thread pointer that is named each time.
 */
#ifndef WEFT_SYS_LINUX_TLS_STATE_H
#define WEFT_SYS_LINUX_TLS_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/atomic.h"
#include "sys/linux/libc.h"

/* A block's. */
struct weft__tls_state {
	char *own;      /* the kernel thread's own block; whoever sets the block sets it */
	uint32_t used;  /* some thread has begun with it */
	uint32_t epoch; /* in which process, counted by forks, the library knows of it */
};

struct weft__tls {
	/* constant once looked */
	ptrdiff_t state, self; /* from the thread pointer: ours, and weft__arch_current */
	bool is_fast;          /* the thread pointer takes no system call */
	uint32_t epoch;        /* atomic: forks between the first process and this one */
};

extern struct weft__tls weft__tls;

static inline struct weft__tls_state *weft__tls_state_at(void *tp)
{
	return (struct weft__tls_state *)(void *)((char *)tp + weft__tls.state);
}

static inline char *weft__tls_record_at(void *tp)
{
	return (char *)tp - weft__libc.tp_offset;
}

static inline void weft__tls_set_word(char *at, const void *word)
{
	memcpy(at, &word, sizeof word);
}

/* tls_create.c */
void weft__tls_link(void *tp);
size_t weft__tls_bytes_below(void);
size_t weft__tls_bytes_above(void);

/* tls_life.c. Whether it is a kernel thread's own; in fork's child. */
bool weft__tls_is_own(void *tp);
void weft__tls_forked(void);

#endif
