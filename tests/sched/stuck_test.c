/* SPDX-License-Identifier: MIT */
/*
 * Calls that nobody declared, on one processor, and beside another that has nothing to do: whoever
 * is blocked in one holds nothing back that others need. Each thread here waits for a byte that
 * only another thread writes, which runs only if the processor, with all that goes with it, is
 * taken from the blocked carrier. There are no slices, so nothing but that helps.
 */
#include <errno.h>
#include <unistd.h>

#include <weft/io.h>

#include "base/atomic.h"
#include "in_sched.h"
#include "sched/engine.h"

#define ROUNDS 20

static weft_kind kind;

static struct {
	weft_sem sem;
	int pipe[2], line[2]; /* raw; weft's */
	uint32_t is_about;    /* atomic: somebody is about to block */
	uint32_t turns;       /* atomic: of who is back from a call */
	uint32_t stop;        /* atomic */
} stuck;

static weft_thread *start_kind(weft_kind of, weft_function *function)
{
	weft_thread *thread;

	check(weft_thread_spawn(function, NULL, &(weft_thread_options){ .kind = of }, &thread) ==
	      0);
	return thread;
}

static weft_thread *start(weft_function *function)
{
	return start_kind(kind, function);
}

static int finish(weft_thread *thread)
{
	int result;

	check(weft_thread_join(thread, &result) == 0);
	return result;
}

static void await_waiting(const weft_thread *thread)
{
	while (!is_waiting(thread))
		weft_yield();
}

/* The raw call. */
static void block(void)
{
	char byte;

	atomic_store_release(&stuck.is_about, 1u);
	check(read(stuck.pipe[0], &byte, 1) == 1);
	atomic_store_release(&stuck.is_about, 0u);
}

static void unblock(void)
{
	check(write(stuck.pipe[1], "x", 1) == 1);
}

static weft_sched_stats stats_now(void)
{
	weft_sched_stats stats;

	weft_sched_stats_get(weft_sched_self(), &stats);
	return stats;
}

static weft_function *the_body;

static int run_rounds(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		check(finish(start(the_body)) == 0);
	while (weft_sched_processors(weft_sched_self()) == 1 && stats_now().hand_offs < ROUNDS)
		weft_yield(); /* the last is yet to be counted */
	return 0;
}

static void run_both_kinds(weft_function *body)
{
	weft_sched_options options = { .slice_ns = WEFT_FOREVER };

	the_body = body;
	assert_int_equal(pipe(stuck.pipe), 0);
	assert_int_equal(weft_pipe(stuck.line), 0);
	for (kind = WEFT_USER; kind <= WEFT_LIGHT; kind++)
		for (options.processors = 1; options.processors <= 2; options.processors++)
			assert_int_equal(weft_run(run_rounds, NULL, &options), 0);
	for (int i = 0; i < 2; i++) {
		close(stuck.pipe[i]);
		weft_close(stuck.line[i]);
	}
}

/* ---- the thread that it has just made ready */

static int unblock_when_woken(void *arg)
{
	check(weft_sem_wait(&stuck.sem) == 0);
	unblock();
	return 0;
}

static int wake_and_block(void *arg)
{
	weft_thread *woken = start(unblock_when_woken);

	await_waiting(woken);
	check(weft_sem_wake(&stuck.sem) == 0);
	if (weft_sched_processors(weft_sched_self()) == 1) /* else it may have been stolen */
		check(atomic_load_relaxed(&weft__self()->carrier->processor->queue.hot) == woken);
	block();
	return finish(woken);
}

static void who_was_just_made_ready_runs(void **state)
{
	run_both_kinds(wake_and_block);
}

/* ---- those in its queue */

static int unblock_at_once(void *arg)
{
	unblock();
	return 0;
}

static int queue_and_block(void *arg)
{
	weft_thread *queued = start(unblock_at_once);

	block();
	return finish(queued);
}

static void who_is_in_its_queue_runs(void **state)
{
	run_both_kinds(queue_and_block);
}

/* ---- its timers */

static int unblock_after_sleep(void *arg)
{
	check(weft_sleep(2 * WEFT_MS) == 0);
	unblock();
	return 0;
}

