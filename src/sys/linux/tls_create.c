/* SPDX-License-Identifier: MIT */
/*
 * Blocks, as glibc wants them. The TLS of one is made by the dynamic linker, as pthread_create has
 * it made; the record is a copy of a real thread's (libc.c), and what must differ is filled in
 * here:
 *
 *   tid        unique, above the kernel's and below what fits in a mutex's owner word: 0 would make
 *              recursive mutexes not lock, another thread's would make the two share ownership
 *   list node  in the library's list of threads (dlopen fills in initial-exec TLS by it, dlclose
 *              waits by it), or linked to itself
 *   robust     the head of its list points to itself: the copy does, too
 *   stack      as the thread has it
 *   resolver   the record's own, not the one that all share
 *   ctype      pointers to the tables of the locale
 *   rseq       not registered: else sched_getcpu would answer 0 for ever
 */
#include <errno.h>
#include <string.h>

#include "sys/linux/tls_state.h"
#include "sys/tls.h"
#include "thread_pointer.h"

#define FIRST_TID ((1 << 22) + 1) /* the kernel's largest possible is below */

static int next_tid = FIRST_TID; /* atomic */

/* What lies below the thread pointer, which is aligned. */
size_t weft__tls_bytes_below(void)
{
	size_t mask = weft__libc.tls_align - 1;
	size_t below = WEFT__ARCH_TLS_IS_BELOW ? weft__libc.tls_bytes - weft__libc.record_bytes
					       : weft__libc.record_bytes;

	return (below + mask) & ~mask;
}

size_t weft__tls_bytes_above(void)
{
	return WEFT__ARCH_TLS_IS_BELOW ? weft__libc.record_bytes : weft__libc.tls_bytes;
}

static void copy_record(char *record)
{
	const struct weft__libc *libc = &weft__libc;

	memcpy(record, libc->pattern, libc->record_bytes);
	for (unsigned i = 0; i < libc->relocation_count; i++) {
		char *at = record + libc->relocations[i], *word;

		memcpy(&word, at, sizeof word);
		weft__tls_set_word(at, record + (word - libc->pattern_at));
	}
	memset(record + libc->tp_offset, 0, WEFT__ARCH_TLS_HEAD_BYTES);
}

static void fill_record(char *record, void *stack_low, size_t stack_bytes)
{
	const struct weft__libc *libc = &weft__libc;
	int tid = atomic_add_relaxed(&next_tid, 1);

	memcpy(record + libc->tid, &tid, sizeof tid);
	if (libc->stack_low != 0) {
		weft__tls_set_word(record + libc->stack_low, stack_low);
		memcpy(record + libc->stack_bytes, &stack_bytes, sizeof stack_bytes);
	}
}

static void fill_tls(char *record, char *tp)
{
	const struct weft__libc *libc = &weft__libc;
	const char *here = weft__arch_tp();

	for (int i = 0; i < 3; i++)
		memcpy(tp + libc->tls_ctype[i], here + libc->tls_ctype[i], sizeof(void *));
	if (libc->resolver != 0)
		weft__tls_set_word(tp + libc->tls_resolver, record + libc->resolver);
	if (libc->has_rseq) {
		const int32_t area[8] = { 0, -2 }; /* cpu_id_start, cpu_id; what is next: 0 */

		memcpy(tp + libc->tls_rseq, area, sizeof area);
	}
}

void weft__tls_link(void *tp)
{
	char *node = weft__tls_record_at(tp) + weft__libc.node;

	weft__libc_link((struct weft__libc_node *)(void *)node);
	weft__arch_local_at(tp)->epoch = atomic_load_relaxed(&weft__tls_epoch);
}

int weft__sys_tls_create(void *at, void *stack_low, size_t stack_bytes, void **out_pointer)
{
	char *tp = (char *)at + weft__tls_bytes_below(), *record = weft__tls_record_at(tp);

	copy_record(record);
	if (weft__libc.allocate_tls(tp) == NULL)
		return -ENOMEM;
	fill_record(record, stack_low, stack_bytes);
	fill_tls(record, tp);
	*weft__arch_local_at(tp) = (struct weft__arch_local){ .own = NULL };
	weft__tls_link(tp);
	*out_pointer = tp;
	return 0;
}
