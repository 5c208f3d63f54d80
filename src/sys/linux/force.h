/* SPDX-License-Identifier: MIT */
/*
 * What a test may force on this floor: an older kernel, an emulator, the end of a resource. All
 * zero: nothing. Written only while one kernel thread runs; read on cold paths.
 */
#ifndef WEFT_SYS_LINUX_FORCE_H
#define WEFT_SYS_LINUX_FORCE_H

#include <stdbool.h>

#include "base/atomic.h"

struct weft__sys_force {
	/* as an older or a sandboxed kernel would */
	bool no_madvise_guard;   /* MADV_GUARD_INSTALL: -EINVAL */
	bool idle_madvise_guard; /* it answers 0 and installs nothing */
	bool no_madvise_many;    /* process_madvise on oneself: -EBADF */
	bool no_discard_locked;  /* MADV_DONTNEED_LOCKED: -EINVAL */
	bool no_pwait2;          /* epoll_pwait2: -ENOSYS */
	bool no_nowait;          /* RWF_NOWAIT: -EOPNOTSUPP */
	int mapping_max;         /* guards by mprotect; 0: as the kernel's limit allows */

	/* n > 0: the n-th call from now fails, once */
	int fail_reserve, fail_guard, fail_thread, fail_poller;
};

extern struct weft__sys_force weft__sys_force;

/* guard.c: as if no guard had been installed yet. */
void weft__sys_guard_forget(void);

/* Counts one call down; true: this one fails. */
static inline bool weft__sys_force_fails(int *countdown)
{
	return atomic_load_relaxed(countdown) > 0 && atomic_add_relaxed(countdown, -1) == 1;
}

#endif
