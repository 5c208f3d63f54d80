/* SPDX-License-Identifier: MIT */
/* Descriptors: the calls of those names, and the ones that never wait. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sys/linux/force.h"
#include "sys/sys.h"

static ssize_t answer(ssize_t rc)
{
	return rc >= 0 ? rc : -errno;
}

int weft__sys_open(const char *path, int flags, unsigned mode)
{
	return (int)answer(open(path, flags | O_CLOEXEC, (mode_t)mode));
}

int weft__sys_close(int fd)
{
	return (int)answer(close(fd));
}

int weft__sys_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	if (flags & O_NONBLOCK)
		return 0;
	return (int)answer(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

bool weft__sys_is_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_NONBLOCK);
}

static bool is_kind(int fd, mode_t kind)
{
	struct stat status;

	return fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == kind;
}

bool weft__sys_is_socket(int fd)
{
	return is_kind(fd, S_IFSOCK);
}

bool weft__sys_is_file(int fd)
{
	return is_kind(fd, S_IFREG);
}

int weft__sys_pipe(int out_fds[2])
{
	return (int)answer(pipe2(out_fds, O_CLOEXEC | O_NONBLOCK));
}

ssize_t weft__sys_read(int fd, void *out, size_t bytes)
{
	return answer(read(fd, out, bytes));
}

ssize_t weft__sys_write(int fd, const void *from, size_t bytes)
{
	return answer(write(fd, from, bytes));
}

ssize_t weft__sys_readv(int fd, const struct iovec *parts, int count)
{
	return answer(readv(fd, parts, count));
}

ssize_t weft__sys_writev(int fd, const struct iovec *parts, int count)
{
	return answer(writev(fd, parts, count));
}

/* Whether the kind of descriptor knows RWF_NOWAIT (pipes since Linux 6.4; terminals do not). */
static bool knows_nowait(ssize_t rc)
{
	return rc >= 0 || (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS);
}

static bool is_ready(int fd, short wanted)
{
	struct pollfd polled = { .fd = fd, .events = wanted };

	return poll(&polled, 1, 0) != 0;
}

/* Another reader may take what poll saw, and the read then waits: the kernel offers no better
 * here. */
ssize_t weft__sys_readv_now(int fd, const struct iovec *parts, int count)
{
	if (!weft__sys_force.no_nowait) {
		ssize_t rc = preadv2(fd, parts, count, -1, RWF_NOWAIT);

		if (knows_nowait(rc))
			return answer(rc);
	}
	if (!is_ready(fd, POLLIN))
		return -EAGAIN;
	return answer(readv(fd, parts, count));
}

/* A pipe that poll calls writable takes PIPE_BUF bytes without waiting, and no promise beyond. */
ssize_t weft__sys_writev_now(int fd, const struct iovec *parts, int count)
{
	if (!weft__sys_force.no_nowait) {
		ssize_t rc = pwritev2(fd, parts, count, -1, RWF_NOWAIT);

		if (knows_nowait(rc))
			return answer(rc);
	}
	if (!is_ready(fd, POLLOUT))
		return -EAGAIN;
	while (count > 1 && parts->iov_len == 0) {
		parts++;
		count--;
	}
	if (count <= 0)
		return 0;
	return answer(
		write(fd, parts->iov_base, parts->iov_len < PIPE_BUF ? parts->iov_len : PIPE_BUF));
}

static bool is_pending(int number)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, number) == 1;
}

/* sendfile(2) has no MSG_NOSIGNAL: the signal is blocked meanwhile, and ours is taken back out. */
ssize_t weft__sys_sendfile(int out_fd, int in_fd, off_t *offset, size_t bytes)
{
	static const struct timespec at_once;
	sigset_t pipe_signal, before;
	bool was_pending;
	ssize_t rc;

	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
	was_pending = is_pending(SIGPIPE);
	rc = answer(sendfile(out_fd, in_fd, offset, bytes));
	if (rc == -EPIPE && !was_pending)
		(void)sigtimedwait(&pipe_signal, NULL, &at_once);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* The kernel's own bound; a process with the right to may raise its limit up to there. */
int weft__sys_fd_limit(void)
{
	struct rlimit limit;
	long most = 0;
	FILE *file = fopen("/proc/sys/fs/nr_open", "re");

	if (file != NULL) {
		if (fscanf(file, "%ld", &most) != 1)
			most = 0;
		fclose(file);
	}
	if (most <= 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max != RLIM_INFINITY)
		most = (long)limit.rlim_max;
	if (most <= 0 || most > INT_MAX)
		most = 1 << 20;
	return (int)most;
}
