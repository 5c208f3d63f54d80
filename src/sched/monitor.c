/* SPDX-License-Identifier: MIT */
/*
 * Monitor: one kernel thread per process that sees what no carrier can see of itself: that it is
 * blocked in the kernel, or computes while others wait. It lives while there is a scheduler that is
 * not strict, and sleeps while no processor is busy.
 *
 *	a carrier is blocked	its processor goes to a spare carrier (hand-off, enter.h)
 *	a thread overran	its carrier's ticks are switched on (preempt.c); the handler
 *switches them off
 *	an extra runner		a carrier whose processor was handed off is back from its call and
 *runs a
 *				thread all the same: it gets a tick, and queues
 *	no spare is left	one is made; at the bound on carriers a report is printed instead
 *	too many spares		after a while one of them ends
 *
 * How often it looks: where the kernel tells when a carrier blocks (WEFT__WATCH_PERF) it is woken
 * by that; else every LOOK_SHORT_NS, and less often the longer there is nothing to do. A processor
 * that becomes busy wakes it if it sleeps without a deadline (ASLEEP: it says so, and looks at
 * every owner word once more after a heavy barrier; a carrier stores its word, and looks whether it
 * sleeps after a light one).
 *
 * The monitor makes carriers, so it may wait for a lock of the C library that a thread held when it
 * was switched away. So one spare is kept in reserve once there was a need for one, and whoever has
 * that processor lets the holder run.
 */
#include <string.h>

#include "base/panic.h"
#include "mem/stack.h"
#include "sched/enter.h"
#include "sched/fork.h"
#include "sys/spin.h"

#define HAND_OFF_NS (50 * WEFT_US) /* blocked for so long: a shorter call is not worth a wake */
#define LOOK_SHORT_NS (250 * WEFT_US)
#define LOOK_LONG_NS (10 * WEFT_MS)
#define LOOK_AWAY_NS (100 * WEFT_MS) /* nothing is busy, but a carrier is away in a call */
#define SHARP_LOOKS 40               /* without a find, before it looks less often */
#define IDLE_LOOKS 20                /* at nothing busy, before it sleeps */
#define RETIRE_NS (5 * WEFT_SECOND)
#define REPORT_EVERY_NS WEFT_SECOND
#define REPORT_LINES 10

static struct {
	uint32_t life; /* held while the thread is started or ended; whoever waits for it yields */
	uint32_t lock;
	/* guarded by lock */
	struct weft__list scheds;
	struct weft__watcher *watcher;
	struct weft_sched *looking_at; /* not under the lock: it may not go away */
	/* guarded by life */
	unsigned sched_count;
	weft__sys_thread thread;

	bool stopping;   /* atomic */
	uint32_t asleep; /* atomic */
	/* the monitor's own */
	bool found; /* something to do, in this look */
	bool busy;  /* a processor is */
	bool away;  /* a carrier is */
	unsigned dull_looks;
	int64_t look_ns, report_ns;
} monitor;

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* ---- carriers */

static bool has_spare(struct weft_sched *sched)
{
	bool has;

	weft__spin_lock(&sched->lock);
	has = weft__spare_on_word(sched) != NULL;
	weft__spin_unlock(&sched->lock);
	return has;
}

static void report_thread(struct weft__carrier *carrier, struct weft_thread *thread)
{
	weft__report("  thread %llu '%.*s' in %s",
		     (unsigned long long)atomic_load_relaxed(&thread->id), WEFT__NAME_BYTES - 1,
		     thread->name, weft__sys_watch_call(carrier->watch));
}

static void report_bound(struct weft_sched *sched, int64_t now_ns)
{
	unsigned lines = 0;

	if (now_ns < monitor.report_ns)
		return;
	monitor.report_ns = now_ns + REPORT_EVERY_NS;
	weft__report(
		"scheduler '%s': all %u carriers are blocked in the kernel while threads wait; "
		"allow more (weft_sched_options.carriers) or use weft's own calls there",
		sched->name, sched->carriers_max);
	weft__spin_lock(&sched->lock);
	weft__list_for(link, &sched->carriers) {
		struct weft__carrier *carrier = container_of(link, struct weft__carrier, all);
		struct weft_thread *thread = atomic_load_relaxed(&carrier->current);

		if (thread == NULL || thread == &carrier->loop || carrier->watch == NULL)
			continue;
		if (++lines > REPORT_LINES)
			break;
		report_thread(carrier, thread);
	}
	weft__spin_unlock(&sched->lock);
}

