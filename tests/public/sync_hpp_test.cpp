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
#include <shared_mutex>
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

static void readers_share_and_writers_do_not(void **)
{
	static weft::rwlock lock_of_two;
	weft_rwlock of_c = WEFT_RWLOCK_INIT;

	{
		std::shared_lock<weft::rwlock> one(lock_of_two), two(lock_of_two, 1ms);
		std::unique_lock<weft::rwlock> writer(lock_of_two, std::defer_lock);

		assert_true(one.owns_lock() && two.owns_lock());
		assert_false(writer.try_lock());
		assert_false(writer.try_lock_for(1ms));
		one.unlock();
		two.unlock();
		assert_true(writer.try_lock());
		assert_false(lock_of_two.try_lock_shared());
		assert_true(lock_of_two.lock_shared_until(1ms) == std::errc::timed_out);
	}
	assert_true(lock_of_two.try_lock());
	lock_of_two.unlock();
	{
		weft::read_guard one(of_c);
		weft::read_guard two(of_c);

		assert_int_equal(weft_rwlock_write_lock_try(&of_c), -EBUSY);
	}
	{
		weft::write_guard one(of_c);

		assert_int_equal(weft_rwlock_read_lock_try(&of_c), -EBUSY);
	}
	assert_int_equal(weft_rwlock_write_lock_try(&of_c), 0);
	weft_rwlock_write_unlock(&of_c);
}

static void an_owned_guard_says_how_it_came_by_the_lock(void **)
{
	weft_owned_mutex owned;
	weft_owned_mutex_options options = {};

	options.robust = true;
	assert_int_equal(weft_owned_mutex_init(&owned, &options), 0);
	{
		weft::owned_guard once(owned);
		weft::owned_guard twice(owned);

		assert_none(once.error());
		assert_true(once.owns_lock());
		assert_true(twice.error() == std::errc::resource_deadlock_would_occur);
		assert_false(twice.owns_lock());

		weft::thread other([&] {
			weft::owned_guard late(owned, 1ms);

			assert_true(late.error() == std::errc::timed_out);
		});
	}
	weft::thread ends_with_it([&] { weft_owned_mutex_lock(&owned); });
	assert_none(ends_with_it.join());
	{
		weft::owned_guard after(owned);

		assert_true(after.error() == std::errc::owner_dead);
		assert_true(after.owns_lock());
		assert_none(after.consistent());
	}
	weft::owned_guard again(owned);
	assert_none(again.error());
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
		cmocka_unit_test(readers_share_and_writers_do_not),
		cmocka_unit_test(an_owned_guard_says_how_it_came_by_the_lock),
		cmocka_unit_test(a_condition_is_waited_for),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
