/* SPDX-License-Identifier: MIT */
/*
 * Stream sockets. Unix ones connect at once; the others may take a while, and their bytes arrive in
 * portions. Addresses are compared as bytes; port 0 takes the next free port.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "sys/sim/file.h"

#define FIRST_PORT 40000
#define CONNECT_NS 50000

static struct weft__sim_file *get_socket(int fd, int *out_error)
{
	struct weft__sim_file *file = weft__sim_file_get(fd);

	*out_error = -EBADF;
	if (file == NULL || file->kind == WEFT__SIM_SOCKET)
		return file;
	weft__sim_file_put(file);
	*out_error = -ENOTSOCK;
	return NULL;
}

static struct weft__sim_file *make_socket(int domain)
{
	struct weft__sim_file *file = weft__sim_file_make(WEFT__SIM_SOCKET);

	file->domain = domain;
	file->nonblock = true;
	return file;
}

static void join(struct weft__sim_file *a, struct weft__sim_file *b)
{
	bool delayed = a->domain != AF_UNIX;

	weft__sim_stream_make(a, b, delayed);
	weft__sim_stream_make(b, a, delayed);
	a->state = b->state = WEFT__SIM_CONNECTED;
}

void weft__sim_socket_close(struct weft__sim_file *file)
{
	struct weft__sim_file *peer = file->in != NULL ? file->in->writer : NULL;

	for (unsigned i = 0; i < file->waiting_count; i++)
		weft__sim_file_put(file->waiting[i]);
	if (peer != NULL && file->in->bytes > 0 && file->domain != AF_UNIX)
		peer->error = ECONNRESET;
	weft__sim_stream_close(file);
}

unsigned weft__sim_socket_poll(struct weft__sim_file *file)
{
	switch (file->state) {
	case WEFT__SIM_FRESH:
		return POLLOUT | POLLHUP;
	case WEFT__SIM_LISTENING:
		return file->waiting_count > 0 ? POLLIN : 0;
	case WEFT__SIM_CONNECTING:
		return 0;
	case WEFT__SIM_REFUSED:
		return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP;
	case WEFT__SIM_CONNECTED:
		break;
	}
	return weft__sim_stream_poll(file) | (file->error != 0 ? POLLERR | POLLIN | POLLOUT : 0);
}

/* ---- addresses */

static in_port_t *port_of(struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		return &((struct sockaddr_in *)address)->sin_port;
	if (address->ss_family == AF_INET6)
		return &((struct sockaddr_in6 *)address)->sin6_port;
	return NULL;
}

struct lookup {
	const struct sockaddr_storage *address;
	socklen_t bytes;
	bool listening;
	struct weft__sim_file *found;
};

static bool same_place(const struct weft__sim_file *file, const struct lookup *lookup)
{
	struct sockaddr_storage a = file->address, b = *lookup->address;

	if (file->address_bytes == 0 || a.ss_family != b.ss_family)
		return false;
	if (port_of(&a) != NULL)
		return *port_of(&a) == *port_of(&b);
	return file->address_bytes == lookup->bytes && memcmp(&a, &b, lookup->bytes) == 0;
}

static void match(struct weft__sim_file *file, void *arg)
{
	struct lookup *lookup = arg;

	if (file->kind == WEFT__SIM_SOCKET && file->state != WEFT__SIM_CONNECTED &&
	    (file->state == WEFT__SIM_LISTENING || !lookup->listening) && same_place(file, lookup))
		lookup->found = file;
}

static struct weft__sim_file *find(const struct sockaddr_storage *address, socklen_t bytes,
				   bool listening)
{
	struct lookup lookup = { address, bytes, listening, NULL };

	weft__sim_file_each(match, &lookup);
	return lookup.found;
}

