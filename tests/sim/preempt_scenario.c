/* SPDX-License-Identifier: MIT */
/* Ticks at any step: whoever computes gives way to the others, and not where it must not. */
#include "arch/arch.h"
#include "engine.h"
#include "sched/engine.h"

#define COMPUTERS_MAX 4
#define SHORTS_MAX 3

/* ---- threads that compute without end, and short ones: each gets its turn */

struct crowd {
	int64_t step_ns; /* what a computing thread does between two looks */
	weft_kind kind;  /* WEFT_KIND_DEFAULT: each another */
	unsigned computers, shorts;
	uint32_t waiting; /* atomic: threads that have not yet had enough */
	weft_sem there, back;
};

static weft_kind kind_in(const struct crowd *crowd)
{
	return crowd->kind != WEFT_KIND_DEFAULT ? crowd->kind : engine_kind();
}

/* Has had enough after some steps, and goes on until all have. */
static int compute(void *arg)
{
	struct crowd *crowd = arg;
	unsigned way = weft__sim_choose(4), steps = 5 + weft__sim_choose(100);

	for (unsigned i = 0; atomic_load_acquire(&crowd->waiting) != 0; i++) {
		if (i == steps)
			atomic_sub_acq_rel(&crowd->waiting, 1u);
		weft__sim_compute(crowd->step_ns);
		if (way == 1 && weft__sim_choose(8) == 0)
			weft_yield();
		else if (way == 2 && weft__sim_choose(8) == 0)
			weft_preempt_check();
	}
	return 0;
}

static int no_work(void *arg)
{
	(void)arg;
	return 3;
}

static int sleep_and_spawn(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < 4; i++) {
		if (weft__sim_choose(2))
			weft_sleep(1 + weft__sim_choose(1000000));
		else
			engine_join(engine_spawn_kind(kind_in(crowd), no_work, NULL), 3);
	}
	atomic_sub_acq_rel(&crowd->waiting, 1u);
	return 0;
}

static int ask(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < 4; i++) {
		weft_sem_wake(&crowd->there);
		weft_sem_wait(&crowd->back);
	}
	atomic_sub_acq_rel(&crowd->waiting, 1u);
	return 0;
}

static int answer(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < 4; i++) {
		weft_sem_wait(&crowd->there);
		weft_sem_wake(&crowd->back);
	}
	atomic_sub_acq_rel(&crowd->waiting, 1u);
	return 0;
}

static int crowd_app(void *arg)
{
	struct crowd *crowd = arg;
	weft_thread *threads[COMPUTERS_MAX + SHORTS_MAX + 2];
	unsigned count = 0;

	crowd->waiting = crowd->computers + crowd->shorts + 2;
	for (unsigned i = 0; i < crowd->computers; i++)
		threads[count++] = engine_spawn_kind(kind_in(crowd), compute, crowd);
	threads[count++] = engine_spawn_kind(kind_in(crowd), ask, crowd);
	threads[count++] = engine_spawn_kind(kind_in(crowd), answer, crowd);
	for (unsigned i = 0; i < crowd->shorts; i++)
		threads[count++] = engine_spawn_kind(kind_in(crowd), sleep_and_spawn, crowd);
	while (count > 0)
		engine_join(threads[--count], 0);
	return 0;
}

static void run_crowd(const weft_sched_options *options, weft_kind kind)
{
	struct crowd crowd = {
		.step_ns = options->slice_ns / (8 << weft__sim_choose(4)),
		.kind = kind,
		.computers = 1 + weft__sim_choose(COMPUTERS_MAX),
		.shorts = weft__sim_choose(SHORTS_MAX + 1),
	};

	engine_run_counted(options, kind != WEFT_KIND_DEFAULT ? kind : engine_kind(), crowd_app,
			   &crowd);
	engine_check_clean();
}

/* A light thread can be stopped if a carrier more than the processors is allowed. */
static void all_get_turns(void *arg)
{
	weft_sched_options options = engine_ticking(1 + weft__sim_choose(3));

	(void)arg;
	if (options.carriers != 0)
		options.carriers += COMPUTERS_MAX;
	run_crowd(&options, weft__sim_choose(2) ? WEFT_KIND_DEFAULT : engine_kind());
}

/* User threads need no carrier more. */
static void user_threads_get_turns_on_few_carriers(void *arg)
{
	weft_sched_options options = engine_ticking(1 + weft__sim_choose(3));

	(void)arg;
	options.carriers = options.processors;
	run_crowd(&options, WEFT_USER);
}

static void strict_ones_get_turns(void *arg)
{
	weft_sched_options options = engine_ticking(1);

	(void)arg;
	options.strict = true;
	options.carriers = 0;
	run_crowd(&options, WEFT_USER);
}

/* ---- on one processor: whom a timer made ready comes before those that used their slices up */

/* One turn is under way, and one in a few is that of who used its slice up. A light thread needs a
 * carrier to be stopped, which may be long in the making. */
#define TURNS_MAX 2
#define LIGHT_TURNS_MAX 200

