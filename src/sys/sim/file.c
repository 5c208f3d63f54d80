/* SPDX-License-Identifier: MIT */
/* The table of descriptors, and the calls that look at any kind of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sys/sim/file.h"

#define FDS_MAX 4096
#define FIRST_FD 3
#define PLAIN_BYTES 10000

static struct weft__sim_file *table[FDS_MAX];

void weft__sim_files_start(void)
{
	memset(table, 0, sizeof table);
	if (weft__sim.options.fds_max > FDS_MAX)
		weft__sim.options.fds_max = FDS_MAX;
}

unsigned weft__sim_files_open(void)
{
	unsigned count = 0;

	for (unsigned i = FIRST_FD; i < weft__sim.options.fds_max; i++)
		count += table[i] != NULL;
	return count;
}

/* At the end of a run the memory is all that matters. */
void weft__sim_files_drop(void)
{
	weft__sim.action_count = 0;
	for (unsigned i = FIRST_FD; i < weft__sim.options.fds_max; i++)
		if (table[i] != NULL)
			weft__sim_file_put(table[i]);
	memset(table, 0, sizeof table);
}

struct weft__sim_file *weft__sim_file_make(enum weft__sim_kind kind)
{
	struct weft__sim_file *file = calloc(1, sizeof *file);

	weft__assert(file != NULL);
	file->kind = kind;
	file->refs = 1;
	return file;
}

bool weft__sim_file_room(unsigned numbers)
{
	unsigned free_count = 0;

	if (weft__sim_fault(weft__sim.options.fail_open))
		return false;
	for (unsigned i = FIRST_FD; i < weft__sim.options.fds_max && free_count < numbers; i++)
		free_count += table[i] == NULL;
	return free_count == numbers;
}

int weft__sim_file_number(struct weft__sim_file *file)
{
	for (unsigned i = FIRST_FD; i < weft__sim.options.fds_max; i++)
		if (table[i] == NULL) {
			table[i] = file;
			return (int)i;
		}
	weft__assert(!"a descriptor is free");
	return -EMFILE;
}

void weft__sim_file_each(void (*visit)(struct weft__sim_file *, void *), void *arg)
{
	for (unsigned i = FIRST_FD; i < weft__sim.options.fds_max; i++)
		if (table[i] != NULL)
			visit(table[i], arg);
}

struct weft__sim_file *weft__sim_file_get(int fd)
{
	struct weft__sim_file *file = NULL;

	if (fd >= 0 && (unsigned)fd < weft__sim.options.fds_max)
		file = table[fd];
	if (file != NULL)
		file->refs++;
	return file;
}

void weft__sim_file_put(struct weft__sim_file *file)
{
	weft__assert(file->refs > 0);
	if (--file->refs > 0)
		return;
	weft__sim_items_drop(file);
	if (file->kind == WEFT__SIM_SOCKET)
		weft__sim_socket_close(file);
	else
		weft__sim_stream_close(file);
	weft__sim_forget(file);
	free(file);
}

unsigned weft__sim_file_poll(struct weft__sim_file *file)
{
	switch (file->kind) {
	case WEFT__SIM_BELL:
		return POLLOUT | (file->rung ? POLLIN : 0);
	case WEFT__SIM_SOCKET:
		return weft__sim_socket_poll(file);
	case WEFT__SIM_PIPE_IN:
	case WEFT__SIM_PIPE_OUT:
		return weft__sim_stream_poll(file);
	case WEFT__SIM_PLAIN:
		return POLLIN | POLLOUT;
	case WEFT__SIM_POLLER:
		break;
	}
	return 0;
}

/* ---- the calls */

/* Any path is a file of PLAIN_BYTES bytes that count upwards. */
int weft__sys_open(const char *path, int flags, unsigned mode)
{
	int fd;

	(void)flags;
	(void)mode;
	weft__sim_step("open");
	if (!weft__sim_file_room(1))
		return -EMFILE;
	fd = weft__sim_file_number(weft__sim_file_make(WEFT__SIM_PLAIN));
	weft__sim_note("open(%s) = %d", path, fd);
	return fd;
}

int weft__sys_close(int fd)
{
	struct weft__sim_file *file = NULL;

	weft__sim_step("close");
	weft__sim_note("close(%d)", fd);
	if (fd >= 0 && (unsigned)fd < weft__sim.options.fds_max)
		file = table[fd];
	if (file == NULL)
		return -EBADF;
	table[fd] = NULL;
	weft__sim_file_put(file);
	return 0;
}

static bool has(int fd, const char *call, bool (*property)(const struct weft__sim_file *))
{
	struct weft__sim_file *file;
	bool answer;

	weft__sim_step(call);
	file = weft__sim_file_get(fd);
	if (file == NULL)
		return false;
	answer = property(file);
	weft__sim_file_put(file);
	return answer;
}

static bool is_socket(const struct weft__sim_file *file)
{
	return file->kind == WEFT__SIM_SOCKET;
}

