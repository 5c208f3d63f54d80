/* SPDX-License-Identifier: MIT */
/* Handles: waiting, waiting until, cancelling what is queued, running, ended. */
#include "in_pool.h"

#include <weft/cancel.h>

static weft_kind kind;

static void waits_have_three_forms(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .kind = kind, .workers = 1 });
	struct gate gate = { 0 };
	weft_task *task;
	int result = 77;

	(void)state;
	assert_int_equal(weft_pool_submit(pool, wait_at_gate, &gate, NULL, &task), 0);
	await(&gate.come, 1);
	assert_int_equal(weft_task_wait_try(task, &result), -EBUSY);
	assert_int_equal(weft_task_wait_until(task, weft_now() - 1, &result), -ETIMEDOUT);
	assert_int_equal(weft_task_wait_until(task, weft_now() + WEFT_MS, &result), -ETIMEDOUT);
	assert_int_equal(result, 77);
	wake(&gate.open, 1);
	assert_int_equal(weft_task_wait_until(task, weft_now() + SECONDS_MAX, &result), 0);
	assert_int_equal(result, 0);
	weft_pool_destroy(pool);
}

static void a_queued_task_is_removed(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .kind = kind, .workers = 1 });
	struct gate gate = { 0 };
	weft_task *tasks[9];
	long count = 0;
	int result = 77;

	(void)state;
	hold_workers(pool, &gate, 1);
	for (int i = 0; i < 9; i++)
		assert_int_equal(weft_pool_submit(pool, count_one, &count,
						  &(weft_task_options){ .priority = i % 3 - 1 },
						  &tasks[i]),
				 0);
	for (int i = 0; i < 9; i += 2)
		assert_int_equal(weft_task_cancel(tasks[i]), 0);
	assert_int_equal(stats_of(pool).queued, 4);
	assert_int_equal(stats_of(pool).cancelled, 5);
	for (int i = 0; i < 9; i += 2) {
		assert_int_equal(weft_task_cancel(tasks[i]), -EALREADY);
		assert_int_equal(weft_task_wait(tasks[i], &result), 0);
		assert_int_equal(result, -ECANCELED);
	}
	wake(&gate.open, 1);
	for (int i = 1; i < 9; i += 2)
		assert_int_equal(weft_task_wait(tasks[i], NULL), 0);
	assert_int_equal(count, 4);
	weft_pool_destroy(pool);
}

static int until_told(void *arg)
{
	weft_sem_wake(arg);
	while (!weft_task_is_cancelled())
		weft_yield();
	return -ECANCELED;
}

static void a_running_task_is_told(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .kind = kind, .workers = 2 });
	weft_sem about = WEFT_SEM_INIT(0);
	weft_task *task;
	int result = 0;

	(void)state;
	assert_int_equal(weft_pool_submit(pool, until_told, &about, NULL, &task), 0);
	await(&about, 1);
	assert_int_equal(weft_task_cancel(task), -EBUSY);
	assert_int_equal(weft_task_wait(task, &result), 0); /* it had begun: it has a result */
	assert_int_equal(result, -ECANCELED);
	assert_false(weft_task_is_cancelled());
	weft_pool_destroy(pool);
}

static int is_told(void *arg)
{
	(void)arg;
	return weft_task_is_cancelled();
}

static int ask_within(void *arg)
{
	weft_pool *pool = arg;
	weft_task *task;
	weft_shield shield;
	int told = 1;

	until_told(&(weft_sem)WEFT_SEM_INIT(0));
	/* A task of its own, that nobody told, although it runs within this one. */
	weft_shield_enter(&shield);
	if (weft_pool_submit(pool, is_told, NULL, NULL, &task) < 0 ||
	    weft_task_wait(task, &told) < 0)
		return -1;
	weft_shield_leave(&shield);
	return weft_task_is_cancelled() && !told;
}

static void who_runs_within_is_not_told(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .kind = kind, .workers = 1 });
	weft_task *task;
	int result = 0;

	(void)state;
	assert_int_equal(weft_pool_submit(pool, ask_within, pool, NULL, &task), 0);
	while (weft_task_cancel(task) == 0) { /* too early: again */
		assert_int_equal(weft_task_wait(task, NULL), 0);
		assert_int_equal(weft_pool_submit(pool, ask_within, pool, NULL, &task), 0);
	}
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(result, 1);
	weft_pool_destroy(pool);
}

static void an_ended_task_is_left_alone(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .kind = kind, .workers = 1 });
	weft_task *task;
	int result;

	(void)state;
	assert_int_equal(weft_pool_submit(pool, return_it, (void *)4, NULL, &task), 0);
	assert_int_equal(weft_pool_drain(pool), 0);
	assert_int_equal(weft_task_cancel(task), -EALREADY);
	assert_int_equal(weft_task_wait_try(task, &result), 0);
	assert_int_equal(result, 4);
	weft_pool_destroy(pool);
}

static void a_handle_outlives_its_pool(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .kind = kind, .workers = 2 });
	weft_task *tasks[200];
	int result;

	(void)state;
	for (intptr_t i = 0; i < 200; i++)
		assert_int_equal(weft_pool_submit(pool, return_it, (void *)i, NULL, &tasks[i]), 0);
	weft_pool_destroy(pool);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(weft_task_cancel(tasks[i]), -EALREADY);
		assert_int_equal(weft_task_wait(tasks[i], &result), 0);
		assert_int_equal(result, i);
	}
}

