/* SPDX-License-Identifier: MIT */
/* Files by name. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/sys.h"

int weft__sys_unlink_socket(const char *path)
{
	struct stat status;

	if (lstat(path, &status) != 0)
		return -errno;
	if (!S_ISSOCK(status.st_mode))
		return -ENOTSOCK;
	return unlink(path) == 0 ? 0 : -errno;
}
