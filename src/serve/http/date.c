/* SPDX-License-Identifier: MIT */
/*
 * Dates; see date.h. The calendar is counted in days from 1 March of year 0, so that the leap day
 * is the last of its year: month lengths then follow one line, (153 m + 2) / 5.
 */
#include "serve/http/date.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define DAY_SECONDS INT64_C(86400)
#define ERA_DAYS INT64_C(146097) /* 400 years */
#define DAYS_TO_1970 INT64_C(719468)

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char days[] = "SunMonTueWedThuFriSat";

struct calendar {
	int64_t year;
	int month; /* 0 is January */
	int day;   /* from 1 */
};

static struct calendar calendar_of(int64_t day_number)
{
	int64_t from = day_number + DAYS_TO_1970;
	int64_t era = (from >= 0 ? from : from - ERA_DAYS + 1) / ERA_DAYS;
	int64_t day = from - era * ERA_DAYS;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int month;

	day -= 365 * year + year / 4 - year / 100;
	month = (int)((5 * day + 2) / 153);
	return (struct calendar){
		.year = year + era * 400 + (month >= 10),
		.month = (month + 2) % 12,
		.day = (int)(day - (153 * month + 2) / 5) + 1,
	};
}

static int64_t day_number_of(struct calendar date)
{
	int64_t year = date.year - (date.month < 2);
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t in_era = year - era * 400;
	int64_t day = (153 * ((date.month + 10) % 12) + 2) / 5 + date.day - 1;

	return era * ERA_DAYS + in_era * 365 + in_era / 4 - in_era / 100 + day - DAYS_TO_1970;
}

static char *put_digits(char *to, int64_t number, int count)
{
	for (int i = count - 1; i >= 0; i--, number /= 10)
		to[i] = (char)('0' + number % 10);
	return to + count;
}

static char *put(char *to, const char *from, size_t bytes)
{
	memcpy(to, from, bytes);
	return to + bytes;
}

void weft__http_date_write(int64_t seconds, char *out_text)
{
	int64_t day_number = seconds / DAY_SECONDS - (seconds % DAY_SECONDS < 0);
	int64_t in_day = seconds - day_number * DAY_SECONDS;
	int64_t weekday = (day_number % 7 + 11) % 7;
	struct calendar date = calendar_of(day_number);
	char *to = out_text;

	to = put(to, days + 3 * weekday, 3);
	to = put(to, ", ", 2);
	to = put_digits(to, date.day, 2);
	*to++ = ' ';
	to = put(to, months + 3 * date.month, 3);
	*to++ = ' ';
	to = put_digits(to, date.year, 4);
	*to++ = ' ';
	to = put_digits(to, in_day / 3600, 2);
	*to++ = ':';
	to = put_digits(to, in_day / 60 % 60, 2);
	*to++ = ':';
	to = put_digits(to, in_day % 60, 2);
	put(to, " GMT", 4);
}

/* What is left of the text. Each take_ moves on, or makes it fail for good. */
struct reader {
	const char *at, *end;
	bool failed;
};

static void take_text(struct reader *reader, const char *text)
{
	size_t bytes = strlen(text);

	if ((size_t)(reader->end - reader->at) < bytes || memcmp(reader->at, text, bytes) != 0)
		reader->failed = true;
	else
		reader->at += bytes;
}

static int take_number(struct reader *reader, int digits)
{
	int number = 0;

	if (reader->end - reader->at < digits)
		reader->failed = true;
	for (; digits > 0 && !reader->failed; digits--, reader->at++) {
		if (*reader->at < '0' || *reader->at > '9')
			reader->failed = true;
		number = number * 10 + (*reader->at - '0');
	}
	return number;
}

static int take_month(struct reader *reader)
{
	for (int month = 0; month < 12 && reader->end - reader->at >= 3; month++)
		if (memcmp(reader->at, months + 3 * month, 3) == 0) {
			reader->at += 3;
			return month;
		}
	reader->failed = true;
	return 0;
}

static int64_t take_time(struct reader *reader)
{
	int hour = take_number(reader, 2), minute, second;

	take_text(reader, ":");
	minute = take_number(reader, 2);
	take_text(reader, ":");
	second = take_number(reader, 2);
	if (hour > 23 || minute > 59 || second > 60)
		reader->failed = true;
	return hour * 3600 + minute * 60 + second;
}

static void skip_word(struct reader *reader)
{
	while (reader->at < reader->end && *reader->at >= 'A' && *reader->at <= 'z')
		reader->at++;
}

/* "Sun Nov  6 08:49:37 1994", from after the weekday */
static int64_t take_asctime(struct reader *reader, struct calendar *date)
{
	int64_t time;

	take_text(reader, " ");
	date->month = take_month(reader);
	take_text(reader, " ");
	if (reader->at < reader->end && *reader->at == ' ')
		reader->at++, date->day = take_number(reader, 1);
	else
		date->day = take_number(reader, 2);
	take_text(reader, " ");
	time = take_time(reader);
	take_text(reader, " ");
	date->year = take_number(reader, 4);
	return time;
}

/* ", 06 Nov 1994 08:49:37 GMT" or ", 06-Nov-94 08:49:37 GMT" */
static int64_t take_imf(struct reader *reader, struct calendar *date)
{
	const char *separator;
	int64_t time;

	take_text(reader, ", ");
	date->day = take_number(reader, 2);
	separator = reader->at < reader->end && *reader->at == '-' ? "-" : " ";
	take_text(reader, separator);
	date->month = take_month(reader);
	take_text(reader, separator);
	if (*separator == ' ') {
		date->year = take_number(reader, 4);
	} else {
		date->year = take_number(reader, 2);
		date->year += date->year < 70 ? 2000 : 1900;
	}
	take_text(reader, " ");
	time = take_time(reader);
	take_text(reader, " GMT");
	return time;
}

int weft__http_date_parse(const char *text, size_t bytes, int64_t *out_seconds)
{
	struct reader reader = { text, text + bytes, false };
	struct calendar date = { 0 };
	int64_t time;

	skip_word(&reader);
	if (reader.at < reader.end && *reader.at == ' ')
		time = take_asctime(&reader, &date);
	else
		time = take_imf(&reader, &date);
	if (reader.failed || reader.at != reader.end || date.day < 1 || date.day > 31)
		return -EINVAL;
	*out_seconds = day_number_of(date) * DAY_SECONDS + time;
	return 0;
}

void weft__http_clock_write(struct weft__http_clock *clock, char *out_text)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	/* Whoever finds it locked makes a date of his own rather than wait. */
	if (weft_mutex_lock_try(&clock->lock) != 0) {
		weft__http_date_write(now.tv_sec, out_text);
		return;
	}
	if (clock->seconds != now.tv_sec) {
		weft__http_date_write(now.tv_sec, clock->text);
		clock->seconds = now.tv_sec;
	}
	memcpy(out_text, clock->text, sizeof clock->text);
	weft_mutex_unlock(&clock->lock);
}
