/* SPDX-License-Identifier: MIT */
/* Pools: every task runs once or is said not to, whatever is drawn for the pool, and however it
 * ends. */
#include <errno.h>
#include <string.h>

#include <weft/cancel.h>

#include "engine.h"
#include "pool/pool.h"

#define TASKS 12
#define SUBMITTERS 3
#define ALONE 2 /* the depth at which no job submits another */

struct job {
	struct office *office;
	int32_t runs; /* atomic */
	unsigned depth;
};

struct office {
	weft_pool *pool;
	struct job jobs[SUBMITTERS][TASKS];
	int32_t ran, refused, cancelled; /* atomic */
	uint32_t submitters;             /* atomic */
	bool stopping;                   /* a submit may be refused */
	bool held;                       /* handles are waited for */
	bool watched;                    /* workers are seen to block, whether they do or not */
	struct weft__worker *worker;     /* atomic: one that ran a job lately */
	uint32_t over;                   /* atomic */
};

static unsigned choose_route(void *arg, uint64_t key, unsigned worker_count)
{
	(void)arg;
	(void)worker_count;
	return (unsigned)key * 7;
}

static weft_pool_options draw_options(void)
{
	static const size_t rooms[] = { 0, 1, 2, 5 };
	weft_pool_options options = {
		.kind = weft__sim_choose(2) ? WEFT_KERNEL : WEFT_LIGHT,
		.workers = 1 + weft__sim_choose(3),
		.processors = 1 + weft__sim_choose(2),
		.queue_max = rooms[weft__sim_choose(4)],
		.when_full = (weft_pool_full)weft__sim_choose(3),
		.route = (weft_route)weft__sim_choose(5),
	};

	if (options.route == WEFT_ROUTE_FUNCTION)
		options.route_function = choose_route;
	if (weft__sim_choose(3) == 0) {
		options.workers_max = options.workers + 2;
		options.idle_ns = 1 + weft__sim_choose(50000);
	}
	return options;
}

static void open_office(struct office *office)
{
	const weft_pool_options options = draw_options();

	engine_watch();
	memset(office, 0, sizeof *office);
	for (int i = 0; i < SUBMITTERS; i++)
		for (int j = 0; j < TASKS; j++)
			office->jobs[i][j].office = office;
	weft__sim_check(weft_pool_create(&options, &office->pool) == 0);
}

static int do_job(void *arg);

/* Submits from within and waits for it: never a deadlock, not even with one worker. */
static void delegate(struct job *job)
{
	struct job part = { .office = job->office, .depth = job->depth + 1 };
	weft_task *task;
	int result = 0;
	weft_shield shield; /* the part lies on our stack, whether we are told or not */
	int code;

	weft_shield_enter(&shield);
	code = weft_pool_submit(job->office->pool, do_job, &part, NULL, &task);
	if (code == 0)
		code = weft_task_wait(task, &result);
	weft_shield_leave(&shield);
	if (code == 0 && result == -ECANCELED)
		code = result;
	if (code == 0)
		weft__sim_check(result == 3 && part.runs == 1);
	else
		weft__sim_check(part.runs == 0 &&
				(code == -EAGAIN || (job->office->stopping &&
						     (code == -ECANCELED || code == -ESHUTDOWN))));
}

static int do_job(void *arg)
{
	struct job *job = arg;

	weft__sim_check(atomic_add_acq_rel(&job->runs, 1) == 0);
	if (job->office->watched)
		atomic_store_release(&job->office->worker, weft__worker_self());
	switch (weft__sim_choose(6)) {
	case 0:
		weft_blocking_begin();
		engine_dawdle();
		weft_blocking_end();
		break;
	case 1:
		if (job->depth < ALONE)
			delegate(job);
		break;
	default:
		engine_dawdle();
		break;
	}
	atomic_add_relaxed(&job->office->ran, 1);
	return 3;
}

/* Whatever way, it ends: 0, -ECANCELED. */
static int await_task(weft_task *task, int *out_result)
{
	int code;

	do
		code = weft__sim_choose(2)
			       ? weft_task_wait_until(task, engine_deadline(), out_result)
			       : weft_task_wait(task, out_result);
	while (code == -ETIMEDOUT);
	return code == 0 && *out_result == -ECANCELED ? -ECANCELED : code;
}