struct next {
	int64_t due_ns; /* atomic; WEFT_FOREVER: not yet */
	uint32_t ended; /* atomic */
	unsigned last;  /* who ran last, and turns since it is due: on one processor */
	unsigned turns;
	uint64_t ticks; /* when somebody else first found it due; 0: not yet */
	int64_t step_ns;
};

/* Those that were no deferrals, and one. */
static uint64_t ticks_so_far(void)
{
	weft_sched_stats stats;

	weft_sched_stats_get(weft_sched_self(), &stats);
	return stats.ticks - stats.deferrals + 1;
}

struct next_of {
	struct next *next;
	unsigned number;
};

static int count_turns(void *arg)
{
	struct next_of *me = arg;
	struct next *next = me->next;

	while (atomic_load_acquire(&next->ended) == 0) {
		int64_t due_ns;

		/* Nobody else runs from here to where it is counted. */
		weft_preempt_disable();
		due_ns = atomic_load_relaxed(&next->due_ns);
		if (due_ns != WEFT_FOREVER && weft__sys_now() >= due_ns &&
		    next->last != me->number) {
			next->turns++;
			next->last = me->number;
			if (next->ticks == 0)
				next->ticks = ticks_so_far();
		}
		weft_preempt_enable();
		weft__sim_compute(next->step_ns);
	}
	return 0;
}

static int next_app(void *arg)
{
	struct next *next = arg;
	struct next_of each[COMPUTERS_MAX];
	weft_thread *threads[COMPUTERS_MAX];
	unsigned count = 2 + weft__sim_choose(COMPUTERS_MAX - 1);
	weft_kind kind = engine_kind();

	for (unsigned i = 0; i < count; i++) {
		each[i] = (struct next_of){ next, i + 1 };
		threads[i] = engine_spawn_kind(kind, count_turns, &each[i]);
	}
	weft_preempt_disable(); /* it is to be seen at once that it runs */
	for (int i = 0; i < 5; i++) {
		int64_t due_ns = weft_now() + weft__sim_choose(20) * next->step_ns * 10, ticks;

		next->turns = 0;
		next->last = 0;
		next->ticks = 0;
		atomic_store_release(&next->due_ns, due_ns);
		weft_sleep_until(due_ns);
		atomic_store_release(&next->due_ns, (int64_t)WEFT_FOREVER);
		/* The first time all are new, and nobody has used anything up. */
		if (i > 0 && next->turns > (kind == WEFT_USER ? TURNS_MAX : LIGHT_TURNS_MAX))
			weft__sim_fail("%u turns of others before its own", next->turns);
		/* Each of those ends with its first tick, and one may come when it runs already. */
		ticks = next->ticks != 0 ? (int64_t)(ticks_so_far() - next->ticks) : 0;
		if (i > 0 && kind == WEFT_USER && ticks > TURNS_MAX + 1)
			weft__sim_fail("%lld ticks before its turn", (long long)ticks);
	}
	weft_preempt_enable();
	atomic_store_release(&next->ended, 1u);
	for (unsigned i = 0; i < count; i++)
		engine_join(threads[i], 0);
	return 0;
}

static void timers_go_first(void *arg)
{
	weft_sched_options options = engine_ticking(1);
	struct next next = { .due_ns = WEFT_FOREVER, .step_ns = options.slice_ns / 64 };

	(void)arg;
	options.carriers = 0;
	engine_run_counted(&options, engine_kind(), next_app, &next);
	engine_check_clean();
}

/* ---- whoever forbids it is not switched away by force; a check gives way all the same */

#define GUARDS 3

struct guards {
	int64_t step_ns;
	unsigned runs; /* who runs: on one processor */
	int64_t total; /* not atomic: added to by whoever may not be switched away */
};

struct guard {
	struct guards *guards;
	unsigned number;
};

static void stay(struct guard *me)
{
	struct guards *guards = me->guards;
	unsigned depth = 1 + weft__sim_choose(3);
	int64_t total = guards->total;

	for (unsigned i = 0; i < depth; i++)
		weft_preempt_disable();
	guards->runs = me->number;
	total = guards->total;
	for (unsigned i = weft__sim_choose(60); i > 0; i--) {
		weft__sim_compute(guards->step_ns);
		if (weft__sim_choose(16) == 0)
			(void)weft_now();
		weft__sim_check(guards->runs == me->number);
	}
	for (unsigned i = 1; i < depth; i++)
		weft_preempt_enable();
	weft__sim_check(guards->runs == me->number && guards->total == total);
	guards->total = total + 1;
	weft_preempt_enable();
}

static int guard(void *arg)
{
	struct guard *me = arg;
	struct guards *guards = me->guards;

	for (int i = 0; i < 6; i++) {
		stay(me);
		for (unsigned j = weft__sim_choose(30); j > 0; j--)
			weft__sim_compute(guards->step_ns);
		weft_preempt_disable();
		guards->runs = me->number;
		weft__sim_compute(guards->step_ns * weft__sim_choose(60));
		if (!weft_preempt_check())
			weft__sim_check(guards->runs == me->number);
		weft_preempt_enable();
		engine_dawdle();
	}
	return 0;
}

