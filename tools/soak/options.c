/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char help[] =
	"usage: weft soak [OPTIONS]\n"
	"\n"
	"Runs libraries as Debian ships them on many threads under a short slice, and compares each\n"
	"result with that of a plain kernel thread. Ctrl-C ends it early. Its exit status is 1 if\n"
	"something differed or was left behind.\n"
	"\n"
	"  --seconds N        for how long; default 10\n"
	"  --threads N        how many at a time; default 200. They end and are made anew meanwhile\n"
	"  --slice-us N       how long a thread runs while others wait; default 1000, at least 100\n"
	"  --carriers N       how many run at once; default: the CPUs\n"
	"  --seed N           draws the same work again; default: a random one, which is printed\n"
	"  --kind user|light|kernel   what the threads are; default user\n"
	"  --only NAME,...    these operations alone\n"
	"  --list             the operations\n"
	"  --json             the result as one JSON object\n"
	"  --quiet            no progress on standard error\n";

static const struct soak_operation *const all[] = {
	&soak_zlib,  &soak_zstd,     &soak_sqlite,  &soak_openssl,   &soak_tls,    &soak_expat,
	&soak_stdio, &soak_iostream, &soak_regex,   &soak_exception, &soak_dlopen, &soak_time,
	&soak_errno, &soak_malloc,   &soak_pthread, &soak_wait,
};

enum { ALL = sizeof all / sizeof(const struct soak_operation *) };

static const struct {
	const char *name;
	weft_kind kind;
} kinds[] = { { "user", WEFT_USER }, { "light", WEFT_LIGHT }, { "kernel", WEFT_KERNEL } };

const char *soak_kind_name(weft_kind kind)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return "?";
}

static bool read_count(const char *text, unsigned min, unsigned max, unsigned *out_count)
{
	char *end;
	unsigned long count;

	errno = 0;
	count = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || *text == '-' || count < min || count > max)
		return false;
	*out_count = (unsigned)count;
	return true;
}

static bool read_seed(const char *text, uint64_t *out_seed)
{
	char *end;

	errno = 0;
	*out_seed = strtoull(text, &end, 0);
	return errno == 0 && end != text && *end == '\0' && *text != '-';
}

static bool read_kind(const char *text, weft_kind *out_kind)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, text) == 0) {
			*out_kind = kinds[i].kind;
			return true;
		}
	return false;
}

/* "zlib,tls": appends them. */
static bool read_names(const char *names, struct soak_options *options)
{
	while (*names != '\0') {
		size_t length = strcspn(names, ",");
		const struct soak_operation *found = NULL;

		for (int i = 0; i < ALL; i++)
			if (strncmp(all[i]->name, names, length) == 0 &&
			    all[i]->name[length] == '\0')
				found = all[i];
		for (unsigned i = 0; i < options->operation_count; i++)
			if (options->operations[i] == found)
				return false;
		if (found == NULL)
			return false;
		options->operations[options->operation_count++] = found;
		names += length + (names[length] == ',');
	}
	return options->operation_count > 0;
}

/* -1: there is no such option; else whether the value is good. */
static int read_value(struct soak_options *options, const char *name, const char *value)
{
	if (strcmp(name, "--seconds") == 0)
		return read_count(value, 1, 1000000, &options->seconds);
	if (strcmp(name, "--threads") == 0)
		return read_count(value, 1, 100000, &options->threads);
	if (strcmp(name, "--slice-us") == 0)
		return read_count(value, 100, 10000000, &options->slice_us);
	if (strcmp(name, "--carriers") == 0)
		return read_count(value, 1, 1024, &options->carriers);
	if (strcmp(name, "--seed") == 0)
		return read_seed(value, &options->seed);
	if (strcmp(name, "--kind") == 0)
		return read_kind(value, &options->kind);
	if (strcmp(name, "--only") == 0)
		return read_names(value, options);
	return -1;
}

static void list(void)
{
	for (int i = 0; i < ALL; i++)
		printf("%-12s%s\n", all[i]->name, all[i]->what);
}

static int say(const char *what, const char *object)
{
	fprintf(stderr, "weft soak: %s '%s'; 'weft soak --help' lists what there is\n", what,
		object);
	return 2;
}

static int read_option(struct soak_options *options, const char *name, const char *value)
{
	int good;

	if (strcmp(name, "--json") == 0)
		options->json = true;
	else if (strcmp(name, "--quiet") == 0)
		options->quiet = true;
	else if (value == NULL)
		return say("a value is missing, or there is no option", name);
	else {
		good = read_value(options, name, value);
		if (good < 0)
			return say("there is no option", name);
		if (good == 0) {
			fprintf(stderr, "weft soak: %s cannot be '%s'; see 'weft soak --help'\n",
				name, value);
			return 2;
		}
		return 1;
	}
	return 0;
}

int soak_options_read(int argc, char **argv, struct soak_options *out_options)
{
	*out_options = (struct soak_options){
		.kind = WEFT_USER, .seconds = 10, .threads = 200, .slice_us = 1000
	};
	if (getrandom(&out_options->seed, sizeof out_options->seed, 0) < 0)
		out_options->seed = 1;
	for (int i = 1; i < argc; i++) {
		char *equals = strncmp(argv[i], "--", 2) == 0 ? strchr(argv[i], '=') : NULL;
		const char *value = equals != NULL ? equals + 1 : argv[i + 1];
		int took;

		if (equals != NULL)
			*equals = '\0';
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(help, stdout);
			return -1;
		}
		if (strcmp(argv[i], "--list") == 0) {
			list();
			return -1;
		}
		took = read_option(out_options, argv[i], value);
		if (took == 2)
			return 2;
		if (took == 0 && equals != NULL)
			return say("this takes no value:", argv[i]);
		i += took == 1 && equals == NULL;
	}
	if (out_options->operation_count == 0)
		for (int i = 0; i < ALL; i++)
			out_options->operations[out_options->operation_count++] = all[i];
	return 0;
}
