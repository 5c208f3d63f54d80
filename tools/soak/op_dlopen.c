/* SPDX-License-Identifier: MIT */
/*
 * dlopen and dlclose of a module with thread_local data. There are several copies of it, so that
 * one is often really loaded and really gone again. Each thread uses the module long enough to be
 * switched away with it.
 */
#include "soak.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPIES = 12, TURNS = 400 };

static char paths[COPIES][4096];

/* The module stands beside this program. */
static int open_module(void)
{
	static const char name[] = "/soak-module.so";
	char path[4096];
	ssize_t bytes = readlink("/proc/self/exe", path, sizeof path - sizeof name);

	if (bytes < 0)
		return -1;
	path[bytes] = '\0';
	memcpy(strrchr(path, '/'), name, sizeof name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int copy(int from, const char *path)
{
	struct stat stat;
	int to = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700), result = -1;
	off_t at = 0;

	if (to >= 0 && fstat(from, &stat) == 0 &&
	    sendfile(to, from, &at, (size_t)stat.st_size) == stat.st_size)
		result = 0;
	if (to >= 0)
		close(to);
	return result;
}

static int make_copies(const char *folder)
{
	int module = open_module(), result = module < 0 ? -1 : 0;

	for (int i = 0; i < COPIES && result == 0; i++) {
		snprintf(paths[i], sizeof paths[i], "%s/module%d.so", folder, i);
		result = copy(module, paths[i]);
	}
	if (module >= 0)
		close(module);
	if (result < 0)
		fputs("weft soak: dlopen: soak-module.so is not beside weft-soak\n", stderr);
	return result;
}

/* What the thread saw of its own data: the first turn may follow turns of the same thread before,
 * the others follow the first. */
static void use(struct soak_run *run, void *module)
{
	uint64_t (*turn)(uint64_t number);
	const uint64_t *first = dlsym(module, "module_first");
	uint64_t before = 0;

	*(void **)&turn = dlsym(module, "module_turn");
	if (turn == NULL || first == NULL || *first != 41) {
		soak_fail(run, "dlsym: %s", dlerror());
		return;
	}
	for (int i = 0; i < 64; i++) {
		before = turn(1);
		if (before < 43 || before >> 48 != 0)
			soak_fail(run, "its own data began as something else: %llx",
				  (unsigned long long)before);
	}
	for (uint64_t i = 0; i < TURNS; i++) {
		uint64_t now = turn(1);

		if (now != before + 1)
			soak_fail(run, "its own counter went from %llu to %llu",
				  (unsigned long long)before, (unsigned long long)now);
		before = now;
	}
}

static void work(struct soak_run *run)
{
	for (int i = 0; i < 3; i++) {
		unsigned which = soak_below(run, COPIES);
		void *module = dlopen(paths[which], RTLD_NOW | RTLD_LOCAL);

		if (module == NULL) {
			soak_fail(run, "dlopen: %s", dlerror());
			return;
		}
		use(run, module);
		soak_add_number(run, which);
		if (dlclose(module) != 0)
			soak_fail(run, "dlclose: %s", dlerror());
	}
	if (dlopen("/nowhere/at-all.so", RTLD_NOW) != NULL || dlerror() == NULL)
		soak_fail(run, "what is not there was loaded, or nobody said why not");
}

const struct soak_operation soak_dlopen = { "dlopen",
					    "a module with thread_local data, loaded and unloaded",
					    .setup = make_copies, .run = work, .at_once = 64 };
