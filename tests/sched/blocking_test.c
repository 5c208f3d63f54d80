/* SPDX-License-Identifier: MIT */
/*
 * Blocking brackets, step by step on one processor. sched_test.c has the crowds; here it is who
 * holds the processor, and when.
 */
#include <weft/blocking.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "in_sched.h"
#include "sched/engine.h"

static struct weft__processor *only_processor(void)
{
	return weft__self()->sched->processors[0];
}

/* The processor is held by a carrier that sleeps with it: not by one that is on its way to it, nor
 * by nobody. */
static bool is_idle(struct weft__processor *processor)
{
	return __atomic_load_n(&processor->owner, __ATOMIC_ACQUIRE) & WEFT__OWNER_IDLE &&
	       __atomic_load_n(&processor->sched->idle, __ATOMIC_ACQUIRE) != 0;
}

/* Without slices: on a busy machine one could end at any point. */
static void run_on_one(weft_function *body)
{
	const weft_sched_options options = { .processors = 1, .slice_ns = WEFT_FOREVER };

	assert_int_equal(weft_run(body, NULL, &options), 0);
}

/* ---- misuse */

static void end_alone(void *arg)
{
	child_forget_handlers();
	weft_blocking_end();
}

static int end_twice(void *arg)
{
	weft_blocking_begin();
	weft_blocking_end();
	weft_blocking_end();
	return 0;
}

static void end_twice_in_child(void *arg)
{
	child_forget_handlers();
	weft_run(end_twice, NULL, NULL);
}

static void nest_too_deep(void *arg)
{
	child_forget_handlers();
	for (int i = 0; i < 255; i++)
		weft_blocking_begin();
	for (int i = 0; i < 255; i++)
		weft_blocking_end();
	for (int i = 0; i < 256; i++)
		weft_blocking_begin();
}

static void assert_stops(void (*function)(void *), const char *what)
{
	struct child_said said;

	child_listen(function, NULL, &said);
	assert_int_equal(said.status, -SIGABRT);
	assert_string_equal(said.text, what);
}

static void an_end_without_a_begin_stops_the_program(void **state)
{
	assert_stops(end_alone, "weft: weft_blocking_end: without weft_blocking_begin\n");
	assert_stops(end_twice_in_child, "weft: weft_blocking_end: without weft_blocking_begin\n");
}

static void nesting_too_deep_stops_the_program(void **state)
{
	assert_stops(nest_too_deep, "weft: weft_blocking_begin: nested more than 255 deep\n");
}

/* ---- who holds the processor */

static int nest(void *arg)
{
	struct weft_thread *self = weft__self();
	struct weft__carrier *carrier = self->carrier;

	for (int i = 0; i < 10; i++) {
		weft_blocking_begin();
		check(self->carrier == carrier && carrier->processor == NULL);
		weft_blocking_begin();
		weft_blocking_end();
		check(carrier->processor == NULL); /* the outermost pair counts */
		weft_blocking_end();
		check(self->carrier->processor == only_processor());
		carrier = self->carrier;
	}
	check(only_processor()->hand_offs == 10);
	return 0;
}

static void the_outermost_pair_counts(void **state)
{
	run_on_one(nest);
}

static int stay_strict(void *arg)
{
	weft_blocking_begin();
	check(weft__self()->carrier->processor == only_processor());
	weft_blocking_end();
	check(only_processor()->hand_offs == 0);
	check(weft__self()->sched->carrier_count == 1);
	return 0;
}

static void a_strict_scheduler_hands_nothing_off(void **state)
{
	assert_int_equal(weft_run(stay_strict, NULL, &(weft_sched_options){ .strict = true }), 0);
}

/* Nobody else wants it: who comes back goes on where it is, without queueing. */
static int come_back_to_idle(void *arg)
{
	struct weft_thread *self = weft__self();
	uint64_t switches;

	for (int i = 0; i < 20; i++) {
		struct weft__carrier *carrier = self->carrier;

		switches = self->switches;
		weft_blocking_begin();
		while (!is_idle(only_processor()))
			weft__sys_thread_yield();
		weft_blocking_end();
		check(self->carrier == carrier && carrier->processor == only_processor());
		check(self->switches == switches);
	}
	return 0;
}

static void who_returns_takes_an_idle_processor(void **state)
{
	run_on_one(come_back_to_idle);
}

struct guest {
	uint32_t inside, leave, returned; /* atomic */
	struct weft__carrier *carrier;
};

static int be_outside(void *arg)
{
	struct guest *guest = arg;

	weft_blocking_begin();
	guest->carrier = weft__self()->carrier;
	__atomic_store_n(&guest->inside, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&guest->leave, __ATOMIC_ACQUIRE))
		weft__sys_thread_yield();
	weft_blocking_end();
	check(weft__self()->carrier->processor == only_processor());
	__atomic_store_n(&guest->returned, 1, __ATOMIC_RELEASE);
	return 0;
}

/* A processor that runs a thread is not taken from it: who comes back waits until that gives
 * way. */
