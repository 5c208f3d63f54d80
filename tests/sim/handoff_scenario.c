/* SPDX-License-Identifier: MIT */
/* Carriers stuck in calls that the engine does not know, at any point, while ticks come: others run
 * on, whoever comes back is not lost, and everything is counted right. */
#include <errno.h>

#include "arch/arch.h"
#include "engine.h"
#include "sched/engine.h"

/* ---- anything, in between anything */

struct world {
	weft_kind kind; /* WEFT_KIND_DEFAULT: each another */
	weft_mutex mutex;
	int64_t guarded; /* by mutex */
	weft_sem sem;
	weft_cond cond;
	int64_t tickets; /* by mutex */
	int pipe[2];
	/* atomic: what has been done */
	int64_t locked, spawned, ran;
};

static weft_kind kind_in(const struct world *world)
{
	return world->kind != WEFT_KIND_DEFAULT ? world->kind : engine_kind();
}

static void be_stuck(void)
{
	static const unsigned spans_ns[] = { 1000, 60000, 400000, 30000000 };

	weft__sim_stuck(1 + weft__sim_choose(spans_ns[weft__sim_choose(4)]));
}

static void compute_some(void)
{
	static const unsigned spans_ns[] = { 100, 5000, 100000 };
	unsigned span_ns = spans_ns[weft__sim_choose(3)];

	for (unsigned i = weft__sim_choose(40); i > 0; i--)
		weft__sim_compute(span_ns);
}

/* Between two calls, or between the brackets of one. */
static void wander(void)
{
	switch (weft__sim_choose(6)) {
	case 0:
		be_stuck();
		break;
	case 1:
		compute_some();
		break;
	case 2:
		weft_yield();
		break;
	case 3:
		weft_sleep(1 + weft__sim_choose(200000));
		break;
	default:
		break;
	}
}

static void use_mutex(struct world *world)
{
	int64_t guarded;

	weft_mutex_lock(&world->mutex);
	guarded = world->guarded;
	wander();
	world->guarded = guarded + 1;
	weft_mutex_unlock(&world->mutex);
	atomic_add_relaxed(&world->locked, 1);
}

static void use_sem(struct world *world)
{
	weft_sem_wake(&world->sem);
	wander();
	weft_sem_wait(&world->sem);
}

static void use_cond(struct world *world)
{
	weft_mutex_lock(&world->mutex);
	world->tickets++;
	weft_cond_wake(&world->cond);
	while (world->tickets == 0)
		weft_cond_wait(&world->cond, &world->mutex);
	world->tickets--;
	wander();
	if (weft__sim_choose(2))
		(void)weft_cond_wait_until(&world->cond, &world->mutex, engine_deadline());
	weft_mutex_unlock(&world->mutex);
}

static void use_pipe(struct world *world)
{
	char byte = 'x';

	weft__sim_check(weft_write(world->pipe[1], &byte, 1) == 1);
	wander();
	weft__sim_check(weft_read(world->pipe[0], &byte, 1) == 1);
}

static int child(void *arg)
{
	struct world *world = arg;

	wander();
	atomic_add_relaxed(&world->ran, 1);
	return 7;
}

static void use_child(struct world *world)
{
	weft_thread *thread = engine_spawn_kind(kind_in(world), child, world);

	atomic_add_relaxed(&world->spawned, 1);
	wander();
	engine_join(thread, 7);
}

static void use_one(struct world *world)
{
	switch (weft__sim_choose(7)) {
	case 0:
		use_mutex(world);
		break;
	case 1:
		use_sem(world);
		break;
	case 2:
		use_cond(world);
		break;
	case 3:
		use_pipe(world);
		break;
	case 4:
		use_child(world);
		break;
	case 5:
		(void)weft_preempt_check();
		break;
	default:
		wander();
		break;
	}
}

static void use_syscall_brackets(void)
{
	weft_syscall_enter();
	if (weft__sim_choose(2))
		be_stuck();
	else
		compute_some();
	weft_syscall_leave();
}

static void use_blocking_brackets(struct world *world)
{
	weft_blocking_begin();
	for (unsigned i = weft__sim_choose(3); i > 0; i--) {
		if (weft__sim_choose(2))
			use_one(world);
		else
			use_syscall_brackets();
		wander();
	}
	weft_blocking_end();
}

static void use_disabled(struct world *world)
{
	weft_preempt_disable();
	compute_some();
	use_one(world);
	weft_preempt_enable();
}

