/* SPDX-License-Identifier: MIT */
/*
 * Where the code of the C library and of the dynamic linker lies: a thread that is interrupted
 * there may hold one of their locks. They are there from the program's start and stay, so they are
 * looked for once. A static program has its own copy among the rest: not found.
 */
#include <link.h>
#include <string.h>

#include "sys/linux/watch.h"

#define RANGES_MAX 16

static struct {
	uintptr_t low, high;
} ranges[RANGES_MAX]; /* constant once the handler is installed */
static int range_count;

static bool is_libc(const char *path)
{
	static const char *const names[] = { "libc.so", "libc-", "libpthread", "ld-", "ld64.so" };
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strncmp(name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static int add_object(struct dl_phdr_info *object, size_t bytes, void *arg)
{
	if (object->dlpi_name == NULL || !is_libc(object->dlpi_name))
		return 0;
	for (int i = 0; i < object->dlpi_phnum && range_count < RANGES_MAX; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];

		if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
			continue;
		ranges[range_count].low = object->dlpi_addr + part->p_vaddr;
		ranges[range_count].high = ranges[range_count].low + part->p_memsz;
		range_count++;
	}
	return 0;
}

void weft__tick_libc_find(void)
{
	dl_iterate_phdr(add_object, NULL);
}

bool weft__tick_is_in_libc(const void *pc)
{
	for (int i = 0; i < range_count; i++)
		if ((uintptr_t)pc >= ranges[i].low && (uintptr_t)pc < ranges[i].high)
			return true;
	return false;
}