static int guards_app(void *arg)
{
	struct guards *guards = arg;
	struct guard each[GUARDS];
	weft_thread *threads[GUARDS];
	weft_kind kind = engine_kind();

	for (unsigned i = 0; i < GUARDS; i++) {
		each[i] = (struct guard){ guards, i + 1 };
		threads[i] = engine_spawn_kind(kind, guard, &each[i]);
	}
	for (unsigned i = 0; i < GUARDS; i++)
		engine_join(threads[i], 0);
	weft__sim_check(guards->total == (int64_t)6 * GUARDS);
	return 0;
}

static void forbidden_is_forbidden(void *arg)
{
	weft_sched_options options = engine_ticking(1);
	struct guards guards = { .step_ns = options.slice_ns / 16 };

	(void)arg;
	options.strict = weft__sim_choose(3) == 0;
	if (options.strict)
		options.carriers = 0;
	engine_run_counted(&options, engine_kind(), guards_app, &guards);
	engine_check_clean();
}

/* ---- a tick that finds a hold is not forgotten: its end gives way */

#define WISHERS 3
#define OVERRUN_TICKS 3 /* the first of a turn counts for nothing, and a slice is one tick */

static int compute_forbidden(void *arg)
{
	const int64_t *step_ns = arg;
	struct weft_thread *self = weft__arch_self();

	for (int i = 0; i < 12; i++) {
		uint64_t ticks, switches;

		weft_preempt_disable();
		ticks = self->carrier->ticks;
		for (unsigned j = weft__sim_choose(60); j > 0; j--)
			weft__sim_compute(*step_ns);
		ticks = self->carrier->ticks - ticks;
		switches = self->switches;
		weft_preempt_enable();
		weft__sim_check(ticks < OVERRUN_TICKS || self->switches != switches);
	}
	return 0;
}

/* Never ends before the others, so somebody waits always. */
static int be_waiting(void *arg)
{
	const uint32_t *ended = arg;

	while (atomic_load_acquire(ended) == 0)
		weft__sim_compute(1000);
	return 0;
}

static int wishes_app(void *arg)
{
	uint32_t ended = 0;
	weft_thread *other = engine_spawn_kind(WEFT_USER, be_waiting, &ended);
	weft_thread *threads[WISHERS];

	for (int i = 0; i < WISHERS; i++)
		threads[i] = engine_spawn_kind(WEFT_USER, compute_forbidden, arg);
	for (int i = 0; i < WISHERS; i++)
		engine_join(threads[i], 0);
	atomic_store_release(&ended, 1u);
	engine_join(other, 0);
	return 0;
}

static void wishes_are_fulfilled(void *arg)
{
	weft_sched_options options = engine_ticking(1);
	int64_t step_ns = options.slice_ns / 8;

	(void)arg;
	options.strict = weft__sim_choose(2);
	options.carriers = 0;
	engine_run_counted(&options, WEFT_USER, wishes_app, &step_ns);
	engine_check_clean();
}

/* ---- a thread's own slice: one that has none is not switched away */

static int own_slices_app(void *arg)
{
	struct crowd *crowd = arg;
	weft_thread *threads[COMPUTERS_MAX];

	crowd->waiting = COMPUTERS_MAX;
	for (unsigned i = 0; i < COMPUTERS_MAX; i++) {
		weft_thread_options options = {
			.kind = engine_kind(),
			.slice_ns = weft__sim_choose(2) ? 0
							: (400 + weft__sim_choose(600)) * WEFT_US,
		};

		weft__sim_check(weft_thread_spawn(compute, crowd, &options, &threads[i]) == 0);
	}
	for (unsigned i = 0; i < COMPUTERS_MAX; i++)
		engine_join(threads[i], 0);
	return 0;
}

static void own_slices(void *arg)
{
	weft_sched_options options = engine_ticking(1 + weft__sim_choose(2));
	struct crowd crowd = { .step_ns = 20 * WEFT_US };

	(void)arg;
	options.slice_ns = WEFT_MS; /* of few ticks, which a starved carrier gets seldom */
	options.carriers = 0;
	engine_run_counted(&options, engine_kind(), own_slices_app, &crowd);
	engine_check_clean();
}

const struct scenario preempt_scenarios[] = {
	{ .name = "all-get-turns",
	  .run = all_get_turns,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "all-get-turns-and-are-stuck", .run = all_get_turns, .options = { .stuck = 50 } },
	{ .name = "users-get-turns-on-few-carriers",
	  .run = user_threads_get_turns_on_few_carriers },
	{ .name = "strict-ones-get-turns", .run = strict_ones_get_turns },
	{ .name = "timers-go-first", .run = timers_go_first },
	{ .name = "forbidden-is-forbidden", .run = forbidden_is_forbidden },
	{ .name = "wishes-are-fulfilled", .run = wishes_are_fulfilled },
	{ .name = "own-slices", .run = own_slices },
	{ 0 },
};
