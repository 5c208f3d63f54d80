/* SPDX-License-Identifier: MIT */
/*
 * What the monitor sees of a scheduler in one look: carriers that are blocked in the kernel,
 * threads that overran, carriers that are back from a call without their processor, spares that
 * nobody needs.
 */
#include "base/panic.h"
#include "sched/monitor.h"
#include "sys/spin.h"

#define HAND_OFF_NS (25 * WEFT_US) /* blocked for so long: a shorter call is not worth a wake */
#define SOON_NS (250 * WEFT_US)
#define LATER_NS (10 * WEFT_MS)
#define AWAY_LOOKS 16 /* carriers that are away, in one look */
#define RETIRE_NS (5 * WEFT_SECOND)
#define REPORT_EVERY_NS WEFT_SECOND
#define REPORT_LINES 10

/* ---- at the bound */

/* Its record may become another's meanwhile: then the name is a mixture. */
static weft__racy void copy_name(char *to, const struct weft_thread *thread)
{
	const volatile char *name = thread->name;

	for (unsigned i = 0; i < WEFT__NAME_BYTES - 1; i++)
		to[i] = name[i];
	to[WEFT__NAME_BYTES - 1] = '\0';
}

static void report_thread(struct weft__carrier *carrier, struct weft_thread *thread)
{
	char name[WEFT__NAME_BYTES];

	copy_name(name, thread);
	weft__report("  thread %llu '%s' in %s",
		     (unsigned long long)atomic_load_relaxed(&thread->id), name,
		     weft__sys_watch_call(weft__watch_of(carrier)));
}

static void report_bound(struct weft_sched *sched, int64_t now_ns)
{
	unsigned lines = 0;

	if (now_ns < sched->report_ns)
		return;
	sched->report_ns = now_ns + REPORT_EVERY_NS;
	weft__report(
		"scheduler '%s': all %u carriers are blocked in the kernel while threads wait; "
		"allow more (weft_sched_options.carriers) or use weft's own calls there",
		sched->name, sched->carriers_max);
	weft__spin_lock(&sched->lock);
	weft__list_for(link, &sched->carriers) {
		struct weft__carrier *carrier = container_of(link, struct weft__carrier, all);
		struct weft_thread *thread = atomic_load_relaxed(&carrier->current);

		if (thread == NULL || thread == &carrier->loop || weft__watch_of(carrier) == NULL)
			continue;
		if (++lines > REPORT_LINES)
			break;
		report_thread(carrier, thread);
	}
	weft__spin_unlock(&sched->lock);
}

/* ---- a blocked carrier */

/* Whether anybody could want the processor of a blocked carrier: who waits in a queue; a timer or a
 * descriptor that only it attends; and, where no carrier is idle, whoever is woken from outside. */
static bool is_wanted(struct weft__processor *processor)
{
	struct weft_sched *sched = processor->sched;

	return weft__has_waiters(processor) || atomic_load_relaxed(&processor->wheel.count) != 0 ||
	       atomic_load_relaxed(&sched->idle) == 0;
}

/* What follows looks at a thread that runs elsewhere, and may have ended: its record is another's
 * by then, or nobody's, but its memory stays. Each is a guess that costs a look at most. */
weft__racy bool weft__seems_user(const struct weft_thread *thread)
{
	return thread != NULL && atomic_load_relaxed(&thread->tp) != NULL;
}

weft__racy static uint32_t calls_of(const struct weft_thread *thread)
{
	return thread != NULL ? atomic_load_relaxed(&thread->calls) : 0;
}

/* In a call since when; WEFT_FOREVER: it runs. */
static int64_t blocked_since(struct weft__processor *processor, struct weft__carrier *carrier,
			     bool same, int64_t now_ns)
{
	uint32_t calls = calls_of(atomic_load_relaxed(&carrier->current));
	bool lasts = same && (calls & 1) != 0 && calls == processor->seen_calls;
	int64_t since_ns = now_ns;

	processor->seen_calls = calls;
	if (lasts) /* it says so itself */
		return processor->seen_ns;
	if (!same && weft__sys_watch_means(weft__watch_of(carrier)) != WEFT__WATCH_PERF)
		return WEFT_FOREVER;
	return weft__sys_watch_look(weft__watch_of(carrier), &since_ns) == WEFT__WATCH_BLOCKED
		       ? since_ns
		       : WEFT_FOREVER;
}