static void finish_task(struct office *office, struct job *job, weft_task *task)
{
	int result = 0, code;

	if (weft__sim_choose(8) == 0)
		weft_task_cancel(task);
	if (!office->held && weft__sim_choose(3) == 0) {
		weft_task_release(task);
		return;
	}
	code = await_task(task, &result);
	weft__sim_check(code == 0 || code == -ECANCELED);
	weft__sim_check(atomic_load_acquire(&job->runs) == (code == 0));
	if (code == 0)
		weft__sim_check(result == 3);
	else
		atomic_add_relaxed(&office->cancelled, 1);
}

static int submit_job(struct office *office, struct job *job, weft_task **out_task)
{
	const weft_task_options options = {
		.priority = (int)weft__sim_choose(3) - 1,
		.key = weft__sim_choose(5),
	};

	switch (weft__sim_choose(4)) {
	case 0:
		return weft_pool_submit_try(office->pool, do_job, job, &options, out_task);
	case 1:
		return weft_pool_submit_until(office->pool, do_job, job, &options,
					      engine_deadline(), out_task);
	default:
		return weft_pool_submit(office->pool, do_job, job, &options, out_task);
	}
}

static void *submit_jobs(void *arg)
{
	struct office *office = arg;
	struct job *jobs = office->jobs[atomic_add_relaxed(&office->submitters, 1u)];
	weft_task *tasks[TASKS] = { NULL };

	for (int i = 0; i < TASKS; i++) {
		bool handle = office->held || weft__sim_choose(2);
		int code = submit_job(office, &jobs[i], handle ? &tasks[i] : NULL);

		weft__sim_check(code == 0 || code == -EAGAIN || code == -ETIMEDOUT ||
				(code == -ESHUTDOWN && office->stopping));
		if (code < 0) {
			weft__sim_check(atomic_load_relaxed(&jobs[i].runs) == 0);
			atomic_add_relaxed(&office->refused, 1);
			tasks[i] = NULL;
		}
		engine_dawdle();
	}
	for (int i = 0; i < TASKS; i++)
		if (tasks[i] != NULL)
			finish_task(office, &jobs[i], tasks[i]);
	return NULL;
}

static void check_at_most_once(struct office *office)
{
	for (int i = 0; i < SUBMITTERS; i++)
		for (int j = 0; j < TASKS; j++)
			weft__sim_check(office->jobs[i][j].runs <= 1);
}

/* ---- until the end: every task that was taken and not cancelled has run */

static void tasks_run_once(void *arg)
{
	struct office office;
	weft__sys_thread others[SUBMITTERS - 1];
	weft_pool_stats stats;

	(void)arg;
	open_office(&office);
	for (int i = 0; i < SUBMITTERS - 1; i++)
		others[i] = engine_foreign(submit_jobs, &office);
	submit_jobs(&office);
	for (int i = 0; i < SUBMITTERS - 1; i++)
		weft__sys_thread_join(others[i]);
	weft__sim_check(weft_pool_drain(office.pool) == 0);
	weft_pool_stats_get(office.pool, &stats);
	weft__sim_check(stats.queued == 0 && stats.running == 0);
	weft__sim_check(stats.submitted == stats.completed + stats.cancelled);
	weft__sim_check(weft_pool_destroy(office.pool) == 0);
	check_at_most_once(&office);
	engine_check_clean();
}

/* ---- the same while workers are seen to block at any moment: those that do, and those that do
 * not */

static void *see_workers(void *arg)
{
	struct office *office = arg;

	while (!atomic_load_acquire(&office->over)) {
		struct weft__worker *worker = atomic_load_acquire(&office->worker);

		if (worker != NULL)
			weft__pool_blocking_table.seen(worker);
		engine_dawdle();
	}
	return NULL;
}

