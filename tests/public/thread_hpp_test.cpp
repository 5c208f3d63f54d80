/* SPDX-License-Identifier: MIT */
/* Threads, groups, scopes, shields and deferred functions of C++ end with their blocks. */
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <csetjmp>

extern "C" {
#include <cmocka.h>
}

#include <atomic>
#include <memory>
#include <vector>

#include <weft/weft.hpp>

#define assert_none(error) assert_int_equal((error).value(), 0)

using namespace std::chrono_literals;

static weft_sem never;

static std::error_code wait_for_ever()
{
	return weft::error_of(weft_sem_wait(&never));
}

static void a_thread_is_joined_when_it_goes(void **)
{
	std::atomic<int> ended = 0;
	auto owned = std::make_unique<int>(7); /* what it runs can only be moved */
	int result = 0;

	{
		weft::thread silent([&] {
			weft_sleep(5 * WEFT_MS);
			ended++;
		});
		weft::thread moved = std::move(silent);

		assert_false(silent.joinable());
		assert_true(moved.joinable());
	}
	assert_int_equal(ended, 1);

	weft::thread with_result([owned = std::move(owned)] { return *owned; });
	assert_none(with_result.join(&result));
	assert_int_equal(result, 7);
	assert_true(with_result.join() == std::errc::invalid_argument);
}

static void a_thread_that_cannot_be_is_an_exception(void **)
{
	weft_thread_options light = {};
	bool is_thrown = false;

	light.kind = WEFT_LIGHT; /* there is no scheduler */
	try {
		weft::thread refused([] {}, light);
	} catch (const std::system_error &error) {
		is_thrown = error.code() == std::errc::invalid_argument;
	}
	assert_true(is_thrown);
}

static void a_join_with_a_deadline_leaves_it_running(void **)
{
	weft::thread waiting([] { return -wait_for_ever().value(); });
	int result = 0;

	assert_true(waiting.join_until(1ms) == std::errc::timed_out);
	assert_true(waiting.joinable());
	waiting.cancel();
	assert_none(waiting.join(&result));
	assert_int_equal(result, -ECANCELED);
}

/* Who is cancelled waits all the same for a thread that uses his stack. */
static void a_destructor_waits_though_it_is_cancelled(void **)
{
	std::atomic<bool> is_inside = false, ended = false, has_waited = false;
	weft_sem go = WEFT_SEM_INIT(0);

	weft::thread outer([&] {
		{
			weft::thread inner([&] {
				weft_sem_wait(&go);
				ended = true;
			});

			is_inside = true;
			wait_for_ever();
			weft_sem_wake(&go);
		}
		has_waited = ended.load();
	});
	while (!is_inside)
		weft_yield();
	outer.cancel();
	assert_none(outer.join());
	assert_true(has_waited);
}

static void a_scope_bounds_what_is_in_it(void **)
{
	weft::scope late(1ms);

	assert_true(wait_for_ever() == std::errc::operation_canceled);
	{
		weft::shield calm;

		assert_true(weft::error_of(weft_sem_wait_until(&never, weft_now() + WEFT_MS)) ==
			    std::errc::timed_out);
	}
	assert_true(late.leave() == std::errc::timed_out);
	assert_true(late.leave() == std::errc::timed_out); /* once more says the same */
	assert_int_equal(weft_cancelled(), 0);

	weft::scope cancelled;
	cancelled.cancel();
	assert_true(wait_for_ever() == std::errc::operation_canceled);
	assert_true(cancelled.leave() == std::errc::operation_canceled);

	weft::scope calm;
	assert_none(calm.leave());
}

static void a_group_ends_with_its_block(void **)
{
	std::atomic<int> ended = 0;
	weft::group group;

	for (int i = 0; i < 3; i++)
		assert_none(group.spawn([&] { ended++; }));
	assert_int_equal(group.join(), 0);
	assert_int_equal(ended, 3);

	assert_none(group.spawn([] { return -wait_for_ever().value(); }));
	assert_none(group.spawn([] { return -EILSEQ; }));
	assert_int_equal(group.join(), -EILSEQ);

	assert_none(group.spawn([] { wait_for_ever(); }));
	assert_int_equal(group.join(1ms), -ETIMEDOUT);
	{
		weft::group forgotten;

		assert_none(forgotten.spawn([&] {
			wait_for_ever();
			ended++;
		}));
	}
	assert_int_equal(ended, 4);
}

static void what_is_deferred_runs_once(void **)
{
	std::vector<int> order;

	{
		weft::defer first([&] { order.push_back(1); });
		weft::defer second([&] { order.push_back(2); });

		assert_true(order.empty());
	}
	assert_true((order == std::vector<int>{ 2, 1 }));
}

/* A destructor would wait, or unlock, where the thread is no more. */
static int leave_in_the_middle(void *arg)
{
	struct witness {
		bool *has_seen;
		~witness()
		{
			*has_seen = true;
		}
	};
	bool *seen = static_cast<bool *>(arg);
	weft::thread leaving([=] {
		witness unseen{ &seen[0] };
		weft::defer deferred([=] { seen[1] = true; });

		weft_thread_exit(5);
	});
	int result = 0;

	assert_none(leaving.join(&result));
	return result;
}

static void the_end_of_a_thread_unwinds_nothing(void **)
{
	bool on_kernel[2] = {}, on_user[2] = {};

	assert_int_equal(leave_in_the_middle(on_kernel), 5);
	assert_int_equal(weft_run(leave_in_the_middle, on_user, nullptr), 5);
	assert_false(on_kernel[0] || on_user[0]);
	assert_true(on_kernel[1] && on_user[1]);
}

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_is_joined_when_it_goes),
		cmocka_unit_test(a_thread_that_cannot_be_is_an_exception),
		cmocka_unit_test(a_join_with_a_deadline_leaves_it_running),
		cmocka_unit_test(a_destructor_waits_though_it_is_cancelled),
		cmocka_unit_test(a_scope_bounds_what_is_in_it),
		cmocka_unit_test(a_group_ends_with_its_block),
		cmocka_unit_test(what_is_deferred_runs_once),
		cmocka_unit_test(the_end_of_a_thread_unwinds_nothing),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