/* An upper floor whose thread it is (a pool) hears of it, once for each turn of that thread. */
static void tell_of(struct weft__carrier *carrier, struct weft__processor *processor)
{
	struct weft_thread *thread = atomic_load_relaxed(&carrier->current);
	uint64_t turn =
		atomic_load_relaxed(&processor->switches) * WEFT__PROCESSORS_MAX + processor->index;
	const struct weft__blocking_table *table;
	void *arg;

	if (thread == NULL || carrier->told_turn == turn)
		return;
	table = atomic_load_acquire(&thread->blocking_table); /* TELL: arg, and what is behind it */
	arg = atomic_load_relaxed(&thread->blocking_arg);
	if (table == NULL || arg == NULL)
		return;
	carrier->told_turn = turn;
	atomic_store_relaxed(&carrier->seen_table, table);
	atomic_store_release(&carrier->seen_arg, arg);
	weft__maker_ring();
}

static int64_t look_at_blocked(struct weft__look *look, struct weft__processor *processor,
			       struct weft__carrier *carrier, int64_t since_ns)
{
	struct weft_sched *sched = processor->sched;

	if (look->now_ns - since_ns < HAND_OFF_NS) {
		look->found = true;
		return since_ns + HAND_OFF_NS;
	}
	tell_of(carrier, processor);
	if (!is_wanted(processor))
		return WEFT_FOREVER;
	look->found = true;
	if (weft__have_spare(sched)) {
		weft__hand_off(sched, processor, carrier);
		weft__have_spare(sched); /* the reserve */
		return WEFT_FOREVER;
	}
	if (!weft__relieve(sched, processor, carrier) &&
	    atomic_load_relaxed(&sched->carrier_count) >= sched->carriers_max)
		report_bound(sched, look->now_ns);
	return look->now_ns + SOON_NS;
}

/* ---- a running one */

/* When to look again. */
static int64_t look_at_running(struct weft__look *look, struct weft__processor *processor,
			       struct weft__carrier *carrier)
{
	struct weft_sched *sched = processor->sched;
	int64_t over_ns = processor->seen_ns + atomic_load_relaxed(&sched->tick_ns);

	if (sched->slice_ns == WEFT_FOREVER || atomic_load_acquire(&carrier->armed)) /* ARMED */
		return WEFT_FOREVER;
	if (look->now_ns < over_ns || !weft__has_waiters(processor))
		return over_ns > look->now_ns ? over_ns : WEFT_FOREVER;
	if (atomic_load_relaxed(&carrier->is_in_a_call)) { /* the next look tells */
		atomic_store_relaxed(&carrier->is_in_a_call, false);
		look->found = true;
		return look->now_ns + SOON_NS;
	}
	/* A light thread needs a carrier that can go on in its place. */
	if (!weft__have_spare(sched) && !weft__seems_user(atomic_load_relaxed(&carrier->current)) &&
	    atomic_load_relaxed(&sched->stopped_count) == 0) {
		(void)weft__spare_rouse(sched);
		return look->now_ns + SOON_NS;
	}
	atomic_store_relaxed(&carrier->armed, true);
	weft__sys_watch_arm(weft__watch_of(carrier), atomic_load_relaxed(&sched->tick_ns));
	look->found = true;
	return WEFT_FOREVER;
}

/* Where the kernel tells who blocks, it does so from when that one wakes: else the first call that
 * it blocks in would go unseen until the next look. */
static void look_at_sleeper(struct weft__carrier *carrier)
{
	struct weft__watch *watch = weft__watch_of(carrier);
	int64_t since_ns;

	if (watch != NULL && weft__sys_watch_means(watch) == WEFT__WATCH_PERF)
		(void)weft__sys_watch_look(watch, &since_ns);
}

static int64_t look_at_processor(struct weft__look *look, struct weft__processor *processor)
{
	uintptr_t owner = atomic_load_acquire(&processor->owner);
	struct weft__carrier *carrier = (struct weft__carrier *)owner;
	uint64_t switches = atomic_load_relaxed(&processor->switches);
	bool same = switches == processor->seen_switches;
	int64_t since_ns;

	if (owner == WEFT__OWNER_IDLE) { /* see weft__carrier_start */
		look->busy = true;
		weft__adopt(processor->sched, processor);
		return look->now_ns + LATER_NS;
	}
	if ((owner & WEFT__OWNER_BITS) == WEFT__OWNER_IDLE)
		look_at_sleeper((struct weft__carrier *)(owner & ~WEFT__OWNER_BITS));
	if ((owner & WEFT__OWNER_BITS) != 0 || carrier == NULL)
		return WEFT_FOREVER;
	look->busy = true;
	if (!same) {
		processor->seen_switches = switches;
		processor->seen_ns = look->now_ns;
	}
	if (weft__watch_of(carrier) == NULL)
		return WEFT_FOREVER;
	since_ns = blocked_since(processor, carrier, same, look->now_ns);
	return since_ns != WEFT_FOREVER ? look_at_blocked(look, processor, carrier, since_ns)
					: look_at_running(look, processor, carrier);
}