static int bind_to(struct weft__sim_file *file, const struct sockaddr *address, socklen_t bytes)
{
	struct sockaddr_storage wanted = { 0 };
	in_port_t next = FIRST_PORT;

	if (bytes > sizeof wanted || file->address_bytes != 0 || file->state != WEFT__SIM_FRESH)
		return -EINVAL;
	memcpy(&wanted, address, bytes);
	if (port_of(&wanted) != NULL && *port_of(&wanted) == 0)
		do
			*port_of(&wanted) = htons(next++);
		while (find(&wanted, bytes, false) != NULL);
	else if (find(&wanted, bytes, false) != NULL)
		return -EADDRINUSE;
	file->address = wanted;
	file->address_bytes = bytes;
	return 0;
}

/* ---- connecting */

/* 0, -ECONNREFUSED, -EAGAIN: the listener's queue is full. */
static int reach(struct weft__sim_file *file, const struct sockaddr_storage *to, socklen_t bytes)
{
	struct weft__sim_file *listener = find(to, bytes, true);
	struct weft__sim_file *peer;

	if (listener == NULL)
		return -ECONNREFUSED;
	if (listener->waiting_count == listener->backlog)
		return -EAGAIN;
	peer = make_socket(file->domain);
	peer->address = listener->address;
	peer->address_bytes = listener->address_bytes;
	join(file, peer);
	listener->waiting[listener->waiting_count++] = peer;
	weft__sim_notify(listener, POLLIN);
	return 0;
}

static void go_on_connecting(void *on, unsigned detail)
{
	struct weft__sim_file *file = on;
	int rc = reach(file, &file->target, file->target_bytes);

	(void)detail;
	if (rc == -EAGAIN) {
		weft__sim_later(CONNECT_NS, go_on_connecting, file, 0);
		return;
	}
	if (rc < 0) {
		file->state = WEFT__SIM_REFUSED;
		file->error = -rc;
	}
	weft__sim_notify(file, rc < 0 ? POLLIN | POLLOUT | POLLERR | POLLHUP : POLLOUT);
}

static int connect_to(struct weft__sim_file *file, const struct sockaddr *address, socklen_t bytes)
{
	int rc;

	if (file->state == WEFT__SIM_CONNECTING)
		return -EALREADY;
	if (file->state == WEFT__SIM_CONNECTED)
		return -EISCONN;
	if (file->state == WEFT__SIM_LISTENING || bytes > sizeof file->target)
		return -EINVAL;
	memset(&file->target, 0, sizeof file->target);
	memcpy(&file->target, address, bytes);
	file->target_bytes = bytes;
	if (file->domain == AF_UNIX)
		return reach(file, &file->target, bytes);
	if (weft__sim_choose(2) == 0) {
		rc = reach(file, &file->target, bytes);
		if (rc != -EAGAIN)
			return rc;
	}
	file->state = WEFT__SIM_CONNECTING;
	weft__sim_later(weft__sim_choose(CONNECT_NS), go_on_connecting, file, 0);
	return -EINPROGRESS;
}

/* ---- the calls */

int weft__sys_socket(int domain, int type, int protocol)
{
	int fd;

	(void)protocol;
	weft__sim_step("socket");
	if ((type & 0xf) != SOCK_STREAM ||
	    (domain != AF_UNIX && domain != AF_INET && domain != AF_INET6))
		return -EAFNOSUPPORT;
	if (!weft__sim_file_room(1))
		return -EMFILE;
	fd = weft__sim_file_number(make_socket(domain));
	weft__sim_note("socket() = %d", fd);
	return fd;
}

int weft__sys_bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
	struct weft__sim_file *file;
	int rc;

	weft__sim_step("bind");
	file = get_socket(fd, &rc);
	if (file == NULL)
		return rc;
	rc = bind_to(file, address, bytes);
	weft__sim_note("bind(%d) = %d", fd, rc);
	weft__sim_file_put(file);
	return rc;
}

int weft__sys_listen(int fd, int backlog)
{
	struct weft__sim_file *file;
	int rc;

	weft__sim_step("listen");
	file = get_socket(fd, &rc);
	if (file == NULL)
		return rc;
	rc = -EINVAL;
	if (file->state == WEFT__SIM_FRESH || file->state == WEFT__SIM_LISTENING) {
		file->state = WEFT__SIM_LISTENING;
		file->backlog = backlog < 1 ? 1 : backlog > 16 ? 16 : (unsigned)backlog;
		rc = 0;
	}
	weft__sim_file_put(file);
	return rc;
}