static void seen_workers_lose_nothing(void *arg)
{
	struct office office;
	weft__sys_thread others[SUBMITTERS - 1], onlookers[2];
	weft_pool_stats stats;

	(void)arg;
	open_office(&office);
	office.watched = true;
	for (int i = 0; i < 2; i++)
		onlookers[i] = engine_foreign(see_workers, &office);
	for (int i = 0; i < SUBMITTERS - 1; i++)
		others[i] = engine_foreign(submit_jobs, &office);
	submit_jobs(&office);
	for (int i = 0; i < SUBMITTERS - 1; i++)
		weft__sys_thread_join(others[i]);
	weft__sim_check(weft_pool_drain(office.pool) == 0);
	weft_pool_stats_get(office.pool, &stats);
	weft__sim_check(stats.queued == 0 && stats.running == 0);
	weft__sim_check(stats.submitted == stats.completed + stats.cancelled);
	/* The onlookers go on: what they see has ended. */
	weft__sim_check(weft_pool_destroy(office.pool) == 0);
	atomic_store_release(&office.over, 1);
	for (int i = 0; i < 2; i++)
		weft__sys_thread_join(onlookers[i]);
	check_at_most_once(&office);
	engine_check_clean();
}

/* ---- stopped while others submit: what did not run is said to be cancelled */

static void *drain_too(void *arg)
{
	weft__sim_check(weft_pool_drain(arg) == 0);
	return NULL;
}

static void stopping_loses_none(void *arg)
{
	struct office office;
	weft__sys_thread others[SUBMITTERS], drainer = { 0 };
	bool has_drainer = weft__sim_choose(3) == 0;
	int32_t left_out = 0;

	(void)arg;
	open_office(&office);
	office.stopping = true;
	office.held = true;
	for (int i = 0; i < SUBMITTERS; i++)
		others[i] = engine_foreign(submit_jobs, &office);
	if (has_drainer)
		drainer = engine_foreign(drain_too, office.pool);
	for (int i = (int)weft__sim_choose(20); i > 0; i--)
		engine_dawdle();
	weft__sim_check(weft_pool_stop(office.pool) >= 0);
	if (has_drainer)
		weft__sys_thread_join(drainer);
	for (int i = 0; i < SUBMITTERS; i++)
		weft__sys_thread_join(others[i]);
	weft__sim_check(weft_pool_destroy(office.pool) == 0);
	check_at_most_once(&office);
	for (int i = 0; i < SUBMITTERS; i++)
		for (int j = 0; j < TASKS; j++)
			left_out += office.jobs[i][j].runs == 0;
	weft__sim_check(left_out == office.refused + office.cancelled);
	engine_check_clean();
}

/* ---- a stop takes the queue from the front: what is last in it does not begin instead */

static int note_run(void *arg)
{
	atomic_add_relaxed((int32_t *)arg, 1);
	engine_dawdle();
	return 0;
}

static void a_stop_lets_nothing_overtake(void *arg)
{
	const weft_pool_options options = {
		.kind = weft__sim_choose(2) ? WEFT_KERNEL : WEFT_LIGHT,
		.workers = 1,
		.route = (weft_route)weft__sim_choose(4),
	};
	const weft_task_options low = { .priority = -1, .key = 100 };
	int32_t runs = 0, low_runs = 0;
	weft_pool *pool;

	(void)arg;
	engine_watch();
	weft__sim_check(weft_pool_create(&options, &pool) == 0);
	for (uint64_t i = 0; i < 4; i++)
		weft__sim_check(weft_pool_submit(pool, note_run, &runs,
						 &(weft_task_options){ .key = i }, NULL) == 0);
	weft__sim_check(weft_pool_submit(pool, note_run, &low_runs, &low, NULL) == 0);
	for (unsigned i = weft__sim_choose(6); i > 0; i--)
		engine_dawdle();
	weft__sim_check(weft_pool_stop(pool) == 5 - runs - low_runs);
	weft__sim_check(low_runs == 0 || runs == 4);
	weft__sim_check(weft_pool_destroy(pool) == 0);
	engine_check_clean();
}

/* ---- batches, within a scheduler, while the pool is resized and drained */

static int in_batch(void *arg)
{
	engine_dawdle();
	return do_job(arg);
}