static int do_anything(void *arg)
{
	struct world *world = arg;

	for (int i = 0; i < 6; i++) {
		wander();
		switch (weft__sim_choose(6)) {
		case 0:
			use_syscall_brackets();
			break;
		case 1:
			use_blocking_brackets(world);
			break;
		case 2:
			use_disabled(world);
			break;
		default:
			use_one(world);
			break;
		}
	}
	return 7;
}

#define ACTORS 6

static int world_app(void *arg)
{
	struct world *world = arg;
	weft_thread *threads[ACTORS];

	weft__sim_check(weft_pipe(world->pipe) == 0);
	for (int i = 0; i < ACTORS; i++)
		threads[i] = engine_spawn_kind(kind_in(world), do_anything, world);
	for (int i = 0; i < ACTORS; i++)
		engine_join(threads[i], 7);
	weft__sim_check(world->guarded == world->locked && world->ran == world->spawned);
	weft__sim_check(world->tickets == 0 && weft_sem_wait_try(&world->sem) == -EAGAIN);
	for (int i = 0; i < 2; i++)
		weft__sim_check(weft_close(world->pipe[i]) == 0);
	return 0;
}

static void run_world(const weft_sched_options *options)
{
	struct world world = {
		.kind = weft__sim_choose(2) ? WEFT_KIND_DEFAULT : engine_kind(),
	};

	engine_run_counted(options, kind_in(&world), world_app, &world);
	engine_check_clean();
}

static void stuck_anywhere(void *arg)
{
	weft_sched_options options = engine_ticking(1 + weft__sim_choose(3));

	(void)arg;
	run_world(&options);
}

/* One carrier: whoever is stuck stops the others, and nothing is lost. */
static void stuck_in_a_strict_one(void *arg)
{
	weft_sched_options options = engine_ticking(1);

	(void)arg;
	options.strict = true;
	options.carriers = 0;
	run_world(&options);
}

/* ---- a timer and a descriptor of a blocked carrier's processor are served */

#define STUCK_NS (4 * WEFT_SECOND)
/* Timers late by 3 ms, the monitor's longest pause, and a few times some thousand steps of 30 us:
 * the monitor, the maker and a new carrier may each be kept waiting. */
#define LATE_MAX WEFT_SECOND

struct served {
	int pipe[2];
	int64_t written_ns; /* atomic */
};

static int be_stuck_for_long(void *arg)
{
	(void)arg;
	for (unsigned i = weft__sim_choose(30); i > 0; i--)
		weft__sim_compute(1000);
	weft__sim_stuck(STUCK_NS);
	return 0;
}

static int sleep_in_time(void *arg)
{
	(void)arg;
	for (int i = 0; i < 4; i++) {
		int64_t due_ns = weft_now() + weft__sim_choose(20000000);

		weft_sleep_until(due_ns);
		weft__sim_check(weft_now() < due_ns + LATE_MAX);
	}
	return 0;
}

static int read_in_time(void *arg)
{
	struct served *served = arg;
	char byte;

	for (int i = 0; i < 4; i++) {
		weft__sim_check(weft_read(served->pipe[0], &byte, 1) == 1);
		weft__sim_check(weft_now() < atomic_load_relaxed(&served->written_ns) + LATE_MAX);
	}
	return 0;
}

/* A kernel thread, so that no processor is needed for it. */
static void *write_now_and_then(void *arg)
{
	struct served *served = arg;

	for (int i = 0; i < 4; i++) {
		weft_sleep(1 + weft__sim_choose(20000000));
		atomic_store_relaxed(&served->written_ns, weft_now());
		weft__sim_check(weft_write(served->pipe[1], "x", 1) == 1);
		weft_sleep(LATE_MAX);
	}
	return NULL;
}

static int served_app(void *arg)
{
	struct served *served = arg;
	weft_thread *threads[5];
	unsigned stuck = 1 + weft__sim_choose(3);
	weft__sys_thread writer;
	unsigned count = 0;

	weft__sim_check(weft_pipe(served->pipe) == 0);
	if (weft__sim_choose(2)) /* else: no timer */
		threads[count++] = engine_spawn_kind(engine_kind(), sleep_in_time, NULL);
	threads[count++] = engine_spawn_kind(engine_kind(), read_in_time, served);
	if (weft__sim_choose(2)) /* nobody waits in a queue when it is stuck */
		weft_sleep(WEFT_SECOND / 2);
	else
		engine_dawdle();
	while (stuck-- > 0)
		threads[count++] = engine_spawn_kind(engine_kind(), be_stuck_for_long, NULL);
	writer = engine_foreign(write_now_and_then, served);
	for (unsigned i = 0; i < count; i++)
		engine_join(threads[i], 0);
	weft_blocking_begin();
	weft__sys_thread_join(writer);
	weft_blocking_end();
	for (int i = 0; i < 2; i++)
		weft__sim_check(weft_close(served->pipe[i]) == 0);
	return 0;
}

