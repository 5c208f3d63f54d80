/* SPDX-License-Identifier: MIT */
/*
 * What a new thread's thread_locals hold: the image of each module that has some.
 *
 * Modules that are there at the start are written down once, pinned so that they stay, and reset
 * without a lock. Of modules that were loaded later the block has parts only if a thread there
 * touched them, or if they are of the initial-exec kind; then the block's own vector says so, and
 * they are reset in the dynamic linker's own walk, which keeps them from being unloaded meanwhile.
 *
 * The C library's own part is left as it is: malloc's cache of the thread lies there.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <string.h>

#include "base/compiler.h"
#include "sys/linux/libc.h"
#include "thread_pointer.h"

#define MODULES_MAX 64

struct module {
	size_t id;
	ptrdiff_t offset; /* of its part, from the thread pointer */
	const char *image;
	size_t image_bytes, bytes;
	const char *name; /* of its file; "": the program */
};

/* Constant once learnt. */
static struct {
	struct module modules[MODULES_MAX];
	unsigned count;
	ptrdiff_t own_offset; /* the C library's own part */
	size_t own_bytes;
	size_t own_id;
} images;

static const ElfW(Phdr) *tls_part(const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_TLS)
			return &info->dlpi_phdr[i];
	return NULL;
}

static bool is_own(const char *data, size_t bytes)
{
	return (uintptr_t)&errno - (uintptr_t)data < bytes;
}

/* Whether every block has it at the same distance from the thread pointer. */
static bool is_static(const char *data)
{
	ptrdiff_t distance = data - (char *)weft__arch_tp();

	if (WEFT__ARCH_TLS_IS_BELOW)
		distance = -distance;
	return distance >= 0 && (size_t)distance <= weft__libc.tls_bytes;
}

static int note_module(struct dl_phdr_info *info, size_t bytes, void *arg)
{
	const ElfW(Phdr) *part = tls_part(info);
	const char *data = info->dlpi_tls_data, *tp = weft__arch_tp();

	(void)bytes;
	(void)arg;
	if (part == NULL || data == NULL || !is_static(data))
		return 0;
	if (is_own(data, part->p_memsz)) {
		images.own_offset = data - tp;
		images.own_bytes = part->p_memsz;
		images.own_id = info->dlpi_tls_modid;
		return 0;
	}
	if (images.count == MODULES_MAX)
		return 1;
	images.modules[images.count++] = (struct module){
		.id = info->dlpi_tls_modid,
		.offset = data - tp,
		.image = (const char *)(info->dlpi_addr + part->p_vaddr),
		.image_bytes = part->p_filesz,
		.bytes = part->p_memsz,
		.name = info->dlpi_name,
	};
	return 0;
}

static bool is_listed(size_t id)
{
	if (id == images.own_id)
		return true;
	for (unsigned i = 0; i < images.count; i++)
		if (images.modules[i].id == id)
			return true;
	return false;
}

/* So that it is never unloaded; the program itself never is. */
static bool pin(const struct module *module)
{
	return module->name == NULL || module->name[0] == '\0' ||
	       dlopen(module->name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) != NULL;
}

int weft__libc_find_images(void)
{
	unsigned kept = 0;

	memset(&images, 0, sizeof images);
	dl_iterate_phdr(note_module, NULL);
	if (images.own_bytes == 0)
		return -ENOTSUP;
	for (unsigned i = 0; i < images.count; i++)
		if (pin(&images.modules[i]))
			images.modules[kept++] = images.modules[i];
	images.count = kept;
	return 0;
}

void weft__libc_own_image(char **out_at, size_t *out_bytes)
{
	*out_at = (char *)weft__arch_tp() + images.own_offset;
	*out_bytes = images.own_bytes;
}

/* One stretch of a module's part. */
static void copy_stretch(const struct module *module, char *at, size_t from, size_t to)
{
	size_t middle = to < module->image_bytes ? to : module->image_bytes;

	if (from < middle)
		memcpy(at + from, module->image + from, middle - from);
	if (middle < from)
		middle = from;
	if (middle < to)
		memset(at + middle, 0, to - middle);
}

/* All of it but the words to keep, which are in order: a signal handler reads them at any time. */
static void reset_module(const struct module *module, char *at,
			 const struct weft__libc_keep keep[2])
{
	size_t done = 0;

	for (int i = 0; i < 2; i++) {
		size_t from = (size_t)(keep[i].at - at);

		if ((uintptr_t)keep[i].at < (uintptr_t)at || from >= module->bytes)
			continue;
		copy_stretch(module, at, done, from);
		done = from + keep[i].bytes;
	}
	copy_stretch(module, at, done, module->bytes);
}

static int reset_late(struct dl_phdr_info *info, size_t bytes, void *arg)
{
	const ElfW(Phdr) *part = tls_part(info);
	struct module module;

	(void)bytes;
	if (part == NULL || info->dlpi_tls_data == NULL || is_listed(info->dlpi_tls_modid))
		return 0;
	module = (struct module){
		.image = (const char *)(info->dlpi_addr + part->p_vaddr),
		.image_bytes = part->p_filesz,
		.bytes = part->p_memsz,
	};
	reset_module(&module, info->dlpi_tls_data, arg);
	return 0;
}

/* Whether this block has a part of a module that is not written down. An entry's value is -1 while
 * there is none; the one before the first says how many there are. */
static bool has_late(const char *record)
{
	const struct weft__libc *libc = &weft__libc;
	const char *entries;
	size_t count;

	memcpy(&entries, record + libc->dtv, sizeof entries);
	memcpy(&count, entries - libc->dtv_bytes, sizeof count);
	for (size_t id = 1; id <= count; id++) {
		uintptr_t value;

		memcpy(&value, entries + id * libc->dtv_bytes + libc->dtv_value, sizeof value);
		if (value != UINTPTR_MAX && value != 0 && !is_listed(id))
			return true;
	}
	return false;
}

void weft__libc_reset_images(char *record, const struct weft__libc_keep keep[2])
{
	char *tp = record + weft__libc.tp_offset;

	for (unsigned i = 0; i < images.count; i++)
		reset_module(&images.modules[i], tp + images.modules[i].offset, keep);
	if (unlikely(has_late(record)))
		dl_iterate_phdr(reset_late, (void *)(uintptr_t)keep);
}
