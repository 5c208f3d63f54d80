/* SPDX-License-Identifier: MIT */
/*
 * Address space: real mappings, so that the engine can use them, and a record of each, so that a
 * run can be asked what it holds and misuse is seen. Guards trap as real ones do.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sys/sim/kernel.h"

struct range {
	char *at;
	size_t bytes;
};

/* Unordered. */
struct ranges {
	struct range *items;
	unsigned count, room;
};

static struct ranges reserved, guarded;

static void add(struct ranges *ranges, char *at, size_t bytes)
{
	if (ranges->count == ranges->room) {
		ranges->room = ranges->room * 2 + 64;
		ranges->items = realloc(ranges->items, ranges->room * sizeof *ranges->items);
		weft__assert(ranges->items != NULL);
	}
	ranges->items[ranges->count++] = (struct range){ at, bytes };
}

static struct range *find_containing(struct ranges *ranges, const char *at, size_t bytes)
{
	for (unsigned i = 0; i < ranges->count; i++) {
		struct range *range = &ranges->items[i];

		if (at >= range->at && at + bytes <= range->at + range->bytes)
			return range;
	}
	return NULL;
}

static bool has_inside(const struct ranges *ranges, const char *at, size_t bytes)
{
	for (unsigned i = 0; i < ranges->count; i++)
		if (ranges->items[i].at < at + bytes &&
		    at < ranges->items[i].at + ranges->items[i].bytes)
			return true;
	return false;
}

static void drop_inside(struct ranges *ranges, const char *at, size_t bytes)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < ranges->count; i++) {
		struct range *range = &ranges->items[i];

		if (range->at < at || range->at + range->bytes > at + bytes)
			ranges->items[kept++] = *range;
	}
	ranges->count = kept;
}

void weft__sim_memory_start(void)
{
	reserved.count = 0;
	guarded.count = 0;
}

void weft__sim_memory_usage(struct weft__sim_usage *out_usage)
{
	out_usage->reservations = reserved.count;
	out_usage->guards = guarded.count;
	out_usage->reserved_bytes = 0;
	for (unsigned i = 0; i < reserved.count; i++)
		out_usage->reserved_bytes += reserved.items[i].bytes;
}

void weft__sim_memory_drop(void)
{
	for (unsigned i = 0; i < reserved.count; i++)
		munmap(reserved.items[i].at, reserved.items[i].bytes);
}

static char *map_aligned(size_t bytes, size_t align)
{
	size_t slack = align - WEFT__PAGE; /* it is aligned to a page as it comes */
	char *raw = mmap(NULL, bytes + slack, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *at;

	if (raw == MAP_FAILED)
		return NULL;
	at = (char *)(((uintptr_t)raw + align - 1) & ~(uintptr_t)(align - 1));
	if (at > raw)
		munmap(raw, (size_t)(at - raw));
	if (raw + slack > at)
		munmap(at + bytes, (size_t)(raw + slack - at));
	return at;
}

int weft__sys_reserve(size_t bytes, size_t align, void **out_at)
{
	char *at;

	weft__sim_step("reserve");
	weft__assert(bytes % WEFT__PAGE == 0 && bytes > 0 && (align & (align - 1)) == 0);
	if (weft__sim_fault(weft__sim.options.fail_reserve)) {
		weft__sim_note("reserve(%zu) fails", bytes);
		return weft__sim_choose(2) == 0 ? -ENOMEM : -EAGAIN;
	}
	at = map_aligned(bytes, align < WEFT__PAGE ? WEFT__PAGE : align);
	if (at == NULL)
		return -ENOMEM;
	add(&reserved, at, bytes);
	weft__sim_note("reserve(%zu) = %p", bytes, (void *)at);
	*out_at = at;
	return 0;
}

void weft__sys_unreserve(void *at, size_t bytes)
{
	struct range *range;

	weft__sim_step("unreserve");
	weft__sim_note("unreserve(%p, %zu)", at, bytes);
	range = find_containing(&reserved, at, bytes);
	weft__assert(range != NULL && range->at == at && range->bytes == bytes);
	weft__assert(!has_inside(&guarded, at, bytes));
	*range = reserved.items[--reserved.count];
	munmap(at, bytes);
}

int weft__sys_guard(void *at, size_t bytes)
{
	weft__sim_step("guard");
	weft__assert(find_containing(&reserved, at, bytes) != NULL &&
		     !has_inside(&guarded, at, bytes));
	if (weft__sim_fault(weft__sim.options.fail_guard)) {
		weft__sim_note("guard(%p) fails", at);
		return weft__sim_choose(2) == 0 ? -ENOMEM : -EAGAIN;
	}
	if (mprotect(at, bytes, PROT_NONE) != 0)
		return -ENOMEM;
	add(&guarded, at, bytes);
	return 1; /* the dearer answer: the engine has to take each back */
}

void weft__sys_unguard(void *at, size_t bytes, int how)
{
	weft__sim_step("unguard");
	weft__assert(how == 1 && find_containing(&guarded, at, bytes) != NULL);
	mprotect(at, bytes, PROT_READ | PROT_WRITE);
	drop_inside(&guarded, at, bytes);
}

void weft__sys_discard(void *at, size_t bytes)
{
	weft__sim_step("discard");
	weft__assert(find_containing(&reserved, at, bytes) != NULL &&
		     !has_inside(&guarded, at, bytes));
	madvise(at, bytes, MADV_DONTNEED);
}

void weft__sys_discard_each(void *const at[], size_t bytes, int count)
{
	weft__assert(count <= WEFT__DISCARD_MAX);
	for (int i = 0; i < count; i++)
		weft__sys_discard(at[i], bytes);
}

/* ---- faults: the real kernel reports them, and the run fails */

int weft__sys_fault_install(weft__sys_fault_handler *handler)
{
	(void)handler;
	return 0;
}

int weft__sys_fault_stack(void **out_stack)
{
	*out_stack = NULL;
	return 0;
}

void weft__sys_fault_stack_drop(void *stack)
{
	(void)stack;
}
