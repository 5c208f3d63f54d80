/* SPDX-License-Identifier: MIT */
/*
 * Fetches all files over HTTP at once, within a time, or says why not: the first that fails cancels
 * the others, and so does the deadline. No call below has a deadline of its own.
 *
 *	fetch_all SECONDS ADDRESS/PATH...     as 5 127.0.0.1:8080/index.html, served by weft serve
 *	fetch_all --test                      from a server of its own
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/server.h>
#include <weft/weft.h>

#define FETCHES_MAX 64

struct fetch {
	const char *url;
	size_t bytes; /* of the answer, its head included */
};

static void close_it(void *fd)
{
	weft_close(*(int *)fd);
}

static int fetch(void *arg)
{
	struct fetch *job = arg;
	size_t address_bytes = strcspn(job->url, "/");
	char text[4096] = "";
	ssize_t got;
	int fd, failed;

	snprintf(text, sizeof text, "%.*s", (int)address_bytes, job->url);
	fd = weft_connect(text);
	if (fd < 0)
		return fd;
	WEFT_DEFER(close_it, &fd);
	snprintf(text, sizeof text, "GET %s HTTP/1.0\r\nHost: %.*s\r\n\r\n",
		 job->url + address_bytes, (int)address_bytes, job->url);
	failed = weft_write_all(fd, text, strlen(text));
	if (failed < 0)
		return failed;
	while ((got = weft_read(fd, text, sizeof text)) > 0) {
		if (job->bytes == 0 && strncmp(text + 8, " 200 ", 5) != 0)
			return -ENOENT;
		job->bytes += (size_t)got;
	}
	return got < 0 ? (int)got : job->bytes == 0 ? -EPROTO : 0;
}

/* Returns 0 with all answers, or the first failure, when nothing of it runs any more. */
static int fetch_all(struct fetch *jobs, int count, int64_t deadline_ns)
{
	weft_group group = WEFT_GROUP_INIT;
	int failed = 0, first;

	for (int i = 0; i < count && failed == 0; i++)
		failed = weft_group_spawn(&group, fetch, &jobs[i], NULL, NULL);
	if (failed < 0)
		weft_group_cancel(&group);
	first = weft_group_join_until(&group, deadline_ns);
	return failed < 0 ? failed : first;
}

struct given {
	int count;
	int64_t deadline_ns;
	struct fetch jobs[FETCHES_MAX];
};

static int app(void *arg)
{
	struct given *given = arg;

	return fetch_all(given->jobs, given->count, given->deadline_ns);
}

#include "fetch_all_test.h"

int main(int argc, char **argv)
{
	struct given given = { .count = argc - 2 };
	int error;

	if (argc == 2 && strcmp(argv[1], "--test") == 0)
		return test();
	if (argc < 3 || argc - 2 > FETCHES_MAX || atof(argv[1]) <= 0) {
		fprintf(stderr, "usage: fetch_all SECONDS ADDRESS/PATH...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++)
		given.jobs[i - 2].url = argv[i];
	given.deadline_ns = weft_now() + (int64_t)(atof(argv[1]) * WEFT_SECOND);
	error = weft_run(app, &given, NULL);
	for (int i = 0; error == 0 && i < given.count; i++)
		printf("%9zu %s\n", given.jobs[i].bytes, given.jobs[i].url);
	if (error < 0)
		fprintf(stderr, "fetch_all: %s\n", strerror(-error));
	return error < 0;
}
