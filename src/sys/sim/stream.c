/* SPDX-License-Identifier: MIT */
/*
 * Streams of bytes: the two ends of a pipe, each direction of a socket.
 *
 * Edges as Linux gives them: every write is one for the reader; for the writer there is one when
 * room comes back after it was refused (a pipe: any room; a socket: a third of the buffer).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sys/sim/file.h"

struct weft__sim_stream *weft__sim_stream_make(struct weft__sim_file *writer,
					       struct weft__sim_file *reader, bool delayed)
{
	struct weft__sim_stream *stream = calloc(1, sizeof *stream);

	weft__assert(stream != NULL);
	stream->room = weft__sim.options.stream_bytes;
	stream->data = malloc(stream->room);
	weft__assert(stream->data != NULL);
	stream->delayed = delayed;
	stream->writer = writer;
	stream->reader = reader;
	writer->out = stream;
	reader->in = stream;
	return stream;
}

/* Whether its writer is told of that much room. */
static bool is_enough(const struct weft__sim_stream *stream, size_t left)
{
	return left > 0 && (stream->writer == NULL || stream->writer->kind == WEFT__SIM_PIPE_OUT ||
			    left * 3 >= stream->room);
}

static bool is_roomy(const struct weft__sim_stream *stream)
{
	return is_enough(stream, stream->room - stream->bytes);
}

static bool is_at_end(const struct weft__sim_stream *stream)
{
	return stream->shut || (stream->ended && stream->bytes == stream->arrived);
}

static void tell_reader(struct weft__sim_stream *stream, unsigned bits)
{
	if (stream->reader != NULL)
		weft__sim_notify(stream->reader, bits);
}

static void tell_writer(struct weft__sim_stream *stream, unsigned bits)
{
	if (stream->writer != NULL)
		weft__sim_notify(stream->writer, bits);
}

/* ---- bytes that arrive by and by */

static void arrive(void *on, unsigned detail)
{
	struct weft__sim_stream *stream = on;
	size_t flying = stream->bytes - stream->arrived;

	(void)detail;
	if (flying > 0)
		stream->arrived += 1 + weft__sim_choose((unsigned)flying);
	if (stream->arrived < stream->bytes)
		weft__sim_later(weft__sim_choose(20000), arrive, stream, 0);
	tell_reader(stream, is_at_end(stream) ? POLLIN | POLLRDHUP | POLLHUP : POLLIN);
}

/* Something was written, or the end. */
static void send_on(struct weft__sim_stream *stream)
{
	if (stream->delayed && weft__sim_choose(2) == 0) {
		weft__sim_later(weft__sim_choose(20000), arrive, stream, 0);
		return;
	}
	stream->arrived = stream->bytes;
	tell_reader(stream, is_at_end(stream) ? POLLIN | POLLRDHUP | POLLHUP : POLLIN);
}

void weft__sim_stream_end(struct weft__sim_stream *stream)
{
	if (stream->ended)
		return;
	stream->ended = true;
	send_on(stream);
}

/* ---- the ends go away */

static void free_if_closed(struct weft__sim_stream *stream)
{
	if (stream->reader != NULL || stream->writer != NULL)
		return;
	weft__sim_forget(stream);
	free(stream->data);
	free(stream);
}

void weft__sim_stream_close(struct weft__sim_file *file)
{
	if (file->out != NULL) {
		file->out->writer = NULL;
		weft__sim_stream_end(file->out);
		free_if_closed(file->out);
	}
	if (file->in != NULL) {
		file->in->reader = NULL;
		tell_writer(file->in, POLLOUT | POLLERR | POLLHUP);
		free_if_closed(file->in);
	}
}

unsigned weft__sim_stream_poll(struct weft__sim_file *file)
{
	unsigned bits = 0;

	if (file->in != NULL && (file->in->arrived > 0 || is_at_end(file->in)))
		bits |= POLLIN;
	if (file->in != NULL && is_at_end(file->in))
		bits |= file->kind == WEFT__SIM_SOCKET ? POLLRDHUP : POLLHUP;
	if (file->out != NULL && is_roomy(file->out))
		bits |= POLLOUT;
	else if (file->out != NULL)
		file->out->refused = true;
	if (file->out != NULL && file->out->reader == NULL)
		bits |= file->kind == WEFT__SIM_SOCKET ? POLLOUT | POLLHUP : POLLERR;
	if (file->in != NULL && file->out != NULL && is_at_end(file->in) && file->out->ended)
		bits |= POLLHUP;
	return bits;
}

/* ---- reading */

static size_t total(const struct iovec *parts, int count)
{
	size_t bytes = 0;

	for (int i = 0; i < count; i++)
		bytes += parts[i].iov_len;
	return bytes;
}