/* True: there is one that sleeps on its word, or is on its way to. */
static bool have_spare(struct weft_sched *sched, int64_t now_ns)
{
	if (has_spare(sched))
		return true;
	if (atomic_load_relaxed(&sched->carrier_count) >= sched->carriers_max) {
		report_bound(sched, now_ns);
		return false;
	}
	return weft__carrier_start(sched, NULL, NULL) == 0;
}

/* ---- hand-off */

/* Of a processor that is revoked. */
static struct weft__carrier *give_to_spare(struct weft_sched *sched,
					   struct weft__processor *processor, uintptr_t revoked)
{
	struct weft__carrier *spare;

	weft__spin_lock(&sched->lock);
	spare = weft__spare_on_word(sched);
	if (spare != NULL) {
		/* before the word says so: it looks as soon as it is woken */
		spare->given = processor;
		atomic_store_relaxed(&processor->attended_ns, INT64_C(0));
		if (!atomic_cas_acq_rel(&processor->owner, &revoked,
					(uintptr_t)spare | WEFT__OWNER_IDLE)) { /* OWNER */
			spare->given = NULL;
			spare = NULL;
		} else {
			atomic_store_release(&spare->wake_word, 1u);
		}
	}
	weft__spin_unlock(&sched->lock);
	return spare;
}

/* False: its carrier is inside after all, or was quicker, or there is no spare. */
static bool hand_off(struct weft_sched *sched, struct weft__processor *processor,
		     struct weft__carrier *carrier)
{
	uintptr_t seen = (uintptr_t)carrier;
	const uintptr_t revoked = (uintptr_t)carrier | WEFT__OWNER_REVOKED;
	struct weft__carrier *spare = NULL;

	if (!atomic_cas_acq_rel(&processor->owner, &seen, revoked)) /* OWNER */
		return false;
	weft__sys_heavy_barrier(); /* INSIDE; see enter.h */
	if (atomic_load_acquire(&carrier->inside) == 0)
		spare = give_to_spare(sched, processor, revoked);
	if (spare == NULL) {
		seen = revoked;
		(void)atomic_cas_acq_rel(&processor->owner, &seen, (uintptr_t)carrier); /* OWNER */
		return false;
	}
	weft__sys_wake(&spare->wake_word, 1);
	weft__sys_watch_arm(carrier->watch, 0);
	atomic_store_relaxed(&carrier->armed, false);
	carrier->is_away = true;
	atomic_bump(&sched->hand_offs, 1);
	return true;
}

/* ---- what it looks at */

/* Whether anybody could want the processor of a blocked carrier: who waits in a queue; a timer or a
 * descriptor that only it attends; and, where no carrier is idle, whoever is woken from outside. */
static bool is_wanted(struct weft__processor *processor)
{
	struct weft_sched *sched = processor->sched;

	return weft__has_waiters(processor) || atomic_load_relaxed(&processor->wheel.count) != 0 ||
	       atomic_load_relaxed(&sched->idle) == 0;
}

/* In a call since when; WEFT_FOREVER: it runs. */
static int64_t blocked_since(struct weft__processor *processor, struct weft__carrier *carrier,
			     bool same, int64_t now_ns)
{
	struct weft_thread *thread = atomic_load_relaxed(&carrier->current);
	uint32_t calls = thread != NULL ? atomic_load_relaxed(&thread->calls) : 0;
	bool lasts = same && (calls & 1) != 0 && calls == processor->seen_calls;
	int64_t since_ns = now_ns;

	processor->seen_calls = calls;
	if (lasts) /* it says so itself */
		return processor->seen_ns;
	if (!same && weft__sys_watch_means(carrier->watch) != WEFT__WATCH_PERF)
		return WEFT_FOREVER;
	return weft__sys_watch_look(carrier->watch, &since_ns) == WEFT__WATCH_BLOCKED
		       ? since_ns
		       : WEFT_FOREVER;
}

static void switch_ticks_on(struct weft_sched *sched, struct weft__carrier *carrier)
{
	atomic_store_relaxed(&carrier->armed, true);
	weft__sys_watch_arm(carrier->watch, atomic_load_relaxed(&sched->tick_ns));
	monitor.found = true;
}

/* When to look again. */
static int64_t look_at_running(struct weft__processor *processor, struct weft__carrier *carrier,
			       int64_t now_ns)
{
	struct weft_sched *sched = processor->sched;
	int64_t over_ns = processor->seen_ns + atomic_load_relaxed(&sched->tick_ns);

	if (sched->slice_ns == WEFT_FOREVER || atomic_load_relaxed(&carrier->armed))
		return WEFT_FOREVER;
	if (now_ns < over_ns || !weft__has_waiters(processor))
		return over_ns > now_ns ? over_ns : WEFT_FOREVER;
	/* A light thread needs a spare to be stopped; made here, for it can be anywhere. */
	if (have_spare(sched, now_ns))
		switch_ticks_on(sched, carrier);
	return WEFT_FOREVER;
}

