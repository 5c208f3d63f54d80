/* SPDX-License-Identifier: MIT */
/*
 * Select with descriptors among its cases. A thread of a scheduler stands in the queues of their
 * directions (wait.h), beside those of its other cases, and hears of events from the poller. A
 * kernel thread stands there too, so that a close reaches it, and waits in poll(2), out of which
 * its other cases ring it: for one descriptor in that of the descriptor itself, for several in that
 * of an epoll instance that it makes for this wait.
 *
 * No event is lost: as with any wait the sequence is read before the look, and compared in one
 * section with entering (wait.h).
 */
#include <errno.h>
#include <stddef.h>
#include <weft/io.h>

#include "chan/select.h"
#include "io/register.h"
#include "io/wait.h"
#include "sched/poller.h"

/* What is kept for a case between its calls. */
struct fd_wait {
	struct weft__use use;
	uint32_t seen;
	bool has_begun;
	int error; /* of an attempt to enter */
};

_Static_assert(sizeof(struct fd_wait) <= sizeof((struct weft__select_wait *)0)->room,
	       "it has room there");

static struct fd_wait *fd_wait_of(struct weft__select_wait *wait)
{
	return (struct fd_wait *)(void *)wait->room;
}

static uint32_t wanted_of(const struct weft__select_wait *wait)
{
	return (uint32_t)wait->wish->wanted;
}

/* 0, or what is to be the result */
static int begin(struct weft__select_wait *wait)
{
	struct fd_wait *fd = fd_wait_of(wait);
	int error;

	if (wait->wish->wanted < WEFT_READABLE ||
	    wait->wish->wanted > (WEFT_READABLE | WEFT_WRITABLE))
		return -EINVAL;
	error = weft__fd_begin(wait->wish->fd, &fd->use);
	if (error < 0)
		return error;
	fd->has_begun = true;
	/* Counted before the first look: whatever comes after it finds us. (BOTH) */
	if (wanted_of(wait) == WEFT__POLL_BOTH)
		atomic_add_acq_rel(&fd->use.entry->both, 1);
	return 0;
}

static void end(struct weft__select_wait *wait)
{
	struct fd_wait *fd = fd_wait_of(wait);

	if (!fd->has_begun)
		return;
	if (wanted_of(wait) == WEFT__POLL_BOTH)
		atomic_sub_acq_rel(&fd->use.entry->both, 1);
	weft__fd_end(&fd->use);
}

static int attempt(struct weft__select_wait *wait, struct weft_thread *self)
{
	struct fd_wait *fd = fd_wait_of(wait);
	int ready = fd->error;

	(void)self;
	if (ready == 0 && !fd->has_begun)
		ready = begin(wait);
	if (ready < 0)
		return ready;
	fd->seen = weft__fd_sequence(&fd->use, wanted_of(wait));
	ready = weft__fd_check(&fd->use);
	if (ready < 0)
		return ready;
	if (weft__fd_kind(&fd->use) == WEFT__FD_FILE)
		return -EPERM;
	do
		ready = weft__sys_poll(fd->use.fd, wanted_of(wait), -1, 0);
	while (ready == -EINTR);
	return ready == 0 || ready == -ETIMEDOUT ? -EAGAIN : ready;
}

static bool enter(struct weft__select_wait *wait, struct weft_thread *self, uint64_t ticket)
{
	struct fd_wait *fd = fd_wait_of(wait);
	int code = weft__fd_enter(&fd->use, wanted_of(wait), fd->seen, &wait->party.waiter, self,
				  ticket);

	if (code < 0)
		fd->error = code;
	return code > 0;
}

static void leave(struct weft__select_wait *wait, struct weft_thread *self)
{
	(void)self;
	weft__fd_leave(&fd_wait_of(wait)->use, wanted_of(wait), &wait->party.waiter);
}

static const struct weft__select_kind kind_fd = {
	.attempt = attempt,
	.enter = enter,
	.leave = leave,
	.woken = attempt, /* an event says "try again" */
	.end = end,
};

/* ---- kernel threads */

static bool is_fd(const struct weft__select_wait *wait)
{
	return wait->kind == &kind_fd && wait->has_entered;
}

/* All that is wanted of that number: an epoll instance has it once. */
static uint32_t wanted_in_all(const struct weft__select_wait *waits, unsigned count, int fd)
{
	uint32_t wanted = 0;

	for (unsigned i = 0; i < count; i++)
		if (is_fd(&waits[i]) && waits[i].wish->fd == fd)
			wanted |= wanted_of(&waits[i]);
	return wanted;
}

/* Returns the instance; -EMFILE, -ENFILE, -ENOMEM, -ENOSPC, … */
static int gather(const struct weft__select_wait *waits, unsigned count)
{
	int poller = weft__sys_poller_open();

	for (unsigned i = 0; poller >= 0 && i < count; i++) {
		int fd = waits[i].wish->fd, error;

		if (!is_fd(&waits[i]))
			continue;
		error = weft__sys_poller_once(poller, fd, wanted_in_all(waits, count, fd), 0);
		/* Closed by somebody meanwhile: he wakes us. */
		if (error < 0 && error != -EBADF) {
			weft__sys_close(poller);
			return error;
		}
	}
	return poller;
}

static int park_kernel(struct weft__select_wait *waits, unsigned count, struct weft_thread *self,
		       uint64_t ticket, int64_t deadline_ns)
{
	const struct weft__select_wait *first = NULL;
	uint32_t wanted, ready = 0;
	int poller = -1, code;
	bool are_several = false;

	for (unsigned i = 0; i < count; i++)
		if (is_fd(&waits[i])) {
			are_several |= first != NULL && waits[i].wish->fd != first->wish->fd;
			first = first != NULL ? first : &waits[i];
		}
	if (first == NULL)
		return weft__park(self, "select", deadline_ns);
	if (are_several) {
		poller = gather(waits, count);
		if (poller < 0) {
			/* We do not wait; unless somebody was quicker, that is how it ends. */
			weft__claim(self, ticket, poller);
			return weft__park(self, "select", deadline_ns);
		}
	}
	wanted = are_several ? WEFT__POLL_READ : wanted_in_all(waits, count, first->wish->fd);
	atomic_store_relaxed(&self->since_ns, weft__sys_now());
	atomic_store_relaxed(&self->reason, "select");
	code = weft__kernel_park_poll(self, are_several ? poller : first->wish->fd, wanted,
				      deadline_ns, &ready);
	atomic_store_relaxed(&self->reason, NULL);
	if (poller >= 0)
		weft__sys_close(poller);
	return code;
}

static const struct weft__select_upper upper = { &kind_fd, park_kernel };

int weft_select(weft_case *cases, int count, int64_t deadline_ns)
{
	return weft__select(cases, count, deadline_ns, &upper);
}
