/* SPDX-License-Identifier: MIT */
/* The version that runs is the version that was compiled against. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "weft/version.h"

static void the_text_agrees_with_the_numbers(void **state)
{
	char text[32];

	(void)state;
	snprintf(text, sizeof(text), "%d.%d.%d", WEFT_VERSION_MAJOR, WEFT_VERSION_MINOR,
		 WEFT_VERSION_PATCH);
	assert_string_equal(weft_version(), text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_agrees_with_the_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
