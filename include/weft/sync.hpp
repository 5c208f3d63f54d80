/* SPDX-License-Identifier: MIT */
/*
 * Locks, as C++ writes them. Two ways lead to them:
 *
 *   weft::guard    holds a lock of C's, a weft_mutex &, to the end of its block; read_guard,
 *                  write_guard and owned_guard do where there are readers, or an owner.
 *   weft::mutex …  classes that std::lock_guard, std::unique_lock, std::scoped_lock (and
 *                  weft::rwlock, std::shared_lock) take.
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
#include <weft/owned_mutex.h>
#include <weft/rwlock.h>
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

/* Reads, and writes, what a readers-writer lock of C's guards, to the end of the block. */
class read_guard
{
      public:
	explicit read_guard(weft_rwlock &guarded) noexcept : held(guarded)
	{
		weft_rwlock_read_lock(&held);
	}
	~read_guard()
	{
		weft_rwlock_read_unlock(&held);
	}
	read_guard(const read_guard &) = delete;
	read_guard &operator=(const read_guard &) = delete;

      private:
	weft_rwlock &held;
};

class write_guard
{
      public:
	explicit write_guard(weft_rwlock &guarded) noexcept : held(guarded)
	{
		weft_rwlock_write_lock(&held);
	}
	~write_guard()
	{
		weft_rwlock_write_unlock(&held);
	}
	write_guard(const write_guard &) = delete;
	write_guard &operator=(const write_guard &) = delete;

      private:
	weft_rwlock &held;
};

/* Locking a mutex that knows its owner may fail: ask, before you touch what it guards. */
class owned_guard
{
      public:
	explicit owned_guard(weft_owned_mutex &guarded) noexcept
		: owned_guard(guarded, weft_owned_mutex_lock(&guarded))
	{
	}
	owned_guard(weft_owned_mutex &guarded, deadline until) noexcept
		: owned_guard(guarded, weft_owned_mutex_lock_until(&guarded, until.ns()))
	{
	}
	~owned_guard()
	{
		if (is_held)
			weft_owned_mutex_unlock(&held);
	}
	owned_guard(const owned_guard &) = delete;
	owned_guard &operator=(const owned_guard &) = delete;

	/* std::errc::owner_dead, and it is held: the last owner ended while he held it. Others: it
	 * is not. */
	std::error_code error() const noexcept
	{
		return why;
	}
	bool owns_lock() const noexcept
	{
		return is_held;
	}

	/* After owner_dead: what is guarded is in order again. */
	std::error_code consistent() noexcept
	{
		return error_of(weft_owned_mutex_consistent(&held));
	}

      private:
	owned_guard(weft_owned_mutex &guarded, int code) noexcept
		: held(guarded), why(error_of(code)),
		  is_held(code == 0 || why == std::errc::owner_dead)
	{
	}

	weft_owned_mutex &held;
	std::error_code why;
	bool is_held;
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

/* Of readers and a writer: as std::shared_mutex. */
class rwlock
{
      public:
	using native_handle_type = weft_rwlock *;

	constexpr rwlock() noexcept = default;
	rwlock(const rwlock &) = delete;
	rwlock &operator=(const rwlock &) = delete;

	void lock() noexcept
	{
		weft_rwlock_write_lock(&lock_);
	}
	bool try_lock() noexcept
	{
		return weft_rwlock_write_lock_try(&lock_) == 0;
	}
	std::error_code lock_until(deadline until) noexcept
	{
		return error_of(weft_rwlock_write_lock_until(&lock_, until.ns()));
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
		weft_rwlock_write_unlock(&lock_);
	}

	void lock_shared() noexcept
	{
		weft_rwlock_read_lock(&lock_);
	}
	bool try_lock_shared() noexcept
	{
		return weft_rwlock_read_lock_try(&lock_) == 0;
	}
	std::error_code lock_shared_until(deadline until) noexcept
	{
		return error_of(weft_rwlock_read_lock_until(&lock_, until.ns()));
	}
	bool try_lock_shared_until(deadline until) noexcept
	{
		return !lock_shared_until(until);
	}
	bool try_lock_shared_for(deadline from_now) noexcept
	{
		return !lock_shared_until(from_now);
	}
	void unlock_shared() noexcept
	{
		weft_rwlock_read_unlock(&lock_);
	}
	native_handle_type native_handle() noexcept
	{
		return &lock_;
	}

      private:
	weft_rwlock lock_ = WEFT_RWLOCK_INIT;
};

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
