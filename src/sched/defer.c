/* SPDX-License-Identifier: MIT */
/* Clean-up functions: a list that its thread alone touches. Those of a block are on its stack. */
#include <weft/defer.h>

#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "sched/group.h"
#include "sched/thread.h"

void weft__defer_begin(weft_block_defer *record, weft_clean_up *function, void *arg)
{
	struct weft_thread *self = weft__self();

	record->function = function;
	record->arg = arg;
	record->is_heap = 0;
	record->next = self->defers;
	self->defers = record;
}

/* Off the list first: a function that ends the thread must not be run again. */
static void run_first(struct weft_thread *self)
{
	weft_block_defer *record = self->defers;
	weft_clean_up *function = record->function;
	void *arg = record->arg;

	self->defers = record->next;
	if (record->is_heap)
		free(record);
	function(arg);
}

/* Of the thread's that were deferred since, none is the block's to run. */
void weft__defer_end(weft_block_defer *record)
{
	struct weft_thread *self = weft__self();
	weft_block_defer **at = &self->defers;

	while (*at != NULL && *at != record)
		at = &(*at)->next;
	if (unlikely(*at == NULL))
		weft__panic("a block's clean-up %p is not this thread's, or has run",
			    (void *)record);
	*at = record->next;
	record->function(record->arg);
}

int weft_defer(weft_clean_up *function, void *arg)
{
	weft_block_defer *record;

	if (function == NULL)
		return -EINVAL;
	record = malloc(sizeof *record);
	if (record == NULL)
		return -ENOMEM;
	weft__defer_begin(record, function, arg);
	record->is_heap = 1;
	return 0;
}

void weft__defers_run(struct weft_thread *self)
{
	while (unlikely(self->defers != NULL))
		run_first(self);
}