static void the_blocked_ones_timers_are_served(void *arg)
{
	weft_sched_options options = engine_ticking(1 + weft__sim_choose(2));
	struct served served = { 0 };

	(void)arg;
	options.carriers = 0;
	engine_run_counted(&options, engine_kind(), served_app, &served);
	engine_check_clean();
}

/* ---- a lock that the engine does not know (a word: 0 free, 1 held, 2 held and waited for), held
 * by whoever is switched away, and more that want it than there can be carriers */

struct foreign_lock {
	uint32_t word;
	int64_t guarded, step_ns;
	bool yields; /* its holder gives way by itself */
	/* it runs between brackets for a while: a light thread with a lock may not */
	bool brackets;
	/* so many of those that want it may not be switched away while they wait: each processor
	 * has a carrier left */
	uint32_t firm; /* atomic */
};

static void lock_foreign(uint32_t *word)
{
	uint32_t seen = 0;

	if (atomic_cas_acq_rel(word, &seen, 1u))
		return;
	while (atomic_swap_acq_rel(word, 2u) != 0)
		(void)weft__sys_wait(word, 2, WEFT_FOREVER);
}

static void unlock_foreign(uint32_t *word)
{
	if (atomic_swap_acq_rel(word, 0u) == 2)
		weft__sys_wake(word, 1);
}

static bool take_one(uint32_t *left)
{
	uint32_t seen = atomic_load_relaxed(left);

	while (seen != 0)
		if (atomic_cas_acq_rel(left, &seen, seen - 1))
			return true;
	return false;
}

static int want_foreign_lock(void *arg)
{
	struct foreign_lock *lock = arg;
	bool is_firm = weft__sim_choose(2) && take_one(&lock->firm);

	for (int i = 0; i < 3; i++) {
		int64_t guarded;

		if (is_firm)
			weft_preempt_disable();
		lock_foreign(&lock->word);
		if (is_firm)
			weft_preempt_enable();
		guarded = lock->guarded;
		for (unsigned j = weft__sim_choose(100); j > 0; j--) {
			weft__sim_compute(lock->step_ns);
			if (lock->yields && weft__sim_choose(16) == 0)
				engine_dawdle();
			if (lock->brackets && weft__sim_choose(48) == 0) {
				weft_blocking_begin();
				weft__sim_compute(lock->step_ns);
				weft_blocking_end();
			}
		}
		lock->guarded = guarded + 1;
		unlock_foreign(&lock->word);
		engine_dawdle();
	}
	return 0;
}

/* It is not switched away while it waits, nor while it holds. */
static int want_foreign_lock_undisturbed(void *arg)
{
	struct foreign_lock *lock = arg;

	for (int i = 0; i < 3; i++) {
		weft_preempt_disable();
		lock_foreign(&lock->word);
		lock->guarded++;
		unlock_foreign(&lock->word);
		weft_preempt_enable();
		engine_dawdle();
	}
	return 0;
}

#define WANTS_MAX 12

struct wants {
	struct foreign_lock lock;
	weft_kind kind;
	unsigned count, undisturbed; /* undisturbed: the first ones */
};

static int wants_app(void *arg)
{
	struct wants *wants = arg;
	weft_thread *threads[WANTS_MAX];

	for (unsigned i = 0; i < wants->count; i++)
		threads[i] = engine_spawn_kind(
			wants->kind,
			i < wants->undisturbed ? want_foreign_lock_undisturbed : want_foreign_lock,
			&wants->lock);
	for (unsigned i = 0; i < wants->count; i++)
		engine_join(threads[i], 0);
	weft__sim_check(wants->lock.guarded == (int64_t)3 * wants->count);
	return 0;
}

/* As many carriers as wait undisturbed, and one more at least: that one is enough. */
static void run_wants(weft_kind kind, bool yields, unsigned undisturbed, bool some_are_firm)
{
	weft_sched_options options = engine_ticking(1 + weft__sim_choose(3));
	struct wants wants = {
		.lock = { .step_ns = options.slice_ns / (4 << weft__sim_choose(4)),
			  .yields = yields,
			  .brackets = kind == WEFT_USER && weft__sim_choose(2) },
		.kind = kind,
		.undisturbed = undisturbed,
	};

	if (options.carriers == 0)
		options.carriers = options.processors + weft__sim_choose(4);
	if (options.carriers <= undisturbed)
		options.carriers = undisturbed + 1;
	if (some_are_firm)
		wants.lock.firm = weft__sim_choose(options.carriers - options.processors + 1);
	wants.count = options.carriers + 1 + weft__sim_choose(WANTS_MAX - options.carriers);
	engine_run_counted(&options, kind, wants_app, &wants);
	engine_check_clean();
}

