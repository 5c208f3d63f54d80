/* SPDX-License-Identifier: MIT */
/* Deadlines of std::chrono: neither early, nor over the edge. */
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <csetjmp>

extern "C" {
#include <cmocka.h>
}

#include <weft/weft.hpp>

#define assert_none(error) assert_int_equal((error).value(), 0)

using namespace std::chrono_literals;

static bool is_about(std::int64_t got_ns, std::int64_t expected_ns)
{
	return got_ns >= expected_ns && got_ns < expected_ns + 10 * WEFT_SECOND;
}

static void a_duration_counts_from_now(void **)
{
	std::int64_t now_ns = weft_now();

	assert_true(is_about(weft::deadline(90s).ns(), now_ns + 90 * WEFT_SECOND));
	assert_true(is_about(weft::deadline(std::chrono::duration<double>(0.5)).ns(),
			     now_ns + 500 * WEFT_MS));
	assert_true(weft::deadline(-1s).ns() < weft_now());
}

static void a_time_point_of_any_clock_is_the_same_moment(void **)
{
	std::int64_t now_ns = weft_now();

	assert_true(is_about(weft::deadline(std::chrono::steady_clock::now() + 1h).ns(),
			     now_ns + 3600 * WEFT_SECOND));
	assert_true(is_about(weft::deadline(std::chrono::system_clock::now() + 1h).ns(),
			     now_ns + 3600 * WEFT_SECOND));
	assert_int_equal(weft::deadline(weft::clock::time_point(1234ns)).ns(), 1234);
	assert_int_equal(weft::deadline::at(1234).ns(), 1234);
}

/* 0.1 ns more than 2 s: a wait may not end at 2 s. */
static void a_fraction_is_rounded_up(void **)
{
	using tenths = std::chrono::duration<std::int64_t, std::ratio<1, 10000000000>>;
	std::chrono::time_point<weft::clock, tenths> when(tenths(20000000001));

	assert_int_equal(weft::deadline(when).ns(), 2000000001);
}

static void what_is_too_far_never_passes(void **)
{
	assert_int_equal(weft::deadline(std::chrono::hours::max()).ns(), WEFT_FOREVER);
	assert_int_equal(weft::deadline(std::chrono::nanoseconds::max()).ns(), WEFT_FOREVER);
	assert_int_equal(weft::deadline(std::chrono::duration<double>(1e300)).ns(), WEFT_FOREVER);
	assert_int_equal(weft::deadline::never().ns(), WEFT_FOREVER);
	assert_true(weft::deadline(std::chrono::hours::min()).ns() < 0);
}

static void sleeping_takes_its_time(void **)
{
	auto begun = weft::clock::now();

	assert_none(weft::sleep_until(5ms));
	assert_true(weft::clock::now() - begun >= 5ms);
}

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(a_duration_counts_from_now),
		cmocka_unit_test(a_time_point_of_any_clock_is_the_same_moment),
		cmocka_unit_test(a_fraction_is_rounded_up),
		cmocka_unit_test(what_is_too_far_never_passes),
		cmocka_unit_test(sleeping_takes_its_time),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
