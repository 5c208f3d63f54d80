/* SPDX-License-Identifier: MIT */
/*
 * What a test may force on this floor: an older kernel, an emulator, the end of a resource. All
 * zero: nothing. Written only while one kernel thread runs; read on cold paths. A few can be forced
 * from outside, by the environment: whole programs are tested without them.
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
	bool no_perf_tick;       /* ticks by timers; WEFT_FORCE_TICK=timer */
	bool no_perf_watch;      /* no rings of context switches; WEFT_FORCE_WATCH=clock */
	bool no_clock_watch;     /* nor CPU clocks; WEFT_FORCE_WATCH=proc */
	bool no_fsgsbase;        /* the thread pointer by a system call; WEFT_FORCE_FSGSBASE=0 */
	int mapping_max;         /* guards by mprotect; 0: as the kernel's limit allows */
	int frame_bytes;         /* of a signal; 0: as the kernel says */

	/* as another C library would: what it does not offer to user threads. A symbol's name;
	 * "list": its list of threads; "none": all of it. WEFT_FORCE_TLS=… */
	const char *lacking;

	/* atomic. n > 0: the n-th call from now fails, once, of whatever kernel thread */
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
