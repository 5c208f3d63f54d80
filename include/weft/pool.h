/* SPDX-License-Identifier: MIT */
/*
 * Pool: a dispatcher and its workers. A task is one piece of work; the dispatcher (the pool's
 * routing rule, which runs in the submitting thread: no kernel thread of its own) decides which
 * worker does it; a worker is a thread, kernel, user or light. A batch is tasks that are waited for
 * together.
 *
 * A task that blocks in the kernel: while a user or light worker does, another worker takes its
 * place (<weft/sched.h> has the bound). Kernel workers are watched by nobody: there a task says so,
 * by weft_blocking_begin.
 *
 * Progress: waiting inside a task for tasks of the same pool never deadlocks: the waiting worker
 * runs the awaited task itself if nobody has begun it, and is replaced by another worker while it
 * must wait for one that runs elsewhere. (A circle of waits has no end: two tasks that wait for
 * each other; with WEFT_ROUTE_KEY also two that wait for tasks behind each other, by key.)
 * Order: what was written before the submit is seen by the task, what the task wrote by whoever
 * waited for it.
 *
 * Example:
 *
 *	// Squares all numbers, on as many workers as there are CPUs.
 *	static int square(void *arg)
 *	{
 *		long *number = arg;
 *
 *		*number *= *number;
 *		return 0;
 *	}
 *
 *	int square_all(long *numbers, int count)
 *	{
 *		weft_pool *pool;
 *		weft_batch *batch;
 *		int failed = weft_pool_create(NULL, &pool);
 *
 *		if (failed < 0)
 *			return failed;
 *		failed = weft_batch_create(&batch);
 *		if (failed == 0) {
 *			weft_task_options counted = { .batch = batch };
 *
 *			for (int i = 0; i < count && failed == 0; i++)
 *				failed = weft_pool_submit(pool, square, &numbers[i], &counted,
 *							  NULL);
 *			if (failed == 0)
 *				failed = weft_batch_wait(batch);
 *			weft_batch_destroy(batch);
 *		}
 *		weft_pool_destroy(pool);
 *		return failed;
 *	}
 */
#ifndef WEFT_POOL_H
#define WEFT_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/api.h>
#include <weft/thread.h>

WEFT_API_BEGIN

typedef struct weft_pool weft_pool;
typedef struct weft_task weft_task;
typedef struct weft_batch weft_batch;

typedef enum weft_route {
	/* any worker: own queues for what tasks submit, stealing; the default */
	WEFT_ROUTE_SHARED,
	WEFT_ROUTE_ROUND_ROBIN,  /* each worker in turn */
	WEFT_ROUTE_LEAST_LOADED, /* the worker with the fewest tasks queued and running */
	/* the same key, the same worker: tasks of one key run one at a time, in order; its
	 * priority says which key is next */
	WEFT_ROUTE_KEY,
	WEFT_ROUTE_FUNCTION, /* route_function decides */
} weft_route;

typedef enum weft_pool_full {
	/* the default: submit waits for room (inside a task of the same pool: runs the task
	 * there, or, by key, what must run before it) */
	WEFT_POOL_WAIT,
	WEFT_POOL_REFUSE, /* -EAGAIN */
	WEFT_POOL_RUN,    /* the submitter runs it at once */
} weft_pool_full;

/* Returns the worker, from 0 to worker_count - 1 (anything else is taken modulo worker_count).
 * Called by submitters, several at once, with nothing of the pool locked. */
typedef unsigned weft_route_function(void *route_arg, uint64_t key, unsigned worker_count);

typedef struct weft_pool_options {
	const char *name;
	weft_kind kind;   /* of the workers: WEFT_KERNEL (default), WEFT_USER or WEFT_LIGHT */
	unsigned workers; /* default: the CPUs this process may use; at most 4096 */
	/* elastic: the pool grows to this when tasks wait and nobody is idle; default: workers */
	unsigned workers_max;
	/* elastic: a worker beyond `workers` ends after idling so long; default 1 s */
	int64_t idle_ns;
	/* user or light workers, made outside of a scheduler: of the pool's own scheduler; default:
	 * the smaller of CPUs and workers. Made inside, they run in the caller's */
	unsigned processors;
	size_t stack_bytes; /* of the workers */
	size_t queue_max;   /* tasks that may wait; default 65536; SIZE_MAX: no limit */
	weft_pool_full when_full;
	weft_route route;
	weft_route_function *route_function;
	void *route_arg;
} weft_pool_options;

#define WEFT_PRIORITY_COUNT 3

typedef struct weft_task_options {
	/* -1 low, 0 normal, 1 high: higher first, and one lower task in 32 so that none starves */
	int priority;
	uint64_t key;      /* for WEFT_ROUTE_KEY and WEFT_ROUTE_FUNCTION */
	weft_batch *batch; /* counts in this batch */
} weft_task_options;

typedef struct weft_pool_stats {
	/* replaced: how often another worker took the place of one that waits or blocks */
	uint64_t submitted, completed, cancelled, refused, run_by_submitter, stolen, replaced;
	size_t queued, running;
	/* blocked: those that wait for tasks, or of which it is known that they block */
	unsigned workers, idle, blocked;
} weft_pool_stats;

