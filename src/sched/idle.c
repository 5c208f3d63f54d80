/* SPDX-License-Identifier: MIT */
/*
 * How a carrier finds work, and how it goes to sleep without missing any.
 *
 * `idle` counts the carriers that sleep in the poller, or are about to. `searching` counts those
 * that look through other processors' queues, and the one ring of the poller that is under way: so
 * at most one ring is.
 *
 * The two orders that must be read together (IDLE):
 *
 *	who makes work			who goes to sleep
 *	1 publish it in a queue		1 idle++, then searching--
 *	  light barrier			  heavy barrier
 *	2 read idle, searching		2 look at every queue once more
 *
 * Failing without the barriers: the maker's store waits in its store buffer, it reads idle == 0 and
 * wakes nobody; the sleeper's look at the queues is early and finds nothing; it sleeps, and the
 * work lies there. With them either the maker sees the sleeper (or a searcher, who has yet to come
 * to this same point), or the sleeper sees the work. The heavy barrier is the kernel's membarrier:
 * it makes the makers' compiler barrier a full one, so those who make work pay nothing.
 *
 * searching > 0 lets a maker leave the waking to the searcher. So a searcher that finds work and
 * was the last one looks whether another should be woken in its place (weft__search_end), and so
 * does whoever takes a ring and does not search: a processor that was busy all along, a carrier
 * that lost its processor. idle++ comes before searching--, or a maker between the two would see
 * neither.
 *
 * Deadlines: a sleeping carrier fires its own processor's timers to the nanosecond; those of the
 * others, in case that they are busy, GRACE later; of one that is held by a sleeper who does not
 * know of them, at once. That is the duty of whoever slept last: when he wakes he fires it, or
 * wakes another for it (DUTY).
 *
 * models/idle.pml is this protocol, with the variants that fail.
 */
#include "base/panic.h"
#include "mem/stack.h"
#include "sched/enter.h"
#include "sys/spin.h"

#define GRACE_NS (10 * WEFT_MS)
#define SEARCH_ROUNDS 4
#define SEARCH_SPINS 32
#define LOOK_LONG_NS (100 * WEFT_US) /* between two looks around: too long */
#define LOOK_SHORT_NS (25 * WEFT_US)
#define POLL_EVERY_NS (100 * WEFT_US)
/* One of them is the spent thread's own turn: the others have the rest. */
#define SPENT_SLICES 4

void weft__wake_slow(struct weft_sched *sched)
{
	uint32_t none = 0;

	if (atomic_cas_acq_rel(&sched->searching, &none, 1))
		weft__poller_ring(&sched->poller);
}

/* What it was. */
static uint32_t searching_less(struct weft_sched *sched)
{
	uint32_t before = atomic_sub_acq_rel(&sched->searching, 1);

	/* The ring at the end is not counted. */
	weft__assert(before != 0 || atomic_load_acquire(&sched->stopping));
	return before;
}

void weft__search_end(struct weft__carrier *carrier)
{
	struct weft_sched *sched = carrier->sched;

	carrier->searching = false;
	if (searching_less(sched) != 1)
		return;
	/*
	 * IDLE: searching before idle. Not the light one, which orders us with the sleeper's heavy
	 * one alone. Three are here: a maker that sees the sleeper and still sees us searching
	 * leaves the waking to us, and may publish after the sleeper's look began. So we must not
	 * have read idle before that maker could read searching, as a locked instruction allows
	 * where it is no fence (aarch64).
	 */
	weft__sys_full_barrier();
	if (atomic_load_acquire(&sched->idle) != 0)
		weft__wake_slow(sched);
}

/* Fires what is due; the claimed threads go to the end of this processor's queue. */
static unsigned fire(struct weft__carrier *carrier, struct weft__wheel *wheel, int64_t now_ns)
{
	struct weft__wakes wakes = { NULL, NULL };
	struct weft_thread *thread, *next;
	unsigned fired = weft__wheel_fire(wheel, now_ns, &wakes);

	(void)carrier;
	for (thread = wakes.first; thread != NULL; thread = next) {
		next = thread->next;
		/* It has slept, and its frames are cold: have them by the time that it runs. */
		__builtin_prefetch(thread->sp);
		__builtin_prefetch((char *)thread->sp + 2 * WEFT__CACHE_LINE);
		__builtin_prefetch((char *)thread->sp + 3 * WEFT__CACHE_LINE);
		weft__ready_later(thread);
	}
	return fired;
}

