/* SPDX-License-Identifier: MIT */
/*
 * Time and locale: local times there and back, and a locale of the thread's own. (setlocale itself
 * may not change anything while others run; to ask, or to set what is set, is allowed.)
 */
#include "soak.h"

#include <ctype.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>
#include <wctype.h>

static int set_zone(const char *folder)
{
	(void)folder;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	return 0;
}

static void there_and_back(struct soak_run *run)
{
	time_t when = (time_t)(soak_random(run) >> 32), back;
	struct tm local, utc;
	char text[128];

	if (localtime_r(&when, &local) == NULL || gmtime_r(&when, &utc) == NULL) {
		soak_fail(run, "%lld has no local time", (long long)when);
		return;
	}
	back = mktime(&local);
	if (back != when || timegm(&utc) != when)
		soak_fail(run, "%lld came back as %lld", (long long)when, (long long)back);
	if (strftime(text, sizeof text, "%A %d %B %Y %H:%M:%S %Z %z %j %V", &local) == 0)
		soak_fail(run, "strftime has no room");
	soak_add(run, text, strlen(text));
	if (asctime_r(&utc, text) != NULL)
		soak_add(run, text, strlen(text));
}

/* In C.UTF-8 a letter may have two bytes; in C it cannot. */
static void measure(struct soak_run *run, size_t longest)
{
	static const char text[] = "d\xc3\xa9j\xc3\xa0 vu";
	wchar_t wide[32];
	size_t count;

	if (MB_CUR_MAX != longest)
		soak_fail(run, "a letter has %zu bytes instead of %zu", (size_t)MB_CUR_MAX,
			  longest);
	count = mbstowcs(wide, text, 32);
	if (longest == 1) {
		if (isalpha(0xe9) || !isalpha('d'))
			soak_fail(run, "the letters are others");
		return;
	}
	if (count != 7)
		soak_fail(run, "7 letters are %zd", (ssize_t)count);
	for (size_t i = 0; i < count && i < 32; i++)
		soak_add_number(run, (uint64_t)towupper((wint_t)wide[i]));
}

static void use_locale(struct soak_run *run)
{
	locale_t own = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0), copy, before;
	char *end, text[32];

	if (own == (locale_t)0) {
		soak_fail(run, "there is no locale C.UTF-8");
		return;
	}
	copy = duplocale(own);
	measure(run, 1);
	before = uselocale(copy);
	for (int i = 0; i < 20; i++) {
		measure(run, 6);
		snprintf(text, sizeof text, "%.3f", soak_below(run, 100000) / 8.0);
		soak_add_number(run, (uint64_t)(strtod(text, &end) * 1000));
		if (*end != '\0')
			soak_fail(run, "'%s' is no number", text);
	}
	if (uselocale(before) != copy)
		soak_fail(run, "its own locale is another's");
	measure(run, 1);
	freelocale(copy);
	freelocale(own);
}

static void work(struct soak_run *run)
{
	for (int i = 0; i < 24; i++)
		there_and_back(run);
	for (int i = 0; i < 4; i++)
		use_locale(run);
	if (strcmp(setlocale(LC_ALL, NULL), "C") != 0 || setlocale(LC_ALL, "C") == NULL ||
	    setlocale(LC_ALL, "no_NO.where") != NULL)
		soak_fail(run, "the locale of all is not C");
	if (strcmp(localeconv()->decimal_point, ".") != 0)
		soak_fail(run, "the point is another");
}

const struct soak_operation soak_time = { "time", "local times, and a locale of the thread's own",
					  .setup = set_zone, .run = work };
