/* SPDX-License-Identifier: MIT */
/* Worker: the thread that runs tasks. */
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "pool/frame.h"
#include "pool/lane.h"
#include "pool/own.h"
#include "pool/pool.h"

/* The default of a light or user worker: tasks that wait for tasks that wait … run on one stack.
 * Reserved, not used. */
#define STACK_BYTES ((size_t)1 << 20)
#define STACK_KEPT_MAX ((size_t)64 << 10)

static void blocking_begin(void *arg)
{
	weft__seat_give_up(arg);
}

static void blocking_end(void *arg)
{
	weft__seat_regain(arg);
}

const struct weft__blocking_table weft__pool_blocking_table = { blocking_begin, blocking_end,
								weft__grip_seen };

bool weft__worker_has_stack(const struct weft__worker *worker)
{
	size_t left =
		(size_t)((char *)__builtin_frame_address(0) - (char *)worker->self->stack_low);
	size_t kept = worker->self->stack_bytes / 4;

	return left > (kept < STACK_KEPT_MAX ? kept : STACK_KEPT_MAX);
}

/* The program's function; meanwhile the worker may lose its seat. */
static weft__always_inline int call(struct weft__worker *worker, weft_function *function, void *arg)
{
	int result;

	weft__grip_leave(&worker->grip, 0);
	result = function(arg);
	(void)weft__grip_enter(worker, &worker->grip);
	return result;
}

static int run_in(struct weft__worker *worker, struct weft_task *task, weft_function *function,
		  void *arg)
{
	struct weft__frame frame;
	int result;

	weft__frame_push(worker, &frame, task);
	result = call(worker, function, arg);
	weft__frame_pop(worker, &frame);
	return result;
}

int weft__task_run(void *arg)
{
	struct weft__worker *worker = weft__worker_self();
	struct weft_task *task = arg;
	int result = run_in(worker, task, task->function, task->arg);

	/* Whoever sees the end finds the seat unloaded. */
	if (worker->depth == 1 && worker->seat != NULL)
		atomic_store_relaxed(&worker->seat->is_running, 0);
	if (task->lane != NULL)
		weft__lane_end(task);
	weft__task_end(task, WEFT__TASK_DONE, result);
	return 0;
}

void weft__worker_run(struct weft__worker *worker, weft_function *function, void *arg)
{
	uint32_t depth = worker->depth;

	atomic_store_relaxed(&worker->depth, depth + 1);
	if (function == weft__task_run)
		function(arg);
	else if (likely(depth == 0))
		call(worker, function, arg);
	else
		run_in(worker, NULL, function, arg); /* it is not told what the outer one is told */
	atomic_store_relaxed(&worker->depth, depth);
	atomic_bump(&worker->completed, 1);
}

/* While the seat's own queue has plain tasks. */
static void run_own(struct weft__worker *worker)
{
	struct weft__job job;

	while (worker->seat != NULL && weft__own_take_plain(worker, &job)) {
		atomic_store_relaxed(&worker->depth, 1u);
		call(worker, job.function, job.arg);
		atomic_store_relaxed(&worker->depth, 0u);
		atomic_bump(&worker->completed, 1);
	}
}

static void run_tasks(struct weft__worker *worker)
{
	struct weft__job job;

	for (;;) {
		if (worker->seat != NULL &&
		    (weft__take(worker, &job) || weft__search(worker, &job))) {
			if (unlikely(worker->searching))
				weft__search_done(worker);
			atomic_store_relaxed(&worker->seat->is_running, 1);
			weft__worker_run(worker, job.function, job.arg);
			run_own(worker);
			if (likely(worker->seat != NULL))
				atomic_store_relaxed(&worker->seat->is_running, 0);
		} else if (!weft__worker_rest(worker)) {
			return;
		}
	}
}

/* ---- records: never freed, see grip.h */

static struct {
	uint32_t lock;
	struct weft__worker *free;
} records;

static struct weft__worker *take_record(void)
{
	const size_t kept = sizeof(struct weft__grip);
	struct weft__worker *worker;

	weft__spin_lock(&records.lock);
	worker = records.free;
	if (worker != NULL)
		records.free = worker->next_dead;
	weft__spin_unlock(&records.lock);
	if (worker == NULL) {
		worker = aligned_alloc(WEFT__CACHE_LINE, sizeof *worker);
		if (worker == NULL)
			return NULL;
		memset(worker, 0, kept);
	}
	memset((char *)worker + kept, 0, sizeof *worker - kept);
	atomic_store_relaxed(&worker->grip.inside, 1u);
	return worker;
}

