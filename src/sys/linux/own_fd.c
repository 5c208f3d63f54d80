/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that the runtime opens for itself while the program runs. By system calls alone, not
 * by the C library's functions: the thread sanitizer follows those, and to it a number that the
 * program used before is still the program's descriptor, and ours a race with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/linux/watch.h"

#define HIGH_FD 1000

int weft__own_fd_open(const char *path)
{
	return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

ssize_t weft__own_fd_read_line(int fd, char *out, size_t bytes)
{
	return (ssize_t)syscall(SYS_pread64, fd, out, bytes, (loff_t)0);
}

void weft__own_fd_close(int fd)
{
	syscall(SYS_close, fd);
}

/*
 * To where the program hardly comes, or to the upper half of the numbers: it may count on getting
 * the lowest one that it has closed.
 */
int weft__own_fd_move_up(int fd)
{
	rlim_t from = HIGH_FD;
	struct rlimit limit;
	int high = -1, error = EMFILE;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		if (from > limit.rlim_cur / 2)
			from = limit.rlim_cur / 2;
		high = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, from);
		error = errno;
	}
	weft__own_fd_close(fd);
	return high >= 0 ? high : -error;
}
