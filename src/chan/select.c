/* SPDX-License-Identifier: MIT */
/* Select; see select.h. */
#include "chan/select.h"

#include <errno.h>
#include <stdlib.h>
#include <weft/time.h>

#include "base/panic.h"
#include "sync/event.h"

#define FEW 16

enum { CODE_WOKEN, CODE_CASE, CODE_WITHDRAWN = 4095 };

struct select {
	const struct weft__select_upper *upper;
	struct weft_thread *self;
	struct weft__select_wait *waits;
	unsigned count;
	unsigned first; /* where to begin, this time */
};

/* ---- channels */

static enum weft__chan_way way_of(const struct weft__select_wait *wait)
{
	return wait->wish->kind == WEFT_CASE_SEND ? WEFT__CHAN_SEND : WEFT__CHAN_RECV;
}

static int attempt_chan(struct weft__select_wait *wait, struct weft_thread *self)
{
	weft_chan *chan = wait->wish->chan;
	int code;

	for (;;) {
		struct weft__chan_rest rest = { NULL, NULL, NULL };

		weft__chan_lock(chan, self);
		code = weft__chan_do(chan, way_of(wait), NULL, wait->party.element, &rest);
		weft__chan_unlock_and(chan, self, &rest);
		if (likely(code != -ENOBUFS))
			return code;
		code = weft__chan_grow(chan);
		if (code < 0)
			return code;
	}
}

static bool enter_chan(struct weft__select_wait *wait, struct weft_thread *self, uint64_t ticket)
{
	weft_chan *chan = wait->wish->chan;
	bool is_ready;

	weft__chan_lock(chan, self);
	is_ready = weft__chan_is_ready(chan, way_of(wait), self);
	if (!is_ready)
		weft__chan_link(chan, way_of(wait), &wait->party, self, ticket);
	weft__chan_unlock(chan, self);
	return !is_ready;
}

static void leave_chan(struct weft__select_wait *wait, struct weft_thread *self)
{
	weft__chan_unlink(wait->wish->chan, way_of(wait), self, &wait->party);
}

static const struct weft__select_kind kind_chan = {
	.attempt = attempt_chan,
	.enter = enter_chan,
	.leave = leave_chan,
};

/* ---- events */

static int attempt_event(struct weft__select_wait *wait, struct weft_thread *self)
{
	(void)self;
	return weft_event_wait_try(wait->wish->event);
}

static bool enter_event(struct weft__select_wait *wait, struct weft_thread *self, uint64_t ticket)
{
	wait->was_set = false;
	return weft__event_enter(wait->wish->event, &wait->party.waiter, self, ticket);
}

static void leave_event(struct weft__select_wait *wait, struct weft_thread *self)
{
	(void)self;
	wait->was_set = weft__event_leave(wait->wish->event, &wait->party.waiter);
}

/* Of several that were set each has happened; it does not matter whose claim it was. Also if it has
 * been reset meanwhile. */
static int woken_event(struct weft__select_wait *wait, struct weft_thread *self)
{
	(void)self;
	return wait->was_set ? 0 : -EAGAIN;
}

static const struct weft__select_kind kind_event = {
	.attempt = attempt_event,
	.enter = enter_event,
	.leave = leave_event,
	.woken = woken_event,
};

/* ---- the five steps */

static struct weft__select_wait *wait_at(const struct select *select, unsigned turn)
{
	unsigned place = select->first + turn;

	return &select->waits[place < select->count ? place : place - select->count];
}

/* The epoch grows with each wait of the thread. */
static void choose_first(struct select *select, uint64_t ticket)
{
	uint64_t mixed = (ticket / WEFT__PARK_EPOCH + (select->self->id << 32)) *
			 UINT64_C(0x9e3779b97f4a7c15);

	select->first = select->count == 0 ? 0 : (unsigned)((mixed >> 32) % select->count);
}

static int happened(const struct select *select, struct weft__select_wait *wait, int result)
{
	wait->wish->result = result;
	return (int)(wait - select->waits);
}

/* Returns the number of the case; -EAGAIN. */
static int attempt_all(const struct select *select)
{
	for (unsigned turn = 0; turn < select->count; turn++) {
		struct weft__select_wait *wait = wait_at(select, turn);
		int result = wait->kind != NULL ? wait->kind->attempt(wait, select->self) : -EAGAIN;

		if (result != -EAGAIN)
			return happened(select, wait, result);
	}
	return -EAGAIN;
}

/* False: one could happen now; it stands in the queues of those before it. */
static bool enter_all(const struct select *select, uint64_t ticket)
{
	for (unsigned turn = 0; turn < select->count; turn++) {
		struct weft__select_wait *wait = wait_at(select, turn);

		if (wait->kind == NULL)
			continue;
		if (!wait->kind->enter(wait, select->self, ticket))
			return false;
		wait->has_entered = true;
	}
	return true;
}

/* claimed_by: who needs no touch any more; NULL: nobody. */
static void leave_all(const struct select *select, const struct weft__select_wait *claimed_by)
{
	for (unsigned i = 0; i < select->count; i++) {
		struct weft__select_wait *wait = &select->waits[i];

		if (wait == claimed_by)
			continue;
		if (wait->has_entered)
			wait->kind->leave(wait, select->self);
		wait->has_entered = false;
	}
}