static void user_threads_want_a_foreign_lock(void *arg)
{
	(void)arg;
	run_wants(WEFT_USER, false, 0, false);
}

static void light_threads_want_a_foreign_lock(void *arg)
{
	(void)arg;
	run_wants(WEFT_LIGHT, false, 0, false);
}

static void some_want_a_foreign_lock_undisturbed(void *arg)
{
	(void)arg;
	run_wants(WEFT_USER, false, 1 + weft__sim_choose(2), false);
}

static void a_foreign_lock_is_held_across_waits(void *arg)
{
	(void)arg;
	run_wants(WEFT_USER, true, 0, false);
}

static void not_all_can_be_dislodged(void *arg)
{
	(void)arg;
	run_wants(WEFT_USER, weft__sim_choose(2), 0, true);
}

/* ---- calls that end just when the monitor has seen them, with few carriers or many */

#define SHORT_CALLS 6
#define SHORT_COUNT_MAX 6

struct shorts {
	int64_t step_ns;
	int64_t calls; /* atomic */
};

static int call_for_short(void *arg)
{
	struct shorts *shorts = arg;

	for (int i = 0; i < SHORT_CALLS; i++) {
		weft__sim_stuck(1 + weft__sim_choose(2000000));
		atomic_add_relaxed(&shorts->calls, 1);
		switch (weft__sim_choose(4)) {
		case 0:
			weft_yield();
			break;
		case 1:
			(void)weft_now();
			break;
		case 2:
			weft_sleep(1 + weft__sim_choose(100000));
			break;
		default:
			for (unsigned j = weft__sim_choose(40); j > 0; j--)
				weft__sim_compute(shorts->step_ns);
			break;
		}
	}
	return 0;
}

struct shorts_of {
	struct shorts shorts;
	weft_kind kind;
};

static int shorts_app(void *arg)
{
	struct shorts_of *of = arg;
	weft_thread *threads[SHORT_COUNT_MAX];
	unsigned count = 2 + weft__sim_choose(SHORT_COUNT_MAX - 1);

	for (unsigned i = 0; i < count; i++)
		threads[i] = engine_spawn_kind(of->kind, call_for_short, &of->shorts);
	for (unsigned i = 0; i < count; i++)
		engine_join(threads[i], 0);
	weft__sim_check(of->shorts.calls == (int64_t)SHORT_CALLS * count);
	return 0;
}

static void calls_end_when_seen(void *arg)
{
	weft_sched_options options = engine_ticking(1 + weft__sim_choose(2));
	struct shorts_of of = {
		.shorts.step_ns = options.slice_ns / 8,
		.kind = engine_kind(),
	};

	(void)arg;
	engine_run_counted(&options, of.kind, shorts_app, &of);
	engine_check_clean();
}

/* ---- one waits for another by means that weft does not know: that one must run, some day */

struct pair {
	uint32_t word; /* atomic */
};

static int wait_for_other(void *arg)
{
	struct pair *pair = arg;

	while (atomic_load_acquire(&pair->word) == 0)
		(void)weft__sys_wait(&pair->word, 0, WEFT_FOREVER);
	return 0;
}

static int wake_other(void *arg)
{
	struct pair *pair = arg;

	weft__sim_compute(1 + weft__sim_choose(100000));
	atomic_store_release(&pair->word, 1u);
	weft__sys_wake(&pair->word, 1);
	return 0;
}

/* Made on the way to a spare, or in spite of refusals: a light thread cannot be dislodged. */
static int pairs_app(void *arg)
{
	(void)arg;
	for (int i = 0; i < 4; i++) {
		struct pair pair = { 0 };
		weft_thread *first = engine_spawn_kind(WEFT_LIGHT, wait_for_other, &pair);
		weft_thread *second = engine_spawn_kind(engine_kind(), wake_other, &pair);

		engine_join(first, 0);
		engine_join(second, 0);
	}
	return 0;
}

/* The first carrier is needed; what the kernel refuses later is asked for again. */
static void others_run_in_spite_of_refusals(void *arg)
{
	weft_sched_options options = engine_ticking(1);
	weft_thread_options inside = { .kind = WEFT_LIGHT };
	weft_sched *sched;
	weft_thread *thread;

	(void)arg;
	options.carriers = 0;
	engine_watch();
	weft__sim_inject(false);
	weft__sim_check(weft_sched_create(&options, &sched) == 0);
	inside.sched = sched;
	weft__sim_inject(true);
	weft__sim_check(weft_thread_spawn(pairs_app, NULL, &inside, &thread) == 0);
	engine_join(thread, 0);
	weft__sim_check(weft_sched_destroy(sched) == 0);
	engine_check_clean();
}

