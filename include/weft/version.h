/* SPDX-License-Identifier: MIT */
/*
 * The version of weft, as it was compiled against and as it is running.
 *
 * The numbers follow semantic versioning.  While the first is 0, a new second number may break
 * what a program was built on; the soname says so.
 *
 * Example:
 *
 *	bool is_new_enough(void)
 *	{
 *		int major = 0, minor = 0;
 *
 *		sscanf(weft_version(), "%d.%d", &major, &minor);
 *		return major == WEFT_VERSION_MAJOR && minor >= WEFT_VERSION_MINOR;
 *	}
 */
#ifndef WEFT_VERSION_H
#define WEFT_VERSION_H

#include "weft/api.h"

#define WEFT_VERSION_MAJOR 0
#define WEFT_VERSION_MINOR 1
#define WEFT_VERSION_PATCH 0

WEFT_API_BEGIN

/*
 * Returns  the version of the library that runs, as "major.minor.patch"; never NULL, never freed.
 * Context  anywhere, a signal handler and after fork included.
 * Since    0.1.0
 */
WEFT_API const char *weft_version(void);

WEFT_API_END

#endif
