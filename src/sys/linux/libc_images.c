/* SPDX-License-Identifier: MIT */
/*
 * What a new thread's thread_locals hold: the image of each module that has some.
 *
 * Modules that are there at the start are written down once, pinned so that they stay, and reset
 * without a lock. Of a module that was loaded later a block has a part if a thread there touched
 * it, which the block's own vector says, or, for the initial-exec kind, always. These are reset in
 * the dynamic linker's own walk, which keeps them from being unloaded meanwhile; it is dear, so a
 * module that is known not to be of that kind is remembered by its number and its age.
 *
 * The C library's own part is left as it is: malloc's cache of the thread lies there.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <string.h>

#include "arch/arch.h"
#include "base/atomic.h"
#include "base/compiler.h"
#include "sys/linux/libc.h"
#include "thread_pointer.h"

#define MODULES_MAX 64
#define LATE_MAX 256

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
	size_t in_a_row; /* from number 0 on: these are written down, and stay */
} images;

static const ElfW(Phdr) * tls_part(const struct dl_phdr_info *info)
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

/* Modules are counted from 1; what stands at 0 in the linker's list is no module's. */
static bool is_listed(size_t id)
{
	if (id == 0 || id == images.own_id)
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
	while (is_listed(images.in_a_row))
		images.in_a_row++;
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

/* All of it but what is ours: a signal handler reads that at any time. */
static void reset_module(const struct module *module, char *at)
{
	size_t ours = (size_t)((char *)weft__arch_local_at(weft__arch_tp()) - at), done = 0;

	if (ours < module->bytes) {
		copy_stretch(module, at, 0, ours);
		done = ours + sizeof(struct weft__arch_local);
	}
	copy_stretch(module, at, done, module->bytes);
}

/* ---- modules that were loaded later */

/* By number: the age of a module whose part is nowhere, unless the block's vector has one. */
static size_t dynamic_ages[LATE_MAX]; /* atomic */

static size_t size_at(const char *at)
{
	size_t size;

	memcpy(&size, at, sizeof size);
	return size;
}

static char *pointer_at(const char *at)
{
	char *pointer;

	memcpy(&pointer, at, sizeof pointer);
	return pointer;
}

/* What a block's vector has for it; NULL: nothing. -1 stands for that, too. The entry before the
 * first says how many there are. */
static char *part_of(const char *record, size_t id)
{
	const struct weft__libc *libc = &weft__libc;
	const char *entries = pointer_at(record + libc->dtv);
	char *part;

	if (id > size_at(entries - libc->dtv_bytes))
		return NULL;
	part = pointer_at(entries + id * libc->dtv_bytes + libc->dtv_value);
	return (uintptr_t)part == UINTPTR_MAX ? NULL : part;
}

/* Calls visit for each module with a part that is not written down, until it answers true. */
static bool walk_late(bool (*visit)(void *arg, size_t id, const char *slot), void *arg)
{
	const struct weft__libc *libc = &weft__libc;
	size_t id = 0;

	for (char *list = *libc->slots; list != NULL; list = pointer_at(list + libc->slots_next)) {
		size_t count = size_at(list + libc->slots_count);

		for (size_t i = 0; i < count; i++, id++) {
			const char *slot = list + libc->slots_first + i * libc->slot_bytes;

			if (pointer_at(slot + libc->slot_map) != NULL && !is_listed(id) &&
			    visit(arg, id, slot))
				return true;
		}
	}
	return false;
}

/* Whether there is any: of the linker's list, which has room for more than there are, every slot is
 * read, so the loop has no branch. */
static bool has_late(void)
{
	const struct weft__libc *libc = &weft__libc;
	const char *list = *libc->slots;
	const char *map = list + libc->slots_first + libc->slot_map;
	size_t count = size_at(list + libc->slots_count), step = libc->slot_bytes;
	uintptr_t any = (uintptr_t)pointer_at(list + libc->slots_next);

	for (size_t i = images.in_a_row; i < count; i++)
		any |= (uintptr_t)pointer_at(map + i * step);
	return any != 0;
}

static bool may_have_part(void *record, size_t id, const char *slot)
{
	return id >= LATE_MAX || part_of(record, id) != NULL ||
	       atomic_load_relaxed(&dynamic_ages[id]) != size_at(slot + weft__libc.slot_age);
}

struct late {
	size_t id; /* looked for */
	char *part;
};

/* Of the initial-exec kind: every block has it at one distance from the thread pointer. */
static bool find_static(void *arg, size_t id, const char *slot)
{
	struct late *late = arg;
	size_t distance;

	if (id != late->id)
		return false;
	distance = size_at(pointer_at(slot + weft__libc.slot_map) + weft__libc.map_offset);
	if (distance != 0 && distance <= weft__libc.tls_bytes)
		late->part = (char *)weft__arch_tp() +
			     (WEFT__ARCH_TLS_IS_BELOW ? -(ptrdiff_t)distance : (ptrdiff_t)distance);
	else if (id < LATE_MAX)
		atomic_store_relaxed(&dynamic_ages[id], size_at(slot + weft__libc.slot_age));
	return true;
}

static int reset_late(struct dl_phdr_info *info, size_t bytes, void *arg)
{
	const ElfW(Phdr) *part = tls_part(info);
	struct late *late = arg;
	struct module module;

	(void)bytes;
	if (part == NULL || is_listed(info->dlpi_tls_modid))
		return 0;
	late->id = info->dlpi_tls_modid;
	late->part = info->dlpi_tls_data;
	walk_late(find_static, late);
	if (late->part == NULL)
		return 0;
	module = (struct module){
		.image = (const char *)(info->dlpi_addr + part->p_vaddr),
		.image_bytes = part->p_filesz,
		.bytes = part->p_memsz,
	};
	reset_module(&module, late->part);
	return 0;
}

void weft__libc_reset_images(char *record)
{
	char *tp = record + weft__libc.tp_offset;
	struct late late = { .part = NULL };

	for (unsigned i = 0; i < images.count; i++)
		reset_module(&images.modules[i], tp + images.modules[i].offset);
	if (unlikely(has_late() && walk_late(may_have_part, record)))
		dl_iterate_phdr(reset_late, &late);
}
