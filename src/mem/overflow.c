/* SPDX-License-Identifier: MIT */
/*
 * Runs in a signal handler, on the alternate stack. Uses async-signal-safe calls only, with one
 * exception: dladdr takes the dynamic linker's lock. A thread that overflowed while it held that
 * lock (in dlopen) would wait for itself if the lock were not recursive; glibc's is. The process is
 * about to die either way.
 *
 * The faulting address alone does not say whose overflow it is: who writes past the upper end of a
 * slot runs into the guard of the next. So the stack must be that of the thread that runs.
 */
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/atomic.h"
#include "mem/overflow.h"
#include "mem/stack.h"

static const struct weft__overflow_table *fastened; /* atomic; set once */

/* A line that is put together without stdio; what does not fit is cut off. */
struct line {
	size_t used;
	char text[600];
};

static void add(struct line *line, const char *text)
{
	size_t bytes = strnlen(text, sizeof line->text - line->used);

	memcpy(line->text + line->used, text, bytes);
	line->used += bytes;
}

static void add_number(struct line *line, uint64_t number, unsigned base)
{
	char digits[24];
	size_t at = sizeof digits - 1;

	digits[at] = '\0';
	do {
		digits[--at] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number != 0);
	add(line, digits + at);
}

static void add_thread(struct line *line, const void *control)
{
	const struct weft__overflow_table *table = atomic_load_acquire(&fastened);
	const char *name;

	if (table == NULL)
		return;
	add(line, " in thread ");
	add_number(line, table->id(control), 10);
	name = table->name(control);
	if (name == NULL || name[0] == '\0')
		return;
	add(line, " \"");
	add(line, name);
	add(line, "\"");
}

static void add_bytes(struct line *line, size_t bytes)
{
	bool is_small = bytes < (size_t)1 << 20;

	add_number(line, bytes >> (is_small ? 10 : 20), 10);
	add(line, is_small ? " KiB" : " MiB");
}

static void add_place(struct line *line, void *program_counter)
{
	Dl_info info = { 0 };

	if (dladdr(program_counter, &info) == 0) {
		add(line, "at 0x");
		add_number(line, (uintptr_t)program_counter, 16);
		return;
	}
	add(line, "in ");
	if (info.dli_sname != NULL) {
		add(line, "function ");
		add(line, info.dli_sname);
		add(line, " (");
	}
	add(line, info.dli_fname);
	add(line, "+0x");
	add_number(line, (uintptr_t)program_counter - (uintptr_t)info.dli_fbase, 16);
	if (info.dli_sname != NULL)
		add(line, ")");
}

static void report(const struct weft__stack_place *place, void *program_counter)
{
	struct line line = { .used = 0 };

	add(&line, "weft: stack overflow");
	add_thread(&line, place->control);
	add(&line, " (");
	add_bytes(&line, place->slot_bytes);
	add(&line, " stack): ");
	add_place(&line, program_counter);
	add(&line, ". Give it more with weft_thread_options.stack_bytes, or keep large arrays and "
		   "deep recursion off its stack.\n");
	if (write(STDERR_FILENO, line.text, line.used) < 0)
		return; /* nobody to tell */
}

void weft__overflow_fasten(const struct weft__overflow_table *table)
{
	atomic_store_release(&fastened, table);
}

bool weft__overflow_on_fault(void *address, void *program_counter, void *stack_pointer)
{
	struct weft__stack_place place;

	(void)stack_pointer;
	if (weft__stack_find(address, &place) && place.is_in_guard && place.control != NULL &&
	    place.control == weft__arch_self())
		report(&place, program_counter);
	return false;
}
