/* SPDX-License-Identifier: MIT */
/* C++ exceptions within contexts. */
extern "C" {
#include "arch/arch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
}

#include <csignal>
#include <exception>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace
{

struct party {
	alignas(64) char stack[64 * 1024];
	void *sp;
	void *home_sp;
	int caught;
	int destroyed;
};

party parties[2];

struct witness {
	party *p;
	explicit witness(party *owner) : p(owner)
	{
	}
	~witness()
	{
		p->destroyed++;
	}
};

void go_home(party *p)
{
	weft__arch_switch(&p->sp, p->home_sp);
}

[[gnu::noinline]] void throw_below(party *p, int depth)
{
	witness w(p);

	go_home(p);
	if (depth == 0)
		throw std::runtime_error("from " + std::to_string(p - parties));
	throw_below(p, depth - 1);
}

void catch_ten_times(void *arg)
{
	party *p = static_cast<party *>(arg);

	for (int i = 0; i < 10; i++) {
		bool is_mine = false;

		try {
			throw_below(p, 5);
		} catch (const std::runtime_error &e) {
			is_mine = e.what() == "from " + std::to_string(p - parties);
		}
		p->caught += is_mine;
	}
	for (;;)
		go_home(p);
}

void throw_for_nobody(void *)
{
	throw 1;
}

/* In turn, so that each is inside its try block while the other throws. */
void exceptions_stay_within_their_context(void **)
{
	for (party &p : parties)
		p.sp = weft__arch_context(p.stack + sizeof(p.stack), catch_ten_times, &p);
	for (int turn = 0; turn < 100; turn++)
		for (party &p : parties)
			weft__arch_switch(&p.home_sp, p.sp);
	for (party &p : parties) {
		assert_int_equal(p.caught, 10);
		assert_int_equal(p.destroyed, 60);
	}
}

/* The unwinder finds the end of the stack, and does not walk into nothing. */
void an_exception_that_nobody_catches_terminates(void **)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		std::set_terminate([] { _exit(std::current_exception() ? 42 : 43); });
		weft__arch_switch(&parties[0].home_sp,
				  weft__arch_context(parties[0].stack + sizeof(parties[0].stack),
						     throw_for_nobody, nullptr));
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
}

} // namespace

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exceptions_stay_within_their_context),
		cmocka_unit_test(an_exception_that_nobody_catches_terminates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
