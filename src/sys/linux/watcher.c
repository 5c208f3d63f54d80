/* SPDX-License-Identifier: MIT */
/*
 * The sleep of who looks: the rings of the watches in a poller, and a bell. (Not ppoll on the
 * poller, which would be exact on old kernels too: asking whether there is an event eats it, with
 * perf's rings.)
 *
 * A ring wakes it for every record, also when its kernel thread came back, or was stopped for
 * another. Those are slept through, and then it *dozes* a while, longer each time, in which only
 * the bell wakes it. Else it would never rest where there are fewer CPUs than it needs: it wakes
 * and takes the CPU of a kernel thread that it watches, which makes a record; it sleeps and gives
 * the CPU back, which makes another, which wakes it.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <weft/time.h>

#include "base/atomic.h"
#include "sys/linux/force.h"
#include "sys/linux/watch.h"

#define EVENTS_MAX 32
#define BELL_TAG UINT64_MAX
#define DOZE_MIN_NS INT64_C(50000)
#define DOZE_MAX_NS INT64_C(4000000)

struct weft__watcher {
	int poller, bell;
	int warm;        /* an event of no use but to be the first; or -errno */
	int64_t doze_ns; /* of who waits; 0: wide awake */
	bool is_rung;    /* atomic */
};

static int open_poller(struct weft__watcher *watcher)
{
	int rc;

	watcher->poller = weft__sys_poller_open();
	if (watcher->poller < 0)
		return watcher->poller;
	watcher->bell = weft__sys_bell_open();
	rc = watcher->bell;
	if (rc >= 0)
		rc = weft__sys_poller_add(watcher->poller, watcher->bell, BELL_TAG);
	if (rc >= 0)
		return 0;
	if (watcher->bell >= 0)
		weft__sys_close(watcher->bell);
	weft__sys_close(watcher->poller);
	return rc;
}

int weft__sys_watcher_open(struct weft__watcher **out_watcher)
{
	struct weft__watcher *watcher = malloc(sizeof *watcher);
	int rc;

	if (watcher == NULL)
		return -ENOMEM;
	*watcher = (struct weft__watcher){ .warm = -EACCES };
	rc = open_poller(watcher);
	if (rc != 0) {
		free(watcher);
		return rc;
	}
	if (!weft__sys_force.no_perf_tick || !weft__sys_force.no_perf_watch)
		watcher->warm = weft__perf_warm();
	*out_watcher = watcher;
	return 0;
}

void weft__sys_watcher_close(struct weft__watcher *watcher)
{
	if (watcher->warm >= 0)
		weft__own_fd_close(watcher->warm);
	weft__sys_close(watcher->bell);
	weft__sys_close(watcher->poller);
	free(watcher);
}

int weft__sys_watcher_add(struct weft__watcher *watcher, struct weft__watch *watch)
{
	int rc = 0;

	/* By which means, is settled when somebody attends for the first time. */
	weft__watch_attend(watch);
	weft__watch_ignore(watch);
	if (weft__sys_watch_means(watch) == WEFT__WATCH_PERF)
		rc = weft__sys_poller_add(watcher->poller, watch->ring_fd, watch->index);
	return rc == -EEXIST ? 0 : rc;
}

void weft__sys_watcher_remove(struct weft__watcher *watcher, struct weft__watch *watch)
{
	if (weft__sys_watch_means(watch) == WEFT__WATCH_PERF)
		weft__sys_poller_remove(watcher->poller, watch->ring_fd);
}

/* Whoever finds it rung already leaves the bell to the one who rang. */
void weft__sys_watcher_ring(struct weft__watcher *watcher)
{
	if (atomic_swap_acq_rel(&watcher->is_rung, true)) /* BELL: what it rings for before it */
		return;
	weft__sys_bell_ring(watcher->bell);
}

static bool take_ring(struct weft__watcher *watcher)
{
	return atomic_load_acquire(&watcher->is_rung) &&
	       atomic_swap_acq_rel(&watcher->is_rung, false); /* BELL */
}

static void doze(struct weft__watcher *watcher, int64_t deadline_ns)
{
	int64_t until_ns = weft__sys_now() + watcher->doze_ns;

	if (until_ns > deadline_ns)
		until_ns = deadline_ns;
	if (weft__sys_poll(-1, 0, watcher->bell, until_ns) == 0)
		weft__sys_bell_clear(watcher->bell);
}

static void doze_longer(struct weft__watcher *watcher)
{
	watcher->doze_ns *= 2;
	if (watcher->doze_ns < DOZE_MIN_NS)
		watcher->doze_ns = DOZE_MIN_NS;
	if (watcher->doze_ns > DOZE_MAX_NS)
		watcher->doze_ns = DOZE_MAX_NS;
}

/* Whether one of the events is that a watch has blocked; else, if there are any of rings, it dozes
 * next time. */
static bool is_any_out(struct weft__watcher *watcher, const struct weft__sys_event *events,
		       int count)
{
	bool is_out = false;
	int rings = 0;

	for (int i = 0; i < count; i++) {
		if (events[i].tag == BELL_TAG) {
			weft__sys_bell_clear(watcher->bell);
			continue;
		}
		rings++;
		is_out |= weft__watch_is_out(weft__watch_at((uint32_t)events[i].tag));
	}
	if (is_out || rings == 0)
		watcher->doze_ns = 0;
	else
		doze_longer(watcher);
	return is_out;
}

void weft__sys_watcher_wait(struct weft__watcher *watcher, int64_t deadline_ns)
{
	struct weft__sys_event events[EVENTS_MAX];
	bool is_out = false;

	while (!take_ring(watcher) && !is_out) {
		int64_t until_ns = deadline_ns;
		int count;

		if (watcher->doze_ns != 0) {
			doze(watcher, deadline_ns);
			until_ns = 0; /* only what has come meanwhile */
		}
		count = weft__sys_poller_wait(watcher->poller, events, EVENTS_MAX, until_ns);
		is_out = is_any_out(watcher, events, count);
		if (deadline_ns != WEFT_FOREVER && weft__sys_now() >= deadline_ns)
			return;
	}
}
