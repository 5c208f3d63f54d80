/* SPDX-License-Identifier: MIT */
/* Tasks that are cancelled while they wait, one within another; and who waits for tasks. */
#include <errno.h>

#include "cancel.h"

#define TASKS 5

struct works {
	weft_pool *pool;
	weft_sem never;
	weft_task *tasks[TASKS];
};

/* A worker that comes from a task that was cancelled must know nothing of it. */
static void begin_task(void)
{
	weft_sem none = WEFT_SEM_INIT(0);

	if (weft__sim_choose(3) == 0) {
		int code = weft_sem_wait_until(&none, engine_deadline());

		weft__sim_check(code == -ETIMEDOUT || weft_task_is_cancelled());
	}
}

/* Nothing but its own cancellation ends it. */
static int wait_to_be_told(void *arg)
{
	struct works *works = arg;

	begin_task();
	weft__sim_check(weft_sem_wait(&works->never) == -ECANCELED);
	weft__sim_check(weft_task_is_cancelled());
	return 7;
}

static int be_short(void *arg)
{
	(void)arg;
	begin_task();
	weft__sim_check(weft_cancelled() == 0);
	engine_dawdle();
	return 7;
}

/* Waits for another, which this worker may run, in a scope of its own that is no matter of the
 * other's. */
static int wait_for_another(void *arg)
{
	struct works *works = arg;
	weft_scope scope;
	weft_task *task;
	int code, result = 0;

	begin_task();
	weft_scope_enter(&scope, weft__sim_choose(2) ? engine_deadline() : WEFT_FOREVER);
	code = weft_pool_submit(works->pool, be_short, NULL, NULL, &task);
	if (code == 0) {
		code = weft_task_wait(task, &result);
		weft__sim_check(code == -ECANCELED || (code == 0 && result == 7));
	}
	if (code == -ECANCELED)
		weft_task_release(task);
	weft_scope_leave(&scope);
	/* told or not, but for ever */
	weft__sim_check(weft_sem_wait(&works->never) == -ECANCELED);
	weft__sim_check(weft_task_is_cancelled());
	return 7;
}

static void make_works(struct works *works)
{
	weft_pool_options options = {
		.kind = weft__sim_choose(2) ? engine_kind() : WEFT_KERNEL,
		.workers = 1 + weft__sim_choose(3),
	};

	*works = (struct works){ 0 };
	weft__sim_check(weft_pool_create(&options, &works->pool) == 0);
}

static void tasks_end_when_told(void *arg)
{
	struct works works;

	(void)arg;
	engine_watch();
	make_works(&works);
	for (int i = 0; i < TASKS; i++)
		weft__sim_check(
			weft_pool_submit(works.pool,
					 weft__sim_choose(2) ? wait_to_be_told : wait_for_another,
					 &works, NULL, &works.tasks[i]) == 0);
	for (int i = 0; i < TASKS; i++) {
		int code;

		engine_dawdle();
		code = weft_task_cancel(works.tasks[i]);
		weft__sim_check(code == 0 || code == -EBUSY);
		if (weft__sim_choose(4) == 0)
			weft_task_cancel(works.tasks[i]);
	}
	for (int i = 0; i < TASKS; i++) {
		int result = 0;

		weft__sim_check(weft_task_wait(works.tasks[i], &result) == 0);
		weft__sim_check(result == 7 || result == -ECANCELED);
	}
	weft__sim_check(weft_pool_destroy(works.pool) == 0);
	engine_check_clean();
}

/* ---- who waits: for tasks, a batch, room, the pool */

struct office {
	weft_pool *pool;
	struct seat seat;
	uint32_t submitted, ran; /* atomic */
};

static int count_run(void *arg)
{
	struct office *office = arg;

	begin_task();
	engine_dawdle();
	atomic_add_relaxed(&office->ran, 1u);
	return 7;
}

/* Cancelled, it is waited for again, by one who is not. */
static void await_one(struct office *office, weft_task *task)
{
	weft_shield shield;
	int result = 0;
	int code = weft_task_wait(task, &result);

	(void)office;
	if (code == -ECANCELED) {
		weft_shield_enter(&shield);
		code = weft_task_wait(task, &result);
		weft_shield_leave(&shield);
	}
	weft__sim_check(code == 0 && result == 7);
}

static int work_in_scope(struct office *office, weft_batch *batch)
{
	weft_task *task = NULL;
	int code;

	switch (weft__sim_choose(4)) {
	case 0:
		code = weft_pool_drain(office->pool);
		weft__sim_check(code == 0 || code == -ECANCELED);
		return 0;
	case 1:
		code = weft_batch_wait(batch);
		weft__sim_check(code == 0 || code == -ECANCELED);
		return 0;
	default:
		code = weft_pool_submit(office->pool, count_run, office,
					&(weft_task_options){ .batch = batch }, &task);
	}
	weft__sim_check(code == 0 || code == -ECANCELED || code == -ESHUTDOWN);
	if (code == 0) {
		atomic_add_relaxed(&office->submitted, 1u);
		await_one(office, task);
	}
	return 0;
}

static int be_client(void *arg)
{
	struct office *office = arg;
	weft_batch *batch;

	weft__sim_check(weft_batch_create(&batch) == 0);
	for (int i = 0; i < office->seat.rounds; i++) {
		weft_scope scope;

		seat_enter(&office->seat, &scope, WEFT_FOREVER);
		for (int j = 0; j < 3; j++)
			work_in_scope(office, batch);
		seat_leave(&office->seat, &scope);
	}
	weft_batch_destroy(batch);
	return 0;
}

static int clients_app(void *arg)
{
	struct office office = { .seat.rounds = 4 };
	weft_pool_options options = {
		.kind = weft__sim_choose(2) ? engine_kind() : WEFT_KERNEL,
		.workers = 1 + weft__sim_choose(2),
		.queue_max = 1,
	};
	weft_thread *client, *canceller;

	(void)arg;
	weft__sim_check(weft_pool_create(&options, &office.pool) == 0);
	client = spawn_some_kind(be_client, &office);
	canceller = spawn_some_kind(seat_cancel, &office.seat);
	engine_join(client, 0);
	engine_join(canceller, 0);
	weft__sim_check(weft_pool_destroy(office.pool) == 0);
	weft__sim_check(office.ran == office.submitted);
	return 0;
}

static void cancelled_clients_lose_nothing(void *arg)
{
	weft__sim_check(engine_run(clients_app, arg) == 0);
	engine_check_clean();
}

const struct scenario cancel_pool_scenarios[] = {
	{ .name = "tasks-end-when-told", .run = tasks_end_when_told },
	{ .name = "cancelled-clients-lose-nothing", .run = cancelled_clients_lose_nothing },
	{ 0 },
};
