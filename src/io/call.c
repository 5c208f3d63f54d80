/* SPDX-License-Identifier: MIT */
/* Call; see call.h. */
#include "io/call.h"

#include <errno.h>
#include <stddef.h>
#include <weft/thread.h>

#include "io/wait.h"
#include "sched/cancel.h"

/* So many calls in a row that need not wait, then the other threads have a turn: a reader of what
 * never runs dry would starve them. */
#define TURN_CALLS 256

static void spend_turn(struct weft_thread *self)
{
	uintptr_t calls;

	if (self == NULL || weft__thread_is_kernel(self))
		return;
	calls = (uintptr_t)self->io + 1;
	self->io = (void *)(calls < TURN_CALLS ? calls : 0);
	if (unlikely(calls >= TURN_CALLS))
		weft_yield();
}

ssize_t weft__call_with(struct weft__use *use, const struct weft__call *call)
{
	/* NULL: a kernel thread that has never called weft, and that nobody can cancel. */
	struct weft_thread *self = weft__arch_self();
	bool has_waited = false;

	/* One that always finds what it wants would never notice otherwise. */
	if (self != NULL && weft__cancel_is_due(self))
		return -ECANCELED;
	for (;;) {
		uint32_t seen = weft__fd_sequence(use, call->wanted);
		ssize_t result = call->attempt(use, call->arg);
		int error;

		if (likely(result != -EAGAIN && result != -EINTR)) {
			if (!has_waited)
				spend_turn(self);
			return result;
		}
		if (result == -EINTR)
			continue;
		if (use->plain)
			return result;
		error = weft__fd_wait(use, call->wanted, seen, call->reason, call->deadline_ns);
		if (error == -EPERM && !call->is_plain)
			use->plain = true;
		else if (error < 0)
			return error;
		has_waited = true;
	}
}

ssize_t weft__call(int fd, const struct weft__call *call)
{
	struct weft__use use;
	ssize_t result = weft__fd_begin(fd, &use);

	if (result < 0)
		return result;
	result = weft__call_with(&use, call);
	weft__fd_end(&use);
	return result;
}
