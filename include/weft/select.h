/* SPDX-License-Identifier: MIT */
/*
 * Select: waits for the first of several things, and does that one and no other. Its cases are
 * sends and receives of channels, events that are set, descriptors that are ready.
 *
 * When not to use it: for one thing (each wait has an _until form); for thousands (a thread each
 * costs less: a select looks at all its cases).
 *
 * Example:
 *
 *	// The next number of either channel; -EPIPE: one is closed; -ETIMEDOUT: none within 50 ms.
 *	int next_of(weft_chan *left, weft_chan *right, int *out_number)
 *	{
 *		weft_case cases[] = { WEFT_RECV(left, out_number), WEFT_RECV(right, out_number) };
 *		int index = weft_select(cases, 2, weft_now() + 50 * WEFT_MS);
 *
 *		return index < 0 ? index : cases[index].result;
 *	}
 */
#ifndef WEFT_SELECT_H
#define WEFT_SELECT_H

#include <stddef.h>
#include <stdint.h>

#include <weft/api.h>
#include <weft/chan.h>
#include <weft/event.h>

WEFT_API_BEGIN

typedef enum weft_case_kind {
	WEFT_CASE_NONE, /* never happens: a place that is not used */
	WEFT_CASE_SEND,
	WEFT_CASE_RECV,
	WEFT_CASE_EVENT,
	WEFT_CASE_FD,
} weft_case_kind;

/* Made by the macros below. The same channel, event or descriptor may be in several. */
typedef struct weft_case {
	weft_case_kind kind;
	/* of the one that happened: 0; of a descriptor, what it is ready for. Failed: -EPIPE: the
	 * channel is closed, nothing was sent or received; -ENOMEM: as weft_chan_send; -EBADF,
	 * -EPERM, -EINVAL, -ENOMEM, -ENOSPC: as weft_fd_wait */
	int result;
	weft_chan *chan;
	const void *element;
	void *out_element;
	weft_event *event;
	int fd;
	int wanted; /* WEFT_READABLE | WEFT_WRITABLE */
} weft_case;

#define WEFT_SEND(chan, element) { WEFT_CASE_SEND, 0, (chan), (element), NULL, NULL, -1, 0 }
#define WEFT_RECV(chan, out_element) { WEFT_CASE_RECV, 0, (chan), NULL, (out_element), NULL, -1, 0 }
#define WEFT_EVENT(event) { WEFT_CASE_EVENT, 0, NULL, NULL, NULL, (event), -1, 0 }
#define WEFT_FD(fd, wanted) { WEFT_CASE_FD, 0, NULL, NULL, NULL, NULL, (fd), (wanted) }

#define WEFT_SELECT_MAX 4000

/*
 * Waits until one of the cases can happen, does it, and writes its result.
 *   cases        one and the same thread's while it waits; read, and `result` written
 *   count        0 to WEFT_SELECT_MAX
 *   deadline_ns  0: one that can happen now
 * Returns the number of the case; and, nothing done: -ETIMEDOUT; -ECANCELED: cancelled while it
 *   waited, or would have to; -EINVAL: count, or an unknown kind; -ENOMEM: no memory for more than
 *   16 cases; -EMFILE, -ENFILE, -ENOMEM: a kernel thread that waits for descriptors needs one or
 *   two of its own.
 * Order: as the calls of that case.
 * Progress: of several that can happen each has its turn (the first that is looked at is chosen as
 *   if at random).
 * Cost: bench select; it grows with the number of cases.
 */
WEFT_API int weft_select(weft_case *cases, int count, int64_t deadline_ns);

WEFT_API_END

#endif