/* ---- a chain: each waits for the next, between brackets or not, and wakes the one before it */

#define LINKS_MAX 5

struct link {
	uint32_t word, *before; /* atomic */
	bool is_last;
};

static int wait_for_next(void *arg)
{
	struct link *link = arg;
	bool is_declared = weft__sim_choose(2);

	if (weft__sim_choose(2))
		weft_sleep(1 + weft__sim_choose(200000));
	if (is_declared)
		weft_blocking_begin();
	while (!link->is_last && atomic_load_acquire(&link->word) == 0)
		(void)weft__sys_wait(&link->word, 0, WEFT_FOREVER);
	if (weft__sim_choose(4) == 0)
		compute_some();
	if (link->before != NULL && weft__sim_choose(2)) {
		atomic_store_release(link->before, 1u);
		weft__sys_wake(link->before, 1);
		link->before = NULL;
	}
	if (is_declared)
		weft_blocking_end();
	if (link->before != NULL) {
		atomic_store_release(link->before, 1u);
		weft__sys_wake(link->before, 1);
	}
	return 0;
}

static int chains_app(void *arg)
{
	struct link links[LINKS_MAX];
	weft_thread *threads[LINKS_MAX];

	(void)arg;
	for (int i = 0; i < 4; i++) {
		unsigned count = 2 + weft__sim_choose(LINKS_MAX - 1);

		for (unsigned j = 0; j < count; j++)
			links[j] = (struct link){ 0, j > 0 ? &links[j - 1].word : NULL,
						  j == count - 1 };
		for (unsigned j = 0; j < count; j++)
			threads[j] = engine_spawn_kind(engine_kind(), wait_for_next, &links[j]);
		for (unsigned j = 0; j < count; j++)
			engine_join(threads[j], 0);
		engine_dawdle();
	}
	return 0;
}

static void chains(void *arg)
{
	weft_sched_options options = engine_ticking(1 + weft__sim_choose(2));

	(void)arg;
	options.carriers = 0;
	engine_run_counted(&options, engine_kind(), chains_app, NULL);
	engine_check_clean();
}

/* ---- many pairs of brackets, one after the other, need few carriers */

static int many_brackets(void *arg)
{
	const unsigned *processors = arg;
	weft_sched_stats stats;

	for (int i = 0; i < 30; i++) {
		weft_blocking_begin();
		wander();
		weft_blocking_end();
		if (weft__sim_choose(2))
			weft_sleep(1 + weft__sim_choose(100000));
	}
	weft_sched_stats_get(weft_sched_self(), &stats);
	/* Some that sleep in the poller, some on their words, one in reserve: not one for each
	 * pair. */
	weft__sim_check(stats.carriers <= 2 * *processors + 6);
	return 0;
}

static void brackets_need_few_carriers(void *arg)
{
	unsigned processors = 1 + weft__sim_choose(3);
	weft_sched_options options = engine_ticking(processors);

	(void)arg;
	options.carriers = 0;
	engine_run_counted(&options, engine_kind(), many_brackets, &processors);
	engine_check_clean();
}

/* ---- who is back without a processor gives way to a tick, and has one the next time */

#define BACK_WITHIN_NS (4 * WEFT_SECOND)

static bool has_processor(void)
{
	struct weft__carrier *carrier;
	struct weft__processor *processor;
	bool has;

	weft_preempt_disable();
	carrier = ((struct weft_thread *)weft__arch_self())->carrier;
	processor = atomic_load_relaxed(&carrier->processor);
	has = processor != NULL &&
	      (atomic_load_relaxed(&processor->owner) & ~WEFT__OWNER_BITS) == (uintptr_t)carrier;
	weft_preempt_enable();
	return has;
}

static int compute_until_it_has_one(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++) {
		int64_t until_ns;

		weft__sim_stuck(WEFT_SECOND / 10);
		until_ns = weft__sys_now() + BACK_WITHIN_NS;
		while (!has_processor()) {
			weft__sim_compute(20000);
			weft__sim_check(weft__sys_now() < until_ns);
		}
	}
	return 0;
}

static int back_at_tick_app(void *arg)
{
	weft_thread *threads[3];

	(void)arg;
	for (int i = 0; i < 3; i++)
		threads[i] = engine_spawn_kind(engine_kind(), compute_until_it_has_one, NULL);
	for (int i = 0; i < 3; i++)
		engine_join(threads[i], 0);
	return 0;
}

