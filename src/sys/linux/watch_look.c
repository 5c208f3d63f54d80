/* SPDX-License-Identifier: MIT */
/*
 * Is it blocked? The better means that is to be had, chosen at the first look.
 *
 * PERF: the first look has the ring written from then on (it *attends*) and asks /proc how things
 * stand; while no record says that the kernel thread went to sleep, it runs, and a look is two
 * loads. The look that finds it blocked ends the attention: the record of its coming back would
 * cost it 7 us, and interests nobody. So does its pause, until it resumes.
 *
 * CLOCK: its CPU clock stands still between two looks, and /proc says that it is not waiting for a
 * CPU. PROC: every look asks /proc.
 *
 * Where there are CPU clocks, one that was blocked and has used no CPU since is blocked still: that
 * costs 0.35 us, for there may be thousands.
 */
#include <errno.h>
#include <time.h>

#include "sys/linux/force.h"
#include "sys/linux/watch.h"
#include "sys/spin.h"

static uint32_t choose_means(struct weft__watch *watch)
{
	uint32_t means = atomic_load_relaxed(&watch->means);

	if (means != 0)
		return means;
	if (!weft__sys_force.no_perf_watch && weft__watch_ring_open(watch) == 0)
		means = WEFT__WATCH_PERF;
	else
		means = weft__sys_force.no_clock_watch ? WEFT__WATCH_PROC : WEFT__WATCH_CLOCK;
	atomic_store_release(&watch->means, means);
	return means;
}

/* Before the first look: what to expect. */
enum weft__watch_means weft__sys_watch_means(const struct weft__watch *watch)
{
	uint32_t means = atomic_load_acquire(&watch->means);

	if (means != 0)
		return (enum weft__watch_means)means;
	if (weft__sys_force.no_clock_watch)
		return WEFT__WATCH_PROC;
	return weft__sys_force.no_perf_watch || weft__perf_is_forbidden() ? WEFT__WATCH_CLOCK
									  : WEFT__WATCH_PERF;
}

static void set_attention(void *on, int64_t wished)
{
	struct weft__watch *watch = on;

	if (choose_means(watch) == WEFT__WATCH_PERF)
		weft__watch_ring_write(watch, wished != 0);
}

/*
 * The ring has nothing to say before its present head: it is not written yet. If the kernel thread
 * itself attends at the same time, it was in no call; if it has blocked in one since, /proc says so
 * to who looks.
 */
void weft__watch_attend(struct weft__watch *watch)
{
	if (atomic_load_acquire(&watch->means) == WEFT__WATCH_PERF)
		atomic_store_relaxed(&watch->base_head, weft__watch_ring_head(watch));
	weft__latest_set(&watch->attention, 1, set_attention, watch);
}

void weft__watch_ignore(struct weft__watch *watch)
{
	weft__latest_set(&watch->attention, 0, set_attention, watch);
}

bool weft__sys_watch_expect(struct weft__watch *watch)
{
	int saved = errno;

	if (atomic_load_acquire(&watch->means) != WEFT__WATCH_PERF)
		return false;
	if (weft__latest_get(&watch->attention) == 0)
		weft__watch_attend(watch);
	errno = saved;
	return true;
}

static bool is_out(const struct weft__watch *watch, int64_t *out_at_ns)
{
	return weft__watch_ring_is_out(watch, atomic_load_relaxed(&watch->base_head), out_at_ns);
}

/* Asked when its descriptor had an event, and by then the watch may be closed, or another's. */
bool weft__watch_is_out(struct weft__watch *watch)
{
	int64_t at_ns;
	bool out;

	if (atomic_load_acquire(&watch->means) != WEFT__WATCH_PERF ||
	    weft__latest_get(&watch->attention) == 0 || atomic_load_relaxed(&watch->is_paused))
		return false;
	weft__spin_lock(&watch->ring_lock);
	out = watch->ring != NULL && is_out(watch, &at_ns);
	weft__spin_unlock(&watch->ring_lock);
	return out;
}

/* By its number: what pthread_getcpuclockid would answer, without the thread's handle. */
static int64_t cpu_clock(const struct weft__watch *watch)
{
	clockid_t clock = (clockid_t)(~(unsigned)watch->tid << 3 | 6);
	struct timespec used;

	if (clock_gettime(clock, &used) != 0)
		return -1;
	return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

/* Whether it has used no CPU since the clock was asked last. */
static bool stands_still(struct weft__watch *watch)
{
	int64_t now_ns = weft__sys_now(), cpu_ns = cpu_clock(watch);

	if (cpu_ns == watch->cpu_ns)
		return true;
	watch->cpu_ns = cpu_ns;
	watch->since_ns = now_ns;
	return false;
}

static bool is_blocked_by_proc(struct weft__watch *watch)
{
	if (!weft__watch_call_is_blocked(watch))
		watch->since_ns = 0;
	else if (watch->since_ns == 0)
		watch->since_ns = weft__sys_now();
	return watch->since_ns != 0;
}

/* Attention is on before /proc is asked: what happens from then on is in the ring. */
static bool is_blocked_at_first(struct weft__watch *watch)
{
	weft__watch_attend(watch);
	if (atomic_load_acquire(&watch->means) != WEFT__WATCH_PERF)
		return false;
	stands_still(watch); /* for *out_since_ns */
	return weft__watch_call_is_blocked(watch);
}

static bool is_blocked_by_ring(struct weft__watch *watch)
{
	int64_t at_ns;

	if (weft__latest_get(&watch->attention) == 0) {
		if (!is_blocked_at_first(watch))
			return false;
	} else if (atomic_load_acquire(&watch->means) != WEFT__WATCH_PERF) {
		/* another attends for the first time, and its event is not made yet */
		return false;
	} else {
		/* A kernel before 4.17 does not tell sleep from preemption: /proc does. */
		if (!is_out(watch, &at_ns) || !weft__watch_call_is_blocked(watch))
			return false;
		watch->cpu_ns = cpu_clock(watch);
		watch->since_ns = at_ns;
	}
	weft__watch_ignore(watch);
	return true;
}

/* If so, it attends when it resumes. */
static bool is_paused(struct weft__watch *watch)
{
	if (!atomic_load_relaxed(&watch->is_paused))
		return false;
	watch->since_ns = 0;
	watch->cpu_ns = -1;
	atomic_store_relaxed(&watch->is_wanted, true);
	weft__sys_full_barrier(); /* PAUSE */
	return atomic_load_relaxed(&watch->is_paused);
}

static bool is_blocked(struct weft__watch *watch)
{
	if (is_paused(watch))
		return false;
	if (watch->was_blocked && !weft__sys_force.no_clock_watch && stands_still(watch))
		return true;
	switch (weft__sys_watch_means(watch)) {
	case WEFT__WATCH_PERF:
		return is_blocked_by_ring(watch);
	case WEFT__WATCH_CLOCK:
		return stands_still(watch) && weft__watch_call_is_blocked(watch);
	default:
		return is_blocked_by_proc(watch);
	}
}

enum weft__watch_state weft__sys_watch_look(struct weft__watch *watch, int64_t *out_since_ns)
{
	int saved = errno;
	bool blocked = is_blocked(watch);

	errno = saved;
	watch->was_blocked = blocked;
	if (!blocked)
		return WEFT__WATCH_RUNS;
	*out_since_ns = watch->since_ns;
	return WEFT__WATCH_BLOCKED;
}
