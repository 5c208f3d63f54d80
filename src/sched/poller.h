/* SPDX-License-Identifier: MIT */
/*
 * The poller contract: where a scheduler's idle carriers sleep, and how descriptors' readiness
 * reaches threads. Each scheduler has one. epoll fulfils it (poller.c, over sys.h); another
 * mechanism fulfils this page.
 *
 *   - weft__poller_wait may be called by several carriers at once. Each event goes to one of them;
 *     one ring wakes one of them, or, while nobody waits, is kept for the next one that calls
 *     (rings do not add up: one is kept).
 *   - Events of descriptors go to weft__poller_events->event(tag, ready), on the stack of the
 *     carrier that got them; it makes threads ready by weft__ready_later and must not wait. Edge
 *     triggered: an event says "try again", not "it is ready".
 *   - The I/O floor fastens weft__poller_events before it adds the first descriptor.
 */
#ifndef WEFT_SCHED_POLLER_H
#define WEFT_SCHED_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/sys.h"

struct weft__poller {
	int set;
	int bell;
	uint64_t id;    /* no other poller of the process ever has it; from 1 */
	uint32_t fds;   /* atomic: descriptors in the set; 0: no use in looking */
	uint64_t waits; /* atomic: how often it was asked */
};

struct weft__poller_events {
	/* WEFT__POLL_ bits of sys.h; tags are below 2^63 */
	void (*event)(uint64_t tag, uint32_t ready);
	void (*closing)(struct weft__poller *poller); /* the poller goes away: forget it */
	/* in fork's child: no poller is left, nobody waits, and what was held is free */
	void (*forked)(void);
};
extern const struct weft__poller_events *weft__poller_events;

int weft__poller_open(struct weft__poller *out_poller); /* -EMFILE, -ENFILE, -ENOMEM */
void weft__poller_close(struct weft__poller *poller);

/* Adds a descriptor for both directions, for good, or for one report of `wanted`. 0; -EPERM: always
 * ready; -ENOMEM, -ENOSPC */
int weft__poller_add(struct weft__poller *poller, int fd, uint64_t tag);
int weft__poller_once(struct weft__poller *poller, int fd, uint32_t wanted, uint64_t tag);
void weft__poller_remove(struct weft__poller *poller, int fd);

#define WEFT__POLLER_BATCH 128
struct weft__poller_batch {
	int count;
	struct weft__sys_event events[WEFT__POLLER_BATCH];
};

/*
 * Waits for events until the deadline (0: only looks), and delivers them. Two steps, because who
 * slept must first know whether it still holds its processor: threads are made ready on it.
 * deliver: true: a ring was among them.
 */
void weft__poller_wait(struct weft__poller *poller, int64_t deadline_ns,
		       struct weft__poller_batch *out_batch);
bool weft__poller_deliver(const struct weft__poller_batch *batch);

void weft__poller_ring(struct weft__poller *poller);

/* The poller of the calling thread's scheduler; NULL on a kernel thread. */
struct weft__poller *weft__poller_self(void);

#endif
