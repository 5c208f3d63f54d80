/* SPDX-License-Identifier: MIT */
/*
 * Stacks of user-level threads. A stack lies in a slot, a power of two from 32 KiB to 1 GiB:
 *
 *   slot                                                                       next slot
 *   | guard, 16 KiB | usable, grows down  <--  | control block | colour, under 2 KiB |
 *                   ^ control - usable         ^ *out_control
 *
 * The control block belongs to the caller. It shares the stack's top page with the first frames, so
 * a parked thread costs one page. The colour differs from slot to slot: otherwise all tops would
 * fall into the same sets of the CPU's cache.
 *
 * A slot's guard is made at its first use and stays. A stack that was given back keeps its pages
 * for a while (it is *warm*), up to 64 MiB of slots a size or an eighth of those in use; what is
 * above goes back to the kernel. Warm ones are taken first, the last one given back before the
 * others of its arena.
 *
 * Any kernel thread may call; nothing here waits. Design note: docs/design/0003-stacks.md.
 */
#ifndef WEFT_MEM_STACK_H
#define WEFT_MEM_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEFT__STACK_GUARD_BYTES ((size_t)16 << 10)
#define WEFT__STACK_BYTES_MIN ((size_t)32 << 10) /* a slot */
#define WEFT__STACK_BYTES_MAX ((size_t)1 << 30)  /* a slot */
#define WEFT__STACK_CONTROL_MAX ((size_t)60000)
#define WEFT__STACK_COLOUR_BYTES ((size_t)2048)

/*
 * A stack in a slot of `bytes`, rounded up, with room for a control block that begins a cache line.
 * Control block and stack may hold what an earlier user left. -EINVAL: over 1 GiB; -ENOMEM: no
 * address space or no memory; -EAGAIN: the kernel's limit on mappings (guards by mprotect, near
 * 32,000 stacks) or on locked memory; -ENOTSUP: the kernel's
 * pages are larger than a guard. Nothing is lost by a failure.
 */
int weft__stack_take(size_t bytes, size_t control_bytes, void **out_control, size_t *out_usable);

/* Gives it back; the caller runs on another one. A stranger's pointer, or a second time: the
 * program stops. */
void weft__stack_give(void *control);

/* Gives back to the kernel what is above the bound and was left for a batch. Nearly free when there
 * is nothing: for idle times. */
void weft__stack_settle(void);

struct weft__stack_place {
	char *slot; /* its first byte: the guard's */
	size_t slot_bytes;
	bool is_in_guard;
	bool is_in_use;
	void *control; /* NULL when not in use */
};

/* Which slot an address lies in. Async-signal-safe. False: none of ours. */
bool weft__stack_find(const void *address, struct weft__stack_place *out_place);

/*
 * Calls visit for the control block of each slot in use, until it returns other than 0, and returns
 * that. Others take and give meanwhile: a block may be new (not filled in), or no longer in use;
 * reading it never faults. Not for signal handlers.
 */
int weft__stack_walk(int (*visit)(void *arg, void *control), void *arg);

/* Between the two no address that has been a stack's is unmapped: for whoever looks at one that may
 * have been given back meanwhile. */
void weft__stack_hold(void);
void weft__stack_release(void);

/* In fork's child, by its one thread: stacks in use stay so; what is free in the parent is not
 * used. */
void weft__stack_forked(void);

/* Figures for tests and the curious, summed over all sizes; a snapshot. */
struct weft__stack_counts {
	size_t in_use;
	size_t warm;
	size_t arenas;
};
void weft__stack_count(struct weft__stack_counts *out_counts);

#endif
