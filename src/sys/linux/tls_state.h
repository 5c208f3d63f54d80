/* SPDX-License-Identifier: MIT */
/*
 * What tls.c, tls_create.c and tls_life.c share, beside what a block has of theirs
 * (weft__arch_local):
 *
 *	own	the kernel thread's own block; whoever sets the block sets it
 *	used	some thread has begun with it
 *	epoch	in which process, counted by forks, the library knows of it
 */
#ifndef WEFT_SYS_LINUX_TLS_STATE_H
#define WEFT_SYS_LINUX_TLS_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "arch/arch.h"
#include "base/atomic.h"
#include "sys/linux/libc.h"

/* Atomic: forks between the first process and this one. */
extern uint32_t weft__tls_epoch;

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
