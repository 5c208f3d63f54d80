/* SPDX-License-Identifier: MIT */
/* Cancelling: those who wait for tasks, and tasks that run and wait themselves. */
#include "in_pool.h"

#include <weft/cancel.h>

#include "sched/thread.h"

static weft_kind kind;

/* ---- who waits for tasks: a thread in its own scope, cancelled by its time */

/* Cancelled in the middle of its wait, or before it, on a slow machine: either will do. */
static int in_scope(int (*wait)(void *arg), void *arg)
{
	weft_scope scope;
	int code;

	weft_scope_enter(&scope, weft_now() + 2 * WEFT_MS);
	code = wait(arg);
	weft_scope_leave(&scope);
	return code;
}

static int wait_for_task(void *task)
{
	return weft_task_wait(task, NULL);
}

static int wait_for_task_until(void *task)
{
	return weft_task_wait_until(task, weft_now() + SECONDS_MAX, NULL);
}

static int wait_for_batch(void *batch)
{
	return weft_batch_wait(batch);
}

static void a_task_can_be_waited_for_again(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .kind = kind, .workers = 1 });
	struct gate gate = { 0 };
	weft_task *task;
	int result = 77;

	(void)state;
	assert_int_equal(weft_pool_submit(pool, wait_at_gate, &gate, NULL, &task), 0);
	await(&gate.come, 1);
	assert_int_equal(in_scope(wait_for_task, task), -ECANCELED);
	assert_int_equal(in_scope(wait_for_task_until, task), -ECANCELED);
	wake(&gate.open, 1);
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(result, 0); /* it was not told */
	weft_pool_destroy(pool);
}

static void a_batch_can_be_waited_for_again(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .kind = kind, .workers = 1 });
	struct gate gate = { 0 };
	weft_batch *batch;

	(void)state;
	assert_int_equal(weft_batch_create(&batch), 0);
	assert_int_equal(weft_pool_submit(pool, wait_at_gate, &gate,
					  &(weft_task_options){ .batch = batch }, NULL),
			 0);
	await(&gate.come, 1);
	assert_int_equal(in_scope(wait_for_batch, batch), -ECANCELED);
	wake(&gate.open, 1);
	assert_int_equal(weft_batch_wait(batch), 0);
	weft_batch_destroy(batch);
	weft_pool_destroy(pool);
}

static int submit_one(void *pool)
{
	return weft_pool_submit(pool, count_one, NULL, NULL, NULL);
}

static int drain_it(void *pool)
{
	return weft_pool_drain(pool);
}

static void room_and_drain(void **state)
{
	weft_pool *pool =
		make_pool(&(weft_pool_options){ .kind = kind, .workers = 1, .queue_max = 1 });
	struct gate gate = { 0 };
	long count = 0;

	(void)state;
	hold_workers(pool, &gate, 1);
	assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, NULL), 0);
	assert_int_equal(in_scope(submit_one, pool), -ECANCELED);
	assert_int_equal(stats_of(pool).submitted, 2);
	assert_int_equal(in_scope(drain_it, pool), -ECANCELED);
	/* it takes tasks again, and nobody stands before the next in the queue for room */
	assert_int_equal(weft_pool_submit_until(pool, count_one, &count, NULL, weft_now() + WEFT_MS,
						NULL),
			 -ETIMEDOUT);
	wake(&gate.open, 1);
	assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, NULL), 0);
	assert_int_equal(weft_pool_drain(pool), 0);
	assert_int_equal(count, 2);
	weft_pool_destroy(pool);
}

/* What must not fail waits on: the task ends when it sees that. */
struct ending {
	weft_pool *pool;
	struct weft_thread *destroyer;
	bool has_returned; /* atomic */
	long count;
};

static int end_when_waited_for(void *arg)
{
	struct ending *ending = arg;

	while (WEFT__PARK_STATE(atomic_load_acquire(&ending->destroyer->park)) != WEFT__PARKED &&
	       !atomic_load_acquire(&ending->has_returned))
		weft_yield();
	if (!atomic_load_acquire(&ending->has_returned))
		atomic_add_acq_rel(&ending->count, 1);
	return 0;
}

static void the_end_is_waited_for(void **state)
{
	struct ending ending = {
		.pool = make_pool(&(weft_pool_options){ .kind = kind, .workers = 1 }),
		.destroyer = weft__self(),
	};
	weft_scope scope;

	(void)state;
	assert_int_equal(weft_pool_submit(ending.pool, end_when_waited_for, &ending, NULL, NULL),
			 0);
	weft_scope_enter(&scope, WEFT_FOREVER);
	weft_scope_cancel(&scope);
	assert_int_equal(weft_pool_destroy(ending.pool), 0);
	atomic_store_release(&ending.has_returned, true);
	assert_int_equal(weft_scope_leave(&scope), -ECANCELED);
	assert_int_equal(ending.count, 1);
}

