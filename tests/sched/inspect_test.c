/* SPDX-License-Identifier: MIT */
/* What the inspector says of threads, processors and schedulers, at rest and while they come and
 * go. */
#include <weft/inspect.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "in_sched.h"
#include "proc.h"
#include "sched/thread.h"

#define KIB ((size_t)1 << 10)

static int return_seven(void *arg)
{
	return 7;
}

/* Without slices, which on a busy machine end anywhere. */
static void run_unsliced(weft_function *body, void *arg, unsigned processors)
{
	const weft_sched_options options = { .processors = processors, .slice_ns = WEFT_FOREVER };

	assert_int_equal(weft_run(body, arg, &options), 0);
}

/* ---- one thread */

struct search {
	uint64_t id;
	int count;
	weft_thread_info info;
};

static int match_id(void *arg, const weft_thread_info *thread)
{
	struct search *search = arg;

	if (thread->id == search->id) {
		search->count++;
		search->info = *thread;
	}
	return 0;
}

static bool find(uint64_t id, weft_thread_info *out_info)
{
	struct search search = { .id = id };

	check(weft_inspect_threads(match_id, &search) == 0);
	check(search.count <= 1);
	if (search.count == 1)
		*out_info = search.info;
	return search.count == 1;
}

static weft_thread_info look_at(const weft_thread *thread)
{
	weft_thread_info info;

	check(find(weft_thread_id(thread), &info));
	check(info.id == weft_thread_id(thread));
	check(info.kind == weft_thread_kind(thread));
	check(info.stack_bytes == weft_thread_stack_bytes(thread));
	return info;
}

static bool is_waiting_for(const weft_thread *thread, const char *reason)
{
	weft_thread_info info = look_at(thread);

	return strcmp(info.state, "waiting") == 0 && strcmp(info.reason, reason) == 0;
}

static void await_waiting(const weft_thread *thread, const char *reason)
{
	while (!is_waiting_for(thread, reason))
		weft_yield();
}

static int wait_for_sem(void *arg)
{
	return weft_sem_wait(arg);
}

static int see_states(void *arg)
{
	weft_thread *self = weft_thread_self(), *thread;
	weft_sem sem = WEFT_SEM_INIT(0);
	weft_thread_options options = { .name = "sleeper" };
	weft_thread_info info;
	uint64_t id;

	info = look_at(self);
	check(strcmp(info.name, "main") == 0 && info.kind == weft_thread_kind(weft_thread_self()));
	check(strcmp(info.state, "running") == 0 && strcmp(info.reason, "") == 0);
	check(info.sched == weft_sched_self() && info.since_ns == 0);
	check(weft_thread_spawn(wait_for_sem, &sem, &options, &thread) == 0);
	info = look_at(thread);
	check(strcmp(info.name, "sleeper") == 0 && strcmp(info.state, "ready") == 0);
	check(info.switches == 0);
	await_waiting(thread, "semaphore");
	check(look_at(thread).switches == 1);
	weft_sem_wake(&sem);
	check(strcmp(look_at(thread).state, "ready") == 0);
	weft_yield();
	info = look_at(thread); /* nobody has joined it */
	check(strcmp(info.state, "ended") == 0 && strcmp(info.reason, "") == 0);
	check(info.switches == 2);
	id = weft_thread_id(thread);
	check(weft_thread_join(thread, NULL) == 0);
	check(!find(id, &info));
	weft_blocking_begin();
	check(strcmp(look_at(self).state, "blocking") == 0);
	weft_blocking_end();
	check(strcmp(look_at(self).state, "running") == 0);
	return 0;
}

static int wait_shielded(void *sem)
{
	weft_shield shield;
	int code;

	weft_shield_enter(&shield);
	code = weft_sem_wait(sem);
	weft_shield_leave(&shield);
	return code;
}

static int lock_and_unlock(void *arg)
{
	weft_mutex *mutex = arg;

	weft_mutex_lock(mutex);
	weft_mutex_unlock(mutex);
	return weft_cancelled();
}

