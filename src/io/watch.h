/* SPDX-License-Identifier: MIT */
/*
 * Watch: to be told of a descriptor's events without a thread that waits for them. It is how one
 * dispatcher holds ten thousand silent connections. The watch lies in the caller's memory; watching
 * allocates nothing.
 *
 *   - ready(watch, what) is called with each event of the descriptor: an edge, so it says "try".
 *     What was there before the watch is no event: try once after weft__watch has returned.
 *     Threads that wait for the descriptor are woken as ever.
 *   - It runs where the poller is looked at: on a carrier's loop, or inside the switch of some
 *     thread. It must not wait and not end the watch itself. It may make threads ready.
 *   - Calls for one descriptor never overlap; events that come meanwhile become one further call.
 *   - After weft__unwatch has returned no call runs and none will.
 */
#ifndef WEFT_IO_WATCH_H
#define WEFT_IO_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "io/table.h"

struct weft__watch {
	void (*ready)(struct weft__watch *watch, uint32_t ready); /* WEFT__POLL_ bits */
};

/*
 * Watches an owned descriptor, with the poller of the calling thread's scheduler.
 * Returns 0; -EBADF; -EEXIST: watched already; -EINVAL: not owned, or the caller is a kernel
 *   thread; -EPERM: always ready; -ENOMEM, -ENOSPC.
 */
int weft__watch(int fd, struct weft__watch *watch);

/* Ends it; waits out a call that runs, so the caller holds no lock that the call takes. Any thread.
 * Nothing happens if there is none. weft_close does it too. */
void weft__unwatch(int fd);

/* ---- for the table and the pollers */
bool weft__watch_is_set(struct weft__fd *entry);
void weft__watch_event(struct weft__fd *entry, uint32_t ready);
void weft__watch_drop(struct weft__fd *entry);

#endif
