/* SPDX-License-Identifier: MIT */
/*
 * What is known of the C library that this process runs with, for tls.c: found out once, by
 * libc.c, from data that the library offers to debuggers (_thread_db_*) and by looking at a thread
 * that it made itself. Nothing here is a constant of one version. All constant after
 * weft__libc_learn has answered 0.
 *
 * A block: its record (what pthread_self points to) and, at the thread pointer, its TLS. All
 * offsets are bytes from the record, tls_… from the thread pointer.
 */
#ifndef WEFT_SYS_LINUX_LIBC_H
#define WEFT_SYS_LINUX_LIBC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEFT__LIBC_RELOCATIONS_MAX 64

/* The library's own doubly linked list. */
struct weft__libc_node {
	struct weft__libc_node *next, *prev;
};

struct weft__libc {
	/* sizes */
	size_t record_bytes;
	size_t tls_bytes, tls_align;
	ptrdiff_t tp_offset; /* of the thread pointer */

	/* of the record */
	size_t tid, node, cancelling, specific, dtv;
	size_t robust_head, robust_back;
	size_t stack_low, stack_bytes; /* 0: not known */
	size_t resolver;               /* 0: not known */

	/* What a thread's record holds when it begins to run: the words at `relocations` point into
	 * itself. */
	char *pattern;
	char *pattern_at; /* where it lay */
	unsigned relocation_count;
	size_t relocations[WEFT__LIBC_RELOCATIONS_MAX];

	/* of the TLS */
	ptrdiff_t tls_resolver; /* 0: none */
	ptrdiff_t tls_ctype[3]; /* of the three tables' pointers */
	bool has_rseq;
	ptrdiff_t tls_rseq;

	/* keys: the table of destructors, and the two levels of values */
	const char *keys;
	size_t key_bytes, key_sequence, key_destructor;
	size_t value_bytes, value_sequence, value_data;
	size_t values_a_level;
	unsigned levels;
	size_t has_values; /* of the record: a byte, 0: none was ever set; 0: not known */

	/* dtv: where a block has which module's part */
	size_t dtv_bytes, dtv_value; /* of an entry */

	/* The dynamic linker's list of modules by number, in stretches, and how far from the thread
	 * pointer a module's part is (0, -1: it differs). */
	char **slots;
	size_t slots_next, slots_count, slots_first;
	size_t slot_bytes, slot_map, slot_age;
	size_t map_offset;

	/* The list of threads whose stacks are not the library's, and its lock; NULL: it is not
	 * known for sure. */
	struct weft__libc_node *threads;
	uint32_t *threads_lock;

	/* functions */
	void *(*allocate_tls)(void *tp);
	void *(*allocate_tls_init)(void *tp, bool is_main);
	void (*call_tls_dtors)(void);
};

extern struct weft__libc weft__libc;

/* One caller at a time. 0; -ENOTSUP, and *out_why says why; -ENOMEM, -EAGAIN. Ends the library's
 * single-threaded mode. */
int weft__libc_learn(const char **out_why);

/* libc_list.c. Of the record; by a held thread, which waits for the library's own lock. */
void weft__libc_link(struct weft__libc_node *node);
/* Whether the word at `lock` is it: makes `take`, which takes the library's lock, wait for it. */
bool weft__libc_is_lock(uint32_t *lock, void (*start)(void *), bool (*is_done)(void *), void *arg);

/* libc_keys.c: finds the table; false: not found. Runs the calling thread's destructors. */
bool weft__libc_find_keys(struct weft__libc *libc);
void weft__libc_run_keys(char *record);
/* Of the calling thread's record, which is new. */
void weft__libc_find_flag(struct weft__libc *libc, const char *record);

/* libc_images.c: what a new thread's thread_locals hold. */
int weft__libc_find_images(void);
void weft__libc_reset_images(char *record); /* of the calling thread's block */
/* The library's own part of the calling thread's TLS. */
void weft__libc_own_image(char **out_at, size_t *out_bytes);

#endif