/* Who is cancelled and waits all the same: a plain lock is firm. */
static int see_cancelled(void *arg)
{
	weft_mutex mutex = WEFT_MUTEX_INIT;
	weft_sem sem = WEFT_SEM_INIT(0);
	weft_thread *shielded, *locker;
	int result;

	(void)arg;
	weft_mutex_lock(&mutex);
	check(weft_thread_spawn(wait_shielded, &sem, NULL, &shielded) == 0);
	check(weft_thread_spawn(lock_and_unlock, &mutex, NULL, &locker) == 0);
	await_waiting(shielded, "semaphore");
	await_waiting(locker, "mutex");
	check(!look_at(locker).cancelled && !look_at(shielded).cancelled);
	weft_thread_cancel(shielded);
	weft_thread_cancel(locker);
	check(look_at(locker).cancelled && !look_at(shielded).cancelled);
	check(is_waiting_for(shielded, "semaphore") && is_waiting_for(locker, "mutex"));
	weft_mutex_unlock(&mutex);
	weft_sem_wake(&sem);
	check(weft_thread_join(shielded, &result) == 0 && result == 0);
	check(weft_thread_join(locker, &result) == 0 && result == -ECANCELED);
	return 0;
}

static void cancelled_ones_are_told_apart(void **state)
{
	assert_int_equal(weft_run(see_cancelled, NULL, &(weft_sched_options){ .processors = 1 }),
			 0);
	assert_int_equal(see_cancelled(NULL), 0);
}

static void a_light_thread_is_seen_in_each_of_its_states(void **state)
{
	run_unsliced(see_states, NULL, 1);
}

static void kernel_threads_ours_and_foreign_are_seen(void **state)
{
	weft_thread_options options = { .name = "kern", .stack_bytes = 512 * KIB };
	weft_sem sem = WEFT_SEM_INIT(0);
	weft_thread *thread;
	weft_thread_info info;
	uint64_t id;

	info = look_at(weft_thread_self());
	assert_string_equal(info.name, "foreign");
	assert_string_equal(info.state, "running");
	assert_int_equal(info.kind, WEFT_KERNEL);
	assert_null(info.sched);
	assert_int_equal(weft_thread_spawn(wait_for_sem, &sem, &options, &thread), 0);
	await_waiting(thread, "semaphore");
	info = look_at(thread);
	assert_string_equal(info.name, "kern");
	assert_int_equal(info.kind, WEFT_KERNEL);
	assert_null(info.sched);
	assert_true(info.stack_bytes >= 500 * KIB);
	id = info.id;
	weft_sem_wake(&sem);
	while (strcmp(look_at(thread).state, "ended") != 0)
		weft_yield();
	assert_int_equal(weft_thread_join(thread, NULL), 0);
	assert_false(find(id, &info));
}

/* ---- ages */

static int64_t age_of_wait(weft_thread *thread)
{
	weft_thread_info first, second;

	await_waiting(thread, "semaphore");
	first = look_at(thread);
	check(first.since_ns > 0 && first.since_ns <= weft_now());
	weft_yield();
	second = look_at(thread);
	check(second.since_ns == first.since_ns); /* it is the same wait */
	return first.since_ns;
}

static int wait_twice(void *arg)
{
	weft_sem_wait(arg);
	weft_sem_wait(arg);
	weft_blocking_begin();
	weft_sem_wait(arg);
	weft_blocking_end();
	return 0;
}

static int see_ages(void *arg)
{
	weft_sem sem = WEFT_SEM_INIT(0);
	int64_t start_ns = weft_now(), age_ns, between_ns;
	weft_thread *thread;

	check(weft_thread_spawn(wait_twice, &sem, arg, &thread) == 0);
	age_ns = age_of_wait(thread);
	/* By a clock that is read now and then: it lags, but not by much. */
	check(age_ns > start_ns - WEFT_SECOND);
	between_ns = weft_now();
	while (weft_now() < between_ns + 2 * WEFT_MS)
		weft_yield(); /* the clock is looked at meanwhile */
	weft_sem_wake(&sem);
	while (look_at(thread).since_ns == age_ns || !is_waiting_for(thread, "semaphore"))
		weft_yield();
	check(age_of_wait(thread) > age_ns);
	check(age_of_wait(thread) >= between_ns);
	weft_sem_wake(&sem);
	/* Between brackets it has no processor whose clock it could take. */
	while (look_at(thread).since_ns == 0 || strcmp(look_at(thread).state, "blocking") != 0)
		weft_yield();
	check(look_at(thread).since_ns >= between_ns + 2 * WEFT_MS);
	weft_sem_wake(&sem);
	check(weft_thread_join(thread, NULL) == 0);
	return 0;
}

