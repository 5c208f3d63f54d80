/* SPDX-License-Identifier: MIT */
/*
 * libweft-malloc.so: the malloc family, with the calling thread's preemption put off around each
 * call. Preloaded, or linked before the C library; no header, nothing to call. It allocates nothing
 * itself: each call goes to whoever is next in the order of look-up, be it the C library or another
 * allocator.
 *
 * What for: a user thread that is switched away inside malloc holds a lock of the allocator's, and
 * each thread that then wants it blocks its carrier. Nothing breaks without this library, the
 * monitor hands the processors on; with it, programs that allocate all the time are spared that.
 * When not to use it: when threads allocate little, for each call is a few nanoseconds dearer.
 *
 *   - weft is referred to weakly: a program without it pays one test per call. A program that has
 *     weft linked in statically must show the two names to the dynamic linker (-rdynamic), or link
 *     with this library.
 *   - The names are looked up at the first call, which start-up code makes before there is a second
 *     thread. What that look-up allocates comes out of a small block of our own, and stays.
 *   - errno is left as the allocator leaves it.
 *
 * Rejected: raising the thread's counter from here without a call (its place would become part of
 * the library's interface, for 2 ns).
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <weft/preempt.h>

#pragma weak weft_preempt_disable
#pragma weak weft_preempt_enable

#define SHOWN __attribute__((visibility("default")))
#define EARLY_ALIGN 16u

static struct {
	bool is_found;
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*reallocarray)(void *, size_t, size_t);
	void (*free)(void *);
	void *(*memalign)(size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*valloc)(size_t);
	void *(*pvalloc)(size_t);
	size_t (*malloc_usable_size)(void *);
	int (*malloc_trim)(size_t);
} next;

/* ---- what is allocated while the names are looked up; a size stands before each piece */
static struct {
	size_t used;
	char bytes[8192] __attribute__((aligned(EARLY_ALIGN)));
} early;

static bool is_early(const void *at)
{
	return (uintptr_t)at - (uintptr_t)early.bytes < sizeof early.bytes;
}

static size_t early_size(const void *at)
{
	size_t bytes;

	memcpy(&bytes, (const char *)at - EARLY_ALIGN, sizeof bytes);
	return bytes;
}

/* Zero, as nothing is given out twice. */
static void *early_take(size_t bytes)
{
	size_t room = (bytes + 2 * EARLY_ALIGN - 1) & ~(size_t)(EARLY_ALIGN - 1);
	char *at = early.bytes + early.used;

	if (bytes > sizeof early.bytes || room > sizeof early.bytes - early.used) {
		errno = ENOMEM;
		return NULL;
	}
	early.used += room;
	memcpy(at, &bytes, sizeof bytes);
	return at + EARLY_ALIGN;
}

static void *early_move(void *from, size_t bytes)
{
	size_t old = early_size(from);
	void *to = malloc(bytes);

	if (to != NULL)
		memcpy(to, from, old < bytes ? old : bytes);
	return to;
}

/* ---- the names */
static void find(void *out_function, const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	memcpy(out_function, &function, sizeof function);
}

static __attribute__((constructor)) void find_all(void)
{
	static bool is_finding;

	if (is_finding)
		return;
	is_finding = true;
	find(&next.malloc, "malloc");
	find(&next.calloc, "calloc");
	find(&next.realloc, "realloc");
	find(&next.reallocarray, "reallocarray");
	find(&next.free, "free");
	find(&next.memalign, "memalign");
	find(&next.aligned_alloc, "aligned_alloc");
	find(&next.posix_memalign, "posix_memalign");
	find(&next.valloc, "valloc");
	find(&next.pvalloc, "pvalloc");
	find(&next.malloc_usable_size, "malloc_usable_size");
	find(&next.malloc_trim, "malloc_trim");
	next.is_found = true;
}

/* False: they are being looked up right now. */
static inline bool is_ready(void)
{
	if (__builtin_expect(!next.is_found, 0))
		find_all();
	return next.is_found;
}

/* ---- around each call */
static inline void hold(void)
{
	if (weft_preempt_disable != NULL)
		weft_preempt_disable();
}

static inline void release(void)
{
	if (weft_preempt_enable != NULL)
		weft_preempt_enable();
}

/* ---- the family; parameters have the names of <stdlib.h> */
SHOWN void *malloc(size_t size)
{
	void *at;

	if (!is_ready())
		return early_take(size);
	hold();
	at = next.malloc(size);
	release();
	return at;
}

SHOWN void *calloc(size_t nmemb, size_t size)
{
	void *at;

	if (!is_ready()) {
		if (__builtin_mul_overflow(nmemb, size, &size))
			size = SIZE_MAX;
		return early_take(size);
	}
	hold();
	at = next.calloc(nmemb, size);
	release();
	return at;
}

SHOWN void *realloc(void *ptr, size_t size)
{
	void *at;

	if (is_early(ptr))
		return early_move(ptr, size);
	if (!is_ready())
		return early_take(size);
	hold();
	at = next.realloc(ptr, size);
	release();
	return at;
}

SHOWN void *reallocarray(void *ptr, size_t nmemb, size_t size)
{
	void *at;

	if (!is_ready() || is_early(ptr)) {
		if (!__builtin_mul_overflow(nmemb, size, &size))
			return realloc(ptr, size);
		errno = ENOMEM;
		return NULL;
	}
	hold();
	at = next.reallocarray(ptr, nmemb, size);
	release();
	return at;
}

SHOWN void free(void *ptr)
{
	if (ptr == NULL || is_early(ptr) || !is_ready())
		return;
	hold();
	next.free(ptr);
	release();
}

/* Nothing aligned is allocated while the names are looked up. */
static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

SHOWN void *memalign(size_t alignment, size_t size)
{
	void *at;

	if (!is_ready())
		return no_memory();
	hold();
	at = next.memalign(alignment, size);
	release();
	return at;
}

SHOWN void *aligned_alloc(size_t alignment, size_t size)
{
	void *at;

	if (!is_ready())
		return no_memory();
	hold();
	at = next.aligned_alloc(alignment, size);
	release();
	return at;
}

SHOWN int posix_memalign(void **memptr, size_t alignment, size_t size)
{
	int error;

	if (!is_ready())
		return ENOMEM;
	hold();
	error = next.posix_memalign(memptr, alignment, size);
	release();
	return error;
}

SHOWN void *valloc(size_t size)
{
	void *at;

	if (!is_ready())
		return no_memory();
	hold();
	at = next.valloc(size);
	release();
	return at;
}

SHOWN void *pvalloc(size_t size)
{
	void *at;

	if (!is_ready())
		return no_memory();
	hold();
	at = next.pvalloc(size);
	release();
	return at;
}

SHOWN size_t malloc_usable_size(void *ptr)
{
	size_t size;

	if (ptr == NULL || !is_ready())
		return 0;
	if (is_early(ptr))
		return early_size(ptr);
	hold();
	size = next.malloc_usable_size(ptr);
	release();
	return size;
}

SHOWN int malloc_trim(size_t pad)
{
	int result;

	if (!is_ready())
		return 0;
	hold();
	result = next.malloc_trim(pad);
	release();
	return result;
}