static void give_record(struct weft__worker *worker)
{
	weft__spin_lock(&records.lock);
	worker->next_dead = records.free;
	records.free = worker;
	weft__spin_unlock(&records.lock);
}

/* ---- */

void weft__worker_join_dead(struct weft__worker *dead)
{
	while (dead != NULL) {
		struct weft__worker *next = dead->next_dead;

		weft__thread_join_firmly(dead->thread, NULL);
		give_record(dead);
		dead = next;
	}
}

/* Whoever sees it from now on sees nobody; whoever has seen it holds the pool. */
static void leave_host(struct weft__grip *grip)
{
	weft__spin_lock(&grip->guard);
	grip->host = NULL;
	weft__spin_unlock(&grip->guard);
}

/* Its last words. Whoever finds it among the dead joins its thread: the one that ends next, or the
 * end of the pool. */
static void end_worker(struct weft__worker *worker)
{
	weft_pool *pool = worker->pool;
	struct weft__wakes wakes = { NULL, NULL };
	struct weft__worker *dead = NULL;

	atomic_store_relaxed(&worker->self->blocking_table,
			     (const struct weft__blocking_table *)NULL);
	leave_host(&worker->grip);
	weft__spin_lock(&pool->lock);
	weft__list_remove(&worker->all);
	if (worker->home != NULL)
		worker->home->home = NULL;
	pool->past_submitted += worker->submitted;
	pool->past_completed += worker->completed;
	pool->past_cancelled += worker->cancelled;
	pool->past_run_here += worker->run_here;
	pool->past_stolen += worker->stolen;
	if (!pool->ending) {
		dead = pool->dead;
		pool->dead = NULL;
	}
	worker->next_dead = pool->dead;
	pool->dead = worker;
	if (--pool->threads == 0)
		weft__pool_tell_idle(pool, &wakes);
	weft__spin_unlock(&pool->lock); /* the last touch of the pool */
	weft__wakes_ready(&wakes);
	weft__worker_join_dead(dead);
}

static int worker_main(void *arg)
{
	struct weft__worker *worker = arg;
	weft_pool *pool = worker->pool;
	struct weft_thread *self = weft__self();

	worker->self = self;
	worker->thread = self;
	weft__spin_lock(&worker->grip.guard);
	worker->grip.host = pool;
	weft__spin_unlock(&worker->grip.guard);
	atomic_store_relaxed(&self->blocking_arg, (void *)worker);
	atomic_store_release(&self->blocking_table, &weft__pool_blocking_table); /* TELL */
	weft__spin_lock(&pool->lock);
	weft__list_push(&pool->workers_all, &worker->all);
	if (worker->seat == NULL)
		pool->busy++;
	weft__spin_unlock(&pool->lock);
	run_tasks(worker);
	end_worker(worker);
	return 0;
}

static void unsettle(struct weft__worker *worker)
{
	weft__spin_lock(&worker->pool->lock);
	if (worker->home != NULL)
		worker->home->home = NULL;
	weft__spin_unlock(&worker->pool->lock);
}

int weft__worker_start(weft_pool *pool, struct weft__seat *seat, struct weft__seat *home,
		       bool searching)
{
	weft_thread_options options = {
		.kind = pool->kind,
		.name = pool->name,
		.stack_bytes = pool->stack_bytes,
		.sched = pool->sched,
	};
	struct weft__worker *worker = take_record();
	weft_thread *thread;
	int error;

	if (worker == NULL)
		return -ENOMEM;
	weft__list_init(&worker->rest);
	weft__list_init(&worker->all);
	worker->pool = pool;
	worker->seat = seat;
	worker->searching = searching;
	worker->is_spare = seat == NULL;
	worker->has_rested = seat != NULL; /* its seat waits for no first look of its home */
	if (pool->kind != WEFT_KERNEL && options.stack_bytes == 0)
		options.stack_bytes = STACK_BYTES;
	if (home != NULL) {
		weft__spin_lock(&pool->lock);
		weft__seat_settle(home, worker);
		weft__spin_unlock(&pool->lock);
	}
	error = weft_thread_spawn(worker_main, worker, &options, &thread);
	if (error < 0) {
		unsettle(worker);
		give_record(worker);
	}
	return error;
}
