/* SPDX-License-Identifier: MIT */
/* Watches: their array, and the kernel thread that each belongs to. */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/panic.h"
#include "sys/linux/watch.h"

#define WATCHES_MAX (1u << 16)
#define URGENT_BIT (UINT64_C(1) << (SIGURG - 1))
#define MASK_BYTES 8 /* the kernel's signal set */

static struct weft__watch *watches; /* atomic; for ever, once it is there */
static uint32_t hint;               /* atomic: where a free one may be */

static struct weft__watch *array(void)
{
	const size_t bytes = (WATCHES_MAX * sizeof *watches + WEFT__PAGE - 1) & -WEFT__PAGE;
	struct weft__watch *at = atomic_load_acquire(&watches), *nobody = NULL;
	void *fresh;

	if (at != NULL)
		return at;
	if (weft__sys_reserve(bytes, WEFT__PAGE, &fresh) != 0)
		return NULL;
	if (atomic_cas_acq_rel(&watches, &nobody, (struct weft__watch *)fresh))
		return fresh;
	weft__sys_unreserve(fresh, bytes);
	return nobody;
}

struct weft__watch *weft__watch_at(uint32_t index)
{
	struct weft__watch *at = atomic_load_acquire(&watches);

	return at != NULL && index < WATCHES_MAX ? &at[index] : NULL;
}

bool weft__watch_is_ours(const struct weft__watch *watch)
{
	return watch->pid == getpid();
}

/* One that is nobody's becomes the caller's, but does not yet answer to signals. */
static struct weft__watch *claim(struct weft__watch *at)
{
	uint32_t start = atomic_load_relaxed(&hint);

	for (uint32_t i = 0; i < WATCHES_MAX; i++) {
		uint32_t index = (start + i) % WATCHES_MAX, seen = WEFT__WATCH_FREE;

		if (atomic_load_relaxed(&at[index].state) == WEFT__WATCH_FREE &&
		    atomic_cas_acq_rel(&at[index].state, &seen, WEFT__WATCH_TAKEN)) {
			atomic_store_relaxed(&hint, (index + 1) % WATCHES_MAX);
			at[index].index = index;
			return &at[index];
		}
	}
	return NULL;
}

/* A program that waits for its signals in one place blocks them all everywhere: ours must get
 * through. */
static uint64_t unblock_ticks(void)
{
	uint64_t urgent = URGENT_BIT, before;
	long rc = syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &urgent, &before, MASK_BYTES);

	weft__assert(rc == 0);
	return before & ~urgent;
}

int weft__sys_watch_open(struct weft__watch **out_watch)
{
	struct weft__watch *at = array();
	struct weft__watch *watch = at != NULL ? claim(at) : NULL;

	if (watch == NULL)
		return -ENOMEM;
	watch->tid = gettid();
	watch->pid = getpid();
	watch->mask = unblock_ticks();
	watch->cpu_ns = -1;
	watch->since_ns = 0;
	watch->was_blocked = false;
	watch->call_fd = -1;
	atomic_store_relaxed(&watch->base_head, (uint64_t)0);
	atomic_store_relaxed(&watch->is_paused, false);
	atomic_store_relaxed(&watch->is_wanted, false);
	/* Who waits for events may look at it still: one that came late, of an earlier owner. */
	weft__latest_init(&watch->tick);
	weft__latest_init(&watch->attention);
	atomic_store_relaxed(&watch->tick_means, 0u);
	atomic_store_relaxed(&watch->means, 0u);
	atomic_store_release(&watch->state, WEFT__WATCH_OPEN);
	*out_watch = watch;
	return 0;
}

void weft__sys_watch_close(struct weft__watch *watch)
{
	atomic_store_release(&watch->state, WEFT__WATCH_TAKEN);
	if (atomic_load_acquire(&watch->tick_means) == WEFT__TICK_PERF)
		weft__tick_event_close(watch);
	else if (atomic_load_relaxed(&watch->tick_means) == WEFT__TICK_TIMER &&
		 weft__watch_is_ours(watch))
		weft__tick_timer_close(watch);
	if (atomic_load_acquire(&watch->means) == WEFT__WATCH_PERF)
		weft__watch_ring_close(watch);
	weft__watch_call_close(watch);
	atomic_store_relaxed(&hint, watch->index);
	atomic_store_release(&watch->state, WEFT__WATCH_FREE);
}

int weft__sys_watch_tid(const struct weft__watch *watch)
{
	return watch->tid;
}

void weft__sys_watch_pause(struct weft__watch *watch)
{
	int saved;

	atomic_store_relaxed(&watch->is_paused, true);
	if (likely(weft__latest_get(&watch->attention) == 0))
		return;
	saved = errno;
	weft__watch_ignore(watch);
	atomic_store_relaxed(&watch->is_wanted, true);
	errno = saved;
}

/* Who looks sets is_wanted, then reads is_paused again; here it is the other way round. One of the
 * two sees the other. */
void weft__sys_watch_resume(struct weft__watch *watch)
{
	int saved;

	atomic_store_relaxed(&watch->is_paused, false);
	weft__sys_full_barrier(); /* PAUSE */
	if (likely(!atomic_load_relaxed(&watch->is_wanted)))
		return;
	saved = errno;
	atomic_store_relaxed(&watch->is_wanted, false);
	weft__watch_attend(watch);
	errno = saved;
}