/* ---- tasks that run */

struct waiting {
	weft_pool *pool;
	weft_sem about, never, go_on, refused;
	weft_task *task;
	int inner; /* what the inner task's wait gave */
	int code;  /* what the outer one's gave afterwards */
};

static int wait_for_ever(void *arg)
{
	struct waiting *waiting = arg;

	weft_sem_wake(&waiting->about);
	return weft_sem_wait(&waiting->never);
}

static int is_untouched(void *arg)
{
	weft_sem never = WEFT_SEM_INIT(0);

	(void)arg;
	return weft_cancelled() == 0 &&
	       weft_sem_wait_until(&never, weft_now() + WEFT_MS / 10) == -ETIMEDOUT;
}

/* The worker's next task knows nothing of it, be it one with a record or one without. */
static void check_untouched(weft_pool *pool)
{
	weft_task *task;
	int result = 0;

	assert_int_equal(weft_pool_submit(pool, is_untouched, NULL, NULL, &task), 0);
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(result, 1);
}

static void a_wait_of_a_running_task_ends(void **state)
{
	struct waiting waiting = { .pool = make_pool(
					   &(weft_pool_options){ .kind = kind, .workers = 1 }) };
	weft_task *task;
	int result = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(
			weft_pool_submit(waiting.pool, wait_for_ever, &waiting, NULL, &task), 0);
		await(&waiting.about, 1);
		assert_int_equal(weft_task_cancel(task), -EBUSY);
		assert_int_equal(weft_task_wait(task, &result), 0);
		assert_int_equal(result, -ECANCELED);
		if (i % 10 == 0)
			check_untouched(waiting.pool);
	}
	weft_pool_destroy(waiting.pool);
}

static int compute_then_wait(void *arg)
{
	struct waiting *waiting = arg;
	weft_shield shield;

	weft_sem_wake(&waiting->about);
	while (!weft_task_is_cancelled())
		weft_yield();
	/* A shield covers what it does to give back what it has. */
	weft_shield_enter(&shield);
	if (weft_sem_wait(&waiting->go_on) != 0)
		return -1;
	weft_shield_leave(&shield);
	return weft_sem_wait(&waiting->never);
}

static void it_lasts_but_for_shields(void **state)
{
	struct waiting waiting = { .pool = make_pool(
					   &(weft_pool_options){ .kind = kind, .workers = 1 }) };
	weft_task *task;
	int result = 0;

	(void)state;
	assert_int_equal(weft_pool_submit(waiting.pool, compute_then_wait, &waiting, NULL, &task),
			 0);
	await(&waiting.about, 1);
	assert_int_equal(weft_task_cancel(task), -EBUSY);
	weft_sem_wake(&waiting.go_on);
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(result, -ECANCELED);
	check_untouched(waiting.pool);
	weft_pool_destroy(waiting.pool);
}

/* ---- one task within another; there is one worker, so it is within */

static int inner_task(void *arg)
{
	struct waiting *waiting = arg;

	weft_sem_wake(&waiting->about);
	waiting->inner = weft_sem_wait(&waiting->go_on);
	return 0;
}

static int outer_task(void *arg)
{
	struct waiting *waiting = arg;

	if (weft_pool_submit(waiting->pool, inner_task, waiting, NULL, &waiting->task) < 0 ||
	    weft_task_wait(waiting->task, NULL) < 0)
		return -1;
	waiting->code = weft_sem_wait_until(&waiting->never, weft_now() + WEFT_MS);
	return weft_cancelled();
}

static void of_two_the_outer_is_cancelled(void **state)
{
	struct waiting waiting = { .pool = make_pool(
					   &(weft_pool_options){ .kind = kind, .workers = 1 }) };
	weft_task *task;
	int result = 0;

	(void)state;
	assert_int_equal(weft_pool_submit(waiting.pool, outer_task, &waiting, NULL, &task), 0);
	await(&waiting.about, 1);
	assert_int_equal(weft_task_cancel(task), -EBUSY);
	assert_int_equal(weft_task_wait_until(task, weft_now() + 2 * WEFT_MS, NULL), -ETIMEDOUT);
	weft_sem_wake(&waiting.go_on);
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(result, -ECANCELED);
	assert_int_equal(waiting.inner, 0);
	assert_int_equal(waiting.code, -ECANCELED);
	check_untouched(waiting.pool);
	weft_pool_destroy(waiting.pool);
}

