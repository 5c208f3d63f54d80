/* SPDX-License-Identifier: MIT */
/*
 * A spin lock: one word, 0 when free. For sections of a few dozen instructions without a system
 * call; whoever finds it taken for long gives the CPU away, because the holder may be a kernel
 * thread that the kernel has stopped. Not fair, not recursive; no thread of ours waits (parks)
 * while it holds one, nor calls malloc or anything else that takes a lock of the C library: its
 * holder may wait for the CPU that we spin on. Whoever holds one is not switched away by force
 * (arch/hold.h).
 */
#ifndef WEFT_SYS_SPIN_H
#define WEFT_SYS_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/hold.h"
#include "base/atomic.h"
#include "base/compiler.h"
#include "sys/sys.h"

#define WEFT__SPIN_ROUNDS 100

static inline bool weft__spin_try(uint32_t *lock)
{
	return atomic_swap_acquire(lock, 1u) == 0; /* pairs with SPIN-UNLOCK */
}

static weft__noinline __attribute__((unused)) void weft__spin_lock_slow(uint32_t *lock)
{
	int rounds = 0;

	for (;;) {
		/* Waits by reading: the line stays shared until the holder writes it. */
		while (atomic_load_relaxed(lock) != 0) {
			if (++rounds % WEFT__SPIN_ROUNDS == 0)
				weft__sys_thread_yield();
			else
				weft__arch_relax();
		}
		if (weft__spin_try(lock))
			return;
	}
}

static inline void weft__spin_lock(uint32_t *lock)
{
	weft__hold();
	if (unlikely(!weft__spin_try(lock)))
		weft__spin_lock_slow(lock);
}

/* Of a lock that another thread of this carrier took, and went. */
static inline void weft__spin_unlock_for(uint32_t *lock)
{
	atomic_store_release(lock, 0u); /* SPIN-UNLOCK: pairs with weft__spin_try */
}

static inline void weft__spin_unlock(uint32_t *lock)
{
	weft__spin_unlock_for(lock);
	weft__release();
}

#endif
