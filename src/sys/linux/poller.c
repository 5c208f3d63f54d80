/* SPDX-License-Identifier: MIT */
/*
 * Pollers: epoll, edge triggered for what weft owns, one-shot for what it does not.
 *
 * A bell is an eventfd: each write to it is a new edge, read or not. epoll_pwait2 (Linux 5.11)
 * waits to the nanosecond; without it a wait ends up to a millisecond late, never early.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <weft/time.h>

#include "base/panic.h"
#include "sys/linux/force.h"
#include "sys/sys.h"

#define EVENTS_MAX 64 /* they lie on the waiter's stack */

static bool has_pwait2 = true; /* atomic; becomes false at most once */

int weft__sys_poller_open(void)
{
	int poller;

	if (weft__sys_force_fails(&weft__sys_force.fail_poller))
		return -EMFILE;
	poller = epoll_create1(EPOLL_CLOEXEC);
	return poller >= 0 ? poller : -errno;
}

static int control(int poller, int operation, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event event = { .events = events, .data.u64 = tag };

	return epoll_ctl(poller, operation, fd, &event) == 0 ? 0 : -errno;
}

int weft__sys_poller_add(int poller, int fd, uint64_t tag)
{
	return control(poller, EPOLL_CTL_ADD, fd, EPOLLET | EPOLLIN | EPOLLOUT | EPOLLRDHUP, tag);
}

int weft__sys_poller_remove(int poller, int fd)
{
	return control(poller, EPOLL_CTL_DEL, fd, 0, 0);
}

int weft__sys_poller_once(int poller, int fd, uint32_t wanted, uint64_t tag)
{
	uint32_t events = EPOLLONESHOT;
	int rc;

	if (wanted & WEFT__POLL_READ)
		events |= EPOLLIN | EPOLLRDHUP;
	if (wanted & WEFT__POLL_WRITE)
		events |= EPOLLOUT;
	rc = control(poller, EPOLL_CTL_MOD, fd, events, tag);
	if (rc == -ENOENT)
		rc = control(poller, EPOLL_CTL_ADD, fd, events, tag);
	if (rc == -EEXIST) /* somebody added it meanwhile */
		rc = control(poller, EPOLL_CTL_MOD, fd, events, tag);
	return rc;
}

/* poll(2) and epoll(7) use the same bits. */
static uint32_t ready_bits(uint32_t events)
{
	uint32_t ready = 0;

	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		ready |= WEFT__POLL_READ;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		ready |= WEFT__POLL_WRITE;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		ready |= WEFT__POLL_END;
	return ready;
}

/* How long until then. False: for ever. */
static bool time_until(int64_t deadline_ns, struct timespec *out_left)
{
	int64_t left = 0;

	if (deadline_ns == WEFT_FOREVER)
		return false;
	if (deadline_ns > 0)
		left = deadline_ns - weft__sys_now();
	if (left < 0)
		left = 0;
	out_left->tv_sec = left / WEFT_SECOND;
	out_left->tv_nsec = left % WEFT_SECOND;
	return true;
}

static int wait_to_the_millisecond(int poller, struct epoll_event *events, int max,
				   const struct timespec *left)
{
	int64_t left_ms = -1;

	if (left != NULL)
		left_ms = left->tv_sec * INT64_C(1000) + (left->tv_nsec + 999999) / 1000000;
	return epoll_wait(poller, events, max, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
}

static int wait_events(int poller, struct epoll_event *events, int max, const struct timespec *left)
{
	if (atomic_load_relaxed(&has_pwait2) && !weft__sys_force.no_pwait2) {
		int count =
			(int)syscall(SYS_epoll_pwait2, poller, events, max, left, NULL, (size_t)0);

		if (count >= 0 || (errno != ENOSYS && errno != EPERM))
			return count;
		atomic_store_relaxed(&has_pwait2,
				     false); /* EPERM: a sandbox that does not know it */
	}
	return wait_to_the_millisecond(poller, events, max, left);
}

int weft__sys_poller_wait(int poller, struct weft__sys_event *out_events, int max,
			  int64_t deadline_ns)
{
	struct epoll_event events[EVENTS_MAX];
	struct timespec left;
	bool has_end = time_until(deadline_ns, &left);
	int count = wait_events(poller, events, max < EVENTS_MAX ? max : EVENTS_MAX,
				has_end ? &left : NULL);

	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		out_events[i].tag = events[i].data.u64;
		out_events[i].ready = ready_bits(events[i].events);
	}
	return count;
}

int weft__sys_bell_open(void)
{
	int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return bell >= 0 ? bell : -errno;
}

void weft__sys_bell_ring(int bell)
{
	int saved = errno;
	/* It fails when nobody has cleared 2^64 rings: they stand. */
	int rc = eventfd_write(bell, 1);

	(void)rc;
	errno = saved;
}

void weft__sys_bell_clear(int bell)
{
	eventfd_t rings;

	(void)eventfd_read(bell, &rings);
}

int weft__sys_poll(int fd, uint32_t wanted, int bell, int64_t deadline_ns)
{
	struct pollfd polled[2] = { { .fd = fd }, { .fd = bell, .events = POLLIN } };
	struct timespec left;
	int count;

	if (wanted & WEFT__POLL_READ)
		polled[0].events |= POLLIN | POLLRDHUP;
	if (wanted & WEFT__POLL_WRITE)
		polled[0].events |= POLLOUT;
	do
		count = ppoll(polled, 2, time_until(deadline_ns, &left) ? &left : NULL, NULL);
	while (count < 0 && errno == EINTR);
	if (count < 0)
		return -errno;
	if (count == 0)
		return -ETIMEDOUT;
	if (polled[0].revents & POLLNVAL)
		return -EBADF;
	return (int)(ready_bits((uint32_t)polled[0].revents) & wanted);
}
