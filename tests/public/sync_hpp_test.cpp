/* SPDX-License-Identifier: MIT */
/* Locks of C++: they exclude, end with their blocks, and go with the standard's. */
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <csetjmp>

extern "C" {
#include <cmocka.h>
}

#include <mutex>
#include <stdexcept>

#include <weft/weft.hpp>

#define assert_none(error) assert_int_equal((error).value(), 0)

using namespace std::chrono_literals;

static weft::mutex lock; /* of static storage: ready before any code runs */
static long sum;

static void a_mutex_goes_with_the_standards_guards(void **)
{
	{
		weft::thread threads[4];

		for (weft::thread &thread : threads)
			thread = weft::thread([] {
				for (int i = 0; i < 10000; i++) {
					std::lock_guard<weft::mutex> held(lock);
					sum++;
				}
			});
	}
	assert_int_equal(sum, 40000);

	weft::mutex other;
	{
		std::scoped_lock both(lock, other);

		assert_false(lock.try_lock());
		assert_false(other.try_lock());
	}
	std::unique_lock<weft::mutex> held(lock, std::defer_lock);
	assert_true(held.try_lock());
	assert_true(held.owns_lock());
}

static void a_deadline_says_why_it_was_in_vain(void **)
{
	weft::mutex mutex;
	std::unique_lock<weft::mutex> held(mutex);

	assert_false(mutex.try_lock_for(1ms));
	assert_false(mutex.try_lock_until(std::chrono::system_clock::now()));
	assert_true(mutex.lock_until(1ms) == std::errc::timed_out);
	held.unlock();
	assert_true(held.try_lock_for(1ms));
}

static void a_guard_holds_a_lock_of_c_to_the_end_of_its_block(void **)
{
	weft_mutex mutex = WEFT_MUTEX_INIT;

	try {
		weft::guard held(mutex);

		assert_int_equal(weft_mutex_lock_try(&mutex), -EBUSY);
		throw std::runtime_error("out");
	} catch (const std::runtime_error &) {
		assert_int_equal(weft_mutex_lock_try(&mutex), 0);
	}
	weft_mutex_unlock(&mutex);
}

static void a_spin_lock_is_guarded_as_a_mutex_is(void **)
{
	static weft::spin spin;
	weft_spin of_c = WEFT_SPIN_INIT;
	std::unique_lock<weft::spin> held(spin, 1ms);

	assert_true(held.owns_lock());
	weft::thread other([&] {
		assert_false(spin.try_lock());
		assert_true(spin.lock_until(1ms) == std::errc::timed_out);

		weft::guard inner(of_c);
		assert_true(of_c.holder != 0);
	});
	assert_none(other.join());
	assert_int_equal(of_c.holder, 0);
}

static void a_condition_is_waited_for(void **)
{
	weft::mutex mutex;
	weft::cond changed;
	bool is_true = false;
	std::unique_lock<weft::mutex> held(mutex);

	assert_true(changed.wait_until(held, 1ms, [&] { return is_true; }) == std::errc::timed_out);
	assert_true(held.owns_lock());

	weft::thread other([&] {
		std::lock_guard<weft::mutex> there(mutex);

		is_true = true;
		changed.wake();
	});
	assert_none(changed.wait(held, [&] { return is_true; }));
	assert_true(is_true);
	/* a deadline that is over does not hide what is true */
	assert_none(changed.wait_until(held, -1s, [&] { return is_true; }));
	held.unlock(); /* `other` is joined before it goes */
}

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(a_mutex_goes_with_the_standards_guards),
		cmocka_unit_test(a_deadline_says_why_it_was_in_vain),
		cmocka_unit_test(a_guard_holds_a_lock_of_c_to_the_end_of_its_block),
		cmocka_unit_test(a_spin_lock_is_guarded_as_a_mutex_is),
		cmocka_unit_test(a_condition_is_waited_for),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
