/* SPDX-License-Identifier: MIT */
/* An allocator that tells the program of each call, from within it: what stands behind
 * libweft-malloc.so, or before the C library. */
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#define SHOWN __attribute__((visibility("default")))

/* The C library's own, under names that nobody stands before. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t nmemb, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *ptr);

SHOWN void (*witness_hook)(const char *name); /* the program sets it; NULL: nobody is told */

static void tell(const char *name)
{
	if (witness_hook != NULL)
		witness_hook(name);
}

SHOWN void *malloc(size_t size)
{
	tell("malloc");
	return __libc_malloc(size);
}

SHOWN void *calloc(size_t nmemb, size_t size)
{
	tell("calloc");
	return __libc_calloc(nmemb, size);
}

SHOWN void *realloc(void *ptr, size_t size)
{
	tell("realloc");
	return __libc_realloc(ptr, size);
}

SHOWN void *reallocarray(void *ptr, size_t nmemb, size_t size)
{
	tell("reallocarray");
	if (__builtin_mul_overflow(nmemb, size, &size)) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_realloc(ptr, size);
}

SHOWN void free(void *ptr)
{
	tell("free");
	__libc_free(ptr);
}

SHOWN void *memalign(size_t alignment, size_t size)
{
	tell("memalign");
	return __libc_memalign(alignment, size);
}

SHOWN void *aligned_alloc(size_t alignment, size_t size)
{
	tell("aligned_alloc");
	return __libc_memalign(alignment, size);
}

SHOWN int posix_memalign(void **memptr, size_t alignment, size_t size)
{
	tell("posix_memalign");
	if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0)
		return EINVAL;
	*memptr = __libc_memalign(alignment, size);
	return *memptr != NULL ? 0 : ENOMEM;
}

SHOWN void *valloc(size_t size)
{
	tell("valloc");
	return __libc_memalign(4096, size);
}

SHOWN void *pvalloc(size_t size)
{
	tell("pvalloc");
	return __libc_memalign(4096, (size + 4095) & ~(size_t)4095);
}

/* Answers of its own, by which it is known who was asked. */
SHOWN size_t malloc_usable_size(void *ptr)
{
	(void)ptr;
	tell("malloc_usable_size");
	return 4711;
}

SHOWN int malloc_trim(size_t pad)
{
	tell("malloc_trim");
	return (int)pad + 1;
}
