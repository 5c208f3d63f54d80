/* SPDX-License-Identifier: MIT */
/*
 * Locks, as C++ writes them. Two ways lead to them:
 *
 *   weft::guard    holds a lock of C's, a weft_mutex &, to the end of its block.
 *   weft::mutex …  classes that std::lock_guard, std::unique_lock, std::scoped_lock (and, where
 *                  there are readers, std::shared_lock) take.
 *
 * They are as constant to initialize as in C, so one of static storage is ready before any code
 * runs. Their destructors do nothing: those of static storage come while threads may still use
 * them. try_lock_until answers false for each reason, the deadline or a cancellation; lock_until
 * says which.
 */
#ifndef WEFT_SYNC_HPP
#define WEFT_SYNC_HPP

#include <mutex>
#include <system_error>

#include <weft/cond.h>
#include <weft/mutex.h>
#include <weft/spin.h>
#include <weft/time.hpp>

namespace weft
{

/* How each lock of C's begins, is taken and given back. */
template <class Lock> struct lock_calls;

template <> struct lock_calls<weft_mutex> {
	static constexpr weft_mutex initial = WEFT_MUTEX_INIT;
	static constexpr auto lock = weft_mutex_lock;
	static constexpr auto lock_try = weft_mutex_lock_try;
	static constexpr auto lock_until = weft_mutex_lock_until;
	static constexpr auto unlock = weft_mutex_unlock;
};

template <> struct lock_calls<weft_spin> {
	static constexpr weft_spin initial = WEFT_SPIN_INIT;
	static constexpr auto lock = weft_spin_lock;
	static constexpr auto lock_try = weft_spin_lock_try;
	static constexpr auto lock_until = weft_spin_lock_until;
	static constexpr auto unlock = weft_spin_unlock;
};

/* Holds a lock of C's from here to the end of the block. */
template <class Lock> class guard
{
      public:
	explicit guard(Lock &guarded) noexcept : held(guarded)
	{
		lock_calls<Lock>::lock(&held);
	}
	~guard()
	{
		lock_calls<Lock>::unlock(&held);
	}
	guard(const guard &) = delete;
	guard &operator=(const guard &) = delete;

      private:
	Lock &held;
};

/* A lock of C's as the standard's guards take it. */
template <class Lock> class lockable
{
      public:
	using native_handle_type = Lock *;

	constexpr lockable() noexcept = default;
	lockable(const lockable &) = delete;
	lockable &operator=(const lockable &) = delete;

	void lock() noexcept
	{
		calls::lock(&lock_);
	}
	bool try_lock() noexcept
	{
		return calls::lock_try(&lock_) == 0;
	}
	std::error_code lock_until(deadline until) noexcept
	{
		return error_of(calls::lock_until(&lock_, until.ns()));
	}
	bool try_lock_until(deadline until) noexcept
	{
		return !lock_until(until);
	}
	bool try_lock_for(deadline from_now) noexcept
	{
		return !lock_until(from_now);
	}
	void unlock() noexcept
	{
		calls::unlock(&lock_);
	}
	native_handle_type native_handle() noexcept
	{
		return &lock_;
	}

      private:
	using calls = lock_calls<Lock>;

	Lock lock_ = calls::initial;
};

using mutex = lockable<weft_mutex>;
using spin = lockable<weft_spin>;

/* A condition variable for weft::mutex. The lock is held on return, whatever is returned. */
class cond
{
      public:
	constexpr cond() noexcept = default;
	cond(const cond &) = delete;
	cond &operator=(const cond &) = delete;

	std::error_code wait(std::unique_lock<mutex> &held) noexcept
	{
		return error_of(weft_cond_wait(&cond_, held.mutex()->native_handle()));
	}
	std::error_code wait_until(std::unique_lock<mutex> &held, deadline until) noexcept
	{
		return error_of(
			weft_cond_wait_until(&cond_, held.mutex()->native_handle(), until.ns()));
	}

	/* Until the predicate is true: then there is no error, even if there was one as well. */
	template <class Predicate>
	std::error_code wait_until(std::unique_lock<mutex> &held, deadline until,
				   Predicate predicate)
	{
		std::error_code failed;

		while (!predicate()) {
			if (failed)
				return failed;
			failed = wait_until(held, until);
		}
		return std::error_code();
	}
	template <class Predicate>
	std::error_code wait(std::unique_lock<mutex> &held, Predicate predicate)
	{
		return wait_until(held, deadline::never(), predicate);
	}

	void wake() noexcept
	{
		weft_cond_wake(&cond_);
	}
	void wake_all() noexcept
	{
		weft_cond_wake_all(&cond_);
	}

      private:
	weft_cond cond_ = WEFT_COND_INIT;
};

} // namespace weft

#endif
