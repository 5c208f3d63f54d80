/* SPDX-License-Identifier: MIT */
/* Read and write. */
#include <errno.h>
#include <limits.h>
#include <weft/io.h>
#include <weft/time.h>

#include "base/compiler.h"
#include "io/call.h"

struct transfer {
	/* what is left */
	struct iovec one;
	const struct iovec *parts;
	int part_count;
};

/*
 * What nobody owns may be a blocking descriptor. Sockets have calls that never wait all the same;
 * for the rest the kernel is asked as well as can be. A file says "would block" when it is not in
 * memory: then there is nothing but the plain call.
 */
static bool is_careful(struct weft__use *use)
{
	return !use->owned && !use->plain;
}

static ssize_t seen_to_be_file(struct weft__use *use, ssize_t result)
{
	if (result == -EAGAIN && weft__sys_is_file(use->fd)) {
		use->plain = true;
		return -EINTR;
	}
	return result;
}

static ssize_t attempt_read(struct weft__use *use, void *arg)
{
	struct transfer *transfer = arg;

	if (weft__fd_kind(use) == WEFT__FD_SOCKET)
		return weft__sys_recv(use->fd, transfer->one.iov_base, transfer->one.iov_len);
	if (unlikely(is_careful(use)))
		return seen_to_be_file(use, weft__sys_readv_now(use->fd, &transfer->one, 1));
	return weft__sys_read(use->fd, transfer->one.iov_base, transfer->one.iov_len);
}

static ssize_t attempt_readv(struct weft__use *use, void *arg)
{
	struct transfer *transfer = arg;

	if (weft__fd_kind(use) == WEFT__FD_SOCKET)
		return weft__sys_recvv(use->fd, transfer->parts, transfer->part_count);
	if (unlikely(is_careful(use)))
		return seen_to_be_file(use, weft__sys_readv_now(use->fd, transfer->parts,
								transfer->part_count));
	return weft__sys_readv(use->fd, transfer->parts, transfer->part_count);
}

static ssize_t attempt_write(struct weft__use *use, void *arg)
{
	struct transfer *transfer = arg;

	if (weft__fd_kind(use) == WEFT__FD_SOCKET)
		return weft__sys_send(use->fd, transfer->one.iov_base, transfer->one.iov_len);
	if (unlikely(is_careful(use)))
		return seen_to_be_file(use, weft__sys_writev_now(use->fd, &transfer->one, 1));
	return weft__sys_write(use->fd, transfer->one.iov_base, transfer->one.iov_len);
}

static ssize_t attempt_writev(struct weft__use *use, void *arg)
{
	struct transfer *transfer = arg;

	if (weft__fd_kind(use) == WEFT__FD_SOCKET)
		return weft__sys_sendv(use->fd, transfer->parts, transfer->part_count);
	if (unlikely(is_careful(use)))
		return seen_to_be_file(use, weft__sys_writev_now(use->fd, transfer->parts,
								 transfer->part_count));
	return weft__sys_writev(use->fd, transfer->parts, transfer->part_count);
}

/* All of it, with one hold on the descriptor: between two parts it must not become another's. */
static ssize_t attempt_write_all(struct weft__use *use, void *arg)
{
	struct transfer *transfer = arg;

	while (transfer->one.iov_len > 0) {
		ssize_t written = attempt_write(use, arg);

		if (written < 0)
			return written;
		transfer->one.iov_base = (char *)transfer->one.iov_base + written;
		transfer->one.iov_len -= (size_t)written;
	}
	return 0;
}

ssize_t weft_read_until(int fd, void *out_buffer, size_t bytes, int64_t deadline_ns)
{
	struct transfer transfer = { .one = { out_buffer, bytes } };

	return weft__call(fd, &(struct weft__call){ attempt_read, &transfer, "read", deadline_ns,
						    WEFT__POLL_READ, false });
}

ssize_t weft_write_until(int fd, const void *buffer, size_t bytes, int64_t deadline_ns)
{
	struct transfer transfer = { .one = { (void *)buffer, bytes } };

	return weft__call(fd, &(struct weft__call){ attempt_write, &transfer, "write", deadline_ns,
						    WEFT__POLL_WRITE, false });
}

int weft_write_all_until(int fd, const void *buffer, size_t bytes, int64_t deadline_ns)
{
	struct transfer transfer = { .one = { (void *)buffer, bytes } };

	return (int)weft__call(fd, &(struct weft__call){ attempt_write_all, &transfer, "write",
							 deadline_ns, WEFT__POLL_WRITE, false });
}

/* The kernel takes so many parts and no more. */
static int part_count_of(int part_count)
{
	return part_count > IOV_MAX ? IOV_MAX : part_count;
}

ssize_t weft_readv_until(int fd, const struct iovec *parts, int part_count, int64_t deadline_ns)
{
	struct transfer transfer = { .parts = parts, .part_count = part_count_of(part_count) };

	if (part_count < 0)
		return -EINVAL;
	return weft__call(fd, &(struct weft__call){ attempt_readv, &transfer, "read", deadline_ns,
						    WEFT__POLL_READ, false });
}

ssize_t weft_writev_until(int fd, const struct iovec *parts, int part_count, int64_t deadline_ns)
{
	struct transfer transfer = { .parts = parts, .part_count = part_count_of(part_count) };

	if (part_count < 0)
		return -EINVAL;
	return weft__call(fd, &(struct weft__call){ attempt_writev, &transfer, "write", deadline_ns,
						    WEFT__POLL_WRITE, false });
}

ssize_t weft_read(int fd, void *out_buffer, size_t bytes)
{
	return weft_read_until(fd, out_buffer, bytes, WEFT_FOREVER);
}

ssize_t weft_write(int fd, const void *buffer, size_t bytes)
{
	return weft_write_until(fd, buffer, bytes, WEFT_FOREVER);
}

int weft_write_all(int fd, const void *buffer, size_t bytes)
{
	return weft_write_all_until(fd, buffer, bytes, WEFT_FOREVER);
}

ssize_t weft_readv(int fd, const struct iovec *parts, int part_count)
{
	return weft_readv_until(fd, parts, part_count, WEFT_FOREVER);
}

ssize_t weft_writev(int fd, const struct iovec *parts, int part_count)
{
	return weft_writev_until(fd, parts, part_count, WEFT_FOREVER);
}
