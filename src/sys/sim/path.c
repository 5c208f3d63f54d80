/* SPDX-License-Identifier: MIT */
/* Files by name: sockets have addresses here, and leave no files behind. */
#include <errno.h>

#include "sys/sim/kernel.h"

int weft__sys_unlink_socket(const char *path)
{
	(void)path;
	weft__sim_step("unlink");
	return -ENOENT;
}