static void poll_now(struct weft__processor *processor, struct weft__carrier *carrier,
		     int64_t now_ns)
{
	struct weft__poller_batch batch;

	processor->polled_ns = now_ns;
	atomic_bump(&processor->polls, 1);
	weft__poller_wait(&processor->sched->poller, 0, &batch);
	if (!weft__poller_deliver(&batch))
		return;
	/* The ring that was meant for a sleeper counts as searching; we do not search. */
	if (!carrier->searching) {
		carrier->searching = true;
		weft__search_end(carrier);
	} else {
		searching_less(processor->sched);
	}
}

void weft__look_around(struct weft__processor *processor)
{
	/* Who calls is inside, so the monitor's mark, if there is one, goes again. */
	struct weft__carrier *carrier =
		(struct weft__carrier *)(atomic_load_relaxed(&processor->owner) &
					 ~WEFT__OWNER_BITS);
	int64_t now_ns = weft__sys_now();
	int64_t passed_ns = now_ns - processor->clock_ns;
	struct weft_thread *thread;

	if (passed_ns > LOOK_LONG_NS && processor->check_every > 1)
		processor->check_every /= 2;
	else if (passed_ns < LOOK_SHORT_NS && processor->check_every < WEFT__CHECK_MAX)
		processor->check_every *= 2;
	processor->check_at = processor->switches + processor->check_every;
	atomic_store_relaxed(&processor->clock_ns, now_ns);
	/* However late a tick makes a turn end: the others have theirs in between. */
	processor->spent_due = weft__runq_count(&processor->spent) != 0 &&
			       processor->switches > processor->spent_at + 1 &&
			       now_ns - processor->spent_ns >
				       SPENT_SLICES * processor->sched->slice_ns;
	if (weft__wheel_next(&processor->wheel) <= now_ns)
		fire(carrier, &processor->wheel, now_ns);
	if (atomic_load_relaxed(&processor->sched->poller.fds) != 0 &&
	    now_ns - processor->polled_ns > POLL_EVERY_NS)
		poll_now(processor, carrier, now_ns);
	thread = weft__global_take(processor);
	if (thread != NULL) {
		weft__enqueue(processor, thread);
		if (processor->sched->processor_count > 1)
			weft__wake_idle(processor->sched); /* MOVE, see weft__global_take */
	}
}

/* Own queue, due timers, events, the global queue. */
static struct weft_thread *find_near(struct weft__carrier *carrier)
{
	struct weft__processor *processor = carrier->processor;
	struct weft_thread *thread = weft__pick(processor);
	int64_t now_ns;

	if (thread != NULL)
		return thread;
	thread = weft__global_take(processor);
	if (thread != NULL)
		return thread;
	now_ns = weft__sys_now();
	atomic_store_relaxed(&processor->clock_ns, now_ns);
	fire(carrier, &processor->wheel, now_ns);
	/* Alone, it can as well ask when it goes to sleep. */
	if (processor->sched->processor_count > 1 &&
	    atomic_load_relaxed(&processor->sched->poller.fds) != 0)
		poll_now(processor, carrier, now_ns);
	return weft__pick(processor);
}

static bool search_begin(struct weft__carrier *carrier)
{
	struct weft_sched *sched = carrier->sched;
	uint32_t idle, awake;

	if (carrier->searching)
		return true;
	if (sched->processor_count == 1)
		return false;
	/* Half of those that are awake at most; at least one. An estimate is enough: idle also
	 * counts sleepers that have lost their processor. */
	idle = atomic_load_relaxed(&sched->idle);
	awake = idle < sched->processor_count ? sched->processor_count - idle : 1;
	if (2 * atomic_load_relaxed(&sched->searching) >= awake)
		return false;
	atomic_add_acq_rel(&sched->searching, 1);
	carrier->searching = true;
	return true;
}

static void spin_a_while(void)
{
	for (unsigned spin = 0; spin < SEARCH_SPINS; spin++)
		weft__arch_relax();
}

