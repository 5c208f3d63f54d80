/* SPDX-License-Identifier: MIT */
/*
 * Atomic operations whose names say their order. They work on plain integers and pointers, so that
 * public structs hold plain fields; a field that is touched by these is touched by nothing else
 * while it is shared.
 *
 * weft__atomic_point comes from the include path: nothing on a real machine; under the simulator
 * the place where another kernel thread may run. An access that is not shared (a plain field) has
 * none.
 */
#ifndef WEFT_BASE_ATOMIC_H
#define WEFT_BASE_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#include "atomic_point.h"

#define atomic_load_relaxed(at) (weft__atomic_point(), __atomic_load_n((at), __ATOMIC_RELAXED))
#define atomic_load_acquire(at) (weft__atomic_point(), __atomic_load_n((at), __ATOMIC_ACQUIRE))

#define atomic_store_relaxed(at, value) \
	(weft__atomic_point(), __atomic_store_n((at), (value), __ATOMIC_RELAXED))
#define atomic_store_release(at, value) \
	(weft__atomic_point(), __atomic_store_n((at), (value), __ATOMIC_RELEASE))

#define atomic_swap_acq_rel(at, value) \
	(weft__atomic_point(), __atomic_exchange_n((at), (value), __ATOMIC_ACQ_REL))
#define atomic_swap_acquire(at, value) \
	(weft__atomic_point(), __atomic_exchange_n((at), (value), __ATOMIC_ACQUIRE))

/* Both answer whether they stored; *seen becomes what was there if not (failure order: acquire, or
 * relaxed). */
#define atomic_cas_acq_rel(at, seen, value)                                              \
	(weft__atomic_point(), __atomic_compare_exchange_n((at), (seen), (value), false, \
							   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
#define atomic_cas_acquire(at, seen, value)                                              \
	(weft__atomic_point(), __atomic_compare_exchange_n((at), (seen), (value), false, \
							   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
#define atomic_cas_release(at, seen, value)                                              \
	(weft__atomic_point(), __atomic_compare_exchange_n((at), (seen), (value), false, \
							   __ATOMIC_RELEASE, __ATOMIC_RELAXED))

#define atomic_add_relaxed(at, n) \
	(weft__atomic_point(), __atomic_fetch_add((at), (n), __ATOMIC_RELAXED))
#define atomic_add_acq_rel(at, n) \
	(weft__atomic_point(), __atomic_fetch_add((at), (n), __ATOMIC_ACQ_REL))
#define atomic_sub_acq_rel(at, n) \
	(weft__atomic_point(), __atomic_fetch_sub((at), (n), __ATOMIC_ACQ_REL))
#define atomic_or_acq_rel(at, bits) \
	(weft__atomic_point(), __atomic_fetch_or((at), (bits), __ATOMIC_ACQ_REL))

/* Adds without a locked instruction: for a counter with one writer that others may read. */
#define atomic_bump(at, n) \
	__atomic_store_n((at), __atomic_load_n((at), __ATOMIC_RELAXED) + (n), __ATOMIC_RELAXED)

/* Orders the compiler only; its partner is weft__sys_heavy_barrier. */
#define atomic_compiler_barrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/*
 * Orders what is before it with what is behind it, a store with a load too. (An atomic operation on
 * some word of one's own does that on x86-64 only. Spelt this way it is known to the thread
 * sanitizer.)
 */
#define atomic_full_fence() __sync_synchronize()

#endif