static int batches_app(void *arg)
{
	struct office *office = arg;
	weft_batch *batch;
	weft_task_options options = { 0 };

	weft__sim_check(weft_batch_create(&batch) == 0);
	options.batch = batch;
	for (int round = 0; round < SUBMITTERS; round++) {
		int32_t taken = 0, ran = 0;
		int code;

		for (int i = 0; i < TASKS; i++) {
			code = weft_pool_submit(office->pool, in_batch, &office->jobs[round][i],
						&options, NULL);
			weft__sim_check(code == 0 || code == -EAGAIN);
			taken += code == 0;
		}
		if (weft__sim_choose(3) == 0)
			weft__sim_check(weft_pool_resize(office->pool, 1 + weft__sim_choose(4)) ==
					0);
		if (weft__sim_choose(4) == 0)
			taken -= (int32_t)weft_batch_cancel(batch);
		do
			code = weft__sim_choose(2) ? weft_batch_wait_until(batch, engine_deadline())
						   : weft_batch_wait(batch);
		while (code == -ETIMEDOUT);
		weft__sim_check(code == 0 || code == -ECANCELED);
		for (int i = 0; i < TASKS; i++)
			ran += atomic_load_acquire(&office->jobs[round][i].runs);
		weft__sim_check(ran == taken);
	}
	weft_batch_destroy(batch);
	return 0;
}

static void batches(void *arg)
{
	struct office office;

	(void)arg;
	open_office(&office);
	weft__sim_check(engine_run(batches_app, &office) == 0);
	weft__sim_check(weft_pool_destroy(office.pool) == 0);
	check_at_most_once(&office);
	engine_check_clean();
}

/* ---- a batch is cancelled while it grows: what it took has run or been removed */

struct growth {
	struct office office;
	weft_batch *batch;
	int64_t removed;
	uint32_t over; /* atomic */
};

static void *cancel_batch(void *arg)
{
	struct growth *growth = arg;

	do {
		growth->removed += weft_batch_cancel(growth->batch);
		engine_dawdle();
	} while (!atomic_load_acquire(&growth->over));
	return NULL;
}

static void batches_are_cancelled_while_they_grow(void *arg)
{
	struct growth growth = { .removed = 0 };
	weft_task_options options = { 0 };
	weft__sys_thread canceller;
	int64_t taken = 0;
	weft_pool_stats stats;
	int code;

	(void)arg;
	open_office(&growth.office);
	weft__sim_check(weft_batch_create(&growth.batch) == 0);
	options.batch = growth.batch;
	canceller = engine_foreign(cancel_batch, &growth);
	for (int i = 0; i < SUBMITTERS; i++)
		for (int j = 0; j < TASKS; j++) {
			options.key = weft__sim_choose(3);
			growth.office.jobs[i][j].depth = ALONE;
			code = weft_pool_submit(growth.office.pool, in_batch,
						&growth.office.jobs[i][j], &options, NULL);
			weft__sim_check(code == 0 || code == -EAGAIN);
			taken += code == 0;
		}
	code = weft_batch_wait(growth.batch);
	weft__sim_check(code == 0 || code == -ECANCELED);
	atomic_store_release(&growth.over, 1);
	weft__sys_thread_join(canceller);
	weft_batch_destroy(growth.batch);
	weft__sim_check(weft_pool_drain(growth.office.pool) == 0);
	weft_pool_stats_get(growth.office.pool, &stats);
	weft__sim_check(stats.queued == 0 && (int64_t)stats.cancelled == growth.removed);
	weft__sim_check(stats.submitted == stats.completed + stats.cancelled);
	weft__sim_check(weft_pool_destroy(growth.office.pool) == 0);
	check_at_most_once(&growth.office);
	for (int i = 0; i < SUBMITTERS; i++)
		for (int j = 0; j < TASKS; j++)
			taken -= growth.office.jobs[i][j].runs;
	weft__sim_check(taken == growth.removed);
	engine_check_clean();
}

/* ---- a task is cancelled while its pool ends: a handle is good for that whatever the pool does */

static void *cancel_tasks(void *arg)
{
	weft_task **tasks = arg;

	for (int i = 0; i < TASKS; i++) {
		if (tasks[i] == NULL)
			continue;
		weft_task_cancel(tasks[i]);
		weft_task_release(tasks[i]);
	}
	return NULL;
}