/* Fewer than could be. An event says soon that there is more: epoll(7) lets its users take a short
 * read or write for the last one until then. */
static size_t shorten(struct weft__sim_file *file, unsigned bits, size_t bytes)
{
	if (bytes < 2 || !weft__sim_nuisance(weft__sim.options.short_io))
		return bytes;
	weft__sim_later(weft__sim_choose(10000), weft__sim_notify_later, file, bits);
	return 1 + weft__sim_choose((unsigned)bytes - 1);
}

static void copy_out(struct weft__sim_stream *stream, const struct iovec *parts, size_t bytes)
{
	for (size_t at = 0; bytes > 0; bytes--) {
		while (at == parts->iov_len) {
			parts++;
			at = 0;
		}
		((char *)parts->iov_base)[at++] = stream->data[stream->head];
		stream->head = (stream->head + 1) % stream->room;
		stream->bytes--;
		stream->arrived--;
	}
}

static void copy_in(struct weft__sim_stream *stream, const struct iovec *parts, size_t bytes)
{
	for (size_t at = 0; bytes > 0; bytes--) {
		while (at == parts->iov_len) {
			parts++;
			at = 0;
		}
		stream->data[(stream->head + stream->bytes) % stream->room] =
			((char *)parts->iov_base)[at++];
		stream->bytes++;
	}
}

/* "Not now", and soon an event that says otherwise. */
static bool refuses_for_now(struct weft__sim_file *file, unsigned bits, bool wait)
{
	if (wait || !weft__sim_nuisance(weft__sim.options.again))
		return false;
	weft__sim_later(weft__sim_choose(10000), weft__sim_notify_later, file, bits);
	return true;
}

ssize_t weft__sim_stream_read(struct weft__sim_file *file, const struct iovec *parts, int count,
			      bool wait)
{
	struct weft__sim_stream *stream = file->in;
	size_t bytes = total(parts, count);

	if (stream == NULL)
		return file->kind == WEFT__SIM_SOCKET ? -ENOTCONN : -EBADF;
	while (stream->arrived == 0) {
		if (file->error != 0)
			return -file->error;
		if (is_at_end(stream))
			return 0;
		if (!wait)
			return -EAGAIN;
		weft__sim_block("read", file, NULL, WEFT__SIM_NEVER);
	}
	if (refuses_for_now(file, POLLIN, wait))
		return -EAGAIN;
	if (bytes > stream->arrived)
		bytes = stream->arrived;
	bytes = shorten(file, POLLIN, bytes);
	copy_out(stream, parts, bytes);
	if (stream->refused && is_roomy(stream)) {
		stream->refused = false;
		tell_writer(stream, POLLOUT);
	}
	return (ssize_t)bytes;
}

/* ---- writing */

ssize_t weft__sim_stream_write(struct weft__sim_file *file, const struct iovec *parts, int count,
			       bool wait)
{
	struct weft__sim_stream *stream = file->out;
	size_t bytes = total(parts, count);
	size_t done = 0, left;

	if (stream == NULL)
		return file->kind == WEFT__SIM_SOCKET ? -ENOTCONN : -EBADF;
	for (;;) {
		if (file->error != 0)
			return -file->error;
		if (stream->ended || stream->reader == NULL)
			return -EPIPE;
		if (bytes == 0 || stream->bytes < stream->room)
			break;
		stream->refused = true;
		if (!wait)
			return -EAGAIN;
		weft__sim_block("write", file, NULL, WEFT__SIM_NEVER);
	}
	/* What is refused for now, or cut short, is offered later: so only where there is
	 * enough. */
	left = stream->room - stream->bytes;
	if (is_enough(stream, left) && refuses_for_now(file, POLLOUT, wait))
		return -EAGAIN;
	done = left < bytes ? left : bytes;
	if (is_enough(stream, left - done))
		done = shorten(file, POLLOUT, done);
	copy_in(stream, parts, done);
	if (done < bytes)
		stream->refused = true; /* the rest would be */
	send_on(stream);
	return (ssize_t)done;
}

int weft__sys_pipe(int out_fds[2])
{
	struct weft__sim_file *reader, *writer;

	weft__sim_step("pipe");
	if (!weft__sim_file_room(2))
		return -EMFILE;
	reader = weft__sim_file_make(WEFT__SIM_PIPE_IN);
	writer = weft__sim_file_make(WEFT__SIM_PIPE_OUT);
	reader->nonblock = writer->nonblock = true;
	weft__sim_stream_make(writer, reader, false);
	out_fds[0] = weft__sim_file_number(reader);
	out_fds[1] = weft__sim_file_number(writer);
	weft__sim_note("pipe() = %d, %d", out_fds[0], out_fds[1]);
	return 0;
}
