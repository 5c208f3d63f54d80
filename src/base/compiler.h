/* SPDX-License-Identifier: MIT */
/* The one file that may ask which compiler this is. */
#ifndef WEFT_BASE_COMPILER_H
#define WEFT_BASE_COMPILER_H

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

#define weft__noinline __attribute__((noinline))
#define weft__always_inline inline __attribute__((always_inline))
#define weft__cold __attribute__((cold, noinline))
/* Reads what others write meanwhile, on purpose, and finds out afterwards whether it may believe
 * it. */
#define weft__racy __attribute__((no_sanitize("thread")))
#define weft__aligned(bytes) __attribute__((aligned(bytes)))
#define weft__printf(string, first) __attribute__((format(printf, string, first)))

#define WEFT__CACHE_LINE 64

#define container_of(pointer, type, member) \
	((type *)(void *)((char *)(pointer) - __builtin_offsetof(type, member)))

#endif