static int block_beside_sleeper(void *arg)
{
	weft_thread *sleeper = start(unblock_after_sleep);

	await_waiting(sleeper);
	block();
	return finish(sleeper);
}

static void whose_timer_it_had_wakes(void **state)
{
	run_both_kinds(block_beside_sleeper);
}

/* ---- the poller, which nobody would look at */

static int unblock_after_read(void *arg)
{
	char byte;

	check(weft_read(stuck.line[0], &byte, 1) == 1);
	unblock();
	return 0;
}

static int write_when_blocked(void *arg)
{
	while (atomic_load_acquire(&stuck.is_about) == 0)
		weft__sys_thread_yield();
	check(weft_write(stuck.line[1], "x", 1) == 1);
	return 0;
}

static int block_beside_reader(void *arg)
{
	weft_thread *reader, *writer;

	reader = start(unblock_after_read);
	await_waiting(reader);
	writer = start_kind(WEFT_KERNEL, write_when_blocked);
	block();
	check(finish(writer) == 0);
	return finish(reader);
}

static void whom_the_poller_tells_of_runs(void **state)
{
	run_both_kinds(block_beside_reader);
}

/* ---- whoever is woken from outside */

static int wake_when_blocked(void *arg)
{
	while (atomic_load_acquire(&stuck.is_about) == 0)
		weft__sys_thread_yield();
	return weft_sem_wake(&stuck.sem);
}

static int block_beside_waiter(void *arg)
{
	weft_thread *waiter = start(unblock_when_woken), *waker;

	await_waiting(waiter);
	waker = start_kind(WEFT_KERNEL, wake_when_blocked);
	block();
	check(finish(waker) == 0);
	return finish(waiter);
}

static void who_is_woken_from_outside_runs(void **state)
{
	run_both_kinds(block_beside_waiter);
}

/* ---- who comes back, and computes */

static int block_and_compute(void *arg)
{
	block();
	while (atomic_load_acquire(&stuck.stop) == 0)
		atomic_bump(&stuck.turns, 1);
	return 0;
}

/* It has the only processor, and keeps it: so who is back is one too many, until it is in the
 * queue. */
static int unblock_and_keep(void *arg)
{
	struct weft_sched *sched = weft_sched_self();
	uint64_t runners = stats_now().extra_runners;
	uint32_t turns;

	weft_preempt_disable();
	unblock();
	while (stats_now().extra_runners == runners ||
	       atomic_load_acquire(&sched->global_count) == 0)
		;
	turns = atomic_load_relaxed(&stuck.turns);
	check(stats_now().extra_runners == runners + 1);
	for (volatile int i = 0; i < 100000; i++)
		;
	check(atomic_load_relaxed(&stuck.turns) == turns);
	atomic_store_release(&stuck.stop, 1u);
	weft_preempt_enable();
	return 0;
}

static int come_back(void *arg)
{
	weft_thread *blocked;

	stuck.stop = 0;
	stuck.turns = 0;
	blocked = start(block_and_compute);
	while (atomic_load_acquire(&stuck.is_about) == 0)
		weft_yield();
	check(finish(start(unblock_and_keep)) == 0);
	return finish(blocked);
}

static void who_comes_back_computes_until_a_tick_and_is_counted(void **state)
{
	weft_sched_options options = { .processors = 1 };

	the_body = come_back;
	assert_int_equal(pipe(stuck.pipe), 0);
	for (kind = WEFT_USER; kind <= WEFT_LIGHT; kind++)
		assert_int_equal(weft_run(run_rounds, NULL, &options), 0);
	for (int i = 0; i < 2; i++)
		close(stuck.pipe[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_was_just_made_ready_runs),
		cmocka_unit_test(who_is_in_its_queue_runs),
		cmocka_unit_test(whose_timer_it_had_wakes),
		cmocka_unit_test(whom_the_poller_tells_of_runs),
		cmocka_unit_test(who_is_woken_from_outside_runs),
		cmocka_unit_test(who_comes_back_computes_until_a_tick_and_is_counted),
	};

	alarm(100); /* a hang is a failure */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