static void of_two_the_inner_is_cancelled(void **state)
{
	struct waiting waiting = { .pool = make_pool(
					   &(weft_pool_options){ .kind = kind, .workers = 1 }) };
	weft_task *task;
	int result = -1;

	(void)state;
	assert_int_equal(weft_pool_submit(waiting.pool, outer_task, &waiting, NULL, &task), 0);
	await(&waiting.about, 1);
	assert_int_equal(weft_task_cancel(waiting.task), -EBUSY);
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(result, 0);
	assert_int_equal(waiting.inner, -ECANCELED);
	assert_int_equal(waiting.code, -ETIMEDOUT);
	check_untouched(waiting.pool);
	weft_pool_destroy(waiting.pool);
}

static void both_are_cancelled(void **state)
{
	struct waiting waiting = { .pool = make_pool(
					   &(weft_pool_options){ .kind = kind, .workers = 1 }) };
	weft_task *task;
	int result = -1;

	(void)state;
	assert_int_equal(weft_pool_submit(waiting.pool, outer_task, &waiting, NULL, &task), 0);
	await(&waiting.about, 1);
	assert_int_equal(weft_task_cancel(task), -EBUSY);
	assert_int_equal(weft_task_cancel(waiting.task), -EBUSY);
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(result, -ECANCELED);
	assert_int_equal(waiting.inner, -ECANCELED);
	assert_int_equal(waiting.code, -ECANCELED);
	check_untouched(waiting.pool);
	weft_pool_destroy(waiting.pool);
}

/* The scope is the outer task's: the inner one only runs there. */
static int outer_in_scope(void *arg)
{
	struct waiting *waiting = arg;
	weft_scope scope;
	int code;

	if (weft_pool_submit(waiting->pool, inner_task, waiting, NULL, &waiting->task) < 0)
		return -1;
	weft_scope_enter(&scope, weft_now() + SECONDS_MAX);
	code = weft_task_wait(waiting->task, NULL);
	weft_scope_cancel(&scope);
	if (code == 0 &&
	    weft_pool_submit(waiting->pool, inner_task, waiting, NULL, &waiting->task) < 0)
		return -1;
	/* cancelled: it helps nobody */
	waiting->code = weft_task_wait(waiting->task, NULL);
	weft_sem_wake(&waiting->refused);
	weft_scope_leave(&scope);
	return code == 0 ? weft_task_wait(waiting->task, NULL) : code;
}

static int cancel_task(void *arg)
{
	return weft_task_cancel(arg);
}

static void a_scope_of_the_outer_is_none_of_the_inner(void **state)
{
	struct waiting waiting = { .pool = make_pool(
					   &(weft_pool_options){ .kind = kind, .workers = 1 }) };
	weft_task *task;
	int result = -1;

	(void)state;
	assert_int_equal(weft_pool_submit(waiting.pool, outer_in_scope, &waiting, NULL, &task), 0);
	await(&waiting.about, 1);
	/* the inner one, told within the outer one's scope */
	assert_int_equal(cancel_task(waiting.task), -EBUSY);
	await(&waiting.about, 1);
	assert_int_equal(waiting.inner, -ECANCELED);
	await(&waiting.refused, 1); /* before the other worker may end the second */
	weft_sem_wake(&waiting.go_on);
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(result, 0);
	assert_int_equal(waiting.inner, 0);
	assert_int_equal(waiting.code, -ECANCELED);
	check_untouched(waiting.pool);
	weft_pool_destroy(waiting.pool);
}

static void a_batch_reaches_those_that_run(void **state)
{
	struct waiting waiting = { .pool = make_pool(
					   &(weft_pool_options){ .kind = kind, .workers = 3 }) };
	weft_batch *batch;

	(void)state;
	assert_int_equal(weft_batch_create(&batch), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(weft_pool_submit(waiting.pool, wait_for_ever, &waiting,
						  &(weft_task_options){ .batch = batch }, NULL),
				 0);
	await(&waiting.about, 3);
	assert_int_equal(weft_batch_cancel(batch), 5);
	assert_int_equal(weft_batch_wait(batch), -ECANCELED);
	weft_batch_destroy(batch);
	check_untouched(waiting.pool);
	weft_pool_destroy(waiting.pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_task_can_be_waited_for_again),
		cmocka_unit_test(a_batch_can_be_waited_for_again),
		cmocka_unit_test(room_and_drain),
		cmocka_unit_test(the_end_is_waited_for),
		cmocka_unit_test(a_wait_of_a_running_task_ends),
		cmocka_unit_test(it_lasts_but_for_shields),
		cmocka_unit_test(of_two_the_outer_is_cancelled),
		cmocka_unit_test(of_two_the_inner_is_cancelled),
		cmocka_unit_test(both_are_cancelled),
		cmocka_unit_test(a_scope_of_the_outer_is_none_of_the_inner),
		cmocka_unit_test(a_batch_reaches_those_that_run),
	};

	return RUN_FOR_EVERY_KIND(kind, tests);
}
