/* SPDX-License-Identifier: MIT */
/* The end of the program when going on would corrupt memory. */
#ifndef WEFT_BASE_PANIC_H
#define WEFT_BASE_PANIC_H

#include "base/compiler.h"

/* Writes "weft: …" to standard error and aborts. Uses no heap and no stdio: it may run on any
 * stack. */
void weft__panic(const char *format, ...) weft__printf(1, 2) __attribute__((noreturn)) weft__cold;

/* The same, and goes on. */
void weft__report(const char *format, ...) weft__printf(1, 2) weft__cold;

/* A precondition that runs in every build. */
#define weft__assert(condition)                                                                 \
	do {                                                                                    \
		if (unlikely(!(condition)))                                                     \
			weft__panic("%s:%d: %s does not hold", __FILE__, __LINE__, #condition); \
	} while (0)

#endif
