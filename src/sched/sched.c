/* SPDX-License-Identifier: MIT */
/*
 * Scheduler: made, run and ended.
 *
 * When it has ended: `live` counts the threads, and the credit that processors hold: threads they
 * may start without counting. A processor takes credit in blocks, gets one back when a thread ends
 * on it, and returns all of it before it sleeps. So live is never less than the number of threads,
 * and when every processor sleeps it is that number. Whoever brings it to 0 tells those who wait.
 * (Rejected: summing plain counters of the processors; such a sum can be 0 while a thread lives,
 * because it is not of one instant.)
 */
#include <string.h>

#include <weft/blocking.h>

#include "base/panic.h"
#include "fp_control.h"
#include "mem/stack.h"
#include "sched/engine.h"
#include "sched/fork.h"
#include "sched/overflow.h"
#include "sys/spin.h"

#define CREDIT_BLOCK 256

static struct {
	uint32_t lock;
	/* guarded by lock */
	bool ready;
	unsigned phase, walkers[2]; /* of the phase that they began in */
	struct weft__list all;
} registry;

/* ---- who lives */

static void tell_ended(struct weft_sched *sched)
{
	struct weft__wakes wakes = { NULL, NULL };

	weft__waitq_lock(&sched->ended);
	weft__waitq_wake_all(&sched->ended, 0, &wakes);
	weft__waitq_unlock(&sched->ended);
	weft__wakes_ready(&wakes);
}

static void live_give(struct weft_sched *sched, int64_t count)
{
	if (count != 0 && atomic_sub_acq_rel(&sched->live, count) == count)
		tell_ended(sched);
}

bool weft__live_start(struct weft_sched *sched, struct weft__processor *processor, bool inside)
{
	if (processor != NULL) {
		if (processor->credit == 0) {
			atomic_add_acq_rel(&sched->live, CREDIT_BLOCK);
			processor->credit = CREDIT_BLOCK;
		}
		processor->credit--;
		return true;
	}
	/* From outside: counted before `ending` is read, and who ends sets that before he reads
	 * live, so one of the two sees the other. (END) */
	atomic_add_acq_rel(&sched->live, 1);
	weft__sys_full_barrier();
	if (inside || !atomic_load_acquire(&sched->ending))
		return true;
	live_give(sched, 1);
	return false;
}

void weft__live_end(struct weft_sched *sched, struct weft__processor *processor)
{
	if (processor == NULL) {
		live_give(sched, 1);
		return;
	}
	if (++processor->credit < 2 * CREDIT_BLOCK)
		return;
	processor->credit -= CREDIT_BLOCK;
	live_give(sched, CREDIT_BLOCK);
}

void weft__live_flush(struct weft__processor *processor)
{
	int64_t credit = processor->credit;

	processor->credit = 0;
	live_give(processor->sched, credit);
}

/* ---- made and taken away */

static int make_processor(struct weft_sched *sched, unsigned index)
{
	size_t bytes = (sizeof(struct weft__processor) + WEFT__PAGE - 1) & ~(WEFT__PAGE - 1);
	struct weft__processor *processor;
	void *at;
	int error = weft__sys_reserve(bytes, WEFT__PAGE, &at);

	if (error < 0)
		return error;
	processor = at;
	error = weft__runq_init(&processor->queue, sched->processor_count == 1);
	if (error == 0) {
		error = weft__runq_init(&processor->spent, sched->processor_count == 1);
		if (error < 0)
			weft__runq_fini(&processor->queue);
	}
	if (error < 0) {
		weft__sys_unreserve(processor, bytes);
		return error;
	}
	processor->sched = sched;
	processor->index = index;
	processor->check_every = WEFT__CHECK_MAX;
	processor->check_at = WEFT__CHECK_MAX;
	processor->clock_ns = weft__sys_now();
	processor->spent_ns = processor->clock_ns;
	weft__wheel_init(&processor->wheel, processor->clock_ns);
	sched->processors[index] = processor;
	return 0;
}

static void free_processor(struct weft__processor *processor)
{
	weft__stacks_give_back(processor);
	weft__runq_fini(&processor->queue);
	weft__runq_fini(&processor->spent);
	weft__sys_unreserve(processor, (sizeof *processor + WEFT__PAGE - 1) & ~(WEFT__PAGE - 1));
}

static void drop_registry_a_while(void)
{
	weft__spin_unlock(&registry.lock);
	weft__sys_thread_yield();
	weft__spin_lock(&registry.lock);
}

/*
 * Who walks through threads' records follows them to their carriers. All of ours have ended, and
 * say so (their carriers have been joined since): whoever begins to walk after this does not follow
 * them. (WALK) Those are of the other phase, so that walk after walk does not keep us for ever.
 */