static void a_released_task_goes_on(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .kind = kind, .workers = 1 });
	weft_task *task;
	long count = 0;

	(void)state;
	for (int i = 0; i < 300; i++) {
		assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, &task), 0);
		weft_task_release(task);
	}
	weft_pool_destroy(pool);
	assert_int_equal(count, 300);
}

struct self {
	weft_pool *pool;
	weft_task *task;
	weft_sem told;
};

static int wait_for_self(void *arg)
{
	struct self *self = arg;

	weft_sem_wait(&self->told); /* which task it is */
	if (weft_task_wait_until(self->task, weft_now() + WEFT_SECOND, NULL) != -EDEADLK)
		return -1;
	return weft_task_wait(self->task, NULL);
}

static void who_waits_for_himself_is_told(void **state)
{
	struct self self = { .pool = make_pool(
				     &(weft_pool_options){ .kind = kind, .workers = 1 }) };
	int result = 0;

	(void)state;
	assert_int_equal(weft_pool_submit(self.pool, wait_for_self, &self, NULL, &self.task), 0);
	wake(&self.told, 1);
	assert_int_equal(weft_task_wait(self.task, &result), 0);
	assert_int_equal(result, -EDEADLK);
	weft_pool_destroy(self.pool);
}

/* ---- waiting inside */

struct meeting {
	weft_pool *pool;
	weft_sem a, b;
	weft_task *other;
};

static int meet_b(void *arg)
{
	struct meeting *meeting = arg;

	weft_sem_wait(&meeting->b);
	weft_sem_wake(&meeting->a);
	return 9;
}

static int post_b(void *arg)
{
	weft_sem_wake(&((struct meeting *)arg)->b);
	return 0;
}

/* Waits for a task that runs elsewhere, and that needs a third task, which only a replacement can
 * run. */
static int wait_for_meeting(void *arg)
{
	struct meeting *meeting = arg;
	int result = -1;

	if (weft_pool_submit(meeting->pool, post_b, meeting, NULL, NULL) < 0)
		return -1;
	return weft_task_wait(meeting->other, &result) < 0 ? -1 : result;
}

static void a_waiting_worker_is_replaced(void **state)
{
	struct meeting meeting = { .pool = make_pool(
					   &(weft_pool_options){ .kind = kind, .workers = 2 }) };
	weft_task *task;
	int result = 0;

	(void)state;
	assert_int_equal(weft_pool_submit(meeting.pool, meet_b, &meeting, NULL, &meeting.other), 0);
	while (stats_of(meeting.pool).running != 1)
		weft_yield();
	assert_int_equal(weft_pool_submit(meeting.pool, wait_for_meeting, &meeting, NULL, &task),
			 0);
	assert_int_equal(weft_task_wait_until(task, weft_now() + SECONDS_MAX, &result), 0);
	assert_int_equal(result, 9);
	weft_pool_destroy(meeting.pool);
}

struct deadline {
	weft_pool *pool;
	struct gate gate;
};

static int wait_a_little(void *arg)
{
	struct deadline *deadline = arg;
	weft_task *task;
	int error;

	if (weft_pool_submit(deadline->pool, wait_at_gate, &deadline->gate, NULL, &task) < 0)
		return -1;
	error = weft_task_wait_until(task, weft_now() + 2 * WEFT_MS, NULL);
	weft_sem_wake(&deadline->gate.open);
	return weft_task_wait(task, NULL) < 0 ? -1 : error;
}

static void a_deadline_holds_inside_a_task_too(void **state)
{
	struct deadline deadline = { .pool = make_pool(
					     &(weft_pool_options){ .kind = kind, .workers = 1 }) };
	weft_task *task;
	int result = 0;

	(void)state;
	assert_int_equal(weft_pool_submit(deadline.pool, wait_a_little, &deadline, NULL, &task), 0);
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(result, -ETIMEDOUT);
	weft_pool_destroy(deadline.pool);
}

struct pair {
	weft_pool *mine, *other;
};

static int use_other(void *arg)
{
	struct pair *pair = arg;
	weft_task *task;
	int result = -1;

	for (int i = 0; i < 50; i++)
		if (weft_pool_submit(pair->other, return_it, (void *)6, NULL, &task) < 0 ||
		    weft_task_wait(task, &result) < 0)
			return -1;
	return result;
}

static void tasks_wait_for_another_pools(void **state)
{
	struct pair pair = { make_pool(&(weft_pool_options){ .kind = kind, .workers = 1 }),
			     make_pool(&(weft_pool_options){ .kind = WEFT_KERNEL, .workers = 1 }) };
	weft_task *task;
	int result = 0;

	(void)state;
	assert_int_equal(weft_pool_submit(pair.mine, use_other, &pair, NULL, &task), 0);
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(result, 6);
	weft_pool_destroy(pair.mine);
	weft_pool_destroy(pair.other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_have_three_forms),
		cmocka_unit_test(a_queued_task_is_removed),
		cmocka_unit_test(a_running_task_is_told),
		cmocka_unit_test(who_runs_within_is_not_told),
		cmocka_unit_test(an_ended_task_is_left_alone),
		cmocka_unit_test(a_handle_outlives_its_pool),
		cmocka_unit_test(a_released_task_goes_on),
		cmocka_unit_test(who_waits_for_himself_is_told),
		cmocka_unit_test(a_waiting_worker_is_replaced),
		cmocka_unit_test(a_deadline_holds_inside_a_task_too),
		cmocka_unit_test(tasks_wait_for_another_pools),
	};

	return RUN_FOR_EVERY_KIND(kind, tests);
}
