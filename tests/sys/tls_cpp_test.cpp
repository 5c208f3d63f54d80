/* SPDX-License-Identifier: MIT */
/* C++ on threads with a block of their own: what its runtime keeps in the block. */
#include <atomic>
#include <exception>
#include <locale>
#include <mutex>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

/* After the library: cmocka has macros with its names. */
extern "C" {
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls_user.h"
}

namespace
{

user *one, *other;

/* ---- thread_local objects */

int made, destroyed;
user *owner;

struct counted {
	std::string text;

	counted() : text("a text that is too long for the object itself")
	{
		made++;
	}
	~counted()
	{
		if (weft__arch_self() == owner && text.size() > 40)
			destroyed++;
	}
};

thread_local counted object;
thread_local std::vector<std::string> list{ "first" };

struct late {
	~late()
	{
		object.text += "!"; /* made again, perhaps, while the others are destroyed */
	}
};
thread_local late at_end;

void use_object(user *self)
{
	USER_CHECK(self, object.text.front() == 'a');
	USER_CHECK(self, list.size() == 1 && list[0] == "first");
	object.text += " and longer";
	list.push_back("second");
	user_yield(self);
	USER_CHECK(self, object.text.back() == 'r');
	USER_CHECK(self, list.size() == 2 && list[1] == "second");
}

void thread_local_objects_live_as_long_as_the_thread(void **state)
{
	(void)state;
	owner = one;
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(user_do(one, use_object, nullptr), 0);
		assert_int_equal(made, i);
		assert_int_equal(destroyed, i);
	}
	owner = nullptr;
}

void use_late(user *self)
{
	(void)&at_end;
	at_end = late();
	USER_CHECK(self, list.size() == 1);
}

void a_destructor_may_make_another_object(void **state)
{
	(void)state;
	made = 0;
	for (int i = 0; i < 3; i++)
		assert_int_equal(user_do(one, use_late, nullptr), 0);
	assert_int_equal(made, 3);
	assert_int_equal(user_do(one, use_object, nullptr), 0);
}

/* ---- thread_local objects and keys */

pthread_key_t key;
std::string order;

struct noting {
	char what = '?';
	~noting()
	{
		order += what;
	}
};
thread_local noting noted;

/* Makes the object again, when those of the thread are gone already. */
void end_key(void *value)
{
	order += 'k';
	if (value == &order)
		noted.what = 'l';
}

void use_both(user *self)
{
	noted.what = 'o';
	USER_CHECK(self, pthread_setspecific(key, self) == 0);
}

void use_key(user *self)
{
	USER_CHECK(self, pthread_setspecific(key, &order) == 0);
}

void thread_local_objects_end_before_keys(void **state)
{
	(void)state;
	order.clear();
	assert_int_equal(pthread_key_create(&key, end_key), 0);
	assert_int_equal(user_do(one, use_both, nullptr), 0);
	assert_string_equal(order.c_str(), "ok");
	assert_int_equal(pthread_key_delete(key), 0);
}

