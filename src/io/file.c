/* SPDX-License-Identifier: MIT */
/* Files and pipes: how their descriptors come to be, and sendfile. */
#include <errno.h>
#include <fcntl.h>
#include <weft/io.h>
#include <weft/time.h>

#include "io/call.h"

/* At a time, to a blocking descriptor that is ready for writing: most pipes and sockets then take
 * as much without waiting. */
#define CAREFUL_BYTES 4096

int weft_open(const char *path, int flags, unsigned mode)
{
	int fd;

	do
		fd = weft__sys_open(path, flags | O_NONBLOCK, mode);
	while (fd == -EINTR);
	if (fd < 0)
		return fd;
	return weft__fd_open(fd, weft__sys_is_file(fd) ? WEFT__FD_FILE : WEFT__FD_STREAM);
}

int weft_fd_adopt(int fd)
{
	int error = weft__sys_nonblock(fd);

	return error < 0 ? error : weft__fd_adopt(fd);
}

int weft_pipe(int out_fds[2])
{
	int fds[2];
	int error = weft__sys_pipe(fds);

	if (error < 0)
		return error;
	error = weft__fd_open(fds[0], WEFT__FD_STREAM);
	if (error < 0) {
		weft__sys_close(fds[1]);
		return error;
	}
	error = weft__fd_open(fds[1], WEFT__FD_STREAM);
	if (error < 0) {
		weft_close(fds[0]);
		return error;
	}
	out_fds[0] = fds[0];
	out_fds[1] = fds[1];
	return 0;
}

struct sending {
	int in_fd;
	off_t *offset;
	size_t bytes;
};

static ssize_t attempt_sendfile(struct weft__use *use, void *arg)
{
	struct sending *sending = arg;
	size_t bytes = sending->bytes;

	if (!use->owned && !use->plain) {
		int ready = weft__sys_poll(use->fd, WEFT__POLL_WRITE, -1, 0);

		if (ready <= 0)
			return ready == -ETIMEDOUT || ready == 0 ? -EAGAIN : ready;
		if (bytes > CAREFUL_BYTES && !weft__sys_is_nonblock(use->fd))
			bytes = CAREFUL_BYTES;
	}
	return weft__sys_sendfile(use->fd, sending->in_fd, sending->offset, bytes);
}

ssize_t weft_sendfile_until(int out_fd, int in_fd, off_t *offset, size_t bytes, int64_t deadline_ns)
{
	struct sending sending = { in_fd, offset, bytes };
	struct weft__use in;
	ssize_t result = weft__fd_begin(in_fd, &in);

	if (result < 0)
		return result;
	result = weft__call(out_fd, &(struct weft__call){ attempt_sendfile, &sending, "write",
							  deadline_ns, WEFT__POLL_WRITE, false });
	weft__fd_end(&in);
	return result;
}

ssize_t weft_sendfile(int out_fd, int in_fd, off_t *offset, size_t bytes)
{
	return weft_sendfile_until(out_fd, in_fd, offset, bytes, WEFT_FOREVER);
}