static void tasks_are_cancelled_while_the_pool_ends(void *arg)
{
	weft_task *tasks[TASKS] = { NULL };
	struct office office;
	weft__sys_thread canceller;

	(void)arg;
	open_office(&office);
	for (int i = 0; i < TASKS; i++) {
		const weft_task_options options = { .key = weft__sim_choose(3) };
		int code;

		office.jobs[0][i].depth = ALONE;
		code = weft_pool_submit(office.pool, do_job, &office.jobs[0][i], &options,
					&tasks[i]);
		weft__sim_check(code == 0 || code == -EAGAIN);
		if (code < 0)
			tasks[i] = NULL;
	}
	canceller = engine_foreign(cancel_tasks, tasks);
	engine_dawdle();
	weft__sim_check(weft_pool_destroy(office.pool) == 0);
	weft__sys_thread_join(canceller);
	check_at_most_once(&office);
	engine_check_clean();
}

/* ---- as many tasks as workers, each running until all of them do */

struct hogs {
	weft_pool *pool;
	unsigned count;
	uint32_t inside; /* atomic */
};

static int be_hog(void *arg)
{
	struct hogs *hogs = arg;

	atomic_add_acq_rel(&hogs->inside, 1u);
	while (atomic_load_acquire(&hogs->inside) < hogs->count)
		weft__sim_compute(1000);
	return 0;
}

/* The first hog submits the others, or each the next. */
static int be_hog_that_submits(void *arg)
{
	struct hogs *hogs = arg;

	for (unsigned i = 1; i < hogs->count; i++)
		weft__sim_check(weft_pool_submit(hogs->pool, be_hog, hogs, NULL, NULL) == 0);
	return be_hog(arg);
}

static void every_worker_gets_a_hog(void *arg)
{
	struct hogs hogs = { .count = 2 + weft__sim_choose(3) };
	const weft_pool_options options = {
		.kind = weft__sim_choose(2) ? WEFT_KERNEL : WEFT_LIGHT,
		.workers = hogs.count,
		.processors = hogs.count,
	};

	(void)arg;
	engine_watch();
	weft__sim_check(weft_pool_create(&options, &hogs.pool) == 0);
	for (int round = 0; round < 3; round++) {
		bool from_inside = weft__sim_choose(2);

		hogs.inside = 0;
		for (unsigned i = 0; i < (from_inside ? 1 : hogs.count); i++)
			weft__sim_check(weft_pool_submit(hogs.pool,
							 from_inside ? be_hog_that_submits : be_hog,
							 &hogs, NULL, NULL) == 0);
		weft__sim_check(weft_pool_drain(hogs.pool) == 0);
		engine_dawdle();
	}
	weft__sim_check(weft_pool_destroy(hogs.pool) == 0);
	engine_check_clean();
}

const struct scenario pool_scenarios[] = {
	{ .name = "tasks-run-once",
	  .run = tasks_run_once,
	  .options = { .spurious = 20, .eintr = 20 } },
	{ .name = "seen-workers-lose-nothing",
	  .run = seen_workers_lose_nothing,
	  .options = { .spurious = 20, .eintr = 20 } },
	{ .name = "stopping-loses-none",
	  .run = stopping_loses_none,
	  .options = { .spurious = 20, .eintr = 20 } },
	{ .name = "a-stop-lets-nothing-overtake",
	  .run = a_stop_lets_nothing_overtake,
	  .options = { .spurious = 20, .eintr = 20 } },
	{ .name = "every-worker-gets-a-hog",
	  .run = every_worker_gets_a_hog,
	  .options = { .eintr = 20 } },
	{ .name = "batches", .run = batches, .options = { .spurious = 20, .eintr = 20 } },
	{ .name = "batches-are-cancelled-while-they-grow",
	  .run = batches_are_cancelled_while_they_grow,
	  .options = { .spurious = 20, .eintr = 20 } },
	{ .name = "tasks-are-cancelled-while-the-pool-ends",
	  .run = tasks_are_cancelled_while_the_pool_ends,
	  .options = { .spurious = 20, .eintr = 20 } },
	{ 0 },
};
