/* SPDX-License-Identifier: MIT */
/* Threads begin, end, are joined and detached, on one to three processors, and reach every
 * processor. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"
#include "sched/thread.h"

#define CHILDREN 6

/* ---- storms of spawning and joining */

struct family {
	int64_t alive; /* atomic: threads begun and not ended */
	int64_t total; /* atomic: threads that have run */
};

static int leaf(void *arg)
{
	struct family *family = arg;

	atomic_add_relaxed(&family->alive, 1);
	engine_dawdle();
	atomic_add_relaxed(&family->alive, -1);
	atomic_add_acq_rel(&family->total, 1); /* the last touch: the scenario may end */
	return 7;
}

/* However the result is asked for, it comes once, and is right. */
static void collect(weft_thread *thread)
{
	int result = 0, code;

	switch (weft__sim_choose(4)) {
	case 0:
		while ((code = weft_thread_join_try(thread, &result)) == -EBUSY)
			engine_dawdle();
		break;
	case 1:
		while ((code = weft_thread_join_until(thread, engine_deadline(), &result)) ==
		       -ETIMEDOUT)
			;
		break;
	case 2:
		weft__sim_check(weft_thread_detach(thread) == 0);
		return;
	default:
		code = weft_thread_join(thread, &result);
		break;
	}
	weft__sim_check(code == 0 && result == 7);
}

static int branch(void *arg)
{
	weft_thread *children[3];

	for (int i = 0; i < 3; i++)
		children[i] = engine_spawn(leaf, arg);
	engine_dawdle();
	for (int i = 0; i < 3; i++)
		collect(children[i]);
	leaf(arg);
	if (weft__sim_choose(2))
		weft_thread_exit(7);
	return 7;
}

static int storm_app(void *arg)
{
	weft_thread *children[CHILDREN];

	for (int i = 0; i < CHILDREN; i++)
		children[i] = engine_spawn(i % 2 ? leaf : branch, arg);
	for (int i = 0; i < CHILDREN; i++)
		collect(children[CHILDREN - 1 - i]);
	return 42;
}

static void storm(void *arg)
{
	struct family family = { 0 };

	(void)arg;
	weft__sim_check(engine_run(storm_app, &family) == 42);
	/* 3 leaves, 3 branches with 3 leaves and one turn of their own */
	weft__sim_check(family.total == 15 && family.alive == 0);
	engine_check_clean();
}

/* The second scheduler needs no more memory than the first. */
static void storm_twice(void *arg)
{
	struct family family = { 0 };
	struct weft__sim_usage first, second;

	(void)arg;
	weft__sim_check(engine_run(storm_app, &family) == 42);
	weft__sim_usage(&first);
	weft__sim_check(engine_run(storm_app, &family) == 42);
	weft__sim_usage(&second);
	weft__sim_check(family.total == 30);
	weft__sim_check(second.reserved_bytes <= first.reserved_bytes);
	engine_check_clean();
}

/* ---- kernel threads and light ones join each other */

static int kernel_leaf(void *arg)
{
	engine_dawdle();
	return leaf(arg);
}

static int mixed_app(void *arg)
{
	const weft_thread_options kernel = { .kind = WEFT_KERNEL };
	const weft_thread_options into = { .kind = WEFT_LIGHT, .sched = weft_sched_self() };
	weft_thread *threads[4];

	for (int i = 0; i < 4; i++)
		weft__sim_check(weft_thread_spawn(kernel_leaf, arg, i % 2 ? &kernel : &into,
						  &threads[i]) == 0);
	for (int i = 0; i < 4; i++)
		collect(threads[i]);
	return 0;
}

static void mixed_kinds(void *arg)
{
	struct family family = { 0 };

	(void)arg;
	weft__sim_check(engine_run(mixed_app, &family) == 0);
	/* A detached kernel thread may outlive the scheduler. */
	while (atomic_load_acquire(&family.total) != 4)
		weft__sys_thread_yield();
}

/* ---- work reaches the other processor, though its maker never gives way */

struct hog {
	uint32_t let_go;
	weft_sem sem;
};

static int let_go(void *arg)
{
	struct hog *hog = arg;

	atomic_store_release(&hog->let_go, 1u);
	return 0;
}

static void spin_until_let_go(struct hog *hog)
{
	while (atomic_load_acquire(&hog->let_go) == 0)
		weft__sim_compute(1000);
	atomic_store_relaxed(&hog->let_go, 0u);
}

