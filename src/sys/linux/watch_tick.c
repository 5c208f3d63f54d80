/* SPDX-License-Identifier: MIT */
/* Arming: the better means that is to be had, chosen at the first time. */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/linux/force.h"
#include "sys/linux/watch.h"

#define NO_MEANS 3u /* neither is to be had */

/* Of who carries out `tick`. */
static uint32_t choose_means(struct weft__watch *watch)
{
	uint32_t means = atomic_load_relaxed(&watch->tick_means);

	if (means != 0)
		return means;
	if (!weft__sys_force.no_perf_tick && weft__tick_event_open(watch) == 0)
		means = WEFT__TICK_PERF;
	else if (weft__tick_timer_open(watch) == 0)
		means = WEFT__TICK_TIMER;
	else
		means = NO_MEANS;
	atomic_store_release(&watch->tick_means, means);
	return means;
}

static void set_tick(void *on, int64_t every_ns)
{
	struct weft__watch *watch = on;
	uint32_t means = choose_means(watch);

	if (means == WEFT__TICK_PERF)
		weft__tick_event_set(watch, every_ns);
	else if (means == WEFT__TICK_TIMER)
		weft__tick_timer_set(watch, every_ns);
}

void weft__sys_watch_arm(struct weft__watch *watch, int64_t every_ns)
{
	int saved = errno;

	weft__latest_set(&watch->tick, every_ns, set_tick, watch);
	errno = saved;
}

void weft__sys_watch_tick(struct weft__watch *watch)
{
	int saved = errno;
	siginfo_t info;

	memset(&info, 0, sizeof info);
	info.si_signo = SIGURG;
	info.si_code = WEFT__TICK_CODE;
	info.si_value.sival_ptr = (void *)(uintptr_t)weft__tick_mark(watch);
	syscall(SYS_rt_tgsigqueueinfo, watch->pid, watch->tid, SIGURG, &info);
	errno = saved;
}

/* Before it was armed for the first time: what to expect. */
enum weft__tick_means weft__sys_watch_tick_means(const struct weft__watch *watch)
{
	uint32_t means = atomic_load_acquire(&watch->tick_means);
	bool is_by_perf = means == WEFT__TICK_PERF;

	if (means == 0)
		is_by_perf = !weft__sys_force.no_perf_tick && !weft__perf_is_forbidden();
	return is_by_perf ? WEFT__TICK_PERF : WEFT__TICK_TIMER;
}
