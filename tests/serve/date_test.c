/* SPDX-License-Identifier: MIT */
/* Dates, compared with the C library's calendar. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "serve/http/date.h"

static void every_date_is_the_librarys(void **state)
{
	(void)state;
	/* A prime step over four hundred years. */
	for (int64_t seconds = 0; seconds < INT64_C(12622780800); seconds += 86399 * 7 + 12345) {
		char ours[WEFT__HTTP_DATE_BYTES + 1] = "", theirs[64];
		time_t time = seconds;
		struct tm parts;
		int64_t back;

		gmtime_r(&time, &parts);
		strftime(theirs, sizeof theirs, "%a, %d %b %Y %H:%M:%S GMT", &parts);
		weft__http_date_write(seconds, ours);
		assert_string_equal(ours, theirs);
		assert_int_equal(weft__http_date_parse(ours, strlen(ours), &back), 0);
		assert_true(back == seconds);
	}
}

static void the_three_forms_are_read(void **state)
{
	static const char *const forms[] = { "Sun, 06 Nov 1994 08:49:37 GMT",
					     "Sunday, 06-Nov-94 08:49:37 GMT",
					     "Sun Nov  6 08:49:37 1994" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		int64_t seconds = 0;

		assert_int_equal(weft__http_date_parse(forms[i], strlen(forms[i]), &seconds), 0);
		assert_int_equal(seconds, 784111777);
	}
}

static void what_is_no_date_is_refused(void **state)
{
	static const char *const texts[] = { "",
					     "0",
					     "now",
					     "Sun",
					     "Sun, ",
					     "Sun, 06 Nov 1994",
					     "Sun, 06 Nov 1994 08:49:37",
					     "Sun, 06 Nov 1994 08:49:37 GMT ",
					     "Sun, 06 Nov 1994 24:49:37 GMT",
					     "Sun, 00 Nov 1994 08:49:37 GMT",
					     "Sun, 32 Nov 1994 08:49:37 GMT",
					     "Sun, 06 Non 1994 08:49:37 GMT",
					     "Sun, -6 Nov 1994 08:49:37 GMT",
					     "Sun Nov 6 08:49:37 1994" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		int64_t seconds = 42;

		if (weft__http_date_parse(texts[i], strlen(texts[i]), &seconds) != -EINVAL)
			fail_msg("'%s'", texts[i]);
		assert_int_equal(seconds, 42);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_date_is_the_librarys),
		cmocka_unit_test(the_three_forms_are_read),
		cmocka_unit_test(what_is_no_date_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
