/* SPDX-License-Identifier: MIT */
/*
 * Perf events, as far as a program may have them without privileges: software events of its own
 * kernel threads that leave the kernel out (perf_event_paranoid 2). Containers and Debian's 3
 * forbid them; that does not change while a program runs, so it is asked once.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/atomic.h"
#include "sys/linux/watch.h"

static bool is_forbidden; /* atomic; becomes true at most once */

int weft__perf_open(const struct perf_event_attr *event, int tid)
{
	int fd;

	if (atomic_load_relaxed(&is_forbidden))
		return -EACCES;
	fd = (int)syscall(SYS_perf_event_open, event, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd >= 0)
		return weft__own_fd_move_up(fd);
	if (errno == EACCES || errno == EPERM || errno == ENOSYS)
		atomic_store_relaxed(&is_forbidden, true);
	return -errno;
}

int weft__perf_warm(void)
{
	struct perf_event_attr event = {
		.size = sizeof event,
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.disabled = 1,
	};

	return weft__perf_open(&event, 0);
}

bool weft__perf_is_forbidden(void)
{
	return atomic_load_relaxed(&is_forbidden);
}
