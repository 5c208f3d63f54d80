/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"

/* A line on standard error; without heap and stdio. */
static void say(const char *prefix, const char *format, va_list arguments)
{
	char line[512];
	size_t used = strlen(prefix);
	int wanted;

	memcpy(line, prefix, used);
	wanted = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
	if (wanted > 0)
		used += (size_t)wanted < sizeof line - used - 1 ? (size_t)wanted
								: sizeof line - used - 2;
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return; /* nobody to tell */
}

void weft__panic(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("weft: ", format, arguments);
	va_end(arguments);
	abort();
}

void weft__report(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("weft: ", format, arguments);
	va_end(arguments);
}
