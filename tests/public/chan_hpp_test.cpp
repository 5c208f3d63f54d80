/* SPDX-License-Identifier: MIT */
/* Channels of C++: typed, and over when they are closed. */
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <csetjmp>

extern "C" {
#include <cmocka.h>
}

#include <memory>
#include <string>

#include <weft/weft.hpp>

#define assert_none(error) assert_int_equal((error).value(), 0)

using namespace std::chrono_literals;

static void elements_come_in_order_until_it_is_closed(void **)
{
	struct point {
		int x, y;
	};
	weft::channel<point> points(4);
	int next = 0, sum = 0;
	weft::thread sender([&] {
		for (int i = 0; i < 100; i++)
			assert_none(points.send({ i, 2 * i }));
		points.close();
	});

	for (const point &got : points) {
		assert_int_equal(got.x, next++);
		sum += got.y;
	}
	assert_int_equal(next, 100);
	assert_int_equal(sum, 9900);
	assert_int_equal(points.capacity(), 4);
	assert_true(points.send({ 0, 0 }) == std::errc::broken_pipe);
}

static void each_form_says_why_it_failed(void **)
{
	weft::channel<int> chan(1);
	int got = -1;

	assert_true(chan.recv_try(got) == std::errc::resource_unavailable_try_again);
	assert_true(chan.recv_until(got, 1ms) == std::errc::timed_out);
	assert_none(chan.send_try(7));
	assert_int_equal(chan.count(), 1);
	assert_true(chan.send_try(8) == std::errc::resource_unavailable_try_again);
	assert_true(chan.send_until(8, 1ms) == std::errc::timed_out);
	assert_none(chan.recv_until(got, 1ms));
	assert_int_equal(got, 7);

	weft::scope over;
	over.cancel();
	assert_true(chan.recv(got) == std::errc::operation_canceled);
	for (int none : chan)
		fail_msg("%d came", none);
}

static void what_owns_travels_as_a_pointer(void **)
{
	weft::channel<std::string *> chan(weft::unbounded);
	auto text = std::make_unique<std::string>("weft");
	std::string *got = nullptr;

	assert_none(chan.send(text.get()));
	text.release(); /* not before: a send that failed has sent nothing */
	assert_none(chan.recv(got));
	text.reset(got);
	assert_string_equal(text->c_str(), "weft");
}

static void a_select_does_one_of_its_cases(void **)
{
	weft::channel<int> full(1), numbers(1);
	const int seven = 7;
	int got = -1;

	assert_none(full.send(1));
	auto none = weft::select(1ms, full.sending(seven), numbers.receiving(got));
	assert_int_equal(none.which, -1);
	assert_true(none.error == std::errc::timed_out);

	assert_none(numbers.send(5));
	auto done = weft::select(1s, full.sending(seven), numbers.receiving(got));
	assert_int_equal(done.which, 1);
	assert_none(done.error);
	assert_int_equal(got, 5);
	assert_int_equal(full.count(), 1);

	numbers.close();
	auto closed = weft::select(1s, full.sending(seven), numbers.receiving(got));
	assert_int_equal(closed.which, 1);
	assert_true(closed.error == std::errc::broken_pipe);
}

static void events_and_descriptors_are_cases_too(void **)
{
	weft_event stop = WEFT_EVENT_INIT;
	int fds[2];

	assert_int_equal(weft_pipe(fds), 0);
	weft_event_set(&stop);
	auto set = weft::select(5s, weft::ready(fds[0], WEFT_READABLE), weft::happening(stop));
	assert_int_equal(set.which, 1);
	assert_none(set.error);
	assert_int_equal(set.ready, 0);

	weft_event_reset(&stop);
	assert_int_equal(weft_write(fds[1], "x", 1), 1);
	auto come = weft::select(5s, weft::ready(fds[0], WEFT_READABLE), weft::happening(stop));
	assert_int_equal(come.which, 0);
	assert_none(come.error);
	assert_int_equal(come.ready, WEFT_READABLE);
	weft_close(fds[0]);
	weft_close(fds[1]);
}

static void a_channel_that_cannot_be_is_an_exception(void **)
{
	bool is_thrown = false;

	try {
		weft::channel<int> huge(weft::unbounded - 1);
	} catch (const std::system_error &error) {
		is_thrown = error.code() == std::errc::not_enough_memory;
	}
	assert_true(is_thrown);
}

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(elements_come_in_order_until_it_is_closed),
		cmocka_unit_test(each_form_says_why_it_failed),
		cmocka_unit_test(what_owns_travels_as_a_pointer),
		cmocka_unit_test(a_select_does_one_of_its_cases),
		cmocka_unit_test(events_and_descriptors_are_cases_too),
		cmocka_unit_test(a_channel_that_cannot_be_is_an_exception),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
