/* SPDX-License-Identifier: MIT */
/*
 * Monitor: one kernel thread per process that sees what no carrier can see of itself: that it is
 * blocked in the kernel, or computes while others wait. It lives while there is a scheduler that is
 * not strict, and sleeps while no processor is busy.
 *
 *	a carrier is blocked	its processor goes to a spare carrier (handoff.c)
 *	a thread overran	its carrier's ticks are switched on; the handler switches them off
 *	an extra runner		a carrier whose processor was handed off is back from its call and
 *				runs a thread all the same: it gets a tick, and queues
 *	no spare is left	one is made (maker.c); at the bound on carriers a report is printed
 *	too many spares		after a while one of them ends
 *
 * How often it looks: where the kernel tells when a carrier blocks (WEFT__WATCH_PERF) it is woken
 * by that; else every LOOK_SHORT_NS, and less often the longer there is nothing to do. A processor
 * that becomes busy wakes it if it sleeps because none is (ASLEEP: it says so, and looks at every
 * owner word once more after a heavy barrier; a carrier stores its word, and looks whether it
 * sleeps after a light one). That sleep may have an end of its own: who is away is looked at now
 * and then, and spares that nobody needs end one by one. A spare too many that comes after the last
 * look wakes it by the same protocol, with the number of spares in place of the owner word.
 *
 * It waits for no lock that a thread may hold while it is switched away: see maker.c.
 */
#include <string.h>

#include "mem/stack.h"
#include "sched/fork.h"
#include "sched/monitor.h"
#include "sys/spin.h"

#define LOOK_SHORT_NS (250 * WEFT_US)
#define LOOK_LONG_NS (10 * WEFT_MS)
#define LOOK_AWAY_NS (100 * WEFT_MS) /* nothing is busy, but a carrier is away in a call */
#define SHARP_LOOKS 20               /* without a find, before it looks less often */
#define TOLD_LOOKS 2                 /* after a sleep, where the kernel tells */
#define IDLE_LOOKS 20                /* at nothing busy, before it sleeps */

static struct {
	uint32_t life; /* held while the thread is started or ended; whoever waits for it yields */
	uint32_t lock;
	/* guarded by lock */
	struct weft__list scheds;
	struct weft__watcher *watcher;
	struct weft_sched *at[WEFT__WALKERS]; /* not under the lock: it may not go away */
	/* guarded by life */
	unsigned sched_count;
	weft__sys_thread thread;

	bool stopping;    /* atomic */
	uint32_t asleep;  /* atomic */
	bool is_not_told; /* atomic: there was a carrier whose blocks the kernel does not tell */
	/* the monitor's own */
	unsigned dull_looks, looks;
	int64_t look_ns;
} monitor;

/* ---- the loop */

struct weft_sched *weft__watched_next(enum weft__walker who, struct weft_sched *previous)
{
	struct weft_sched *next;
	struct weft__list *link;

	weft__spin_lock(&monitor.lock);
	link = previous != NULL && previous->is_watched ? previous->watched.next
							: monitor.scheds.next;
	if (previous != NULL && !previous->is_watched)
		link = &monitor.scheds; /* it was taken out meanwhile: begin anew next time */
	next = link != &monitor.scheds ? container_of(link, struct weft_sched, watched) : NULL;
	monitor.at[who] = next;
	weft__spin_unlock(&monitor.lock);
	return next;
}

static int64_t look_at_all(struct weft__look *look)
{
	struct weft_sched *sched = NULL;
	int64_t next_ns = WEFT_FOREVER;

	/* Threads' records are read that may end meanwhile: they stay mapped. */
	weft__stack_hold();
	while ((sched = weft__watched_next(WEFT__WALKER_MONITOR, sched)) != NULL)
		next_ns = weft__earlier(next_ns, weft__look_at(look, sched));
	weft__stack_release();
	return next_ns;
}

static bool is_busy(uintptr_t owner)
{
	return (owner & WEFT__OWNER_BITS) == 0 || owner == WEFT__OWNER_IDLE;
}

static bool any_busy(void)
{
	bool busy = false;

	weft__spin_lock(&monitor.lock);
	weft__list_for(link, &monitor.scheds) {
		struct weft_sched *sched = container_of(link, struct weft_sched, watched);

		for (unsigned i = 0; i < sched->processor_count; i++)
			busy |= is_busy(atomic_load_acquire(&sched->processors[i]->owner));
	}
	weft__spin_unlock(&monitor.lock);
	return busy;
}

/* A spare that came after the last look, as one that is back from a call does. */
static bool any_surplus(void)
{
	bool surplus = false;

	weft__spin_lock(&monitor.lock);
	weft__list_for(link, &monitor.scheds) {
		struct weft_sched *sched = container_of(link, struct weft_sched, watched);

		surplus |= atomic_load_relaxed(&sched->spare_count) > WEFT__SPARES_KEPT &&
			   atomic_load_relaxed(&sched->spare_turns) != sched->seen_spare_turns;
	}
	weft__spin_unlock(&monitor.lock);
	return surplus;
}

/* How long until the next look that nothing asks for. */
static int64_t pace(const struct weft__look *look)
{
	if (look->found)
		monitor.dull_looks = 0;
	else
		monitor.dull_looks++;
	if (!look->busy)
		return monitor.dull_looks < IDLE_LOOKS ? LOOK_LONG_NS
		       : look->away                    ? LOOK_AWAY_NS
						       : WEFT_FOREVER;
	if (!atomic_load_relaxed(&monitor.is_not_told) && ++monitor.looks > TOLD_LOOKS)
		return LOOK_LONG_NS;
	if (monitor.dull_looks == 0 || monitor.look_ns == 0)
		monitor.look_ns = LOOK_SHORT_NS;
	else if (monitor.dull_looks % SHARP_LOOKS == 0 && monitor.look_ns < LOOK_LONG_NS)
		monitor.look_ns *= 2;
	return weft__earlier(monitor.look_ns, LOOK_LONG_NS);
}

