/* SPDX-License-Identifier: MIT */
/*
 * Time, as C++ writes it: a deadline made of a std::chrono duration (from now on) or of a time
 * point of any clock. Where a call takes a weft::deadline both can be written there. What is too
 * far away for 64 bits of nanoseconds never passes; fractions of a nanosecond are rounded up, so no
 * wait ends before its time.
 *
 * A time point of another clock than the monotonic one is turned into one of that when the deadline
 * is made: what is done to the other clock later does not move it.
 */
#ifndef WEFT_TIME_HPP
#define WEFT_TIME_HPP

#include <chrono>
#include <cstdint>
#include <ratio>
#include <system_error>

#include <weft/time.h>

namespace weft
{

/* The clock of weft_now, for std::chrono. */
struct clock {
	using rep = std::int64_t;
	using period = std::nano;
	using duration = std::chrono::duration<rep, period>;
	using time_point = std::chrono::time_point<clock>;
	static constexpr bool is_steady = true;

	static time_point now() noexcept
	{
		return time_point(duration(weft_now()));
	}
};

class deadline
{
      public:
	template <class Rep, class Period>
	deadline(const std::chrono::duration<Rep, Period> &from_now) noexcept
		: value(after(weft_now(), nanoseconds(from_now)))
	{
	}

	template <class Clock, class Duration>
	deadline(const std::chrono::time_point<Clock, Duration> &when) noexcept
		: deadline(when - Clock::now())
	{
	}

	template <class Duration>
	deadline(const std::chrono::time_point<clock, Duration> &when) noexcept
		: value(nanoseconds(when.time_since_epoch()))
	{
	}

	/* As C writes it: absolute, or WEFT_FOREVER. */
	static deadline at(std::int64_t deadline_ns) noexcept
	{
		return deadline(deadline_ns);
	}

	static deadline never() noexcept
	{
		return deadline(WEFT_FOREVER);
	}

	std::int64_t ns() const noexcept
	{
		return value;
	}

      private:
	explicit deadline(std::int64_t deadline_ns) noexcept : value(deadline_ns)
	{
	}

	template <class Rep, class Period>
	static std::int64_t nanoseconds(const std::chrono::duration<Rep, Period> &given) noexcept
	{
		using std::chrono::nanoseconds;
		/* As a floating number no duration overflows; the limits lose at most 1 us by
		 * it. */
		std::chrono::duration<long double, std::nano> wide = given;

		if (wide.count() >= static_cast<long double>(WEFT_FOREVER))
			return WEFT_FOREVER;
		if (wide.count() <= static_cast<long double>(INT64_MIN))
			return INT64_MIN;
		return std::chrono::ceil<nanoseconds>(given).count();
	}

	static std::int64_t after(std::int64_t now_ns, std::int64_t ns) noexcept
	{
		std::int64_t sum;

		if (__builtin_add_overflow(now_ns, ns, &sum))
			return ns > 0 ? WEFT_FOREVER : INT64_MIN;
		return sum;
	}

	std::int64_t value;
};

/* What a call of C returned, as a std::error_code: 0 and more is none. */
inline std::error_code error_of(int code) noexcept
{
	return std::error_code(code < 0 ? -code : 0, std::generic_category());
}

/* Parks the calling thread until then. Returns an error if it was cancelled. */
inline std::error_code sleep_until(deadline until) noexcept
{
	return error_of(weft_sleep_until(until.ns()));
}

} // namespace weft

#endif
