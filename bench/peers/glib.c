/* SPDX-License-Identifier: MIT */
/*
 * The pool benchmarks on GLib's GThreadPool.
 *
 * The pool is exclusive: its two threads are its own and exist from the start. A shared one hands
 * its threads back to a global list when they idle, and the latency would measure that.
 */
#include <glib.h>

#include "peer_pool.h"

static GThreadPool *pool;

static void run_task(gpointer data, gpointer unused)
{
	struct pool_task *task = (struct pool_task *)data;

	(void)unused;
	task->run(task);
}

static void pool_start(int workers)
{
	pool = g_thread_pool_new(run_task, NULL, workers, TRUE, NULL);
}

static void pool_submit(struct pool_task *task)
{
	g_thread_pool_push(pool, task, NULL);
}

static void pool_stop(void)
{
	g_thread_pool_free(pool, FALSE, TRUE);
}

static const struct peer_bench benches[] = {
	POOL_OUTSIDE, POOL_INSIDE, POOL_LATENCY, POOL_IDLE, POOL_BLOCKED, PEER_END,
};

int main(int argc, char **argv)
{
	return peer_main(argc, argv, "glib", "kernel", benches);
}