static int hog_that_spawns(void *arg)
{
	struct hog *hog = arg;

	for (int i = 0; i < 3; i++) {
		weft_thread *thread;

		engine_dawdle();
		thread = engine_spawn(let_go, hog);
		spin_until_let_go(hog);
		engine_join(thread, 0);
	}
	return 0;
}

static void spawned_work_is_stolen(void *arg)
{
	struct hog hog = { 0 };

	(void)arg;
	weft__sim_check(engine_run_on(2 + weft__sim_choose(2), hog_that_spawns, &hog) == 0);
	engine_check_clean();
}

static int wait_and_let_go(void *arg)
{
	struct hog *hog = arg;

	for (int i = 0; i < 3; i++) {
		weft_sem_wait(&hog->sem);
		atomic_store_release(&hog->let_go, 1u);
	}
	return 0;
}

static int hog_that_wakes(void *arg)
{
	struct hog *hog = arg;
	weft_thread *thread = engine_spawn(wait_and_let_go, hog);

	for (int i = 0; i < 3; i++) {
		engine_dawdle();
		weft_sem_wake(&hog->sem);
		spin_until_let_go(hog);
	}
	engine_join(thread, 0);
	return 0;
}

static void woken_work_is_stolen(void *arg)
{
	struct hog hog = { 0 };

	(void)arg;
	weft__sim_check(engine_run_on(2 + weft__sim_choose(2), hog_that_wakes, &hog) == 0);
	engine_check_clean();
}

/* ---- as many hogs as processors, however they became ready: each gets one. A hog runs until all
 * of them do */

#define PROCESSORS_MAX 4

struct hogs {
	unsigned count;
	int way;
	uint32_t inside; /* atomic */
	int64_t when_ns;
	weft_sem go;
	int pipes[PROCESSORS_MAX][2];
};

enum { BY_SPAWN, BY_WAKE, BY_TIME, BY_FOREIGN, BY_BYTE, WAYS };

static void spin_together(struct hogs *hogs)
{
	atomic_add_acq_rel(&hogs->inside, 1u);
	while (atomic_load_acquire(&hogs->inside) < hogs->count)
		weft__sim_compute(1000);
}

struct hog_of {
	struct hogs *hogs;
	unsigned number;
};

static int be_hog(void *arg)
{
	struct hog_of *me = arg;
	struct hogs *hogs = me->hogs;
	char byte;

	if (hogs->way == BY_WAKE || hogs->way == BY_FOREIGN)
		weft_sem_wait(&hogs->go);
	else if (hogs->way == BY_TIME)
		weft_sleep_until(hogs->when_ns + (int64_t)me->number * weft__sim_choose(2));
	else if (hogs->way == BY_BYTE)
		weft__sim_check(weft_read(hogs->pipes[me->number][0], &byte, 1) == 1);
	spin_together(hogs);
	return 0;
}

static void *wake_hogs(void *arg)
{
	struct hogs *hogs = arg;

	for (unsigned i = 0; i < hogs->count; i++)
		weft_sem_wake(&hogs->go);
	return NULL;
}

/* The app itself is the last hog. */
static void start_hogs(struct hogs *hogs)
{
	if (hogs->way == BY_WAKE)
		for (unsigned i = 1; i < hogs->count; i++)
			weft_sem_wake(&hogs->go);
	if (hogs->way == BY_BYTE)
		for (unsigned i = 1; i < hogs->count; i++)
			weft__sim_check(weft_write(hogs->pipes[i][1], "x", 1) == 1);
	if (hogs->way == BY_TIME)
		weft_sleep_until(hogs->when_ns);
	if (hogs->way == BY_FOREIGN)
		weft_sem_wait(&hogs->go);
}

