/* SPDX-License-Identifier: MIT */
/*
 * Simulated descriptors: a table of numbers (file.c), streams for pipes and sockets (stream.c,
 * socket.c), pollers and bells (poller.c).
 *
 * A file lives while a number or a call that is under way refers to it; with the last of them it is
 * taken out of every poller, as on Linux. Numbers go out lowest first.
 */
#ifndef WEFT_SIM_FILE_H
#define WEFT_SIM_FILE_H

#include <poll.h>

#include "sys/sim/kernel.h"

enum weft__sim_kind {
	WEFT__SIM_BELL,
	WEFT__SIM_POLLER,
	WEFT__SIM_PLAIN, /* a regular file */
	WEFT__SIM_PIPE_IN,
	WEFT__SIM_PIPE_OUT,
	WEFT__SIM_SOCKET,
};

enum weft__sim_socket_state {
	WEFT__SIM_FRESH,
	WEFT__SIM_LISTENING,
	WEFT__SIM_CONNECTING,
	WEFT__SIM_CONNECTED,
	WEFT__SIM_REFUSED,
};

/* Bytes on their way from one writer to one reader. */
struct weft__sim_stream {
	char *data; /* a ring */
	size_t room, head, bytes;
	size_t arrived;                         /* of them, what the reader sees */
	bool delayed;                           /* bytes arrive by and by */
	bool ended;                             /* nothing more will be written */
	bool shut;                              /* the reader has shut it down */
	bool refused;                           /* a writer found no room, or poll did */
	struct weft__sim_file *reader, *writer; /* NULL: closed */
};

struct weft__sim_item;

struct weft__sim_file {
	enum weft__sim_kind kind;
	unsigned refs;
	bool nonblock;
	struct weft__sim_item *items; /* the pollers that it is in */
	/* BELL */
	bool rung;
	/* POLLER: ready ones, first to last */
	struct weft__sim_item *members, *ready_first, *ready_last;
	/* PLAIN */
	size_t position;
	/* pipes, SOCKET */
	struct weft__sim_stream *in, *out;
	/* SOCKET */
	enum weft__sim_socket_state state;
	int domain;
	int error; /* errno value, taken once */
	struct sockaddr_storage address;
	socklen_t address_bytes;
	/* LISTENING: connections that nobody has accepted, oldest first */
	struct weft__sim_file *waiting[16];
	unsigned waiting_count, backlog;
	struct sockaddr_storage target; /* CONNECTING */
	socklen_t target_bytes;
};

/* ---- file.c */
struct weft__sim_file *weft__sim_file_make(enum weft__sim_kind kind);
int weft__sim_file_number(struct weft__sim_file *file); /* or -EMFILE */
/* Refers to it until weft__sim_file_put; NULL: no such number. */
struct weft__sim_file *weft__sim_file_get(int fd);
void weft__sim_file_put(struct weft__sim_file *file);
/* whether so many are free, and no failure is injected */
bool weft__sim_file_room(unsigned numbers);
void weft__sim_file_each(void (*visit)(struct weft__sim_file *, void *), void *arg);
unsigned weft__sim_file_poll(struct weft__sim_file *file); /* POLL… bits */

/* ---- stream.c */
struct weft__sim_stream *weft__sim_stream_make(struct weft__sim_file *writer,
					       struct weft__sim_file *reader, bool delayed);
void weft__sim_stream_close(struct weft__sim_file *file);
void weft__sim_stream_end(struct weft__sim_stream *stream);
unsigned weft__sim_stream_poll(struct weft__sim_file *file);
ssize_t weft__sim_stream_read(struct weft__sim_file *file, const struct iovec *parts, int count,
			      bool wait);
ssize_t weft__sim_stream_write(struct weft__sim_file *file, const struct iovec *parts, int count,
			       bool wait);

/* ---- socket.c */
void weft__sim_socket_close(struct weft__sim_file *file);
unsigned weft__sim_socket_poll(struct weft__sim_file *file);

/* ---- poller.c */
/* Something has changed for the better: tells the pollers it is in, and whoever waits for the file
 * itself. */
void weft__sim_notify(struct weft__sim_file *file, unsigned bits);
void weft__sim_notify_later(void *file, unsigned bits); /* a weft__sim_action */
void weft__sim_items_drop(struct weft__sim_file *file);

#endif
