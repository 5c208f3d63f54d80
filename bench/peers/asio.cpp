/* SPDX-License-Identifier: MIT */
/* The pool benchmarks on boost::asio::thread_pool, with post(), its ordinary call. */
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>

#include "peer_pool.h"

static std::unique_ptr<boost::asio::thread_pool> pool;

static void pool_start(int workers)
{
	pool = std::make_unique<boost::asio::thread_pool>(workers);
}

static void pool_submit(struct pool_task *task)
{
	boost::asio::post(*pool, [task] { task->run(task); });
}

static void pool_stop(void)
{
	pool->join();
	pool.reset();
}

static const struct peer_bench benches[] = {
	POOL_OUTSIDE, POOL_INSIDE, POOL_LATENCY, POOL_IDLE, POOL_BLOCKED, PEER_END,
};

int main(int argc, char **argv)
{
	return peer_main(argc, argv, "asio", "kernel", benches);
}