/* The hot thread will mostly run there within a moment, on warm caches: only when it stays. */
static struct weft_thread *steal_hot(struct weft__processor *other)
{
	struct weft_thread *hot = atomic_load_acquire(&other->queue.hot);

	if (hot == NULL)
		return NULL;
	spin_a_while();
	return weft__runq_hot_steal(&other->queue, hot);
}

/* A thread of another processor: half its queue comes along; or its due timers. */
static struct weft_thread *steal_from(struct weft__processor *self, struct weft__processor *other,
				      bool last_round, struct weft__carrier *carrier)
{
	struct weft_thread *thread;
	uint32_t count = weft__runq_steal(&other->queue, &self->queue);

	if (count != 0) {
		atomic_bump(&self->steals, count);
		return weft__runq_pop(&self->queue);
	}
	count = weft__runq_steal(&other->spent, &self->spent);
	if (count != 0) {
		atomic_bump(&self->steals, count);
		return weft__runq_pop(&self->spent);
	}
	if (weft__wheel_next(&other->wheel) <= self->clock_ns &&
	    fire(carrier, &other->wheel, self->clock_ns) != 0) {
		thread = weft__runq_pop(&self->queue);
		if (thread != NULL)
			return thread;
	}
	return last_round ? steal_hot(other) : NULL;
}

static struct weft_thread *search(struct weft__carrier *carrier)
{
	struct weft__processor *self = carrier->processor;
	struct weft_sched *sched = carrier->sched;

	for (unsigned round = 0; round < SEARCH_ROUNDS; round++) {
		for (unsigned i = 1; i < sched->processor_count; i++) {
			struct weft__processor *other =
				sched->processors[(self->index + i) % sched->processor_count];
			struct weft_thread *thread =
				steal_from(self, other, round == SEARCH_ROUNDS - 1, carrier);

			if (thread != NULL)
				return thread;
		}
		spin_a_while();
	}
	return weft__global_take(self);
}

/* Whether any queue that this carrier could take from holds something. A hot slot too: its owner
 * may have gone to compute. */
static bool work_is_there(struct weft_sched *sched)
{
	if (atomic_load_acquire(&sched->global_count) != 0)
		return true;
	for (unsigned i = 0; i < sched->processor_count; i++) {
		struct weft__processor *processor = sched->processors[i];

		if (weft__runq_count(&processor->queue) != 0 ||
		    atomic_load_acquire(&processor->queue.hot) != NULL ||
		    weft__runq_count(&processor->spent) != 0)
			return true;
	}
	return false;
}

/* With work there a carrier sleeps only if a searcher is left: that one comes to this point too, or
 * to weft__search_end. */
static bool may_sleep(struct weft_sched *sched)
{
	if (atomic_load_acquire(&sched->stopping))
		return false;
	return !work_is_there(sched) || atomic_load_acquire(&sched->searching) != 0;
}

/*
 * Nobody runs with it, and who holds it does not know of its next deadline: it was given to a
 * carrier that is asleep (a spare, see engine.h), or a thread between its brackets put a timer into
 * its wheel (light_park_bare).
 */
static bool is_unattended(struct weft__processor *processor, int64_t next_ns)
{
	return (atomic_load_acquire(&processor->owner) & WEFT__OWNER_IDLE) != 0 &&
	       next_ns < atomic_load_relaxed(&processor->attended_ns);
}

static int64_t sleep_until(struct weft__carrier *carrier)
{
	struct weft_sched *sched = carrier->sched;
	int64_t until_ns = weft__wheel_next(&carrier->processor->wheel);

	for (unsigned i = 0; i < sched->processor_count; i++) {
		int64_t next_ns;

		if (sched->processors[i] == carrier->processor)
			continue;
		next_ns = weft__wheel_next(&sched->processors[i]->wheel);
		if (next_ns >= until_ns)
			continue;
		if (!is_unattended(sched->processors[i], next_ns))
			next_ns = next_ns < WEFT_FOREVER - GRACE_NS ? next_ns + GRACE_NS
								    : WEFT_FOREVER;
		if (next_ns < until_ns)
			until_ns = next_ns;
	}
	return until_ns;
}