static void who_is_back_gets_a_tick(void *arg)
{
	weft_sched_options options = engine_ticking(1 + weft__sim_choose(2));

	(void)arg;
	options.carriers = 0;
	engine_run_counted(&options, engine_kind(), back_at_tick_app, NULL);
	engine_check_clean();
}

/* ---- schedulers come and go, and the kernel refuses what it is asked for */

#define MAKERS 3

static bool is_refusal(int code)
{
	return code == -ENOMEM || code == -EAGAIN || code == -EMFILE || code == -ENFILE ||
	       code == -ENOSPC;
}

static int stuck_or_not(void *arg)
{
	int64_t *ran = arg;

	for (int i = 0; i < 4; i++)
		wander();
	weft_blocking_begin();
	wander();
	weft_blocking_end();
	atomic_add_relaxed(ran, 1);
	return 0;
}

static void run_one(void)
{
	weft_sched_options options = engine_ticking(1 + weft__sim_choose(3));
	int64_t ran = 0, started = 0;
	weft_sched *sched;
	int code;

	if (weft__sim_choose(4) == 0)
		options = (weft_sched_options){ .strict = true, .slice_ns = options.slice_ns };
	code = weft_sched_create(&options, &sched);
	if (code != 0 && !is_refusal(code))
		weft__sim_fail("a scheduler answers %d", code);
	if (code < 0)
		return;
	for (unsigned i = weft__sim_choose(5); i > 0; i--) {
		const weft_thread_options inside = { .kind = engine_kind(), .sched = sched };

		/* Detached: its end is the scheduler's. */
		code = weft_thread_spawn(stuck_or_not, &ran, &inside, NULL);
		if (code != 0 && !is_refusal(code))
			weft__sim_fail("a spawn answers %d", code);
		started += code == 0;
		engine_dawdle();
	}
	weft__sim_check(weft_sched_destroy(sched) == 0);
	weft__sim_check(ran == started);
}

static void *make_some(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++)
		run_one();
	return NULL;
}

static void schedulers_come_and_go(void *arg)
{
	weft__sys_thread makers[MAKERS];
	unsigned count = 0;

	(void)arg;
	engine_watch();
	for (int i = 0; i < MAKERS; i++)
		if (weft__sys_thread_start(make_some, NULL, 0, "maker", &makers[count]) == 0)
			count++;
	make_some(NULL);
	while (count > 0)
		weft__sys_thread_join(makers[--count]);
	engine_check_clean();
}

/* ---- carriers that were needed once end again */

#define BURST 5
#define RETIRED_WITHIN_NS (200 * WEFT_SECOND)

static int stuck_once(void *arg)
{
	(void)arg;
	weft__sim_stuck(WEFT_SECOND);
	return 0;
}

static void burst(void)
{
	weft_thread *threads[BURST];

	for (int i = 0; i < BURST; i++)
		threads[i] = engine_spawn_kind(engine_kind(), stuck_once, NULL);
	for (int i = 0; i < BURST; i++)
		engine_join(threads[i], 0);
}

/* So that a spare is wanted now and then, also in the moment in which it is to end. */
static int stuck_now_and_then(void *arg)
{
	const uint32_t *ended = arg;

	while (atomic_load_acquire(ended) == 0) {
		weft_sleep(1 + weft__sim_choose(1000000000));
		weft__sim_stuck(1 + weft__sim_choose(20000000));
	}
	return 0;
}

/* Two spares stay beside those that have a processor, and those that are stuck. */
static int retire_app(void *arg)
{
	const unsigned *processors = arg;
	unsigned other_count = weft__sim_choose(2) ? 2 : 0;
	uint32_t ended = 0;
	weft_thread *others[2];

	for (unsigned i = 0; i < other_count; i++)
		others[i] = engine_spawn_kind(engine_kind(), stuck_now_and_then, &ended);
	for (int i = 0; i < 2; i++) {
		int64_t until_ns;
		weft_sched_stats stats;

		burst();
		if (other_count == 0 && weft__sim_choose(2)) {
			/* Nothing runs meanwhile, so nothing wakes the monitor. */
			weft_sleep(RETIRED_WITHIN_NS);
			weft_sched_stats_get(weft_sched_self(), &stats);
			weft__sim_check(stats.carriers <= *processors + 2);
			continue;
		}
		until_ns = weft_now() + RETIRED_WITHIN_NS;
		do {
			weft_sleep(WEFT_SECOND);
			compute_some();
			weft_sched_stats_get(weft_sched_self(), &stats);
			weft__sim_check(weft_now() < until_ns);
		} while (stats.carriers > *processors + 2 + other_count);
	}
	atomic_store_release(&ended, 1u);
	for (unsigned i = 0; i < other_count; i++)
		engine_join(others[i], 0);
	return 0;
}