static int accept_from(struct weft__sim_file *listener)
{
	struct weft__sim_file *file;

	if (listener->state != WEFT__SIM_LISTENING)
		return -EINVAL;
	if (listener->waiting_count == 0)
		return -EAGAIN;
	if (!weft__sim_file_room(1))
		return -EMFILE;
	file = listener->waiting[0];
	listener->waiting_count--;
	for (unsigned i = 0; i < listener->waiting_count; i++)
		listener->waiting[i] = listener->waiting[i + 1];
	return weft__sim_file_number(file);
}

int weft__sys_accept(int fd)
{
	struct weft__sim_file *file;
	int rc;

	weft__sim_step("accept");
	file = get_socket(fd, &rc);
	if (file == NULL)
		return rc;
	rc = weft__sim_nuisance(weft__sim.options.eintr) ? -EINTR : accept_from(file);
	weft__sim_note("accept(%d) = %d", fd, rc);
	weft__sim_file_put(file);
	return rc;
}

int weft__sys_connect(int fd, const struct sockaddr *address, socklen_t bytes)
{
	struct weft__sim_file *file;
	int rc;

	weft__sim_step("connect");
	file = get_socket(fd, &rc);
	if (file == NULL)
		return rc;
	rc = connect_to(file, address, bytes);
	weft__sim_note("connect(%d) = %d", fd, rc);
	weft__sim_file_put(file);
	return rc;
}

static void shut(struct weft__sim_file *file, int how)
{
	if (how != SHUT_WR)
		file->in->shut = true;
	if (how != SHUT_RD)
		weft__sim_stream_end(file->out);
	weft__sim_notify(file, POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
}

int weft__sys_shutdown(int fd, int how)
{
	struct weft__sim_file *file;
	int rc;

	weft__sim_step("shutdown");
	file = get_socket(fd, &rc);
	if (file == NULL)
		return rc;
	rc = file->state == WEFT__SIM_CONNECTED ? 0 : -ENOTCONN;
	if (rc == 0)
		shut(file, how);
	weft__sim_file_put(file);
	return rc;
}

int weft__sys_socket_error(int fd)
{
	struct weft__sim_file *file;
	int rc;

	weft__sim_step("socket_error");
	file = get_socket(fd, &rc);
	if (file == NULL)
		return rc;
	rc = -file->error;
	file->error = 0;
	weft__sim_file_put(file);
	return rc;
}

int weft__sys_socket_option(int fd, int level, int option, int value)
{
	struct weft__sim_file *file;
	int rc;

	(void)level;
	(void)option;
	(void)value;
	weft__sim_step("socket_option");
	file = get_socket(fd, &rc);
	if (file == NULL)
		return rc;
	weft__sim_file_put(file);
	return 0;
}

int weft__sys_socket_name(int fd, struct sockaddr_storage *out_address, socklen_t *out_bytes)
{
	struct weft__sim_file *file;
	int rc;

	weft__sim_step("socket_name");
	file = get_socket(fd, &rc);
	if (file == NULL)
		return rc;
	*out_address = file->address;
	*out_bytes = file->address_bytes != 0 ? file->address_bytes : sizeof(sa_family_t);
	out_address->ss_family = (sa_family_t)file->domain;
	weft__sim_file_put(file);
	return 0;
}

int weft__sim_socketpair(bool nonblock, int out_fds[2])
{
	struct weft__sim_file *a, *b;

	if (!weft__sim_file_room(2))
		return -EMFILE;
	a = make_socket(AF_UNIX);
	b = make_socket(AF_UNIX);
	a->nonblock = b->nonblock = nonblock;
	join(a, b);
	out_fds[0] = weft__sim_file_number(a);
	out_fds[1] = weft__sim_file_number(b);
	return 0;
}