/* It has no carrier: see weft__carrier_start. */
static int64_t look_at_orphan(struct weft__processor *processor, int64_t now_ns)
{
	struct weft__carrier *spare = NULL;

	monitor.busy = true;
	if (have_spare(processor->sched, now_ns))
		spare = give_to_spare(processor->sched, processor, WEFT__OWNER_IDLE);
	if (spare != NULL)
		weft__sys_wake(&spare->wake_word, 1);
	return now_ns + LOOK_LONG_NS;
}

static int64_t look_at_processor(struct weft__processor *processor, int64_t now_ns)
{
	struct weft_sched *sched = processor->sched;
	uintptr_t owner = atomic_load_acquire(&processor->owner);
	struct weft__carrier *carrier = (struct weft__carrier *)owner;
	uint64_t switches = atomic_load_relaxed(&processor->switches);
	bool same = switches == processor->seen_switches;
	int64_t since_ns;

	if (owner == WEFT__OWNER_IDLE)
		return look_at_orphan(processor, now_ns);
	if ((owner & WEFT__OWNER_BITS) != 0 || carrier == NULL)
		return WEFT_FOREVER;
	monitor.busy = true;
	if (!same) {
		processor->seen_switches = switches;
		processor->seen_ns = now_ns;
	}
	if (carrier->watch == NULL)
		return WEFT_FOREVER;
	since_ns = blocked_since(processor, carrier, same, now_ns);
	if (since_ns == WEFT_FOREVER)
		return look_at_running(processor, carrier, now_ns);
	monitor.found = true;
	if (now_ns - since_ns < HAND_OFF_NS)
		return since_ns + HAND_OFF_NS;
	if (!is_wanted(processor) || !have_spare(sched, now_ns))
		return WEFT_FOREVER;
	hand_off(sched, processor, carrier);
	have_spare(sched, now_ns); /* the reserve */
	return WEFT_FOREVER;
}

static bool has_processor(struct weft__carrier *carrier)
{
	struct weft__processor *processor = atomic_load_relaxed(&carrier->processor);

	return processor != NULL && atomic_load_relaxed(&processor->owner) == (uintptr_t)carrier;
}

/* Carriers whose processor was handed off: those that are back get a tick. */
static void look_at_away(struct weft_sched *sched)
{
	weft__spin_lock(&sched->lock);
	weft__list_for(link, &sched->carriers) {
		struct weft__carrier *carrier = container_of(link, struct weft__carrier, all);
		int64_t since_ns;

		if (!carrier->is_away)
			continue;
		if (carrier->is_spare || has_processor(carrier) || carrier->watch == NULL ||
		    atomic_load_relaxed(&carrier->current) == &carrier->loop) {
			carrier->is_away = false;
			continue;
		}
		monitor.away = true;
		if (weft__sys_watch_look(carrier->watch, &since_ns) == WEFT__WATCH_RUNS)
			weft__sys_watch_tick(carrier->watch);
	}
	weft__spin_unlock(&sched->lock);
}

static void retire_spare(struct weft_sched *sched, int64_t now_ns)
{
	struct weft__carrier *spare = NULL;

	weft__spin_lock(&sched->lock);
	/* As many as were in use at a time lately stay, and one in reserve. */
	if (sched->spare_count <= 2 || now_ns < sched->retire_ns || sched->retire_ns == 0) {
		if (sched->spare_count <= 2 || sched->retire_ns == 0)
			sched->retire_ns = now_ns + RETIRE_NS;
	} else {
		spare = weft__spare_on_word(sched);
		if (spare != NULL && spare->given == NULL)
			weft__carrier_retire(spare);
		else
			spare = NULL;
	}
	weft__spin_unlock(&sched->lock);
	if (spare != NULL)
		weft__carrier_bury(spare);
}

static int64_t look_at(struct weft_sched *sched, int64_t now_ns)
{
	int64_t next_ns = WEFT_FOREVER;

	for (unsigned i = 0; i < sched->processor_count; i++)
		next_ns = earlier(next_ns, look_at_processor(sched->processors[i], now_ns));
	look_at_away(sched);
	retire_spare(sched, now_ns);
	return next_ns;
}

/* ---- the loop */

/* The scheduler after that one, kept from going away until the next call; NULL: none. */
static struct weft_sched *next_sched(struct weft_sched *previous)
{
	struct weft__list *link;

