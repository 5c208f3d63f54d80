/* SPDX-License-Identifier: MIT */
/* weft soak: a program beside this one, since it is linked with the libraries that it soaks. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

int weft__command_soak(int argc, char **argv)
{
	static const char name[] = "/weft-soak";
	char path[PATH_MAX + sizeof name];
	ssize_t bytes = readlink("/proc/self/exe", path, PATH_MAX);

	(void)argc;
	if (bytes < 0) {
		fprintf(stderr, "weft soak: /proc/self/exe: %s\n", strerror(errno));
		return 1;
	}
	path[bytes] = '\0';
	memcpy(strrchr(path, '/'), name, sizeof name);
	execv(path, argv);
	if (errno == ENOENT)
		fprintf(stderr,
			"weft soak: there is no %s; it is built with weft where the libraries that "
			"it runs are installed (tools/deps.sh test), and it stays in the build "
			"folder\n",
			path);
	else
		fprintf(stderr, "weft soak: %s: %s\n", path, strerror(errno));
	return 1;
}