static void the_age_of_a_wait_stands_and_the_next_is_younger(void **state)
{
	run_unsliced(see_ages, NULL, 1);
	run_unsliced(see_ages, &(weft_thread_options){ .kind = WEFT_KERNEL }, 2);
}

/* ---- stacks */

struct depth {
	weft_sem sem;
	size_t bytes;
};

static int wait_at_depth(void *arg)
{
	struct depth *depth = arg;
	volatile char *frame = __builtin_alloca(depth->bytes);

	frame[0] = 1;
	weft_sem_wait(&depth->sem);
	return frame[0] - 1;
}

/* A stack pointer that was read while it changed may be anything. */
static void see_nonsense(weft_thread *thread)
{
	void *sp = thread->sp;

	thread->sp = (char *)thread + 64;
	check(look_at(thread).stack_used == 0);
	thread->sp = (char *)thread->stack_low - 64;
	check(look_at(thread).stack_used == 0);
	thread->sp = sp;
}

static int see_stacks(void *arg)
{
	weft_thread_options options = { .stack_bytes = 256 * KIB };

	for (size_t bytes = 1024; bytes <= 192 * KIB; bytes *= 3) {
		struct depth depth = { WEFT_SEM_INIT(0), bytes };
		weft_thread *thread;
		weft_thread_info info;

		check(weft_thread_spawn(wait_at_depth, &depth, &options, &thread) == 0);
		check(look_at(thread).stack_used == 0); /* not known */
		await_waiting(thread, "semaphore");
		info = look_at(thread);
		check(info.stack_bytes > 224 * KIB && info.stack_bytes < 256 * KIB);
		check(info.stack_used >= bytes && info.stack_used < bytes + 8 * KIB);
		see_nonsense(thread);
		weft_sem_wake(&depth.sem);
		check(weft_thread_join(thread, NULL) == 0);
	}
	return 0;
}

static void a_waiting_thread_s_stack_in_use_is_known(void **state)
{
	run_unsliced(see_stacks, NULL, 1);
}

/* ---- processors and schedulers */

struct processors {
	unsigned count;
	weft_processor_info info[4];
};

static int note_processor(void *arg, const weft_processor_info *processor)
{
	struct processors *processors = arg;

	check(processor->index == processors->count && processor->index < 4);
	processors->info[processors->count++] = *processor;
	return 0;
}

struct scheds {
	const void *wanted;
	unsigned count;
	weft_sched_info info;
};

static int note_sched(void *arg, const weft_sched_info *sched)
{
	struct scheds *scheds = arg;

	if (sched->sched == scheds->wanted) {
		scheds->count++;
		scheds->info = *sched;
	}
	return 0;
}

static weft_sched_info look_at_sched(const void *sched)
{
	struct scheds scheds = { .wanted = sched };

	check(weft_inspect_scheds(note_sched, &scheds) == 0);
	check(scheds.count == 1);
	return scheds.info;
}

static int sleep_long(void *arg)
{
	return weft_sem_wait_until(arg, weft_now() + 1000 * WEFT_SECOND);
}

#define SLEEPERS 5
#define READY 7

static int see_one_processor(void *arg)
{
	struct processors processors = { 0 };
	weft_thread *threads[SLEEPERS + READY];
	weft_sem sem = WEFT_SEM_INIT(0);
	weft_sched_info info;

	for (int i = 0; i < SLEEPERS; i++) {
		check(weft_thread_spawn(sleep_long, &sem, NULL, &threads[i]) == 0);
		await_waiting(threads[i], "semaphore");
	}
	for (int i = 0; i < READY; i++)
		check(weft_thread_spawn(return_seven, NULL, NULL, &threads[SLEEPERS + i]) == 0);
	check(weft_inspect_processors(weft_sched_self(), note_processor, &processors) == 0);
	check(processors.count == 1);
	check(strcmp(processors.info[0].state, "running") == 0);
	check(processors.info[0].current_id == weft_thread_id(weft_thread_self()));
	check(processors.info[0].queued == READY);
	check(processors.info[0].timers == SLEEPERS);
	check(processors.info[0].switches > 0 && processors.info[0].steals == 0);
	info = look_at_sched(weft_sched_self());
	check(strcmp(info.name, "alone") == 0 && info.strict && info.processors == 1);
	check(info.carriers == 1 && info.spare_carriers == 0);
	check(info.threads == 1 + SLEEPERS + READY);
	for (int i = 0; i < SLEEPERS; i++)
		weft_sem_wake(&sem);
	for (int i = 0; i < SLEEPERS + READY; i++)
		check(weft_thread_join(threads[i], NULL) == 0);
	check(look_at_sched(weft_sched_self()).threads == 1);
	return 0;
}

