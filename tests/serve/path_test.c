/* SPDX-License-Identifier: MIT */
/* From targets to paths: what is let through, and what is not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "serve/http/path.h"

static const struct {
	const char *target;
	const char *path; /* NULL: refused with `error` */
	int error;
} cases[] = {
	{ "/", "", 0 },
	{ "/a", "a", 0 },
	{ "/a/", "a/", 0 },
	{ "/a/b.html", "a/b.html", 0 },
	{ "/a/b.html?x=/../..", "a/b.html", 0 },
	{ "/?", "", 0 },
	{ "//", "", 0 },
	{ "//a//b///", "a/b/", 0 },
	{ "/./a/./b", "a/b", 0 },
	{ "/a/.", "a/", 0 },
	{ "/.", "", 0 },
	{ "/%2e", "", 0 },
	{ "/a%20b", "a b", 0 },
	{ "/%41%6a%6A", "Ajj", 0 },
	{ "/%c3%a4", "\xc3\xa4", 0 },
	{ "/a%2Fb", "a/b", 0 },
	{ "/a%3Fb", "a?b", 0 },
	{ "/a%23b", "a#b", 0 },
	{ "/a#b", "a", 0 },
	{ "/100%25", "100%", 0 },
	{ "/%252e%252e/x", "%2e%2e/x", 0 },
	{ "/...", NULL, -ENOENT },
	{ "/a...", "a...", 0 },
	{ "/a/..b", NULL, -ENOENT },
	{ "/a\\..\\b", "a\\..\\b", 0 },
	{ "/a%5c..%5cb", "a\\..\\b", 0 },
	{ "/+", "+", 0 },
	{ "/a;b", "a;b", 0 },
	{ "/~x", "~x", 0 },
	{ "/.well-known/a", ".well-known/a", 0 },
	{ "http://host/a", "a", 0 },
	{ "http://host", "", 0 },
	{ "http://host/", "", 0 },
	{ "HTTP://h:1/a?b", "a", 0 },
	{ "https://host/a", "a", 0 },
	{ "http://h?x", "", 0 },

	{ "", NULL, -EINVAL },
	{ "*", NULL, -EINVAL },
	{ "a", NULL, -EINVAL },
	{ "http:///a", NULL, -EINVAL },
	{ "ftp://host/a", NULL, -EINVAL },
	{ "/..", NULL, -EINVAL },
	{ "/../", NULL, -EINVAL },
	{ "/../../etc/passwd", NULL, -EINVAL },
	{ "/a/../b", NULL, -EINVAL },
	{ "/a/..", NULL, -EINVAL },
	{ "/a/../../b", NULL, -EINVAL },
	{ "/./../a", NULL, -EINVAL },
	{ "//../a", NULL, -EINVAL },
	{ "/%2e%2e/etc/passwd", NULL, -EINVAL },
	{ "/%2E%2e/", NULL, -EINVAL },
	{ "/.%2e/", NULL, -EINVAL },
	{ "/%2e./", NULL, -EINVAL },
	{ "/%2e%2e%2fetc", NULL, -EINVAL },
	{ "/..%2fetc", NULL, -EINVAL },
	{ "/a%2f..%2f..%2fetc", NULL, -EINVAL },
	{ "http://host/../etc", NULL, -EINVAL },
	{ "/a%00b", NULL, -EINVAL },
	{ "/%00", NULL, -EINVAL },
	{ "/a%0ab", NULL, -EINVAL },
	{ "/a%0d%0aX:y", NULL, -EINVAL },
	{ "/a%7f", NULL, -EINVAL },
	{ "/%", NULL, -EINVAL },
	{ "/%4", NULL, -EINVAL },
	{ "/%zz", NULL, -EINVAL },
	{ "/%4z", NULL, -EINVAL },
	{ "/%-1", NULL, -EINVAL },
	{ "/% 1", NULL, -EINVAL },
	{ "/%u002e", NULL, -EINVAL },
	{ "/.git/config", NULL, -ENOENT },
	{ "/a/.htaccess", NULL, -ENOENT },
	{ "/%2egit/config", NULL, -ENOENT },
	{ "/.well-knownx", NULL, -ENOENT },
	{ "/.. /x", NULL, -ENOENT },
	{ "/..%20/x", NULL, -ENOENT },
};

static void targets_become_paths_or_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char path[WEFT__HTTP_PATH_BYTES];
		int result = weft__http_path_parse(cases[i].target, strlen(cases[i].target), path);

		if (cases[i].path == NULL || cases[i].error != 0) {
			if (result != cases[i].error)
				fail_msg("'%s': %d", cases[i].target, result);
			continue;
		}
		if (result != (int)strlen(cases[i].path) || strcmp(path, cases[i].path) != 0)
			fail_msg("'%s': %d '%s'", cases[i].target, result, path);
	}
}

static void no_path_climbs(void **state)
{
	/* All targets of up to 7 pieces that could climb, if they were put together so. */
	static const char *const pieces[] = { "/", "..", ".", "%2e", "%2f", "a", "\\", "%5c" };
	const unsigned count = sizeof pieces / sizeof *pieces;

	(void)state;
	for (unsigned number = 0; number < 8u * 8 * 8 * 8 * 8 * 8; number++) {
		char target[64] = "/", path[WEFT__HTTP_PATH_BYTES];
		unsigned left = number;

		for (int i = 0; i < 6; i++, left /= count)
			strcat(target, pieces[left % count]);
		if (weft__http_path_parse(target, strlen(target), path) < 0)
			continue;
		if (path[0] == '/' || strncmp(path, "../", 3) == 0 || strcmp(path, "..") == 0 ||
		    strstr(path, "/../") != NULL || strstr(path, "//") != NULL ||
		    (strlen(path) >= 3 && strcmp(path + strlen(path) - 3, "/..") == 0))
			fail_msg("'%s': '%s'", target, path);
	}
}

static void a_path_that_does_not_fit_is_refused(void **state)
{
	char target[WEFT__HTTP_PATH_BYTES + 16], path[WEFT__HTTP_PATH_BYTES];

	(void)state;
	memset(target, 'a', sizeof target);
	target[0] = '/';
	assert_int_equal(weft__http_path_parse(target, sizeof target, path), -E2BIG);
	assert_int_equal(weft__http_path_parse(target, WEFT__HTTP_PATH_BYTES - 1, path),
			 WEFT__HTTP_PATH_BYTES - 2);
	assert_int_equal(strlen(path), WEFT__HTTP_PATH_BYTES - 2);
}

static void a_location_never_names_another_host(void **state)
{
	char text[256], path[WEFT__HTTP_PATH_BYTES];

	(void)state;
	assert_true(weft__http_path_parse("//evil.example/x", 16, path) >= 0);
	assert_true(weft__http_path_escape(path, text, sizeof text) > 0);
	assert_string_equal(text, "/evil.example/x");
	assert_true(weft__http_path_escape("a b\xc3\xa4%\"?#\n", text, sizeof text) > 0);
	assert_string_equal(text, "/a%20b%C3%A4%25%22%3F%23%0A");
	assert_int_equal(weft__http_path_escape("abcdefgh", text, 6), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_become_paths_or_are_refused),
		cmocka_unit_test(no_path_climbs),
		cmocka_unit_test(a_path_that_does_not_fit_is_refused),
		cmocka_unit_test(a_location_never_names_another_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
