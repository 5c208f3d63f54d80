/* SPDX-License-Identifier: MIT */
/*
 * The thread benchmarks on Boost: Boost.Context for the raw switch, Boost.Fiber for the rest.
 *
 * Fibers run under the default scheduler (round robin, one kernel thread) and are made as the
 * manual makes them: launch::post and the default stack, malloc'ed and without a guard. Where
 * stacks count, they have SMALL_STACK_BYTES.
 */
#include <boost/context/detail/fcontext.hpp>
#include <boost/context/fiber.hpp>
#include <boost/fiber/all.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "peer.h"

namespace context = boost::context;
namespace fibers = boost::fibers;
namespace this_fiber = boost::this_fiber;

enum { BATCH = 1000, SMALL_STACK_BYTES = 16 * 1024, SLEEPS = 10 };

using context::detail::jump_fcontext;
using context::detail::make_fcontext;
using context::detail::transfer_t;

static void bounce(transfer_t t)
{
	for (;;)
		t = jump_fcontext(t.fctx, nullptr);
}

/* count switches are count / 2 round trips. */
static int run_switch_fcontext(long count, double *out)
{
	fibers::fixedsize_stack allocator;
	context::stack_context stack = allocator.allocate();
	transfer_t t = { make_fcontext(stack.sp, stack.size, bounce), nullptr };
	double start = peer_now_ns();

	for (long i = 0; i < count / 2; i++)
		t = jump_fcontext(t.fctx, nullptr);
	out[0] = (peer_now_ns() - start) / static_cast<double>(count / 2 * 2);
	allocator.deallocate(stack);
	return 0;
}

static int run_switch_fiber(long count, double *out)
{
	bool stop = false;
	context::fiber f{ [&stop](context::fiber &&caller) {
		while (!stop)
			caller = std::move(caller).resume();
		return std::move(caller);
	} };
	double start = peer_now_ns();

	for (long i = 0; i < count / 2; i++)
		f = std::move(f).resume();
	out[0] = (peer_now_ns() - start) / static_cast<double>(count / 2 * 2);
	stop = true;
	std::move(f).resume();
	return 0;
}

/* Runs that many fibers and returns how long they took from first to last. */
template <typename Body> static double time_fibers(long threads, Body body)
{
	std::vector<fibers::fiber> f;
	double start;

	f.reserve(static_cast<std::size_t>(threads));
	start = peer_now_ns();
	for (long i = 0; i < threads; i++)
		f.emplace_back(body);
	for (auto &one : f)
		one.join();
	return peer_now_ns() - start;
}

static int run_yield(long threads, long count, double *out)
{
	long each = count / threads;

	auto yield_many = [each] {
		for (long n = each; n > 0; n--)
			this_fiber::yield();
	};

	out[0] = time_fibers(threads, yield_many) / static_cast<double>(each * threads);
	return 0;
}

static int run_yield_2(long count, double *out)
{
	return run_yield(2, count, out);
}

static int run_yield_1000(long count, double *out)
{
	return run_yield(1000, count, out);
}

static int run_spawn_join(long count, double *out)
{
	double start = peer_now_ns();

	for (long i = 0; i < count; i++)
		fibers::fiber([] {}).join();
	out[0] = (peer_now_ns() - start) / static_cast<double>(count);
	return 0;
}

static int run_spawn_batch(long rounds, double *out)
{
	double sum = 0;

	for (long i = 0; i < rounds; i++)
		sum += time_fibers(BATCH, [] {});
	out[0] = sum / static_cast<double>(rounds * BATCH);
	return 0;
}

static int run_mutex(long count, double *out)
{
	fibers::mutex m;
	double start = peer_now_ns();

	for (long i = 0; i < count; i++) {
		m.lock();
		m.unlock();
	}
	out[0] = (peer_now_ns() - start) / static_cast<double>(count);
	return 0;
}

/* Boost.Fiber has no semaphore: the textbook's. */
struct semaphore {
	fibers::mutex lock;
	fibers::condition_variable more;
	int value = 0;

	void post()
	{
		{
			std::lock_guard<fibers::mutex> held(lock);
			value++;
		}
		more.notify_one();
	}

	void wait()
	{
		std::unique_lock<fibers::mutex> held(lock);

		more.wait(held, [this] { return value > 0; });
		value--;
	}
};

