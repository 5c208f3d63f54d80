/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"

void weft__panic(const char *format, ...)
{
	char line[512] = "weft: ";
	size_t used = strlen(line);
	va_list arguments;
	int wanted;

	va_start(arguments, format);
	wanted = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
	va_end(arguments);
	if (wanted > 0)
		used += (size_t)wanted < sizeof line - used - 1 ? (size_t)wanted
								: sizeof line - used - 2;
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		abort(); /* nobody to tell */
	abort();
}