/* ---- the others */

static bool has_processor(struct weft__carrier *carrier)
{
	struct weft__processor *processor = atomic_load_relaxed(&carrier->processor);

	return processor != NULL && atomic_load_relaxed(&processor->owner) == (uintptr_t)carrier;
}

static bool is_back(struct weft__carrier *carrier)
{
	return has_processor(carrier) || weft__watch_of(carrier) == NULL ||
	       atomic_load_relaxed(&carrier->current) == &carrier->loop;
}

/* Carriers whose processor was handed off: those that are back from their call get a tick. There
 * may be thousands, so by turns: who was looked at goes behind the others. */
static void look_at_away(struct weft__look *look, struct weft_sched *sched)
{
	struct weft__list *first = NULL, *link;
	int64_t since_ns;

	for (unsigned i = 0; i < AWAY_LOOKS; i++) {
		struct weft__carrier *carrier;

		link = sched->away.next;
		if (link == &sched->away || link == first)
			break;
		carrier = container_of(link, struct weft__carrier, away);
		weft__list_remove(link);
		carrier->is_away = !is_back(carrier);
		if (!carrier->is_away)
			continue;
		weft__list_push(&sched->away, link);
		if (first == NULL)
			first = link;
		/* One that is stopped with its thread sleeps, and has paused its watch. */
		if (!atomic_load_relaxed(&carrier->is_stopped) &&
		    weft__sys_watch_look(weft__watch_of(carrier), &since_ns) == WEFT__WATCH_RUNS)
			weft__sys_watch_tick(weft__watch_of(carrier));
	}
	look->away |= !weft__list_is_empty(&sched->away);
}

/* As many as were in use at a time lately stay, and one in reserve. When to look again, though
 * nothing runs: until all are gone that can be. */
static int64_t retire_spare(struct weft_sched *sched, int64_t now_ns)
{
	struct weft__carrier *spare = NULL;
	int64_t next_ns = WEFT_FOREVER;
	bool retires = false;

	weft__spin_lock(&sched->lock);
	sched->seen_spare_turns = sched->spare_turns;
	if (sched->spare_count <= WEFT__SPARES_KEPT || sched->retire_ns == 0)
		sched->retire_ns = now_ns + RETIRE_NS;
	else if (now_ns >= sched->retire_ns)
		spare = weft__spare_on_word(sched);
	if (spare != NULL && spare->given == NULL && !spare->is_away) {
		weft__carrier_retire(spare);
		retires = true;
	}
	if (sched->spare_count > WEFT__SPARES_KEPT && now_ns < sched->retire_ns)
		next_ns = sched->retire_ns;
	else if (sched->spare_count > WEFT__SPARES_KEPT && spare != NULL)
		next_ns = now_ns + LATER_NS;
	weft__spin_unlock(&sched->lock);
	if (retires)
		weft__maker_ring();
	return next_ns;
}

/* After a failure it is asked again, but not at once. */
static void ask_again(struct weft_sched *sched, int64_t now_ns)
{
	if (atomic_load_relaxed(&sched->spare_asked) != WEFT__SPARE_FAILED)
		sched->ask_ns = 0;
	else if (sched->ask_ns == 0)
		sched->ask_ns = now_ns + LATER_NS;
	else if (now_ns >= sched->ask_ns)
		atomic_store_release(&sched->spare_asked, WEFT__SPARE_UNASKED);
}

int64_t weft__look_at(struct weft__look *look, struct weft_sched *sched)
{
	int64_t next_ns = WEFT_FOREVER;

	ask_again(sched, look->now_ns);
	for (unsigned i = 0; i < sched->processor_count; i++)
		next_ns = weft__earlier(next_ns, look_at_processor(look, sched->processors[i]));
	look_at_away(look, sched);
	return weft__earlier(next_ns, retire_spare(sched, look->now_ns));
}
