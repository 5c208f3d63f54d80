/* SPDX-License-Identifier: MIT */
/* Cancelled waits, of every primitive that has such: the wait ends, nothing is lost by it, and what
 * is there is taken all the same. And the ends of the primitives. */
#include "crowd.h"

static struct {
	weft_mutex mutex;
	weft_cond cond;
	weft_sem sem;
	weft_event event;
	weft_latch latch;
	weft_barrier barrier;
	weft_wait_group group;
	weft_once once;
	int runs;
	bool may_end;
} all;

static void reset(void)
{
	memset(&all, 0, sizeof all);
	weft_latch_init(&all.latch, 1);
	weft_barrier_init(&all.barrier, 2);
	weft_wait_group_add(&all.group, 1);
}

/* ---- each wait, and where it waits */
static int wait_cond(void)
{
	int code;

	weft_mutex_lock(&all.mutex);
	code = weft_cond_wait(&all.cond, &all.mutex);
	check(weft_mutex_lock_try(&all.mutex) == -EBUSY); /* it is held, whatever is returned */
	weft_mutex_unlock(&all.mutex);
	return code;
}

static int wait_sem(void)
{
	return weft_sem_wait(&all.sem);
}

static int wait_sem_n(void)
{
	return weft_sem_wait_n(&all.sem, 3);
}

static int wait_event(void)
{
	return weft_event_wait_until(&all.event, WEFT_FOREVER);
}

static int wait_latch(void)
{
	return weft_latch_wait(&all.latch);
}

static int wait_barrier(void)
{
	return weft_barrier_wait(&all.barrier);
}

static int wait_group(void)
{
	return weft_wait_group_wait_until(&all.group, weft_now() + 3600 * WEFT_SECOND);
}

static int count_run(void *arg)
{
	(void)arg;
	all.runs++;
	return 0;
}

static int wait_once(void)
{
	return weft_once_run(&all.once, count_run, NULL);
}

static const struct wait {
	int (*wait)(void);
	weft__waitq *queue;
} waits[] = {
	{ wait_cond, &all.cond.waiters },   { wait_sem, &all.sem.waiters },
	{ wait_sem_n, &all.sem.waiters },   { wait_event, &all.event.waiters },
	{ wait_latch, &all.latch.waiters }, { wait_barrier, &all.barrier.waiters },
	{ wait_group, &all.group.waiters }, { wait_once, &all.once.waiters },
};

enum { WAITS = sizeof waits / sizeof *waits };

static int do_wait(void *arg)
{
	return ((const struct wait *)arg)->wait();
}

static int run_until_told(void *arg)
{
	while (!__atomic_load_n(&all.may_end, __ATOMIC_ACQUIRE))
		weft_yield();
	return *(int *)arg;
}

static int be_the_runner(void *arg)
{
	return weft_once_run(&all.once, run_until_told, arg);
}

static weft_thread *start_of(weft_kind kind, weft_function *function, void *arg)
{
	const weft_thread_options options = { .kind = kind };
	weft_thread *thread = NULL;

	check(weft_thread_spawn(function, arg, &options, &thread) == 0);
	return thread;
}

/* Nobody else runs the once until `may_end`. */
static weft_thread *start_runner(int *result)
{
	weft_thread *runner = start(be_the_runner, result);

	while (__atomic_load_n(&all.once.state, __ATOMIC_RELAXED) == 0)
		weft_yield();
	return runner;
}

/* Nothing of what it waited for may have gone to it. */
static void check_untouched(void)
{
	check(weft_sem_wait_try(&all.sem) == -EAGAIN);
	check(weft_event_wait_try(&all.event) == -EAGAIN);
	check(weft_latch_wait_try(&all.latch) == -EBUSY);
	check(weft_barrier_wait_try(&all.barrier) == -EAGAIN);
	check(weft_wait_group_wait_try(&all.group) == -EBUSY);
	check(all.runs == 0);
}

static int cancel_each(void *arg)
{
	static const weft_kind kinds[] = { WEFT_KERNEL, WEFT_LIGHT, WEFT_KIND_DEFAULT };
	int done = 0;
	weft_thread *runner;

	(void)arg;
	reset();
	runner = start_runner(&done);
	for (int i = 0; i < 3 * WAITS; i++) {
		const struct wait *wait = &waits[i % WAITS];
		weft_thread *thread = start_of(kinds[i / WAITS], do_wait, (void *)wait);

		await_waiters(wait->queue, 1);
		weft_thread_cancel(thread);
		check(finish(thread) == -ECANCELED);
		check(weft__waitq_is_empty(wait->queue));
		check_untouched();
	}
	__atomic_store_n(&all.may_end, true, __ATOMIC_RELEASE);
	check(finish(runner) == 0);
	weft_once_fini(&all.once);
	weft_cond_fini(&all.cond);
	weft_sem_fini(&all.sem);
	weft_event_fini(&all.event);
	weft_barrier_fini(&all.barrier);
	return 0;
}

