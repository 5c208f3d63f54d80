/* SPDX-License-Identifier: MIT */
/* The version as text.  The header holds the numbers; the build compares them with its own. */
#include "weft/version.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *weft_version(void)
{
	return TEXT(WEFT_VERSION_MAJOR) "." TEXT(WEFT_VERSION_MINOR) "." TEXT(WEFT_VERSION_PATCH);
}
