// SPDX-License-Identifier: MIT
/*
 * C++ on user threads: thread_local with constructors and destructors, exceptions that live across
 * waits and preemption, std::mutex and std::condition_variable, streams and strings.
 */
#include <clocale>
#include <condition_variable>
#include <cwchar>
#include <cwctype>
#include <locale>
#include <mutex>
#include <queue>
#include <sstream>
#include <stdexcept>
#include <string>

extern "C" {
#include "world.h"
}

namespace
{

constexpr int threads = 16;
constexpr int rounds = 100;

void work(unsigned count)
{
	volatile unsigned sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum = sum + i;
}

int in_many(void *arg)
{
	weft_thread *started[threads];

	for (int i = 0; i < threads; i++)
		started[i] = world_start(*static_cast<weft_function **>(arg),
					 reinterpret_cast<void *>(static_cast<intptr_t>(i)));
	for (weft_thread *thread : started)
		check(world_finish(thread) == 0);
	return 0;
}

void run_many(weft_function *function)
{
	world_run_user(in_many, &function);
}

/* ---- thread_local */
int constructed; /* atomic */
int destroyed;   /* atomic */

struct counter {
	std::string name = "a name that is too long to be kept inside of a string object";
	int count = 0;
	counter()
	{
		__atomic_add_fetch(&constructed, 1, __ATOMIC_RELAXED);
	}
	~counter()
	{
		check(count == rounds);
		__atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
	}
};

thread_local counter own;
thread_local int plain = 42;

int count_own(void *)
{
	check(plain == 42);
	for (int i = 0; i < rounds; i++) {
		check(own.count == i && plain == 42 + i);
		own.count++;
		plain++;
		work(500);
		if (i % 10 == 0)
			weft_yield();
	}
	check(own.name.size() > 40);
	return 0;
}

void thread_locals_begin_and_end_with_the_thread(void **)
{
	if (!world_has_user())
		skip();
	constructed = destroyed = 0;
	run_many(count_own);
	assert_int_equal(constructed, 2 * threads);
	assert_int_equal(destroyed, 2 * threads);
}

/* ---- exceptions */
[[gnu::noinline]] void throw_below(int depth, const std::string &what)
{
	std::string local = what + " at " + std::to_string(depth);

	work(100);
	if (depth == 0)
		throw std::runtime_error(local);
	throw_below(depth - 1, what);
}

int throw_and_catch(void *arg)
{
	std::string mine = "thread " + std::to_string(reinterpret_cast<intptr_t>(arg));

	for (int i = 0; i < rounds; i++) {
		try {
			throw_below(i % 8, mine);
			check(false);
		} catch (const std::runtime_error &error) {
			weft_yield(); /* others throw and catch meanwhile */
			work(300);
			check(error.what() == mine + " at 0");
			try {
				throw std::logic_error(mine);
			} catch (const std::logic_error &inner) {
				weft_yield();
				check(inner.what() == mine);
			}
			check(std::uncaught_exceptions() == 0);
			check(std::current_exception() != nullptr);
		}
	}
	return 0;
}

void exceptions_are_each_threads_own(void **)
{
	run_many(throw_and_catch);
}

/* ---- locks */
std::mutex mutex;
std::condition_variable changed;
std::queue<std::string> queue;
uint64_t taken;

int produce_or_consume(void *arg)
{
	intptr_t me = reinterpret_cast<intptr_t>(arg);

	for (int i = 0; i < rounds; i++) {
		std::unique_lock<std::mutex> lock(mutex);

		if (me % 2 == 0) {
			queue.push(std::to_string(me) + " gives " + std::to_string(i));
			changed.notify_one();
		} else {
			changed.wait(lock, [] { return !queue.empty(); });
			check(queue.front().find(" gives ") != std::string::npos);
			queue.pop();
			taken++;
		}
		work(200);
	}
	return 0;
}

void a_mutex_and_a_condition_pass_work_on(void **)
{
	if (!world_has_user())
		skip();
	taken = 0;
	run_many(produce_or_consume);
	assert_int_equal(taken, 2u * rounds * threads / 2);
	assert_true(queue.empty());
}

/* ---- once, and static objects */
struct slow_object {
	int value;
	slow_object() : value(0)
	{
		work(100000);
		value = 5;
	}
};

std::once_flag flag;
int calls;

int call_once(void *)
{
	static slow_object object;

	check(object.value == 5);
	std::call_once(flag, [] {
		work(100000);
		calls++;
	});
	check(calls == 1);
	return 0;
}

void what_is_done_once_is_done_once(void **)
{
	run_many(call_once);
}

/* ---- the C library's locale, and what hangs on it */
int keep_locale(void *arg)
{
	bool is_wide = reinterpret_cast<intptr_t>(arg) % 2 == 0;
	locale_t mine =
		newlocale(LC_ALL_MASK, is_wide ? "C.UTF-8" : "C", static_cast<locale_t>(nullptr));
	std::mbstate_t shift{};
	wchar_t wide = 0;

	check(mine != static_cast<locale_t>(nullptr));
	check(uselocale(nullptr) == LC_GLOBAL_LOCALE);
	uselocale(mine);
	for (int i = 0; i < rounds; i++) {
		work(300);
		if (i % 10 == 0)
			weft_yield();
		check(uselocale(nullptr) == mine);
		check((MB_CUR_MAX > 1) == is_wide);
		check((std::mbrtowc(&wide, "\xc3\xa4", 2, &shift) == 2 && wide == 0xe4) == is_wide);
		check((iswalpha(0xe4) != 0) == is_wide);
		shift = {};
	}
	uselocale(LC_GLOBAL_LOCALE);
	freelocale(mine);
	return 0;
}

void a_locale_is_its_thread_s(void **)
{
	run_many(keep_locale);
}

/* ---- streams */
int write_and_read(void *arg)
{
	for (int i = 0; i < rounds; i++) {
		std::ostringstream out;
		std::string word;
		double number = 0;

		check(std::isalpha('x', out.getloc()) && !std::isalpha('1', out.getloc()));
		out << "thread" << reinterpret_cast<intptr_t>(arg) << ' ' << i + 0.5;
		std::istringstream in(out.str());
		in >> word >> number;
		check(word == "thread" + std::to_string(reinterpret_cast<intptr_t>(arg)));
		check(number == i + 0.5);
	}
	return 0;
}

void streams_are_formatted_and_parsed(void **)
{
	run_many(write_and_read);
}

} // namespace

int main()
{
	static const char *names[] = {
		"thread_locals_begin_and_end_with_the_thread",
		"exceptions_are_each_threads_own",
		"a_mutex_and_a_condition_pass_work_on",
		"what_is_done_once_is_done_once",
		"a_locale_is_its_thread_s",
		"streams_are_formatted_and_parsed",
	};
	const struct CMUnitTest tests[] = {
		{ names[0], thread_locals_begin_and_end_with_the_thread, world_named, nullptr,
		  &names[0] },
		{ names[1], exceptions_are_each_threads_own, world_named, nullptr, &names[1] },
		{ names[2], a_mutex_and_a_condition_pass_work_on, world_named, nullptr, &names[2] },
		{ names[3], what_is_done_once_is_done_once, world_named, nullptr, &names[3] },
		{ names[4], a_locale_is_its_thread_s, world_named, nullptr, &names[4] },
		{ names[5], streams_are_formatted_and_parsed, world_named, nullptr, &names[5] },
	};

	world_watch(100);
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