static bool is_nonblock(const struct weft__sim_file *file)
{
	return file->nonblock;
}

static bool is_plain(const struct weft__sim_file *file)
{
	return file->kind == WEFT__SIM_PLAIN;
}

bool weft__sys_is_socket(int fd)
{
	return has(fd, "is_socket", is_socket);
}

bool weft__sys_is_nonblock(int fd)
{
	return has(fd, "is_nonblock", is_nonblock);
}

bool weft__sys_is_file(int fd)
{
	return has(fd, "is_file", is_plain);
}

int weft__sys_nonblock(int fd)
{
	struct weft__sim_file *file;

	weft__sim_step("nonblock");
	file = weft__sim_file_get(fd);
	if (file == NULL)
		return -EBADF;
	file->nonblock = true;
	weft__sim_file_put(file);
	return 0;
}

int weft__sys_fd_limit(void)
{
	return (int)weft__sim.options.fds_max;
}

static ssize_t read_plain(struct weft__sim_file *file, const struct iovec *parts, int count)
{
	ssize_t done = 0;

	for (int i = 0; i < count; i++)
		for (size_t j = 0; j < parts[i].iov_len && file->position < PLAIN_BYTES;
		     j++, done++)
			((char *)parts[i].iov_base)[j] = (char)file->position++;
	return done;
}

static ssize_t transfer(int fd, const struct iovec *parts, int count, const char *call, bool writes,
			bool wait)
{
	struct weft__sim_file *file;
	ssize_t done;

	weft__sim_step(call);
	file = weft__sim_file_get(fd);
	if (file == NULL)
		return -EBADF;
	if (weft__sim_nuisance(weft__sim.options.eintr))
		done = -EINTR;
	else if (file->kind == WEFT__SIM_PLAIN)
		done = writes ? -EBADF : read_plain(file, parts, count);
	else if (writes)
		done = weft__sim_stream_write(file, parts, count, wait && !file->nonblock);
	else
		done = weft__sim_stream_read(file, parts, count, wait && !file->nonblock);
	weft__sim_note("%s(%d) = %zd", call, fd, done);
	weft__sim_file_put(file);
	return done;
}

ssize_t weft__sys_read(int fd, void *out, size_t bytes)
{
	return transfer(fd, &(struct iovec){ out, bytes }, 1, "read", false, true);
}

ssize_t weft__sys_write(int fd, const void *from, size_t bytes)
{
	return transfer(fd, &(struct iovec){ (void *)from, bytes }, 1, "write", true, true);
}

ssize_t weft__sys_readv(int fd, const struct iovec *parts, int count)
{
	return transfer(fd, parts, count, "readv", false, true);
}

ssize_t weft__sys_writev(int fd, const struct iovec *parts, int count)
{
	return transfer(fd, parts, count, "writev", true, true);
}

ssize_t weft__sys_readv_now(int fd, const struct iovec *parts, int count)
{
	return transfer(fd, parts, count, "readv_now", false, false);
}

ssize_t weft__sys_writev_now(int fd, const struct iovec *parts, int count)
{
	return transfer(fd, parts, count, "writev_now", true, false);
}

static ssize_t transfer_socket(int fd, const struct iovec *parts, int count, const char *call,
			       bool writes)
{
	struct weft__sim_file *file = weft__sim_file_get(fd);
	bool fits = file == NULL || file->kind == WEFT__SIM_SOCKET;

	if (file != NULL)
		weft__sim_file_put(file);
	return fits ? transfer(fd, parts, count, call, writes, false) : -ENOTSOCK;
}

ssize_t weft__sys_recv(int fd, void *out, size_t bytes)
{
	return transfer_socket(fd, &(struct iovec){ out, bytes }, 1, "recv", false);
}

ssize_t weft__sys_send(int fd, const void *from, size_t bytes)
{
	return transfer_socket(fd, &(struct iovec){ (void *)from, bytes }, 1, "send", true);
}

ssize_t weft__sys_recvv(int fd, const struct iovec *parts, int count)
{
	return transfer_socket(fd, parts, count, "recvv", false);
}

ssize_t weft__sys_sendv(int fd, const struct iovec *parts, int count)
{
	return transfer_socket(fd, parts, count, "sendv", true);
}

ssize_t weft__sys_sendfile(int out_fd, int in_fd, off_t *offset, size_t bytes)
{
	char part[512];
	size_t wanted = bytes < sizeof part ? bytes : sizeof part;
	ssize_t sent;

	if (!weft__sys_is_file(in_fd))
		return -EINVAL;
	if (*offset >= PLAIN_BYTES)
		return 0;
	if (wanted > (size_t)(PLAIN_BYTES - *offset))
		wanted = (size_t)(PLAIN_BYTES - *offset);
	for (size_t i = 0; i < wanted; i++)
		part[i] = (char)(*offset + (off_t)i);
	sent = transfer(out_fd, &(struct iovec){ part, wanted }, 1, "sendfile", true, true);
	if (sent > 0)
		*offset += sent;
	return sent;
}