static int keep_from_returning(void *arg)
{
	for (int i = 0; i < 20; i++) {
		struct guest guest = { 0 };
		weft_thread *thread;

		check(weft_thread_spawn(be_outside, &guest, NULL, &thread) == 0);
		while (!__atomic_load_n(&guest.inside, __ATOMIC_ACQUIRE))
			weft_yield();
		/* We run, so our carrier has the processor, and it is another. */
		check(weft__self()->carrier != guest.carrier);
		check(!is_idle(only_processor()));
		__atomic_store_n(&guest.leave, 1, __ATOMIC_RELEASE);
		while (__atomic_load_n(&weft__self()->sched->global_count, __ATOMIC_ACQUIRE) == 0)
			weft__sys_thread_yield(); /* it has queued itself */
		check(!__atomic_load_n(&guest.returned, __ATOMIC_ACQUIRE));
		check(weft_thread_join(thread, NULL) == 0);
		check(guest.returned);
	}
	return 0;
}

static void who_returns_to_a_busy_processor_waits_for_its_turn(void **state)
{
	run_on_one(keep_from_returning);
}

/* ---- neighbours go on */

struct reader {
	weft_sem sem;
	int ends[2];
	uint32_t inside; /* atomic */
};

static int wait_then_read(void *arg)
{
	struct reader *reader = arg;
	char byte;

	weft_blocking_begin();
	weft_sem_wait(&reader->sem); /* waits as usual, and has a processor while it does not */
	__atomic_store_n(&reader->inside, 1, __ATOMIC_RELEASE);
	check(read(reader->ends[0], &byte, 1) == 1);
	weft_blocking_end();
	return 0;
}

/* Only we write what it reads. */
static int write_to_reader(void *arg)
{
	struct reader reader = { .sem = WEFT_SEM_INIT(0) };
	weft_thread *thread;

	check(pipe(reader.ends) == 0);
	check(weft_thread_spawn(wait_then_read, &reader, NULL, &thread) == 0);
	while (!is_waiting(thread))
		weft_yield();
	weft_sem_wake(&reader.sem);
	await_word(&reader.inside, 1);
	check(write(reader.ends[1], "x", 1) == 1);
	check(weft_thread_join(thread, NULL) == 0);
	close(reader.ends[0]);
	close(reader.ends[1]);
	return 0;
}

static void write_in_child(void *arg)
{
	alarm(10); /* it would wait for ever */
	_exit(weft_run(write_to_reader, NULL, &(weft_sched_options){ .processors = 1 }));
}

static void neighbours_go_on_after_a_wait_between_the_brackets(void **state)
{
	assert_int_equal(proc_in_child(write_in_child, NULL), 0);
}

/* Timers of a processor whose carrier was handed away fire all the same. */
static int sleep_beside(void *arg)
{
	for (int i = 0; i < 10; i++)
		weft_sleep(WEFT_MS);
	__atomic_store_n((uint32_t *)arg, 1, __ATOMIC_RELEASE);
	return 0;
}

static int block_beside_sleeper(void *arg)
{
	uint32_t slept = 0;
	weft_thread *thread;

	check(weft_thread_spawn(sleep_beside, &slept, NULL, &thread) == 0);
	while (!is_waiting(thread))
		weft_yield();
	weft_blocking_begin();
	while (!__atomic_load_n(&slept, __ATOMIC_ACQUIRE))
		weft__sys_thread_yield();
	weft_blocking_end();
	check(weft_thread_join(thread, NULL) == 0);
	return 0;
}

static void a_neighbour_s_sleep_ends_meanwhile(void **state)
{
	run_on_one(block_beside_sleeper);
}

/* ---- kernel threads */

struct calls {
	int begun, ended;
};

static void note_begin(void *arg)
{
	((struct calls *)arg)->begun++;
}

static void note_end(void *arg)
{
	((struct calls *)arg)->ended++;
}

static void a_kernel_thread_s_pool_is_told_of_the_outermost_pair(void **state)
{
	static const struct weft__blocking_table table = { .begin = note_begin, .end = note_end };
	struct weft_thread *self = weft__self();
	struct calls calls = { 0, 0 };

	weft_blocking_begin(); /* nobody has fastened himself: nothing */
	weft_blocking_end();
	self->blocking_arg = &calls;
	self->blocking_table = &table;
	for (int i = 1; i <= 3; i++) {
		weft_blocking_begin();
		assert_int_equal(calls.begun, i);
		weft_blocking_begin();
		weft_blocking_end();
		assert_int_equal(calls.ended, i - 1);
		weft_blocking_end();
		assert_int_equal(calls.begun, i);
		assert_int_equal(calls.ended, i);
	}
	self->blocking_table = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_end_without_a_begin_stops_the_program),
		cmocka_unit_test(nesting_too_deep_stops_the_program),
		cmocka_unit_test(the_outermost_pair_counts),
		cmocka_unit_test(a_strict_scheduler_hands_nothing_off),
		cmocka_unit_test(who_returns_takes_an_idle_processor),
		cmocka_unit_test(who_returns_to_a_busy_processor_waits_for_its_turn),
		cmocka_unit_test(neighbours_go_on_after_a_wait_between_the_brackets),
		cmocka_unit_test(a_neighbour_s_sleep_ends_meanwhile),
		cmocka_unit_test(a_kernel_thread_s_pool_is_told_of_the_outermost_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
