// SPDX-License-Identifier: MIT
// C++ exceptions through several frames, caught, kept and thrown again; and a thread_local object
// that a thread has of its own, made at the first use and destroyed when the thread ends.
#include "soak.h"

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include "base/atomic.h"

namespace
{

uint64_t made, destroyed;

struct Own {
	std::string text = "own";
	std::vector<uint64_t> numbers;

	Own()
	{
		atomic_add_relaxed(&made, 1);
	}
	~Own()
	{
		if (text.compare(0, 3, "own") == 0)
			atomic_add_relaxed(&destroyed, 1);
	}
	Own(const Own &) = delete;
	Own &operator=(const Own &) = delete;
};

thread_local Own own;

class Odd : public std::runtime_error
{
      public:
	uint64_t number;
	explicit Odd(uint64_t n) : std::runtime_error("odd " + std::to_string(n)), number(n)
	{
	}
};

struct Count {
	int &count;
	explicit Count(int &c) : count(c)
	{
		count++;
	}
	~Count()
	{
		count--;
	}
	Count(const Count &) = delete;
	Count &operator=(const Count &) = delete;
};

uint64_t descend(struct soak_run *run, int &open, unsigned depth)
{
	Count count(open);
	auto text = std::make_unique<std::string>(depth * 7 + 1, 'x');
	uint64_t draw = soak_random(run);

	if (depth == 0) {
		if (draw % 2 != 0)
			throw Odd(draw);
		if (draw % 4 == 0)
			throw std::string("four");
		return draw;
	}
	try {
		return descend(run, open, depth - 1) + text->size();
	} catch (const std::string &caught) {
		if (draw % 3 != 0)
			throw;
		return caught.size() + text->size();
	} catch (const Odd &) {
		/* Another exception begins and ends while this one is held. */
		try {
			std::string().at(depth);
		} catch (const std::out_of_range &) {
			soak_add_number(run, depth);
		}
		throw;
	}
}

void keep_and_throw_again(struct soak_run *run, int &open)
{
	std::exception_ptr kept;

	try {
		soak_add_number(run, descend(run, open, 8));
	} catch (...) {
		kept = std::current_exception();
	}
	if (open != 0)
		soak_fail(run, "%d frames were not unwound", open);
	if (std::uncaught_exceptions() != 0)
		soak_fail(run, "%d exceptions are on their way", std::uncaught_exceptions());
	if (!kept)
		return;
	try {
		std::rethrow_exception(kept);
	} catch (const Odd &odd) {
		soak_add_number(run, odd.number);
		soak_add(run, odd.what(), std::string(odd.what()).size());
	} catch (const std::string &text) {
		soak_add(run, text.data(), text.size());
	}
}

void work(struct soak_run *run)
{
	int open = 0;
	uint64_t sum = 0, other = 0;

	own.numbers.clear();
	for (unsigned i = 0; i < 24; i++) {
		uint64_t number = soak_random(run);

		own.numbers.push_back(number);
		sum += number;
		own.text = "own" + std::to_string(number);
		keep_and_throw_again(run, open);
		if (own.text != "own" + std::to_string(number))
			soak_fail(run, "its own string is another: '%.40s'", own.text.c_str());
	}
	for (uint64_t number : own.numbers)
		other += number;
	if (sum != other)
		soak_fail(run, "its own vector is another");
}

/* Kernel threads are seen to have ended a moment later than they said so. */
void check(struct soak_run *run)
{
	for (int i = 0; i < 200 && atomic_load_acquire(&made) != atomic_load_acquire(&destroyed);
	     i++)
		usleep(10000);
	if (made != destroyed)
		soak_fail(run, "%llu objects of threads were made, %llu destroyed whole",
			  static_cast<unsigned long long>(made),
			  static_cast<unsigned long long>(destroyed));
}

} // namespace

const struct soak_operation soak_exception = {
	"exception", "C++ exceptions, and objects of a thread's own", nullptr, work, check, 0
};