/* Makes a pool with its workers. Returns 0; -EINVAL: an impossible option; -ENOTSUP: workers of
 * kind user, and there can be none here (weft_user_why says why); else what weft_thread_spawn and,
 * with a scheduler of the pool's own, weft_sched_create return. */
WEFT_API int weft_pool_create(const weft_pool_options *options, weft_pool **out_pool);

/* Drains, ends the workers, gives everything back. Blocks: until all tasks are done; no
 * cancellation ends that. Returns 0;
 * -EDEADLK: from a task of the pool itself. */
WEFT_API int weft_pool_destroy(weft_pool *pool);

/*
 * Submits function(arg).
 *   out_task   NULL (cheapest), or where the handle goes; a handle is given back by weft_task_wait
 *              or weft_task_release, and may be kept for longer than the pool
 * Returns 0; -EINVAL: no function, or a priority that there is not; -EAGAIN: full and
 *   WEFT_POOL_REFUSE, or full inside a task while another task of that key runs; -ESHUTDOWN:
 *   draining (and not from inside a task) or stopped; -ENOMEM; -ECANCELED: the caller was, before
 *   there was room; _until: -ETIMEDOUT: no room by then;
 *   _try: -EAGAIN when full, whatever when_full says.
 * Cost: bench pool-outside, pool-inside.
 */
WEFT_API int weft_pool_submit(weft_pool *pool, weft_function *function, void *arg,
			      const weft_task_options *options, weft_task **out_task);
WEFT_API int weft_pool_submit_try(weft_pool *pool, weft_function *function, void *arg,
				  const weft_task_options *options, weft_task **out_task);
WEFT_API int weft_pool_submit_until(weft_pool *pool, weft_function *function, void *arg,
				    const weft_task_options *options, int64_t deadline_ns,
				    weft_task **out_task);

/* Waits until all tasks submitted so far, and what they submit, are done; the pool refuses others
 * meanwhile, from outside, and takes them again afterwards. Returns 0; -EDEADLK from inside a task
 * of the pool; -ECANCELED; _until: -ETIMEDOUT (after both it goes on taking tasks). */
WEFT_API int weft_pool_drain(weft_pool *pool);
WEFT_API int weft_pool_drain_until(weft_pool *pool, int64_t deadline_ns);

/* Takes no more; queued tasks end as cancelled (their result is -ECANCELED), running
 * ones are told (weft_task_is_cancelled). Waits for the running ones; no cancellation ends that.
 * Returns how many queued tasks were cancelled; -EDEADLK from inside a task. */
WEFT_API int64_t weft_pool_stop(weft_pool *pool);

/* Another number of workers (fixed pools: exactly; elastic: at least). Fewer: they end when their
 * present task does. Returns 0; -EINVAL: none, or over 4096; what weft_thread_spawn returns: then
 * the number is as before. */
WEFT_API int weft_pool_resize(weft_pool *pool, unsigned workers);

/* What the pool has counted, and how it stands; the numbers are not of one instant. */
WEFT_API void weft_pool_stats_get(weft_pool *pool, weft_pool_stats *out_stats);

/* Waits for the end of the task and gives the handle back. Returns 0 and the function's result,
 * which is -ECANCELED when it was cancelled before it began; -ECANCELED: the caller was cancelled,
 * and the task goes on; -EDEADLK: from inside that task; _try: -EBUSY; _until: -ETIMEDOUT (for
 * these four the handle stays). _until inside a task leaves it to another worker, since it may take
 * longer. */
WEFT_API int weft_task_wait(weft_task *task, int *out_result);
WEFT_API int weft_task_wait_try(weft_task *task, int *out_result);
WEFT_API int weft_task_wait_until(weft_task *task, int64_t deadline_ns, int *out_result);

/* Queued: removed, it will not run; returns 0. Running: told, and its waits end, as if it ran in a
 * scope that is cancelled (<weft/cancel.h>); those of tasks that its worker runs within it do not.
 * Returns -EBUSY. Ended: -EALREADY. The handle stays. A task that its submitter runs is told, but
 * goes on waiting as its submitter does. */
WEFT_API int weft_task_cancel(weft_task *task);

/* Gives the handle up; the task goes on. */
WEFT_API void weft_task_release(weft_task *task);

/* Inside a task: whether it was told to end, or the pool is stopped. False outside of any.
 * Progress: wait-free. */
WEFT_API bool weft_task_is_cancelled(void);

/* A batch. create returns 0 or -ENOMEM. weft_batch_wait waits until every task submitted with it
 * has ended and returns the first negative result (or -ECANCELED), else 0; it can be used again
 * then. -EDEADLK: from inside one of its tasks; -ECANCELED, too, when the caller was cancelled, and
 * _until -ETIMEDOUT: its tasks go on. */
WEFT_API int weft_batch_create(weft_batch **out_batch);
WEFT_API int weft_batch_wait(weft_batch *batch);
WEFT_API int weft_batch_wait_until(weft_batch *batch, int64_t deadline_ns);
/* Cancels the queued tasks of the batch, tells the running ones (weft_task_cancel). Returns how
 * many it removed. */
WEFT_API int64_t weft_batch_cancel(weft_batch *batch);
/* Waits for what is left, cancelled or not, then gives it back. From inside one of its tasks: stops
 * the program. */
WEFT_API void weft_batch_destroy(weft_batch *batch);

WEFT_API_END

#endif
