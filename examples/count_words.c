/* SPDX-License-Identifier: MIT */
/* A pool that computes over real files: counts the words of each file named, and of all. Reading
 * may block a worker; others go on. */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft/weft.h>

struct job {
	const char *path;
	long words;
	weft_task *task;
};

static int count(void *arg)
{
	struct job *job = arg;
	char buffer[8192];
	bool in_word = false;
	ssize_t bytes;
	int fd = weft_open(job->path, O_RDONLY, 0);

	if (fd < 0)
		return fd;
	while ((bytes = weft_read(fd, buffer, sizeof buffer)) > 0)
		for (ssize_t i = 0; i < bytes; i++) {
			bool is_letter = !isspace((unsigned char)buffer[i]);

			job->words += is_letter && !in_word;
			in_word = is_letter;
		}
	weft_close(fd);
	return (int)bytes;
}

int main(int argc, char **argv)
{
	int files = argc - 1, failed = 0;
	struct job *jobs;
	weft_pool *pool;
	long words = 0;

	if (files == 0) {
		fprintf(stderr, "usage: %s FILE…\n", argv[0]);
		return 2;
	}
	jobs = calloc((size_t)files, sizeof *jobs);
	if (jobs == NULL)
		abort();
	if (weft_pool_create(&(weft_pool_options){ .workers = 4, .name = "count" }, &pool) < 0)
		abort();
	for (int i = 0; i < files; i++) {
		jobs[i].path = argv[i + 1];
		if (weft_pool_submit(pool, count, &jobs[i], NULL, &jobs[i].task) < 0)
			abort();
	}
	for (int i = 0; i < files; i++) {
		int error = 0;

		weft_task_wait(jobs[i].task, &error);
		if (error < 0) {
			fprintf(stderr, "%s: %s\n", jobs[i].path, strerror(-error));
			failed = 1;
			continue;
		}
		printf("%8ld %s\n", jobs[i].words, jobs[i].path);
		words += jobs[i].words;
	}
	printf("%8ld in all\n", words);
	weft_pool_destroy(pool);
	free(jobs);
	return failed;
}
