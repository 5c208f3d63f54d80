/* SPDX-License-Identifier: MIT */
/* The public headers, all of them at once, are C++ too, and the library's names are C's. */
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <csetjmp>

extern "C" {
#include <cmocka.h>
}

#include <weft/version.h>
#include <weft/weft.h>

static void a_cpp_program_calls_the_library(void **)
{
	int major = -1;

	assert_int_equal(std::sscanf(weft_version(), "%d.", &major), 1);
	assert_int_equal(major, WEFT_VERSION_MAJOR);
}

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(a_cpp_program_calls_the_library),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
