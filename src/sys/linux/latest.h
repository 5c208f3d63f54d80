/* SPDX-License-Identifier: MIT */
/*
 * Latest: a setting in the kernel that several may change at once, from signal handlers too; the
 * last wish wins. Nobody waits: one carries out, and looks again before it goes whether the wish
 * is another by now; who finds somebody at it leaves the rest to that one.
 *
 *	wished	anybody writes
 *	busy	1: somebody carries out
 *
 * Why no wish is lost: who wishes writes `wished`, then swaps `busy`. If it finds 1, the one who is
 * at it has not yet put 0 there, and reads `wished` after it has; a full barrier stands between
 * the two on both sides.
 */
#ifndef WEFT_SYS_LINUX_LATEST_H
#define WEFT_SYS_LINUX_LATEST_H

#include <stdint.h>

#include "base/atomic.h"
#include "sys/sys.h"

struct weft__latest {
	int64_t wished; /* atomic */
	uint32_t busy;  /* atomic */
};

/* Nobody wishes; who reads meanwhile sees this or what was. */
static inline void weft__latest_init(struct weft__latest *latest)
{
	atomic_store_relaxed(&latest->wished, INT64_C(0));
	atomic_store_relaxed(&latest->busy, 0u);
}

static inline int64_t weft__latest_get(const struct weft__latest *latest)
{
	return atomic_load_relaxed(&latest->wished);
}

/* Nothing is done if that was the wish already. */
static inline void weft__latest_set(struct weft__latest *latest, int64_t wish,
				    void (*carry_out)(void *on, int64_t wish), void *on)
{
	int64_t done;

	if (atomic_swap_acq_rel(&latest->wished, wish) == wish)
		return;
	do {
		weft__sys_full_barrier(); /* LATEST */
		if (atomic_swap_acq_rel(&latest->busy, 1u) != 0)
			return;
		done = atomic_load_acquire(&latest->wished);
		carry_out(on, done);
		atomic_store_release(&latest->busy, 0u);
		weft__sys_full_barrier(); /* LATEST */
	} while (atomic_load_acquire(&latest->wished) != done);
}

#endif
