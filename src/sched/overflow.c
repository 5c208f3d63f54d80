/* SPDX-License-Identifier: MIT */
/* Tells the stack store whose stack it is that overflowed. */
#include "sched/overflow.h"

#include "mem/overflow.h"
#include "sched/thread.h"

static uint64_t id_of(const void *control)
{
	const struct weft_thread *thread = control;

	return thread->id;
}

static const char *name_of(const void *control)
{
	const struct weft_thread *thread = control;

	return thread->name;
}

int weft__overflow_report(void)
{
	static const struct weft__overflow_table table = { .id = id_of, .name = name_of };

	weft__overflow_fasten(&table);
	return weft__sys_fault_install(weft__overflow_on_fault);
}