static void await_walkers(void)
{
	unsigned before;

	weft__spin_lock(&registry.lock);
	while (registry.walkers[!registry.phase] != 0) /* left by an earlier call */
		drop_registry_a_while();
	before = registry.phase;
	registry.phase = !before;
	while (registry.walkers[before] != 0)
		drop_registry_a_while();
	weft__spin_unlock(&registry.lock);
}

/* Ends the carriers and frees everything; no thread lives. Also for a scheduler that was half
 * made. */
static void take_away(struct weft_sched *sched)
{
	struct weft__list *item;
	bool has_monitor = !sched->strict && !sched->is_reborn;

	weft__monitor_remove(sched);
	weft__spin_lock(&sched->lock);
	atomic_store_release(&sched->stopping, true);
	weft__list_for(link, &sched->spares)
		weft__carrier_wake(container_of(link, struct weft__carrier, spare));
	weft__spin_unlock(&sched->lock);
	weft__poller_ring(&sched->poller);
	/* All have ended before any record goes: they look at each other's (owner words, the list
	 * of spares). */
	weft__list_for(link, &sched->carriers)
		weft__sys_thread_join(container_of(link, struct weft__carrier, all)->kernel_thread);
	while ((item = weft__list_pop(&sched->dying)) != NULL)
		weft__carrier_bury(container_of(item, struct weft__carrier, all));
	await_walkers();
	while ((item = weft__list_pop(&sched->carriers)) != NULL ||
	       (item = weft__list_pop(&sched->retired)) != NULL) {
		struct weft__carrier *carrier = container_of(item, struct weft__carrier, all);

		weft__sys_unreserve(carrier,
				    (sizeof *carrier + WEFT__PAGE - 1) & ~(WEFT__PAGE - 1));
	}
	while (atomic_load_acquire(&sched->visitors) != 0) /* VISIT */
		weft__sys_thread_yield();
	weft__poller_close(&sched->poller);
	for (unsigned i = 0; i < sched->processor_count; i++)
		if (sched->processors[i] != NULL)
			free_processor(sched->processors[i]);
	weft__sys_unreserve(sched, sched->bytes);
	if (has_monitor)
		weft__monitor_end();
}

/* A quarter of what the system lets this process have, 10,000 at most. */
static unsigned default_carriers(unsigned processors)
{
	unsigned limit = weft__sys_thread_limit() / 4;

	if (limit > WEFT__CARRIERS_MAX)
		limit = WEFT__CARRIERS_MAX;
	return limit < 2 * processors ? 2 * processors : limit;
}

static int start(struct weft_sched *sched)
{
	int error = 0;

	for (unsigned i = 0; error == 0 && i < sched->processor_count; i++)
		error = make_processor(sched, i);
	for (unsigned i = 0; error == 0 && i < sched->processor_count; i++)
		error = weft__carrier_start(sched, sched->processors[i], NULL);
	return error;
}

static int make(const weft_sched_options *options, const char *name, struct weft_sched **out_sched)
{
	unsigned count = options != NULL ? options->processors : 0;
	bool strict = options != NULL && options->strict;
	int64_t slice_ns = options != NULL ? options->slice_ns : 0;
	struct weft_sched *sched;
	size_t bytes;
	void *at;
	int error;

	if (count > WEFT__PROCESSORS_MAX || (strict && count > 1) ||
	    (slice_ns != 0 && slice_ns < WEFT__SLICE_MIN_NS) ||
	    (options != NULL && options->carriers != 0 && options->carriers < count))
		return -EINVAL;
	if (slice_ns == 0)
		slice_ns = strict ? WEFT_FOREVER : WEFT__SLICE_NS;
	if (strict)
		count = 1;
	if (count == 0)
		count = weft__sys_cpu_count();
	if (count > WEFT__PROCESSORS_MAX)
		count = WEFT__PROCESSORS_MAX;
	bytes = sizeof *sched + count * sizeof(struct weft__processor *);
	bytes = (bytes + WEFT__PAGE - 1) & ~(WEFT__PAGE - 1);
	error = weft__sys_reserve(bytes, WEFT__PAGE, &at);
	if (error < 0)
		return error;
	sched = at;
	sched->bytes = bytes;
	sched->fork_count = weft__fork_count;
	sched->processor_count = count;
	sched->strict = strict;
	sched->slice_ns = slice_ns;
	sched->fp_control = weft__arch_fp_get();
	sched->tick_ns = slice_ns;
	sched->carriers_max = options != NULL ? options->carriers : 0;
	if (sched->carriers_max == 0)
		sched->carriers_max = default_carriers(count);
	sched->processors = (struct weft__processor **)(sched + 1);
	weft__list_init(&sched->carriers);
	weft__list_init(&sched->spares);
	weft__list_init(&sched->dying);
	weft__list_init(&sched->retired);
	weft__list_init(&sched->away);
	weft__thread_name_copy(
		sched->name, options != NULL && options->name != NULL ? options->name : name, NULL);
	error = weft__poller_open(&sched->poller);
	if (error < 0) {
		weft__sys_unreserve(sched, bytes);
		return error;
	}
	error = weft__preempt_install();
	if (error == 0 && !strict)
		error = weft__monitor_begin();
	if (error < 0) {
		weft__poller_close(&sched->poller);
		weft__sys_unreserve(sched, bytes);
		return error;
	}
	error = start(sched);
	if (error < 0) {
		take_away(sched);
		return error;
	}
	if (!strict)
		weft__monitor_add(sched);
	weft__spin_lock(&registry.lock);
	if (!registry.ready) {
		weft__list_init(&registry.all);
		registry.ready = true;
	}
	weft__list_push(&registry.all, &sched->all);
	weft__spin_unlock(&registry.lock);
	*out_sched = sched;
	return 0;
}