static int hogs_app(void *arg)
{
	struct hogs *hogs = arg;
	struct hog_of each[PROCESSORS_MAX];
	weft_thread *threads[PROCESSORS_MAX];
	weft__sys_thread foreign = { 0 };

	hogs->when_ns = weft_now() + 20000;
	if (hogs->way == BY_BYTE)
		for (unsigned i = 1; i < hogs->count; i++)
			weft__sim_check(weft_pipe(hogs->pipes[i]) == 0);
	if (hogs->way == BY_FOREIGN)
		foreign = engine_foreign(wake_hogs, hogs);
	for (unsigned i = 1; i < hogs->count; i++) {
		each[i] = (struct hog_of){ hogs, i };
		threads[i] = engine_spawn(be_hog, &each[i]);
	}
	if (hogs->way != BY_SPAWN)
		engine_dawdle();
	start_hogs(hogs);
	spin_together(hogs);
	for (unsigned i = 1; i < hogs->count; i++)
		engine_join(threads[i], 0);
	if (hogs->way == BY_FOREIGN) {
		weft_blocking_begin();
		weft__sys_thread_join(foreign);
		weft_blocking_end();
	}
	for (unsigned i = 1; hogs->way == BY_BYTE && i < hogs->count; i++) {
		weft__sim_check(weft_close(hogs->pipes[i][0]) == 0);
		weft__sim_check(weft_close(hogs->pipes[i][1]) == 0);
	}
	return 0;
}

static void every_processor_gets_a_hog(void *arg)
{
	struct hogs hogs = {
		.count = 2 + weft__sim_choose(PROCESSORS_MAX - 1),
		.way = (int)weft__sim_choose(WAYS),
	};

	(void)arg;
	weft__sim_check(engine_run_on(hogs.count, hogs_app, &hogs) == 0);
	engine_check_clean();
}

/* ---- a scheduler from outside: foreign threads start work in it while it may be idle, and its end
 * waits for all */

#define OUTSIDERS 3

struct outside {
	weft_sched *sched;
	struct family family;
};

static void *start_inside(void *arg)
{
	struct outside *outside = arg;
	const weft_thread_options options = { .kind = WEFT_LIGHT, .sched = outside->sched };
	weft_thread *thread;

	for (int i = 0; i < 3; i++) {
		weft__sim_check(weft_thread_spawn(i == 1 ? branch : leaf, &outside->family,
						  &options, &thread) == 0);
		if (weft__sim_choose(2))
			collect(thread);
		else
			weft__sim_check(weft_thread_detach(thread) == 0);
	}
	return NULL;
}

static void foreign_threads_start_work(void *arg)
{
	struct outside outside = { 0 };
	weft__sys_thread threads[OUTSIDERS];
	const weft_sched_options options = { .processors = 1 + weft__sim_choose(3) };

	(void)arg;
	engine_watch();
	weft__sim_check(weft_sched_create(&options, &outside.sched) == 0);
	for (int i = 0; i < OUTSIDERS; i++)
		threads[i] = engine_foreign(start_inside, &outside);
	for (int i = 0; i < OUTSIDERS; i++)
		weft__sys_thread_join(threads[i]);
	weft__sim_check(weft_sched_destroy(outside.sched) == 0);
	weft__sim_check(outside.family.total == OUTSIDERS * 6 && outside.family.alive == 0);
	engine_check_clean();
}

/* ---- two schedulers that wake each other */

struct pair {
	weft_sem there, back;
};

static int answer(void *arg)
{
	struct pair *pair = arg;

	for (int i = 0; i < 5; i++) {
		weft_sem_wait(&pair->there);
		weft_sem_wake(&pair->back);
	}
	return 0;
}

static int ask(void *arg)
{
	struct pair *pair = arg;

	for (int i = 0; i < 5; i++) {
		weft_sem_wake(&pair->there);
		weft_sem_wait(&pair->back);
	}
	return 0;
}

static void two_schedulers(void *arg)
{
	struct pair pair = { 0 };
	weft_sched *scheds[2];
	weft_thread *threads[2];

	(void)arg;
	engine_watch();
	for (int i = 0; i < 2; i++) {
		const weft_sched_options options = { .processors = 1 + weft__sim_choose(2) };
		weft_thread_options inside = { .kind = WEFT_LIGHT };

		weft__sim_check(weft_sched_create(&options, &scheds[i]) == 0);
		inside.sched = scheds[i];
		weft__sim_check(weft_thread_spawn(i ? ask : answer, &pair, &inside, &threads[i]) ==
				0);
	}
	for (int i = 0; i < 2; i++) {
		engine_join(threads[i], 0);
		weft__sim_check(weft_sched_destroy(scheds[i]) == 0);
	}
	engine_check_clean();
}

/* ---- a thread that is joined in vain can be detached, and goes: who joined does not look again */

struct given_up {
	weft_thread *thread;
	weft_sem go;
	int64_t ended;   /* atomic */
	uint32_t joined; /* atomic */
};