static void a_processor_is_seen_with_what_it_holds(void **state)
{
	weft_sched_options options = { .strict = true, .name = "alone" };

	assert_int_equal(weft_run(see_one_processor, NULL, &options), 0);
}

static void a_scheduler_at_rest_has_idle_processors_and_no_threads(void **state)
{
	struct scheds scheds = { 0 };
	weft_sched_info info;
	unsigned idle;
	weft_sched *sched;

	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 3 }, &sched), 0);
	do { /* its carriers go to sleep when they have come up */
		struct processors processors = { 0 };

		assert_int_equal(weft_inspect_processors(sched, note_processor, &processors), 0);
		assert_int_equal(processors.count, 3);
		idle = 0;
		for (int i = 0; i < 3; i++) {
			idle += strcmp(processors.info[i].state, "idle") == 0;
			assert_int_equal(processors.info[i].current_id, 0);
		}
		weft_yield();
	} while (idle < 3);
	info = look_at_sched(sched);
	assert_string_equal(info.name, "sched");
	assert_int_equal(info.processors, 3);
	assert_int_equal(info.carriers, 3);
	assert_int_equal(info.threads, 0);
	assert_int_equal(info.global_queued, 0);
	assert_false(info.strict);
	assert_int_equal(weft_sched_destroy(sched), 0);
	scheds.wanted = sched;
	assert_int_equal(weft_inspect_scheds(note_sched, &scheds), 0);
	assert_int_equal(scheds.count, 0);
}

/* ---- the visitor ends the walk */

struct visits {
	int count, end_at;
};

static int end_walk(struct visits *visits)
{
	return ++visits->count == visits->end_at ? -33 : 0;
}

static int end_threads(void *arg, const weft_thread_info *thread)
{
	return end_walk(arg);
}

static int end_scheds(void *arg, const weft_sched_info *sched)
{
	return end_walk(arg);
}

static int end_processors(void *arg, const weft_processor_info *processor)
{
	return end_walk(arg);
}

static int end_walks(void *arg)
{
	weft_sem sem = WEFT_SEM_INIT(0);
	weft_thread *threads[4];

	/* Both kinds: walks go over kernel threads first. */
	for (int i = 0; i < 4; i++)
		check(weft_thread_spawn(wait_for_sem, &sem,
					&(weft_thread_options){ .kind = i % 2 ? WEFT_KERNEL
									      : WEFT_LIGHT },
					&threads[i]) == 0);
	for (int end_at = 1; end_at <= 5; end_at++) {
		struct visits visits = { 0, end_at };

		check(weft_inspect_threads(end_threads, &visits) == -33);
		check(visits.count == end_at);
	}
	check(weft_inspect_scheds(end_scheds, &(struct visits){ 0, 1 }) == -33);
	check(weft_inspect_processors(weft_sched_self(), end_processors,
				      &(struct visits){ 0, 2 }) == -33);
	check(weft_inspect_processors(&sem, end_processors, &(struct visits){ 0, 1 }) ==
	      0); /* none such */
	for (int i = 0; i < 4; i++)
		weft_sem_wake(&sem);
	for (int i = 0; i < 4; i++)
		check(weft_thread_join(threads[i], NULL) == 0);
	return 0;
}

static void what_the_visitor_returns_ends_the_walk(void **state)
{
	assert_int_equal(weft_run(end_walks, NULL, &(weft_sched_options){ .processors = 2 }), 0);
}

/* ---- while they are born and die */

struct traffic {
	uint32_t over;    /* atomic */
	uint32_t walks;   /* atomic */
	uint32_t entries; /* the inspector's */
	uint32_t births;  /* atomic */
};

