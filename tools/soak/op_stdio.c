/* SPDX-License-Identifier: MIT */
/*
 * stdio: many threads print whole lines to a few shared FILEs; each line says what it must look
 * like, and all are counted. A file that has grown long is read back under its own lock and cut.
 * Beside that each thread prints to memory and reads it again.
 */
#include "soak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"

enum { FILES = 4, LONG = 128 << 10, LINES = 24, LINE_MAX_BYTES = 160 };

static FILE *files[FILES];
static uint64_t printed, found;

static int open_files(const char *folder)
{
	char path[4096];

	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof path, "%s/lines%d", folder, i);
		files[i] = fopen(path, "w+");
		if (files[i] == NULL) {
			fprintf(stderr, "weft soak: stdio: cannot make %s\n", path);
			return -1;
		}
	}
	return 0;
}

/* "<number> <how many letters> <letters> <their sum>" */
static bool is_whole(const char *line)
{
	unsigned long long number;
	unsigned letters, sum, real = 0;
	char text[LINE_MAX_BYTES];

	if (sscanf(line, "%llu %u %159s %u", &number, &letters, text, &sum) != 4 ||
	    strlen(text) != letters)
		return false;
	for (const char *c = text; *c != '\0'; c++)
		real += (unsigned char)*c * (unsigned)(number % 7 + 1);
	return real == sum;
}

/* With the file's lock held. */
static void read_back(struct soak_run *run, FILE *file)
{
	char line[LINE_MAX_BYTES * 2];
	uint64_t count = 0;

	rewind(file);
	for (; fgets(line, sizeof line, file) != NULL; count++)
		if (!is_whole(line))
			soak_fail(run, "a line is not whole: '%.80s'", line);
	if (ferror(file))
		soak_fail(run, "the file cannot be read");
	rewind(file);
	if (ftruncate(fileno(file), 0) != 0)
		soak_fail(run, "the file cannot be cut");
	atomic_add_relaxed(&found, count);
}

static void print_lines(struct soak_run *run, FILE *file)
{
	char text[64];

	for (int i = 0; i < LINES; i++) {
		unsigned letters = 1 + soak_below(run, sizeof text - 1), sum = 0;
		unsigned long long number = soak_random(run);
		int bytes;

		for (unsigned k = 0; k < letters; k++) {
			text[k] = (char)('!' + soak_below(run, 90));
			sum += (unsigned char)text[k] * (unsigned)(number % 7 + 1);
		}
		text[letters] = '\0';
		bytes = fprintf(file, "%llu %u %s %u\n", number, letters, text, sum);
		if (bytes < 0)
			soak_fail(run, "fprintf: %d", bytes);
		soak_add_number(run, (uint64_t)bytes);
		atomic_add_relaxed(&printed, 1);
	}
	flockfile(file);
	if (ftell(file) > LONG)
		read_back(run, file);
	funlockfile(file);
}

static void print_to_memory(struct soak_run *run)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *file = open_memstream(&text, &bytes);
	double value, other;
	int read = 0;

	if (file == NULL) {
		soak_fail(run, "no memory");
		return;
	}
	for (int i = 0; i < LINES; i++) {
		value = (double)soak_below(run, 1U << 30) / 1024;
		fprintf(file, "%a %.6e %-12d|%08x|%*.*s\n", value, value, i, i, 10, 3, "abcdef");
	}
	fclose(file);
	file = fmemopen(text, bytes, "r");
	while (file != NULL && fscanf(file, "%la %le %*d |%*x| %*s", &value, &other) == 2) {
		read++;
		if (value - other > 1e-6 * value || other - value > 1e-6 * value)
			soak_fail(run, "%a and %e are not the same", value, other);
	}
	if (file != NULL)
		fclose(file);
	if (read != LINES)
		soak_fail(run, "%d of %d lines came back", read, LINES);
	soak_add(run, text, bytes);
	free(text);
}

static void work(struct soak_run *run)
{
	print_lines(run, files[soak_below(run, FILES)]);
	print_to_memory(run);
}

static void check(struct soak_run *run)
{
	for (int i = 0; i < FILES; i++) {
		read_back(run, files[i]);
		fclose(files[i]);
	}
	if (printed != found)
		soak_fail(run, "%llu lines were printed, %llu found", (unsigned long long)printed,
			  (unsigned long long)found);
}

const struct soak_operation soak_stdio = { "stdio",
					   "lines printed to shared files",
					   .setup = open_files,
					   .run = work,
					   .finish = check,
					   .at_once = 64 };