/* Whether a timer would be forgotten if nobody slept until then, or looked. */
static bool is_duty_left(struct weft_sched *sched)
{
	for (unsigned i = 0; i < sched->processor_count; i++) {
		int64_t next_ns = weft__wheel_next(&sched->processors[i]->wheel);

		if (next_ns != WEFT_FOREVER && is_unattended(sched->processors[i], next_ns))
			return true;
	}
	return false;
}

/*
 * Gives the processor up for a sleep until then; returns until when. A timer that another puts into
 * its wheel meanwhile: he rings, and who takes the ring looks at the owner word. Either that is not
 * idle yet, and the look behind it sees the timer, or he sees that it is not attended. (OWNER)
 */
static int64_t let_go(struct weft__carrier *carrier, int64_t until_ns)
{
	struct weft__processor *processor = carrier->processor;
	int64_t next_ns;

	atomic_store_relaxed(&processor->attended_ns, until_ns);
	atomic_store_release(&processor->owner, (uintptr_t)carrier | WEFT__OWNER_IDLE); /* OWNER */
	weft__sys_full_barrier();
	next_ns = weft__wheel_next(&processor->wheel);
	return next_ns < until_ns ? next_ns : until_ns;
}

/* Sleeps in the poller. False: the processor was taken meanwhile. */
static bool sleep_idle(struct weft__carrier *carrier)
{
	struct weft_sched *sched = carrier->sched;
	struct weft__processor *processor = carrier->processor;
	uintptr_t mine = (uintptr_t)carrier | WEFT__OWNER_IDLE;
	bool was_searching = carrier->searching;
	struct weft__poller_batch batch;

	batch.count = 0;
	weft__live_flush(processor);
	weft__stack_settle(); /* nearly free when nothing is above the bound */
	atomic_add_acq_rel(&sched->idle, 1);
	carrier->searching = false;
	if (was_searching)
		searching_less(sched);
	if (sched->processor_count > 1)
		weft__sys_heavy_barrier(); /* IDLE */
	else
		/* IDLE: only the global queue can fill, and who fills it has a full one */
		weft__sys_full_barrier();
	if (may_sleep(sched)) {
		int64_t until_ns = sleep_until(carrier);

		atomic_bump(&processor->polls, 1);
		until_ns = let_go(carrier, until_ns);
		if (carrier->watch != NULL)
			weft__sys_watch_pause(carrier->watch);
		weft__poller_wait(&sched->poller, until_ns, &batch);
		if (carrier->watch != NULL)
			weft__sys_watch_resume(carrier->watch);
		if (!atomic_cas_acq_rel(&processor->owner, &mine, (uintptr_t)carrier)) /* OWNER */
			atomic_store_relaxed(&carrier->processor, NULL);
		else if (carrier->is_spare)
			weft__carrier_keep(carrier);
	} else if (sched->processor_count > 1) {
		/* REFUSED: who made that work may have relied on a searcher. Now it is us, so that
		 * search_end wakes another. */
		atomic_add_acq_rel(&sched->searching, 1);
		carrier->searching = true;
	}
	weft__monitor_busy();
	atomic_sub_acq_rel(&sched->idle, 1);
	/* Only now: threads are made ready on the processor, if that is still ours. (OWNER) */
	if (weft__poller_deliver(&batch)) {
		carrier->searching = true;
	} else if (!carrier->searching && is_duty_left(sched)) {
		/* DUTY: we may have been the one who slept until then. A searcher fires it, or
		 * search_end wakes the next sleeper, who sees it; also when we have lost our
		 * processor, or find something else to run. */
		atomic_add_acq_rel(&sched->searching, 1);
		carrier->searching = true;
	}
	return carrier->processor != NULL;
}

struct weft_thread *weft__find_work(struct weft__carrier *carrier)
{
	struct weft_sched *sched = carrier->sched;
	struct weft_thread *thread;

	while (!atomic_load_acquire(&sched->stopping)) {
		thread = find_near(carrier);
		if (thread == NULL && search_begin(carrier))
			thread = search(carrier);
		if (thread != NULL) {
			if (carrier->searching)
				weft__search_end(carrier);
			return thread;
		}
		if (!sleep_idle(carrier))
			break;
	}
	if (carrier->searching)
		weft__search_end(carrier);
	return NULL;
}