void what_a_key_s_destructor_makes_is_ended_too(void **state)
{
	(void)state;
	order.clear();
	assert_int_equal(pthread_key_create(&key, end_key), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(user_do(one, use_key, nullptr), 0);
	assert_string_equal(order.c_str(), "klkl");
	assert_int_equal(pthread_key_delete(key), 0);
}

/* ---- exceptions */

[[gnu::noinline]] void throw_below(user *self, int depth, const std::string &text)
{
	std::string keep(100, 'k');

	if (depth == 0) {
		user_yield(self);
		throw std::runtime_error(text);
	}
	throw_below(self, depth - 1, text);
}

struct unwound {
	user *self;
	int *count;

	~unwound()
	{
		/* During the unwinding it goes elsewhere. */
		user_yield(self);
		*count += std::uncaught_exceptions();
	}
};

void throw_and_catch(user *self)
{
	std::string text = "of " + std::to_string(reinterpret_cast<uintptr_t>(self));
	int unwinding = 0;

	for (int i = 0; i < 10; i++) {
		try {
			unwound here{ self, &unwinding };

			throw_below(self, i, text);
		} catch (const std::runtime_error &error) {
			user_yield(self);
			USER_CHECK(self, error.what() == text);
			try {
				user_yield(self);
				throw; /* the same again */
			} catch (const std::exception &again) {
				user_yield(self);
				USER_CHECK(self, again.what() == text);
			}
			USER_CHECK(self, std::current_exception() != nullptr);
		}
		USER_CHECK(self, std::current_exception() == nullptr);
	}
	USER_CHECK(self, unwinding == 10);
}

/* By turns, each turn on one kernel thread or the other. */
void exceptions_are_caught_by_who_threw_them(void **state)
{
	bool first = false, second = false;

	(void)state;
	user_start(one, throw_and_catch, nullptr);
	user_start(other, throw_and_catch, nullptr);
	for (int turn = 0; !first || !second; turn++) {
		if (!first)
			first = turn % 3 ? user_run(one) : user_run_elsewhere(one);
		if (!second)
			second = turn % 2 ? user_run(other) : user_run_elsewhere(other);
	}
	assert_int_equal(one->failed_line, 0);
	assert_int_equal(other->failed_line, 0);
}

/* ---- the library */

std::recursive_mutex mutex;
std::once_flag once;
int calls;

void lock_twice(user *self)
{
	std::lock_guard<std::recursive_mutex> outer(mutex);

	user_yield(self);
	std::lock_guard<std::recursive_mutex> inner(mutex);
	std::call_once(once, [] { calls++; });
	USER_CHECK(self, calls == 1);
}

void fail_to_lock(user *self)
{
	USER_CHECK(self, !mutex.try_lock());
}

void a_recursive_mutex_has_one_owner(void **state)
{
	(void)state;
	user_start(one, lock_twice, nullptr);
	assert_false(user_run(one));
	assert_int_equal(user_do(other, fail_to_lock, nullptr), 0);
	assert_true(user_run_elsewhere(one));
	assert_int_equal(one->failed_line, 0);
	assert_int_equal(user_do(other, lock_twice, nullptr), 0);
}

void use_streams(user *self)
{
	for (int i = 0; i < 100; i++) {
		std::ostringstream out;
		std::istringstream in("12 3.5 word");
		std::smatch match;
		std::string word, text;
		double number = 0;
		int count = 0;

		out.imbue(std::locale::classic());
		out << std::hex << 255 << ' ' << 1.25 << ' ' << std::this_thread::get_id();
		in >> count >> number >> word;
		text = out.str();
		USER_CHECK(self, count == 12 && number == 3.5 && word == "word");
		USER_CHECK(self, std::regex_search(text, match, std::regex("^([a-f]+) (1\\.25)")));
		USER_CHECK(self, match[1] == "ff");
		if (i % 10 == 0)
			user_yield(self);
	}
}

void on_one(user *which, std::atomic<int> &failed)
{
	for (int i = 0; i < 20; i++)
		failed += user_do(which, use_streams, nullptr) != 0;
}

void streams_locale_and_regex_work_beside_another(void **state)
{
	std::atomic<int> failed{ 0 };

	(void)state;
	std::thread beside([&] { on_one(other, failed); });
	on_one(one, failed);
	beside.join();
	assert_int_equal(failed.load(), 0);
}

} // namespace

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thread_local_objects_live_as_long_as_the_thread),
		cmocka_unit_test(a_destructor_may_make_another_object),
		cmocka_unit_test(thread_local_objects_end_before_keys),
		cmocka_unit_test(what_a_key_s_destructor_makes_is_ended_too),
		cmocka_unit_test(exceptions_are_caught_by_who_threw_them),
		cmocka_unit_test(a_recursive_mutex_has_one_owner),
		cmocka_unit_test(streams_locale_and_regex_work_beside_another),
	};

	user_init();
	weft__sys_tls_adopt();
	one = user_make();
	other = user_make();
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