/* Nothing is busy: who becomes so wakes it. */
static void sleep_deep(int64_t until_ns)
{
	atomic_store_relaxed(&monitor.asleep, 1u);
	weft__sys_heavy_barrier(); /* ASLEEP */
	if (!any_busy() && !(until_ns == WEFT_FOREVER && any_surplus()) &&
	    !atomic_load_acquire(&monitor.stopping))
		weft__sys_watcher_wait(monitor.watcher, until_ns);
	atomic_store_relaxed(&monitor.asleep, 0u);
	if (until_ns != WEFT_FOREVER && !any_busy())
		return; /* to look at those that wait for it, no more */
	monitor.dull_looks = 0;
	monitor.looks = 0;
}

static void *monitor_main(void *arg)
{
	(void)arg;
	while (!atomic_load_acquire(&monitor.stopping)) {
		struct weft__look look = { .now_ns = weft__sys_now() };
		int64_t next_ns = look_at_all(&look);
		int64_t pause_ns = pace(&look);
		int64_t until_ns = weft__earlier(
			next_ns, pause_ns == WEFT_FOREVER ? WEFT_FOREVER : look.now_ns + pause_ns);

		if (pause_ns >= LOOK_AWAY_NS)
			sleep_deep(until_ns);
		else
			weft__sys_watcher_wait(monitor.watcher, until_ns);
	}
	return NULL;
}

void weft__monitor_ring(void)
{
	weft__sys_watcher_ring(monitor.watcher);
}

void weft__monitor_busy(void)
{
	weft__sys_light_barrier(); /* ASLEEP */
	if (unlikely(atomic_load_relaxed(&monitor.asleep) != 0))
		weft__monitor_ring();
}

/* ---- its life */

static void end(void)
{
	atomic_store_release(&monitor.stopping, true);
	weft__monitor_ring();
	weft__sys_thread_join(monitor.thread);
	weft__sys_watcher_close(monitor.watcher);
	monitor.watcher = NULL;
}

static int start(void)
{
	int error = weft__sys_watcher_open(&monitor.watcher);

	if (error < 0)
		return error;
	weft__list_init(&monitor.scheds);
	atomic_store_relaxed(&monitor.stopping, false);
	error = weft__sys_thread_start(monitor_main, NULL, (size_t)128 << 10, "weft monitor",
				       &monitor.thread);
	if (error == 0) {
		error = weft__maker_begin();
		if (error < 0)
			end();
	} else {
		weft__sys_watcher_close(monitor.watcher);
		monitor.watcher = NULL; /* fork's child closes what it finds */
	}
	return error;
}

static void lock_life(void)
{
	while (!weft__spin_try(&monitor.life))
		weft_yield(); /* its holder may need this processor */
}

int weft__monitor_begin(void)
{
	int error = 0;

	lock_life();
	if (monitor.sched_count == 0)
		error = start();
	if (error == 0)
		monitor.sched_count++;
	weft__spin_unlock_for(&monitor.life);
	return error;
}

void weft__monitor_end(void)
{
	lock_life();
	if (--monitor.sched_count == 0) {
		weft__maker_end();
		end();
	}
	weft__spin_unlock_for(&monitor.life);
}

void weft__monitor_add(struct weft_sched *sched)
{
	weft__spin_lock(&monitor.lock);
	sched->is_watched = true;
	weft__list_push(&monitor.scheds, &sched->watched);
	weft__spin_unlock(&monitor.lock);
	weft__monitor_ring();
	weft__maker_ring(); /* who asked before this was not heard */
}

void weft__monitor_remove(struct weft_sched *sched)
{
	bool gone;

	weft__spin_lock(&monitor.lock);
	if (sched->is_watched)
		weft__list_remove(&sched->watched);
	sched->is_watched = false;
	weft__spin_unlock(&monitor.lock);
	weft__maker_ring(); /* its walk may have ended here */
	do {
		weft__spin_lock(&monitor.lock);
		gone = monitor.at[WEFT__WALKER_MONITOR] != sched &&
		       monitor.at[WEFT__WALKER_MAKER] != sched;
		weft__spin_unlock(&monitor.lock);
		if (!gone)
			weft_yield();
	} while (!gone);
}

void weft__monitor_watch(struct weft__carrier *carrier, struct weft__watch *watch)
{
	struct weft__watch *old = carrier->watch;

	/* Before it is seen: nobody looks at it yet, while its means are found. */
	if (watch != NULL && !carrier->sched->strict) {
		int error = weft__sys_watcher_add(monitor.watcher, watch);

		if (error < 0 || weft__sys_watch_means(watch) != WEFT__WATCH_PERF)
			atomic_store_relaxed(&monitor.is_not_told, true);
	}
	weft__spin_lock(&carrier->sched->lock);
	atomic_store_release(&carrier->watch, watch); /* WATCH: what is in it before it */
	weft__spin_unlock(&carrier->sched->lock);
	if (old == NULL)
		return;
	if (!carrier->sched->strict)
		weft__sys_watcher_remove(monitor.watcher, old);
	weft__sys_watch_close(old);
}

/* It does not run, and looks at nothing. */
void weft__monitor_forked(struct weft__carrier *carrier)
{
	if (carrier != NULL && carrier->watch != NULL)
		weft__sys_watch_close(carrier->watch);
	if (monitor.watcher != NULL)
		weft__sys_watcher_close(monitor.watcher);
	memset(&monitor, 0, sizeof monitor);
	weft__list_init(&monitor.scheds);
}