static void spares_retire(void *arg)
{
	unsigned processors = 1 + weft__sim_choose(2);
	weft_sched_options options = engine_ticking(processors);

	(void)arg;
	options.carriers = 0;
	engine_run_counted(&options, engine_kind(), retire_app, &processors);
	engine_check_clean();
}

/* ---- back from a call, without a processor, and then anything */

struct back {
	uint32_t ended; /* atomic */
	weft_mutex mutex;
	weft_sem sem;
	weft_cond cond;
	int pipe[2];
	weft_thread *other;
};

enum {
	BACK_YIELD,
	BACK_SLEEP,
	BACK_SPAWN,
	BACK_JOIN,
	BACK_DETACH,
	BACK_MUTEX,
	BACK_SEM,
	BACK_COND,
	BACK_READ,
	BACK_WRITE,
	BACK_BLOCKING,
	BACK_WITHIN_BLOCKING,
	BACK_SYSCALL,
	BACK_CHECK,
	BACK_DISABLED,
	BACK_COMPUTE,
	BACK_KERNEL,
	BACK_STATS,
	BACK_EXIT,
	BACK_WAYS,
};

static void make_stuck(void)
{
	weft__sim_stuck(WEFT_SECOND / 10);
}

static int nothing(void *arg)
{
	(void)arg;
	return 3;
}

static void wait_and_write(struct back *back, int way)
{
	char byte = 'x';

	if (way == BACK_READ)
		weft__sim_check(weft_write(back->pipe[1], &byte, 1) == 1);
	make_stuck();
	if (way == BACK_WRITE)
		weft__sim_check(weft_write(back->pipe[1], &byte, 1) == 1);
	weft__sim_check(weft_read(back->pipe[0], &byte, 1) == 1);
}

static void come_back_to_lock(struct back *back, int way)
{
	if (way == BACK_SEM) {
		weft_sem_wake(&back->sem);
		make_stuck();
		weft_sem_wait(&back->sem);
		return;
	}
	weft_mutex_lock(&back->mutex);
	make_stuck();
	if (way == BACK_COND)
		weft__sim_check(weft_cond_wait_until(&back->cond, &back->mutex,
						     weft_now() + 1000) == -ETIMEDOUT);
	weft_mutex_unlock(&back->mutex);
}

static void come_back_between_brackets(int way)
{
	if (way == BACK_SYSCALL) {
		weft_syscall_enter();
		make_stuck();
		weft_syscall_leave();
		return;
	}
	if (way == BACK_WITHIN_BLOCKING)
		weft_blocking_begin();
	make_stuck();
	if (way == BACK_BLOCKING)
		weft_blocking_begin();
	compute_some();
	weft_blocking_end();
}

static void come_back_to_thread(int way)
{
	const weft_thread_options kernel = { .kind = WEFT_KERNEL };
	weft_thread *thread = NULL;

	if (way == BACK_JOIN || way == BACK_DETACH)
		thread = engine_spawn_kind(engine_kind(), nothing, NULL);
	make_stuck();
	if (way == BACK_SPAWN)
		thread = engine_spawn_kind(engine_kind(), nothing, NULL);
	else if (way == BACK_KERNEL)
		weft__sim_check(weft_thread_spawn(nothing, NULL, &kernel, &thread) == 0);
	if (way == BACK_DETACH)
		weft__sim_check(weft_thread_detach(thread) == 0);
	else
		engine_join(thread, 3);
}

static void come_back_to_rest(int way)
{
	weft_sched_stats stats;

	if (way == BACK_DISABLED)
		weft_preempt_disable();
	make_stuck();
	switch (way) {
	case BACK_YIELD:
		weft_yield();
		break;
	case BACK_SLEEP:
		weft_sleep(weft__sim_choose(10000));
		break;
	case BACK_CHECK:
		compute_some();
		(void)weft_preempt_check();
		break;
	case BACK_DISABLED:
		compute_some();
		weft_preempt_enable();
		break;
	case BACK_STATS:
		weft_sched_stats_get(weft_sched_self(), &stats);
		(void)weft_now();
		break;
	case BACK_EXIT:
		weft_thread_exit(0);
	default:
		for (int i = 0; i < 50; i++)
			weft__sim_compute(20000);
		break;
	}
}

