/* SPDX-License-Identifier: MIT */
/* Readiness itself. */
#include <errno.h>
#include <weft/io.h>
#include <weft/time.h>

#include "io/call.h"
#include "io/wait.h"

_Static_assert(WEFT_READABLE == WEFT__POLL_READ && WEFT_WRITABLE == WEFT__POLL_WRITE,
	       "the same bits inside");

static ssize_t attempt_look(struct weft__use *use, void *arg)
{
	uint32_t wanted = *(const uint32_t *)arg;
	int ready;

	if (weft__fd_kind(use) == WEFT__FD_FILE)
		return -EPERM;
	ready = weft__sys_poll(use->fd, wanted, -1, 0);
	return ready == -ETIMEDOUT || ready == 0 ? -EAGAIN : ready;
}

static bool is_known(int wanted)
{
	return wanted >= WEFT_READABLE && wanted <= (WEFT_READABLE | WEFT_WRITABLE);
}

static int wait_ready(int fd, int wanted, int64_t deadline_ns)
{
	uint32_t bits = (uint32_t)wanted;
	struct weft__call call = { attempt_look, &bits, "ready", deadline_ns, bits, true };
	struct weft__use use;
	int result;

	if (!is_known(wanted))
		return -EINVAL;
	result = weft__fd_begin(fd, &use);
	if (result < 0)
		return result;
	/* Counted before the first look: whatever comes after it finds us. (BOTH) */
	if (bits == WEFT__POLL_BOTH)
		atomic_add_acq_rel(&use.entry->both, 1);
	result = (int)weft__call_with(&use, &call);
	if (bits == WEFT__POLL_BOTH)
		atomic_sub_acq_rel(&use.entry->both, 1);
	weft__fd_end(&use);
	return result;
}

int weft_fd_wait_until(int fd, int wanted, int64_t deadline_ns)
{
	return wait_ready(fd, wanted, deadline_ns);
}

int weft_fd_wait(int fd, int wanted)
{
	return wait_ready(fd, wanted, WEFT_FOREVER);
}

int weft_fd_wait_try(int fd, int wanted)
{
	uint32_t bits = (uint32_t)wanted;
	struct weft__use use;
	int result;

	if (!is_known(wanted))
		return -EINVAL;
	result = weft__fd_begin(fd, &use);
	if (result < 0)
		return result;
	result = (int)attempt_look(&use, &bits);
	weft__fd_end(&use);
	return result == -EAGAIN ? 0 : result;
}