/* Names say what the rest of the entry must be. */
static int check_entry(void *arg, const weft_thread_info *thread)
{
	static const char *const states[] = { "running", "ready", "waiting", "blocking", "ended" };
	struct traffic *traffic = arg;
	size_t i = 0;

	traffic->entries++;
	check(thread->id != 0);
	while (i < sizeof states / sizeof states[0] && strcmp(states[i], thread->state) != 0)
		i++;
	check(i < sizeof states / sizeof states[0]);
	check(thread->stack_used <= thread->stack_bytes);
	check((thread->reason[0] == '\0') == (thread->since_ns == 0));
	if (strcmp(thread->name, "small light") == 0)
		check(thread->kind == WEFT_LIGHT && thread->stack_bytes < 64 * KIB);
	else if (strcmp(thread->name, "large light") == 0)
		check(thread->kind == WEFT_LIGHT && thread->stack_bytes > 64 * KIB);
	else if (strcmp(thread->name, "kernel") == 0)
		check(thread->kind == WEFT_KERNEL && thread->stack_bytes == 64 * KIB);
	else
		check(strcmp(thread->name, "foreign") == 0 || strcmp(thread->name, "main") == 0);
	return 0;
}

static int check_processor(void *arg, const weft_processor_info *processor)
{
	check(processor->index < 4);
	return 0;
}

static int gather_sched(void *arg, const weft_sched_info *sched)
{
	const void **scheds = arg;

	check(sched->processors >= 1 && sched->processors <= 4);
	check(sched->threads >= 0);
	while (*scheds != NULL)
		scheds++;
	*scheds = sched->sched;
	return 0;
}

