/* SPDX-License-Identifier: MIT */
/*
 * What a run says: a line for each step on standard output, stacks on standard error. Places in
 * code are written as [+OFFSET] into the executable; the driver turns them into source lines.
 */
#include <execinfo.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "sys/sim/kernel.h"

#define FRAMES_MAX 24

static int take_first_object(struct dl_phdr_info *object, size_t bytes, void *out)
{
	(void)bytes;
	*(uintptr_t *)out = object->dlpi_addr;
	return 1; /* the first is the executable */
}

static unsigned long offset_of(const void *place)
{
	static uintptr_t base;

	if (base == 0)
		dl_iterate_phdr(take_first_object, &base);
	return (unsigned long)((uintptr_t)place - base - 1); /* inside the call, not behind it */
}

void weft__sim_trace(bool on, bool points)
{
	weft__sim.trace = on;
	weft__sim.trace_points = on && points;
}

static void print_place(void)
{
	printf("%8llu %12.3f us  %u %-12s ", (unsigned long long)weft__sim.steps,
	       (double)(weft__sim.now_ns - 1000000000) / 1000, weft__sim.current->number,
	       weft__sim.current->name);
}

void weft__sim_trace_step(const char *call, const void *caller)
{
	if (call == NULL && !weft__sim.trace_points)
		return;
	print_place();
	if (call != NULL)
		printf("%s\n", call);
	else
		printf("  [+0x%lx]\n", offset_of(caller));
}

void weft__sim_trace_note(const char *format, ...)
{
	va_list arguments;

	print_place();
	fputs("    -> ", stdout);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

void weft__sim_trace_backtrace(void)
{
	void *frames[FRAMES_MAX];
	int count = backtrace(frames, FRAMES_MAX);

	for (int i = 1; i < count; i++)
		dprintf(STDERR_FILENO, "    [+0x%lx]\n", offset_of(frames[i]));
}
