/* SPDX-License-Identifier: MIT */
/* The poller contract over sys.h; see poller.h. */
#include "sched/poller.h"

#include "sched/engine.h"
#include "sys/sys.h"

#define BELL_TAG UINT64_MAX

const struct weft__poller_events *weft__poller_events;

int weft__poller_open(struct weft__poller *out_poller)
{
	static uint64_t last_id;
	int set = weft__sys_poller_open();
	struct weft__sys_event first;
	int bell, error;

	if (set < 0)
		return set;
	bell = weft__sys_bell_open();
	if (bell < 0) {
		weft__sys_close(set);
		return bell;
	}
	error = weft__sys_poller_add(set, bell, BELL_TAG);
	if (error < 0) {
		weft__sys_close(bell);
		weft__sys_close(set);
		return error;
	}
	/*
	 * Added, the bell may bring an event that is no ring: it can be written. That is taken now.
	 * Beside the first ring it could be reported again, by then as a ring too, and one ring
	 * would count as two.
	 */
	while (weft__sys_poller_wait(set, &first, 1, 0) == -EINTR)
		;
	*out_poller = (struct weft__poller){
		.set = set,
		.bell = bell,
		.id = atomic_add_relaxed(&last_id, 1) + 1,
	};
	return 0;
}

void weft__poller_close(struct weft__poller *poller)
{
	const struct weft__poller_events *events = atomic_load_acquire(&weft__poller_events);

	if (events != NULL)
		events->closing(poller);
	weft__sys_close(poller->set);
	weft__sys_close(poller->bell);
}

int weft__poller_add(struct weft__poller *poller, int fd, uint64_t tag)
{
	int error = weft__sys_poller_add(poller->set, fd, tag);

	if (error == 0)
		atomic_add_relaxed(&poller->fds, 1);
	return error;
}

int weft__poller_once(struct weft__poller *poller, int fd, uint32_t wanted, uint64_t tag)
{
	int error = weft__sys_poller_once(poller->set, fd, wanted, tag);

	if (error == 0)
		/* never empty again: nobody says when it leaves */
		atomic_store_relaxed(&poller->fds, UINT32_C(1) << 30);
	return error;
}

void weft__poller_remove(struct weft__poller *poller, int fd)
{
	if (weft__sys_poller_remove(poller->set, fd) == 0)
		atomic_add_relaxed(&poller->fds, UINT32_MAX);
}

void weft__poller_wait(struct weft__poller *poller, int64_t deadline_ns,
		       struct weft__poller_batch *out_batch)
{
	out_batch->count = weft__sys_poller_wait(poller->set, out_batch->events, WEFT__POLLER_BATCH,
						 deadline_ns);
	atomic_add_relaxed(&poller->waits, 1);
}

bool weft__poller_deliver(const struct weft__poller_batch *batch)
{
	const struct weft__sys_event *events = batch->events;
	bool rung = false;

	for (int i = 0; i < batch->count; i++)
		/* added, it brings an event that is no ring: it can be written */
		if (events[i].tag == BELL_TAG)
			rung |= (events[i].ready & WEFT__POLL_READ) != 0;
		else
			weft__poller_events->event(events[i].tag, events[i].ready);
	return rung;
}

void weft__poller_ring(struct weft__poller *poller)
{
	weft__sys_bell_ring(poller->bell);
}

struct weft__poller *weft__poller_self(void)
{
	struct weft_thread *self = weft__arch_self();

	return self != NULL && self->sched != NULL ? &self->sched->poller : NULL;
}