static int run_semaphore(long count, double *out)
{
	semaphore ping, pong;
	fibers::fiber answer([&] {
		for (long i = 0; i < count; i++) {
			ping.wait();
			pong.post();
		}
	});
	double start = peer_now_ns();

	for (long i = 0; i < count; i++) {
		ping.post();
		pong.wait();
	}
	out[0] = (peer_now_ns() - start) / static_cast<double>(count);
	answer.join();
	return 0;
}

/* 0 + 1 + ... + (count - 1) */
static long sum_of(long count)
{
	return count * (count - 1) / 2;
}

static int run_pingpong(long count, double *out)
{
	fibers::unbuffered_channel<long> ping, pong;
	long sum = 0;
	fibers::fiber answer([&] {
		for (long v : ping)
			pong.push(v);
	});
	double start = peer_now_ns();

	for (long i = 0; i < count; i++) {
		ping.push(i);
		sum += pong.value_pop();
	}
	out[0] = (peer_now_ns() - start) / static_cast<double>(count);
	ping.close();
	answer.join();
	return sum == sum_of(count) ? 0 : -1;
}

/* A ring of Boost's keeps one slot free: of 256, for 128 have to be in it. */
static int run_stream(long count, double *out)
{
	fibers::buffered_channel<long> items(256);
	long sum = 0;
	double start = peer_now_ns();
	fibers::fiber sender([&] {
		for (long i = 0; i < count; i++)
			items.push(i);
		items.close();
	});

	for (long v : items)
		sum += v;
	out[0] = (peer_now_ns() - start) / static_cast<double>(count);
	sender.join();
	return sum == sum_of(count) ? 0 : -1;
}

static int run_sleep(long threads, double *out)
{
	double cpu = peer_cpu_seconds();
	std::vector<fibers::fiber> f;
	fibers::fixedsize_stack small(SMALL_STACK_BYTES);
	auto sleep_often = [] {
		for (int n = 0; n < SLEEPS; n++)
			this_fiber::sleep_for(std::chrono::milliseconds(10));
	};

	for (long i = 0; i < threads; i++)
		f.emplace_back(std::allocator_arg, small, sleep_often);
	for (auto &one : f)
		one.join();
	out[0] = peer_cpu_seconds() - cpu;
	return 0;
}

static int run_park(long count, double *out)
{
	static auto *never = new semaphore; /* outlives the fibers that wait for it */
	static long parked;
	fibers::fixedsize_stack small(SMALL_STACK_BYTES);
	auto park = [] {
		parked++;
		never->wait();
	};
	long before = parked, made = 0;
	double bytes = peer_resident_bytes();

	try {
		for (; made < count; made++)
			fibers::fiber(std::allocator_arg, small, park).detach();
	} catch (const std::exception &e) {
		fprintf(stderr, "park-million: stopped at %ld: %s\n", made, e.what());
	}
	while (parked < before + made)
		this_fiber::yield();
	out[0] = (peer_resident_bytes() - bytes) / static_cast<double>(made);
	out[1] = static_cast<double>(made);
	return made ? 0 : -1;
}

static const struct peer_bench benches[] = {
	{ "switch-raw", { "fcontext" }, { "ns" }, 50000000, run_switch_fcontext, PEER_ONE_CPU },
	{ "switch-raw", { "fiber" }, { "ns" }, 50000000, run_switch_fiber, PEER_ONE_CPU },
	{ "yield", { "2" }, { "ns" }, 2000000, run_yield_2, PEER_ONE_CPU },
	{ "yield", { "1000" }, { "ns" }, 4000000, run_yield_1000, PEER_ONE_CPU },
	{ "spawn-join", { "" }, { "ns" }, 300000, run_spawn_join, PEER_ONE_CPU },
	{ "spawn-batch", { "" }, { "ns" }, 80, run_spawn_batch, PEER_ONE_CPU },
	{ "mutex", { "" }, { "ns" }, 5000000, run_mutex, PEER_ONE_CPU },
	{ "semaphore", { "" }, { "ns" }, 400000, run_semaphore, PEER_ONE_CPU },
	{ "channel-pingpong", { "1p" }, { "ns" }, 400000, run_pingpong, PEER_ONE_CPU },
	{ "channel-stream", { "1p" }, { "ns" }, 3000000, run_stream, PEER_ONE_CPU },
	{ "sleep-100k", { "" }, { "s" }, 100000, run_sleep, PEER_FRESH },
	{ "park-million",
	  { "bytes", "count" },
	  { "bytes", "threads" },
	  1000000,
	  run_park,
	  PEER_FRESH },
	PEER_END,
};

int main(int argc, char **argv)
{
	return peer_main(argc, argv, "boost", "light", benches);
}