static int come_back(void *arg)
{
	struct back *back = arg;
	unsigned first = weft__sim_choose(BACK_WAYS);

	for (unsigned i = 0; i < 4; i++) {
		int way = (int)((first + i) % BACK_WAYS);

		if (way == BACK_READ || way == BACK_WRITE)
			wait_and_write(back, way);
		else if (way == BACK_MUTEX || way == BACK_SEM || way == BACK_COND)
			come_back_to_lock(back, way);
		else if (way == BACK_BLOCKING || way == BACK_WITHIN_BLOCKING || way == BACK_SYSCALL)
			come_back_between_brackets(way);
		else if (way == BACK_SPAWN || way == BACK_JOIN || way == BACK_DETACH ||
			 way == BACK_KERNEL)
			come_back_to_thread(way);
		else
			come_back_to_rest(way);
	}
	return 0;
}

/* Keeps the processor busy that was given away. */
static int be_busy(void *arg)
{
	struct back *back = arg;

	while (atomic_load_acquire(&back->ended) == 0) {
		weft__sim_compute(20000);
		if (weft__sim_choose(20) == 0)
			weft_yield();
	}
	return 0;
}

#define RETURNERS 3

static int back_app(void *arg)
{
	struct back *back = arg;
	weft_thread *busy[2], *threads[RETURNERS];

	weft__sim_check(weft_pipe(back->pipe) == 0);
	for (int i = 0; i < 2; i++)
		busy[i] = engine_spawn_kind(engine_kind(), be_busy, back);
	for (int i = 0; i < RETURNERS; i++)
		threads[i] = engine_spawn_kind(engine_kind(), come_back, back);
	for (int i = 0; i < RETURNERS; i++)
		engine_join(threads[i], 0);
	atomic_store_release(&back->ended, 1u);
	for (int i = 0; i < 2; i++)
		engine_join(busy[i], 0);
	for (int i = 0; i < 2; i++)
		weft__sim_check(weft_close(back->pipe[i]) == 0);
	return 0;
}

static void back_without_a_processor(void *arg)
{
	weft_sched_options options = engine_ticking(1 + weft__sim_choose(2));
	struct back back = { 0 };

	(void)arg;
	options.carriers = 0;
	engine_run_counted(&options, engine_kind(), back_app, &back);
	engine_check_clean();
}

const struct scenario handoff_scenarios[] = {
	{ .name = "stuck-anywhere",
	  .run = stuck_anywhere,
	  .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "stuck-at-any-step", .run = stuck_anywhere, .options = { .stuck = 50 } },
	{ .name = "stuck-in-a-strict-one", .run = stuck_in_a_strict_one },
	{ .name = "the-blocked-ones-timers-are-served", .run = the_blocked_ones_timers_are_served },
	{ .name = "users-want-a-foreign-lock", .run = user_threads_want_a_foreign_lock },
	{ .name = "lights-want-a-foreign-lock", .run = light_threads_want_a_foreign_lock },
	{ .name = "lights-want-a-lock-and-are-stuck",
	  .run = light_threads_want_a_foreign_lock,
	  .options = { .stuck = 50 } },
	{ .name = "foreign-lock-across-waits", .run = a_foreign_lock_is_held_across_waits },
	{ .name = "some-want-a-foreign-lock-undisturbed",
	  .run = some_want_a_foreign_lock_undisturbed },
	{ .name = "not-all-can-be-dislodged", .run = not_all_can_be_dislodged },
	{ .name = "calls-end-when-seen", .run = calls_end_when_seen },
	{ .name = "others-run-in-spite-of-refusals",
	  .run = others_run_in_spite_of_refusals,
	  .options = { .fail_thread = 400 } },
	{ .name = "chains", .run = chains },
	{ .name = "chains-and-stuck", .run = chains, .options = { .stuck = 50 } },
	{ .name = "brackets-need-few-carriers", .run = brackets_need_few_carriers },
	{ .name = "who-is-back-gets-a-tick", .run = who_is_back_gets_a_tick },
	{ .name = "schedulers-come-and-go", .run = schedulers_come_and_go },
	{ .name = "schedulers-are-stuck",
	  .run = schedulers_come_and_go,
	  .options = { .stuck = 50 } },
	{ .name = "schedulers-are-refused",
	  .run = schedulers_come_and_go,
	  .options = { .fail_reserve = 20,
		       .fail_thread = 200,
		       .fail_poller = 30,
		       .fail_open = 30 } },
	{ .name = "spares-retire", .run = spares_retire },
	{ .name = "back-without-a-processor", .run = back_without_a_processor },
	{ 0 },
};