/* Woken by somebody without a number: who was it? -EAGAIN: it is over already. */
static int find_waker(const struct select *select)
{
	for (unsigned turn = 0; turn < select->count; turn++) {
		struct weft__select_wait *wait = wait_at(select, turn);
		int result = wait->kind != NULL && wait->kind->woken != NULL
				     ? wait->kind->woken(wait, select->self)
				     : -EAGAIN;

		if (result != -EAGAIN)
			return happened(select, wait, result);
	}
	return -EAGAIN;
}

/* Steps 4 and 5. Returns the number of the case; -EAGAIN: from the start; -ETIMEDOUT, -ECANCELED;
 * why a kernel thread cannot wait. */
static int wait_once(const struct select *select, uint64_t ticket, int64_t deadline_ns)
{
	struct weft__select_wait *claimed_by;
	int code;

	if (!enter_all(select, ticket))
		weft__claim(select->self, ticket, CODE_WITHDRAWN); /* or somebody was quicker */
	code = weft__thread_is_kernel(select->self)
		       ? select->upper->park_kernel(select->waits, select->count, select->self,
						    ticket, deadline_ns)
		       : weft__park(select->self, "select", deadline_ns);
	if (code >= CODE_CASE && code != CODE_WITHDRAWN) {
		claimed_by = &select->waits[code - CODE_CASE];
		leave_all(select, claimed_by);
		return happened(select, claimed_by, weft__chan_settle(&claimed_by->party));
	}
	leave_all(select, NULL);
	/* A close of a descriptor has a code, but no number. */
	if (code == CODE_WOKEN || code == -EBADF)
		return find_waker(select);
	return code == CODE_WITHDRAWN ? -EAGAIN : code;
}

static int run(struct select *select, int64_t deadline_ns)
{
	for (;;) {
		uint64_t ticket = weft__arm(select->self);
		int code;

		choose_first(select, ticket);
		code = attempt_all(select);
		if (code == -EAGAIN && deadline_ns != WEFT_FOREVER &&
		    (deadline_ns <= 0 || deadline_ns <= weft__sys_now()))
			code = -ETIMEDOUT;
		if (code != -EAGAIN) {
			weft__disarm(select->self);
			return code;
		}
		code = wait_once(select, ticket, deadline_ns);
		if (code != -EAGAIN && code != -ETIMEDOUT)
			return code;
	}
}

/* 0; -EINVAL */
static int begin_wait(const struct select *select, struct weft__select_wait *wait, weft_case *wish,
		      unsigned place)
{
	wait->wish = wish;
	wait->has_entered = false;
	wait->was_set = false;
	wait->party.code = CODE_CASE + (int)place;
	switch (wish->kind) {
	case WEFT_CASE_NONE:
		wait->kind = NULL;
		return 0;
	case WEFT_CASE_SEND:
	case WEFT_CASE_RECV:
		wait->kind = &kind_chan;
		/* Of a send it is only read. */
		wait->party.element = wish->kind == WEFT_CASE_SEND
					      ? (void *)(uintptr_t)wish->element
					      : wish->out_element;
		return 0;
	case WEFT_CASE_EVENT:
		wait->kind = &kind_event;
		return 0;
	case WEFT_CASE_FD:
		wait->kind = select->upper->kind_fd;
		memset(wait->room, 0, sizeof wait->room);
		return 0;
	}
	return -EINVAL;
}

static int begin_and_run(struct select *select, weft_case *cases, int64_t deadline_ns)
{
	int code;

	for (unsigned i = 0; i < select->count; i++) {
		code = begin_wait(select, &select->waits[i], &cases[i], i);
		if (code < 0)
			return code;
	}
	code = run(select, deadline_ns);
	for (unsigned i = 0; i < select->count; i++) {
		struct weft__select_wait *wait = &select->waits[i];

		if (wait->kind != NULL && wait->kind->end != NULL)
			wait->kind->end(wait);
	}
	return code;
}

static weft__noinline int select_few(struct select *select, weft_case *cases, int64_t deadline_ns)
{
	struct weft__select_wait waits[FEW];
	int code;

	select->waits = waits;
	code = begin_and_run(select, cases, deadline_ns);
	select->waits = NULL;
	return code;
}

static weft__noinline int select_many(struct select *select, weft_case *cases, int64_t deadline_ns)
{
	int code;

	select->waits = malloc(select->count * sizeof *select->waits);
	if (select->waits == NULL)
		return -ENOMEM;
	code = begin_and_run(select, cases, deadline_ns);
	free(select->waits);
	return code;
}

int weft__select(weft_case *cases, int count, int64_t deadline_ns,
		 const struct weft__select_upper *upper)
{
	struct select select = {
		.upper = upper,
		.self = weft__self(),
		.count = (unsigned)count,
	};

	if (count < 0 || count > WEFT_SELECT_MAX)
		return -EINVAL;
	return count <= FEW ? select_few(&select, cases, deadline_ns)
			    : select_many(&select, cases, deadline_ns);
}