int weft_sched_create(const weft_sched_options *options, weft_sched **out_sched)
{
	return make(options, "sched", out_sched);
}

void weft__sched_await(struct weft_sched *sched)
{
	struct weft_thread *self = weft__self();
	struct weft__waiter waiter;

	atomic_store_release(&sched->ending, true);
	weft__sys_full_barrier(); /* END */
	for (;;) {
		weft__waitq_lock(&sched->ended);
		/* Whoever brings live to 0 takes this lock after it: we see the 0, or he sees
		 * us. */
		if (atomic_load_acquire(&sched->live) == 0) {
			weft__waitq_unlock(&sched->ended);
			return;
		}
		weft__waitq_add_firm(&sched->ended, &waiter, self);
		weft__waitq_unlock(&sched->ended);
		weft__waitq_park(&sched->ended, &waiter, "scheduler", WEFT_FOREVER);
	}
}

int weft_sched_destroy(weft_sched *sched)
{
	if (weft_sched_self() == sched)
		return -EDEADLK;
	if (weft__fork_has_lost_sched(sched))
		return -ESRCH;
	weft__sched_await(sched);
	weft__spin_lock(&registry.lock);
	weft__list_remove(&sched->all);
	weft__spin_unlock(&registry.lock);
	weft_blocking_begin(); /* joins kernel threads, soon over */
	take_away(sched);
	weft_blocking_end();
	return 0;
}

int weft_run(weft_function *app, void *arg, const weft_sched_options *options)
{
	weft_thread_options thread_options = { .name = "main" };
	weft_thread *thread;
	weft_sched *sched;
	int result = 0;
	int error = weft__overflow_report();

	if (error < 0)
		return error;
	error = make(options, "main", &sched);
	if (error < 0)
		return error;
	thread_options.sched = sched;
	error = weft_thread_spawn(app, arg, &thread_options, &thread);
	if (error == 0)
		weft__thread_join_firmly(thread, &result);
	weft_sched_destroy(sched);
	return error < 0 ? error : result;
}

weft_sched *weft_sched_self(void)
{
	struct weft_thread *self = weft__arch_self();

	return self != NULL ? self->sched : NULL;
}

unsigned weft_sched_processors(const weft_sched *sched)
{
	return sched->processor_count;
}

unsigned weft__sched_hold(void)
{
	unsigned phase;

	weft__spin_lock(&registry.lock);
	phase = registry.phase;
	registry.walkers[phase]++;
	weft__spin_unlock(&registry.lock);
	return phase;
}

void weft__sched_release(unsigned held)
{
	weft__spin_lock(&registry.lock);
	registry.walkers[held]--;
	weft__spin_unlock(&registry.lock);
}

int weft__sched_walk(int (*visit)(void *arg, struct weft_sched *sched), void *arg)
{
	int result = 0;

	weft__spin_lock(&registry.lock);
	if (registry.ready)
		weft__list_for(link, &registry.all) {
			result = visit(arg, container_of(link, struct weft_sched, all));
			if (result != 0)
				break;
		}
	weft__spin_unlock(&registry.lock);
	return result;
}

void weft__sched_forked(struct weft_sched *own)
{
	memset(&registry, 0, sizeof registry);
	weft__list_init(&registry.all);
	registry.ready = true;
	if (own != NULL)
		weft__list_push(&registry.all, &own->all);
}