static int end_when_told(void *arg)
{
	struct given_up *given_up = arg;

	weft_sem_wait(&given_up->go);
	atomic_add_relaxed(&given_up->ended, 1);
	return 0;
}

static void *join_in_vain(void *arg)
{
	struct given_up *given_up = arg;
	int64_t until_ns = weft_now() + weft__sim_choose(2000);
	int code = weft_thread_join_until(given_up->thread, until_ns, NULL);

	weft__sim_check(code == -ETIMEDOUT);
	atomic_store_relaxed(&given_up->joined, 1u);
	return NULL;
}

static void detach_after_a_join_in_vain(void *arg)
{
	struct given_up given_up = { 0 };
	struct weft__sim_usage usage;
	weft__sys_thread joiner;
	void *junk;

	(void)arg;
	engine_watch();
	weft__sim_check(weft_thread_spawn(end_when_told, &given_up, NULL, &given_up.thread) == 0);
	joiner = engine_foreign(join_in_vain, &given_up);
	while (atomic_load_relaxed(&given_up.thread->joiners.first) == NULL &&
	       atomic_load_relaxed(&given_up.joined) == 0)
		weft__sys_thread_yield();
	while (weft_thread_detach(given_up.thread) == -EINVAL)
		weft__sys_thread_yield();
	weft_sem_wake(&given_up.go);
	do {
		weft__sys_thread_yield();
		weft__sim_usage(&usage);
	} while (usage.threads > 2 || atomic_load_relaxed(&given_up.ended) == 0);
	/* Its record is free, and somebody else's now. */
	junk = malloc(sizeof(struct weft_thread));
	memset(junk, 0xff, sizeof(struct weft_thread));
	weft__sys_thread_join(joiner);
	free(junk);
}

/* ---- slots: each thread sees its own values, whichever indices are used again meanwhile */
struct kept {
	weft_slot lasting;
	int32_t set, destroyed; /* atomic */
};

static void destroy_kept(void *value)
{
	engine_dawdle();
	atomic_add_relaxed(&((struct kept *)value)->destroyed, 1);
}

static int keep_own(void *arg)
{
	struct kept *kept = arg;

	engine_dawdle();
	weft__sim_check(weft_slot_get(kept->lasting) == NULL);
	weft__sim_check(weft_slot_set(kept->lasting, kept) == 0);
	atomic_add_relaxed(&kept->set, 1);
	for (int i = 0; i < 3; i++) {
		weft_slot brief;

		weft__sim_check(weft_slot_create(NULL, &brief) == 0);
		weft__sim_check(weft_slot_get(brief) == NULL);
		weft__sim_check(weft_slot_set(brief, &brief) == 0);
		engine_dawdle();
		weft__sim_check(weft_slot_get(brief) == &brief);
		weft__sim_check(weft_slot_get(kept->lasting) == kept);
		weft__sim_check(weft_slot_destroy(brief) == 0);
		weft__sim_check(weft_slot_set(brief, kept) == -EINVAL);
	}
	return 0;
}

static void slots_are_each_thread_s_own(void *arg)
{
	struct kept kept = { 0 };

	(void)arg;
	weft__sim_check(weft_slot_create(destroy_kept, &kept.lasting) == 0);
	run_crowd(keep_own, &kept);
	weft__sim_check(kept.set == USERS + 1 && kept.destroyed == USERS + 1);
	weft__sim_check(weft_slot_destroy(kept.lasting) == 0);
}

const struct scenario thread_scenarios[] = {
	{ .name = "storm", .run = storm },
	{ .name = "storm-twice", .run = storm_twice },
	{ .name = "mixed-kinds", .run = mixed_kinds, .options = { .spurious = 50, .eintr = 50 } },
	{ .name = "spawned-work-is-stolen",
	  .run = spawned_work_is_stolen,
	  .options = { .eintr = 20 } },
	{ .name = "woken-work-is-stolen", .run = woken_work_is_stolen, .options = { .eintr = 20 } },
	{ .name = "every-processor-gets-a-hog",
	  .run = every_processor_gets_a_hog,
	  .options = { .eintr = 20 } },
	{ .name = "foreign-threads-start-work", .run = foreign_threads_start_work },
	{ .name = "two-schedulers", .run = two_schedulers },
	{ .name = "detach-after-a-join-in-vain", .run = detach_after_a_join_in_vain },
	{ .name = "slots-are-each-thread-s-own", .run = slots_are_each_thread_s_own },
	{ 0 },
};