static void each_wait_ends_when_its_thread_is_cancelled(void **state)
{
	(void)state;
	crowd_failures = 0;
	assert_int_equal(weft_run(cancel_each, NULL, &(weft_sched_options){ .processors = 2 }), 0);
	assert_int_equal(crowd_failures, 0);
}

static int wait_cancelled(void *arg)
{
	(void)arg;
	weft_thread_cancel(weft_thread_self());
	for (int i = 0; i < WAITS; i++) {
		const struct wait *wait = &waits[i];

		if (wait->wait != wait_once)
			check(wait->wait() == -ECANCELED);
		check(weft__waitq_is_empty(wait->queue));
	}
	check_untouched();
	weft_sem_wake_n(&all.sem, 4);
	weft_event_set(&all.event);
	weft_latch_count_down(&all.latch, 1);
	weft_wait_group_done(&all.group);
	check(wait_sem() == 0 && wait_sem_n() == 0 && wait_event() == 0 && wait_latch() == 0);
	check(wait_group() == 0 && wait_once() == 0 && all.runs == 1);
	return 0;
}

static int start_cancelled(void *arg)
{
	(void)arg;
	reset();
	return finish(start(wait_cancelled, NULL));
}

static void who_is_cancelled_takes_what_is_there_and_waits_for_nothing(void **state)
{
	(void)state;
	scenario(start_cancelled, NULL);
}

/* ---- what was meant for one that was cancelled goes to the next */
static int wake_behind(void *arg)
{
	weft_thread *first, *second;

	(void)arg;
	reset();
	first = start(do_wait, (void *)&waits[0]);
	await_waiters(&all.cond.waiters, 1);
	second = start(do_wait, (void *)&waits[0]);
	await_waiters(&all.cond.waiters, 2);
	weft_thread_cancel(first);
	weft_cond_wake(&all.cond); /* the first one is in the queue yet, perhaps */
	check(finish(second) == 0);
	check(finish(first) == -ECANCELED);
	return 0;
}

static void a_wake_is_not_lost_to_a_cancelled_waiter(void **state)
{
	(void)state;
	scenario(wake_behind, NULL);
}

static int pass_the_run_on(void *arg)
{
	int failure = -EIO;
	weft_thread *runner, *first, *second;

	(void)arg;
	reset();
	runner = start_runner(&failure);
	first = start(do_wait, (void *)&waits[WAITS - 1]);
	await_waiters(&all.once.waiters, 1);
	second = start(do_wait, (void *)&waits[WAITS - 1]);
	await_waiters(&all.once.waiters, 2);
	weft_thread_cancel(first);
	__atomic_store_n(&all.may_end, true, __ATOMIC_RELEASE);
	check(finish(runner) == -EIO);
	check(finish(second) == 0);
	check(finish(first) == -ECANCELED);
	check(all.runs == 1);
	return 0;
}

static void a_run_that_failed_goes_on_to_one_that_is_not_cancelled(void **state)
{
	(void)state;
	scenario(pass_the_run_on, NULL);
}

/* ---- the ends */
static void end_cond(void *arg)
{
	weft_cond_fini(arg);
}

static void end_group(void *arg)
{
	weft_wait_group_fini(arg);
}

static void end_once(void *arg)
{
	weft_once_fini(arg);
}

static void check_last_words(void (*end)(void *), void *arg, const char *noun, const char *what)
{
	char said[256], expected[80];

	snprintf(expected, sizeof expected, "%s %p: destroyed %s", noun, arg, what);
	last_words(end, arg, said, sizeof said);
	check(strstr(said, expected) != NULL);
}

static int end_what_is_in_use(void *arg)
{
	int done = 0;
	weft_thread *runner, *waiter;

	(void)arg;
	reset();
	runner = start_runner(&done);
	waiter = start(do_wait, (void *)&waits[0]);
	await_waiters(&all.cond.waiters, 1);
	check_last_words(end_cond, &all.cond, "condition variable", "while waited for");
	check_last_words(end_group, &all.group, "wait group", "with 1 under way");
	check_last_words(end_once, &all.once, "once", "while it runs");
	__atomic_store_n(&all.may_end, true, __ATOMIC_RELEASE);
	weft_cond_wake(&all.cond);
	check(finish(waiter) == 0 && finish(runner) == 0);
	weft_wait_group_done(&all.group);
	weft_wait_group_fini(&all.group);
	weft_cond_fini(&all.cond);
	weft_once_fini(&all.once);
	return 0;
}

static void ending_what_is_in_use_stops_the_program(void **state)
{
	(void)state;
	scenario(end_what_is_in_use, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_wait_ends_when_its_thread_is_cancelled),
		cmocka_unit_test(who_is_cancelled_takes_what_is_there_and_waits_for_nothing),
		cmocka_unit_test(a_wake_is_not_lost_to_a_cancelled_waiter),
		cmocka_unit_test(a_run_that_failed_goes_on_to_one_that_is_not_cancelled),
		cmocka_unit_test(ending_what_is_in_use_stops_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
