/* SPDX-License-Identifier: MIT */
/*
 * Threads and their lifetimes, as C++ writes them: thread, group, scope, shield, defer. Each ends
 * with its block.
 *
 * What runs is anything that can be called without arguments; it returns nothing, or an int, the
 * result. An exception that leaves it ends the program, as with std::thread. weft_thread_exit does
 * not unwind: of these, weft::defer alone runs then.
 *
 * On light threads: a wait inside a catch block is against their contract (<weft/thread.h>), and so
 * is a thread or a group whose destructor waits while an exception passes.
 */
#ifndef WEFT_THREAD_HPP
#define WEFT_THREAD_HPP

#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>

#include <weft/cancel.h>
#include <weft/defer.h>
#include <weft/group.h>
#include <weft/thread.h>
#include <weft/time.hpp>

namespace weft
{

/* Waits inside are not cancelled from outside; to the end of the block. */
class shield
{
      public:
	shield() noexcept
	{
		weft_shield_enter(&shield_);
	}
	~shield()
	{
		weft_shield_leave(&shield_);
	}
	shield(const shield &) = delete;
	shield &operator=(const shield &) = delete;

      private:
	weft_shield shield_;
};

/* Waits inside end with std::errc::operation_canceled once it is cancelled, or at the deadline. */
class scope
{
      public:
	explicit scope(deadline until = deadline::never()) noexcept
	{
		weft_scope_enter(&scope_, until.ns());
	}
	~scope()
	{
		leave();
	}
	scope(const scope &) = delete;
	scope &operator=(const scope &) = delete;

	/* From any thread, until it is left. */
	void cancel() noexcept
	{
		weft_scope_cancel(&scope_);
	}

	/* Ends it before its block does. Says whether it was cancelled or its time was over. */
	std::error_code leave() noexcept
	{
		if (is_in) {
			is_in = false;
			why = error_of(weft_scope_leave(&scope_));
		}
		return why;
	}

      private:
	weft_scope scope_;
	bool is_in = true;
	std::error_code why;
};

/* Runs the function when its block is left, or when the thread ends in it by weft_thread_exit. */
template <class Function> class defer
{
      public:
	explicit defer(Function function) : function_(std::move(function))
	{
		weft__defer_begin(&record, call, this);
	}
	~defer()
	{
		/* the end of a foreign kernel thread runs it, and then unwinds */
		if (!has_run)
			weft__defer_end(&record);
	}
	defer(const defer &) = delete;
	defer &operator=(const defer &) = delete;

      private:
	static void call(void *self) noexcept
	{
		defer *deferred = static_cast<defer *>(self);

		deferred->has_run = true;
		deferred->function_();
	}

	Function function_;
	bool has_run = false;
	weft_block_defer record;
};

/* A function on the heap, on its way to the thread that runs it and takes it away. */
template <class Function> struct carried {
	static int run(void *arg) noexcept
	{
		Function *function = static_cast<Function *>(arg);
		defer over([=] { delete function; });

		if constexpr (std::is_void_v<std::invoke_result_t<Function &>>) {
			(*function)();
			return 0;
		} else {
			return (*function)();
		}
	}
};

/* A thread that is joined, at the latest, when the object is destroyed; a cancellation does not
 * shorten that. It can be moved. */
class thread
{
      public:
	thread() noexcept = default;

	/* Throws std::system_error for what weft_thread_spawn returns. */
	template <class Function,
		  class = std::enable_if_t<!std::is_same_v<std::decay_t<Function>, thread>>>
	explicit thread(Function &&function, const weft_thread_options &options = {})
	{
		using Kept = std::decay_t<Function>;
		auto kept = std::make_unique<Kept>(std::forward<Function>(function));
		int failed = weft_thread_spawn(carried<Kept>::run, kept.get(), &options, &handle);

		if (failed < 0)
			throw std::system_error(error_of(failed), "weft::thread");
		kept.release();
	}

	~thread()
	{
		finish();
	}
	thread(thread &&other) noexcept : handle(std::exchange(other.handle, nullptr))
	{
	}
	thread &operator=(thread &&other) noexcept
	{
		if (this != &other) {
			finish();
			handle = std::exchange(other.handle, nullptr);
		}
		return *this;
	}
	thread(const thread &) = delete;
	thread &operator=(const thread &) = delete;

	bool joinable() const noexcept
	{
		return handle != nullptr;
	}
	weft_thread *native_handle() const noexcept
	{
		return handle;
	}

	/* With an error the thread goes on, and can be joined again. */
	std::error_code join(int *out_result = nullptr) noexcept
	{
		return join_until(deadline::never(), out_result);
	}
	std::error_code join_until(deadline until, int *out_result = nullptr) noexcept
	{
		if (handle == nullptr)
			return std::make_error_code(std::errc::invalid_argument);
		std::error_code failed =
			error_of(weft_thread_join_until(handle, until.ns(), out_result));
		if (!failed)
			handle = nullptr;
		return failed;
	}

	/* Asks it to end; it is still to be joined. */
	void cancel() noexcept
	{
		if (handle != nullptr)
			weft_thread_cancel(handle);
	}

      private:
	void finish() noexcept
	{
		if (handle != nullptr) {
			shield calm;

			join();
		}
	}

	weft_thread *handle = nullptr;
};

/* Threads that have ended when the block has: those that nobody has joined by then are cancelled,
 * and waited for. */
class group
{
      public:
	constexpr group() noexcept = default;
	~group()
	{
		shield calm;

		weft_group_cancel(&group_);
		weft_group_join(&group_);
	}
	group(const group &) = delete;
	group &operator=(const group &) = delete;

	/* From any thread. The first that returns a negative result cancels the others. */
	template <class Function>
	std::error_code spawn(Function &&function, const weft_thread_options &options = {})
	{
		using Kept = std::decay_t<Function>;
		auto kept = std::make_unique<Kept>(std::forward<Function>(function));
		int failed = weft_group_spawn(&group_, carried<Kept>::run, kept.get(), &options,
					      nullptr);

		if (failed < 0)
			return error_of(failed);
		kept.release();
		return std::error_code();
	}

	/* Returns 0 or what weft_group_join_until says; no thread of the group is left. */
	int join(deadline until = deadline::never()) noexcept
	{
		return weft_group_join_until(&group_, until.ns());
	}
	void cancel() noexcept
	{
		weft_group_cancel(&group_);
	}

      private:
	weft_group group_ = WEFT_GROUP_INIT;
};

} // namespace weft

#endif
