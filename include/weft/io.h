/* SPDX-License-Identifier: MIT */
/*
 * I/O on file descriptors: the POSIX calls, waiting as a thread of weft waits. Each call tries
 * first and parks only when the kernel would block. Every call that can wait has a form with a
 * deadline (`…_until`).
 *
 * Each call that can wait is a cancellation point (<weft/cancel.h>), and looks before it tries:
 * -ECANCELED, and nothing was read, written, sent, accepted; the descriptor is as good as before.
 *
 * Descriptors that weft opened (weft_open, weft_pipe, weft_socket, weft_accept …) or adopted are
 * non-blocking and have an entry in weft's table until weft_close. Others may be used too: weft
 * waits for readiness and then makes the plain call, so somebody else who reads the same descriptor
 * at the same moment can make that call block; adopt it to be safe.
 *
 * Closing: weft_close, which is no cancellation point, wakes every thread that waits on the
 * descriptor with -EBADF. The number itself goes back to the kernel when the last call that uses it
 * has left, so none of them ever touches a stranger's descriptor of the same number.
 *
 * A kernel thread that must wait for the first time opens a descriptor to be woken by: -EMFILE,
 * -ENFILE or -ENOMEM if there is none. A user or light thread waits in its scheduler's poller:
 * -ENOMEM or -ENOSPC (fs.epoll.max_user_watches) if that takes no more.
 *
 * Example:
 *
 *	// Reads up to the end of the file; each part has a second to come.
 *	ssize_t read_to_end(int fd, char *out_text, size_t bytes)
 *	{
 *		size_t have = 0;
 *		ssize_t got;
 *
 *		while (have < bytes) {
 *			got = weft_read_until(fd, out_text + have, bytes - have,
 *					      weft_now() + WEFT_SECOND);
 *			if (got < 0)
 *				return got; // -ETIMEDOUT, or what read(2) says
 *			if (got == 0)
 *				break;
 *			have += got;
 *		}
 *		return have;
 *	}
 */
#ifndef WEFT_IO_H
#define WEFT_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <weft/api.h>

WEFT_API_BEGIN

#define WEFT_READABLE 1
#define WEFT_WRITABLE 2

/* open(2), close-on-exec. Returns a descriptor; what open(2) says; -ENOMEM. A regular file is read
 * and written by plain calls, which may wait for the disk. A FIFO is opened without waiting for its
 * other end; for writing, -ENXIO while nobody reads. */
WEFT_API int weft_open(const char *path, int flags, unsigned mode);

/* Takes a descriptor of the caller's into weft's table and sets O_NONBLOCK on it. Returns 0;
 * -EBADF; -EEXIST: it is there already; -ENOMEM. */
WEFT_API int weft_fd_adopt(int fd);

/* Closes any descriptor; see above. Never waits. Returns 0; -EBADF: not open, or somebody has
 * closed it already; what close(2) says if nobody else was using it. */
WEFT_API int weft_close(int fd);

/* A pipe: out_fds[0] reads, out_fds[1] writes; both non-blocking and close-on-exec. Returns 0;
 * -EMFILE, -ENFILE, -ENOMEM. */
WEFT_API int weft_pipe(int out_fds[2]);

/* Read and write as POSIX: the number of bytes, which may be fewer than asked; 0 is the end of
 * file; -EBADF: closed meanwhile; -ETIMEDOUT; -EPIPE (no SIGPIPE is raised on a socket). EINTR is
 * never returned. A deadline in the past only tries. Of more parts than IOV_MAX the first IOV_MAX
 * are used; -EINVAL: fewer than none. Of calls that need not wait, every 256th in a row yields. */
WEFT_API ssize_t weft_read(int fd, void *out_buffer, size_t bytes);
WEFT_API ssize_t weft_read_until(int fd, void *out_buffer, size_t bytes, int64_t deadline_ns);
WEFT_API ssize_t weft_write(int fd, const void *buffer, size_t bytes);
WEFT_API ssize_t weft_write_until(int fd, const void *buffer, size_t bytes, int64_t deadline_ns);
WEFT_API ssize_t weft_readv(int fd, const struct iovec *parts, int part_count);
WEFT_API ssize_t weft_readv_until(int fd, const struct iovec *parts, int part_count,
				  int64_t deadline_ns);
WEFT_API ssize_t weft_writev(int fd, const struct iovec *parts, int part_count);
WEFT_API ssize_t weft_writev_until(int fd, const struct iovec *parts, int part_count,
				   int64_t deadline_ns);

/* Writes all of it. Returns 0, or the error that stopped it (-ETIMEDOUT and -ECANCELED too: part of
 * it may have been written by then); how much had been written is not told. */
WEFT_API int weft_write_all(int fd, const void *buffer, size_t bytes);
WEFT_API int weft_write_all_until(int fd, const void *buffer, size_t bytes, int64_t deadline_ns);

/* sendfile(2) from a file to a socket or pipe. *offset moves on by what was sent. Returns the
 * number of bytes, which may be fewer than asked; 0 at the file's end; errors as write (no SIGPIPE
 * is raised). */
WEFT_API ssize_t weft_sendfile(int out_fd, int in_fd, off_t *offset, size_t bytes);
WEFT_API ssize_t weft_sendfile_until(int out_fd, int in_fd, off_t *offset, size_t bytes,
				     int64_t deadline_ns);

/* Waits until the descriptor is ready for one of `wanted` (WEFT_READABLE | WEFT_WRITABLE; an error
 * or a hang-up counts as ready for both). Returns which it is ready for; -EBADF; -EPERM: a kind of
 * descriptor that is always ready; -EINVAL: `wanted`; -ECANCELED; _try: 0 if for none, and never
 * -ECANCELED; _until: -ETIMEDOUT. */
WEFT_API int weft_fd_wait(int fd, int wanted);
WEFT_API int weft_fd_wait_try(int fd, int wanted);
WEFT_API int weft_fd_wait_until(int fd, int wanted, int64_t deadline_ns);

WEFT_API_END

#endif