static void *inspect_traffic(void *arg)
{
	struct traffic *traffic = arg;

	while (!__atomic_load_n(&traffic->over, __ATOMIC_ACQUIRE)) {
		const void *scheds[16] = { NULL };

		check(weft_inspect_threads(check_entry, traffic) == 0);
		check(weft_inspect_scheds(gather_sched, scheds) == 0);
		for (int i = 0; scheds[i] != NULL; i++) /* it may be gone */
			check(weft_inspect_processors(scheds[i], check_processor, traffic) == 0);
		__atomic_fetch_add(&traffic->walks, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static int live_shortly(void *arg)
{
	struct traffic *traffic = arg;

	if (__atomic_add_fetch(&traffic->births, 1, __ATOMIC_RELAXED) % 3 == 0)
		weft_yield();
	return 0;
}

static int bear(void *arg)
{
	static const weft_thread_options kinds[] = {
		{ .kind = WEFT_LIGHT, .name = "small light" },
		{ .kind = WEFT_LIGHT, .name = "large light", .stack_bytes = 256 * KIB },
		{ .kind = WEFT_KERNEL, .name = "kernel", .stack_bytes = 64 * KIB },
	};
	weft_thread *threads[30];

	for (int round = 0; round < 30; round++) {
		for (int i = 0; i < 30; i++)
			check(weft_thread_spawn(live_shortly, arg, &kinds[i % 10 == 9 ? 2 : i % 2],
						&threads[i]) == 0);
		for (int i = 0; i < 30; i++)
			check(weft_thread_join(threads[i], NULL) == 0);
	}
	return 0;
}

static void entries_hold_together_while_threads_are_born_and_die(void **state)
{
	struct traffic traffic = { 0 };
	pthread_t inspector;

	assert_int_equal(pthread_create(&inspector, NULL, inspect_traffic, &traffic), 0);
	do {
		assert_int_equal(weft_run(bear, &traffic, &(weft_sched_options){ .processors = 2 }),
				 0);
	} while (__atomic_load_n(&traffic.walks, __ATOMIC_RELAXED) < 5);
	__atomic_store_n(&traffic.over, 1, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(inspector, NULL), 0);
	assert_true(traffic.births >= 900 && traffic.entries > traffic.walks);
}

/* A thread that ended, and was not joined, outlives its scheduler; and schedulers come and go. */
static void ended_threads_of_schedulers_that_are_gone_can_be_looked_at(void **state)
{
	struct traffic traffic = { 0 };
	weft_thread *left[60];
	pthread_t inspector;

	assert_int_equal(pthread_create(&inspector, NULL, inspect_traffic, &traffic), 0);
	for (int i = 0; i < 60; i++) {
		weft_thread_options options = { .kind = WEFT_LIGHT, .name = "small light" };

		assert_int_equal(weft_sched_create(
					 &(weft_sched_options){ .processors = 1 + (unsigned)i % 3 },
					 &options.sched),
				 0);
		assert_int_equal(weft_thread_spawn(live_shortly, &traffic, &options, &left[i]), 0);
		assert_int_equal(weft_sched_destroy(options.sched), 0);
		assert_string_equal(look_at(left[i]).state, "ended");
	}
	while (__atomic_load_n(&traffic.walks, __ATOMIC_RELAXED) < 5)
		weft_yield();
	for (int i = 0; i < 60; i++)
		assert_int_equal(weft_thread_join(left[i], NULL), 0);
	__atomic_store_n(&traffic.over, 1, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(inspector, NULL), 0);
}

static weft_thread *leave_ended(weft_sched **out_sched)
{
	weft_thread_options options = { .kind = WEFT_LIGHT, .name = "small light" };
	weft_thread *thread;

	check(weft_sched_create(&(weft_sched_options){ .processors = 1 }, &options.sched) == 0);
	check(weft_thread_spawn(return_seven, NULL, &options, &thread) == 0);
	while (strcmp(look_at(thread).state, "ended") != 0)
		weft_yield();
	*out_sched = options.sched;
	return thread;
}

/* A record that names a carrier of a scheduler that is gone comes to life again in another. */
static int see_second_life(void *arg)
{
	weft_thread *thread, *again;
	weft_sched *sched;
	int result;

	thread = leave_ended(&sched);
	check(weft_sched_destroy(sched) == 0);
	check(weft_thread_join(thread, &result) == 0 && result == 7);
	check(weft_thread_spawn(return_seven, NULL, &(weft_thread_options){ .kind = WEFT_LIGHT },
				&again) == 0);
	check(again == thread); /* the hottest stack */
	check(strcmp(look_at(again).state, "ready") == 0);
	check(weft_thread_join(again, NULL) == 0);
	return 0;
}

static void a_record_s_second_life_says_nothing_of_its_first(void **state)
{
	assert_int_equal(weft_run(see_second_life, NULL, &(weft_sched_options){ .processors = 1 }),
			 0);
}

/* ---- what a walk may follow stays while it lasts */

struct demolition {
	weft_sched *sched;
	weft_thread *thread;
	struct weft__carrier *carrier;
	pthread_t destroyer;
	int visits;
};

static weft__noinline weft__racy struct weft__carrier *last_carrier(const weft_thread *ended)
{
	return *(struct weft__carrier *const volatile *)&ended->carrier;
}

static void *destroy_it(void *arg)
{
	check(weft_sched_destroy(arg) == 0);
	return NULL;
}

static bool is_registered(const void *sched)
{
	struct scheds scheds = { .wanted = sched };

	weft_inspect_scheds(note_sched, &scheds);
	return scheds.count != 0;
}

/* The scheduler is taken away under the walk. It has no time to lose: its threads have ended. */
static int demolish(void *arg, const weft_thread_info *thread)
{
	struct demolition *demolition = arg;

	if (thread->id != weft_thread_id(demolition->thread))
		return 0;
	demolition->visits++;
	check(pthread_create(&demolition->destroyer, NULL, destroy_it, demolition->sched) == 0);
	while (is_registered(demolition->sched))
		weft_yield();
	for (int i = 0; i < 60; i++)
		weft_yield();
	check(!proc_traps(demolition->carrier));
	return 0;
}

static void what_a_walk_may_follow_stays_while_it_lasts(void **state)
{
	struct demolition demolition = { .visits = 0 };

	demolition.thread = leave_ended(&demolition.sched);
	demolition.carrier = last_carrier(demolition.thread);
	assert_int_equal(weft_inspect_threads(demolish, &demolition), 0);
	assert_int_equal(demolition.visits, 1);
	pthread_join(demolition.destroyer, NULL);
	assert_int_equal(weft_thread_join(demolition.thread, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_light_thread_is_seen_in_each_of_its_states),
		cmocka_unit_test(cancelled_ones_are_told_apart),
		cmocka_unit_test(kernel_threads_ours_and_foreign_are_seen),
		cmocka_unit_test(the_age_of_a_wait_stands_and_the_next_is_younger),
		cmocka_unit_test(a_waiting_thread_s_stack_in_use_is_known),
		cmocka_unit_test(a_processor_is_seen_with_what_it_holds),
		cmocka_unit_test(a_scheduler_at_rest_has_idle_processors_and_no_threads),
		cmocka_unit_test(what_the_visitor_returns_ends_the_walk),
		cmocka_unit_test(entries_hold_together_while_threads_are_born_and_die),
		cmocka_unit_test(ended_threads_of_schedulers_that_are_gone_can_be_looked_at),
		cmocka_unit_test(a_record_s_second_life_says_nothing_of_its_first),
		cmocka_unit_test(what_a_walk_may_follow_stays_while_it_lasts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