	weft__spin_lock(&monitor.lock);
	link = previous != NULL && previous->is_watched ? previous->watched.next
							: monitor.scheds.next;
	if (previous != NULL && !previous->is_watched)
		link = &monitor.scheds; /* it was taken out meanwhile: begin anew next time */
	monitor.looking_at =
		link != &monitor.scheds ? container_of(link, struct weft_sched, watched) : NULL;
	weft__spin_unlock(&monitor.lock);
	return monitor.looking_at;
}

static int64_t look_at_all(int64_t now_ns)
{
	int64_t next_ns = WEFT_FOREVER;

	monitor.busy = false;
	monitor.away = false;
	monitor.found = false;
	/* Threads' records are read that may end meanwhile: they stay mapped. */
	weft__stack_hold();
	for (struct weft_sched *sched = next_sched(NULL); sched != NULL; sched = next_sched(sched))
		next_ns = earlier(next_ns, look_at(sched, now_ns));
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

/* How long until the next look that nothing asks for. */
static int64_t pace(void)
{
	if (monitor.found)
		monitor.dull_looks = 0;
	else
		monitor.dull_looks++;
	if (!monitor.busy)
		return monitor.dull_looks < IDLE_LOOKS ? LOOK_LONG_NS
		       : monitor.away                  ? LOOK_AWAY_NS
						       : WEFT_FOREVER;
	if (monitor.dull_looks == 0 || monitor.look_ns == 0)
		monitor.look_ns = LOOK_SHORT_NS;
	else if (monitor.dull_looks % SHARP_LOOKS == 0 && monitor.look_ns < LOOK_LONG_NS)
		monitor.look_ns *= 2;
	return earlier(monitor.look_ns, LOOK_LONG_NS);
}

static void sleep_deep(void)
{
	atomic_store_relaxed(&monitor.asleep, 1u);
	weft__sys_heavy_barrier(); /* ASLEEP */
	if (!any_busy() && !atomic_load_acquire(&monitor.stopping))
		weft__sys_watcher_wait(monitor.watcher, WEFT_FOREVER);
	atomic_store_relaxed(&monitor.asleep, 0u);
	monitor.dull_looks = 0;
}

static void *monitor_main(void *arg)
{
	(void)arg;
	while (!atomic_load_acquire(&monitor.stopping)) {
		int64_t now_ns = weft__sys_now();
		int64_t next_ns = look_at_all(now_ns);
		int64_t pause_ns = pace();

		if (pause_ns == WEFT_FOREVER && next_ns == WEFT_FOREVER)
			sleep_deep();
		else
			weft__sys_watcher_wait(monitor.watcher,
					       earlier(next_ns, pause_ns == WEFT_FOREVER
									? WEFT_FOREVER
									: now_ns + pause_ns));
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

static int start(void)
{
	int error = weft__sys_watcher_open(&monitor.watcher);

	if (error < 0)
		return error;
	weft__list_init(&monitor.scheds);
	atomic_store_relaxed(&monitor.stopping, false);
	error = weft__sys_thread_start(monitor_main, NULL, (size_t)128 << 10, "weft monitor",
				       &monitor.thread);
	if (error < 0)
		weft__sys_watcher_close(monitor.watcher);
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
		atomic_store_release(&monitor.stopping, true);
		weft__monitor_ring();
		weft__sys_thread_join(monitor.thread);
		weft__sys_watcher_close(monitor.watcher);
		monitor.watcher = NULL;
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
}

void weft__monitor_remove(struct weft_sched *sched)
{
	bool gone;

	weft__spin_lock(&monitor.lock);
	if (sched->is_watched)
		weft__list_remove(&sched->watched);
	sched->is_watched = false;
	weft__spin_unlock(&monitor.lock);
	do {
		weft__spin_lock(&monitor.lock);
		gone = monitor.looking_at != sched;
		weft__spin_unlock(&monitor.lock);
		if (!gone)
			weft_yield();
	} while (!gone);
}

void weft__monitor_watch(struct weft__carrier *carrier, struct weft__watch *watch)
{
	struct weft__watch *old = carrier->watch;

	weft__spin_lock(&carrier->sched->lock);
	carrier->watch = watch;
	weft__spin_unlock(&carrier->sched->lock);
	if (carrier->sched->strict) {
		if (old != NULL)
			weft__sys_watch_close(old);
		return;
	}
	if (watch != NULL)
		/* without: it looks less often */
		(void)weft__sys_watcher_add(monitor.watcher, watch);
	if (old != NULL) {
		weft__sys_watcher_remove(monitor.watcher, old);
		weft__sys_watch_close(old);
	}
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
