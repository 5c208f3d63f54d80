/* SPDX-License-Identifier: MIT */
/* When a client is told that it has the file already. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <weft/time.h>

#include "serve/http/match.h"

static const struct {
	const char *tags, *since;
	bool matches;
} cases[] = {
	{ "\"a-1\"", NULL, true },
	{ "W/\"a-1\"", NULL, true },
	{ "*", NULL, true },
	{ " \"x\" , \"a-1\"", NULL, true },
	{ "\"x\",W/\"y\",\t\"a-1\"", NULL, true },
	{ "\"a-\",\"-1\",\"a-1\"", NULL, true },
	{ "\"x\"", NULL, false },
	{ "\"a-11\"", NULL, false },
	{ "\"a-\"", NULL, false },
	{ "a-1", NULL, false },
	{ "\"a-1", NULL, false },
	{ "", NULL, false },
	{ "\"x\" rubbish \"a-1\"", NULL, false },
	{ NULL, "Sun, 06 Nov 1994 08:49:37 GMT", true },
	{ NULL, "Sun, 06 Nov 1994 08:49:38 GMT", true },
	{ NULL, "Sun, 06 Nov 1994 08:49:36 GMT", false },
	{ NULL, "yesterday", false },
	/* With both, the tags alone decide. */
	{ "\"x\"", "Sun, 06 Nov 1994 08:49:38 GMT", false },
	{ "\"a-1\"", "Sun, 06 Nov 1994 08:49:36 GMT", true },
	{ NULL, NULL, false },
};

static void tags_and_dates_are_compared(void **state)
{
	struct weft__http_file file = { .etag = "\"a-1\"", .etag_bytes = 5 };

	(void)state;
	file.identity.modified_ns = 784111777 * WEFT_SECOND + 999;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct weft__http_request request = { 0 };

		if (cases[i].tags != NULL) {
			request.tag_count = 1;
			request.tags[0].at = cases[i].tags;
			request.tags[0].bytes = strlen(cases[i].tags);
		}
		if (cases[i].since != NULL) {
			request.modified_since.at = cases[i].since;
			request.modified_since.bytes = strlen(cases[i].since);
		}
		if (weft__http_is_unmodified(&request, &file) != cases[i].matches)
			fail_msg("%zu: %s, %s", i, cases[i].tags, cases[i].since);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(tags_and_dates_are_compared) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
