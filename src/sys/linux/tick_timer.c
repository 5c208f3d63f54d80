/* SPDX-License-Identifier: MIT */
/*
 * Ticks by a timer that sends its signal to one kernel thread, by the wall clock. It falls into
 * system calls too: who takes it counts those that it broke off.
 *
 * Not by the thread's CPU time: such timers run with the kernel's own tick (4 ms), and stand still
 * while the thread waits for a lock whose holder was stopped.
 *
 * The kernel's calls, not the C library's: the first arming may come from a signal handler.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <weft/time.h>

#include "sys/linux/watch.h"

#define MARK (UINT64_C(0x77656674) << 32) /* in the upper half: no stranger sends that */

uint64_t weft__tick_mark(const struct weft__watch *watch)
{
	return MARK | watch->index;
}

struct weft__watch *weft__tick_of_mark(uint64_t mark)
{
	return (mark & ~(uint64_t)UINT32_MAX) == MARK ? weft__watch_at((uint32_t)mark) : NULL;
}

int weft__tick_timer_open(struct weft__watch *watch)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGURG };

	event.sigev_value.sival_ptr = (void *)(uintptr_t)weft__tick_mark(watch);
	event._sigev_un._tid = watch->tid;
	if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &watch->tick_timer) != 0)
		return -errno;
	return 0;
}

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / WEFT_SECOND, .tv_nsec = ns % WEFT_SECOND };
}

/* The first one of each comes up to a quarter later, so that those armed together do not all fall
 * at once. */
static int64_t first_after(const struct weft__watch *watch, int64_t every_ns)
{
	uint32_t phase = watch->index * UINT32_C(2654435769); /* spreads any few evenly */

	return every_ns + (int64_t)((uint64_t)every_ns / 4 * (phase >> 16) >> 16);
}

void weft__tick_timer_set(struct weft__watch *watch, int64_t every_ns)
{
	struct itimerspec when = { 0 };

	if (every_ns != 0) {
		when.it_interval = timespec_of(every_ns);
		when.it_value = timespec_of(first_after(watch, every_ns));
	}
	syscall(SYS_timer_settime, watch->tick_timer, 0, &when, NULL);
}

void weft__tick_timer_close(struct weft__watch *watch)
{
	syscall(SYS_timer_delete, watch->tick_timer);
}
