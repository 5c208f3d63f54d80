/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "seed_file.h"

#define OPTION(name)                                            \
	{                                                       \
#name, offsetof(struct weft__sim_options, name) \
	}

static const struct {
	const char *name;
	size_t offset;
} options[] = {
	OPTION(cpus),        OPTION(steps_max),   OPTION(fds_max),      OPTION(stream_bytes),
	OPTION(strategy),    OPTION(left_behind), OPTION(fail_reserve), OPTION(fail_guard),
	OPTION(fail_thread), OPTION(fail_poller), OPTION(fail_open),    OPTION(spurious),
	OPTION(eintr),       OPTION(short_io),    OPTION(again),        OPTION(stuck),
};

static unsigned *option_at(struct weft__sim_options *from, size_t i)
{
	return (unsigned *)((char *)from + options[i].offset);
}

int seed_file_write(const struct seed_file *file, char *out_path, size_t out_bytes)
{
	struct weft__sim_options values = file->options;
	FILE *out;

	snprintf(out_path, out_bytes, "seeds/%s-%" PRIu64 ".seed", file->scenario, file->seed);
	if (mkdir("seeds", 0777) != 0 && errno != EEXIST)
		return -errno;
	out = fopen(out_path, "w");
	if (out == NULL)
		return -errno;
	fprintf(out, "scenario %s\nseed %" PRIu64 "\nfailure %s\n", file->scenario, file->seed,
		file->failure);
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (*option_at(&values, i) != 0)
			fprintf(out, "%s %u\n", options[i].name, *option_at(&values, i));
	return fclose(out) == 0 ? 0 : -errno;
}

/* False: no such line is known. */
static int take_line(struct seed_file *file, const char *name, const char *value)
{
	unsigned number;

	if (strcmp(name, "scenario") == 0)
		return snprintf(file->scenario, sizeof file->scenario, "%s", value) > 0;
	if (strcmp(name, "failure") == 0)
		return snprintf(file->failure, sizeof file->failure, "%s", value) > 0;
	if (strcmp(name, "seed") == 0)
		return sscanf(value, "%" SCNu64, &file->seed) == 1;
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (strcmp(name, options[i].name) == 0 && sscanf(value, "%u", &number) == 1) {
			*option_at(&file->options, i) = number;
			return 1;
		}
	return 0;
}

int seed_file_read(const char *path, struct seed_file *out_file)
{
	char line[512];
	FILE *in = fopen(path, "r");
	int rc = 0;

	if (in == NULL)
		return -errno;
	memset(out_file, 0, sizeof *out_file);
	while (rc == 0 && fgets(line, sizeof line, in) != NULL) {
		char *value;

		line[strcspn(line, "\n")] = '\0';
		value = line + strcspn(line, " ");
		if (*value != '\0')
			*value++ = '\0';
		if (!take_line(out_file, line, value))
			rc = -EINVAL;
	}
	fclose(in);
	return rc == 0 && out_file->scenario[0] == '\0' ? -EINVAL : rc;
}
