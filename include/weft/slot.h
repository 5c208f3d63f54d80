/* SPDX-License-Identifier: MIT */
/*
 * Slots: a pointer of each thread's own, for all kinds of thread; NULL until it is set. For what a
 * library keeps for each thread it runs on, light ones and foreign ones among them.
 * When not to use it: where a user or kernel thread is all that comes, `_Thread_local` is quicker
 * and needs no memory; what a function can be handed needs neither.
 *
 * Example:
 *
 *	static weft_slot buffers;
 *
 *	int set_up(void)
 *	{
 *		return weft_slot_create(free, &buffers);
 *	}
 *
 *	// A buffer of the thread's own, which goes when the thread ends; NULL: no memory.
 *	char *my_buffer(void)
 *	{
 *		char *buffer = weft_slot_get(buffers);
 *
 *		if (buffer == NULL) {
 *			buffer = calloc(1, 256);
 *			if (buffer != NULL && weft_slot_set(buffers, buffer) < 0) {
 *				free(buffer);
 *				buffer = NULL;
 *			}
 *		}
 *		return buffer;
 *	}
 */
#ifndef WEFT_SLOT_H
#define WEFT_SLOT_H

#include <stdint.h>

#include <weft/api.h>

WEFT_API_BEGIN

/* Names a slot; copied freely. All-zero names none. */
typedef struct weft_slot {
	uint32_t index, generation;
} weft_slot;

typedef void weft_slot_destructor(void *value);

/* How many there can be at a time. */
#define WEFT_SLOT_MAX 4096

/*
 * Makes a slot, which is NULL in every thread.
 *   destructor   called at the end of each thread whose value is not NULL, by that thread, with the
 *                value; the slot is NULL by then. It may wait, and set slots: then theirs are
 *                called too, in four rounds at most. NULL: none. At the end of the process none is
 *                called
 * Returns 0; -EAGAIN: there are WEFT_SLOT_MAX.
 */
WEFT_API int weft_slot_create(weft_slot_destructor *destructor, weft_slot *out_slot);

/* Ends a slot. What threads have in it is forgotten, without a destructor; one that has begun may
 * still run. Returns 0; -EINVAL: there is no such slot. */
WEFT_API int weft_slot_destroy(weft_slot slot);

/* The calling thread's value. set returns 0; -EINVAL: there is no such slot; -ENOMEM: its value is
 * what it was. get: of a slot that was never made or set, or is no more: NULL. Progress: get is
 * wait-free. Cost: get: some nanoseconds. */
WEFT_API int weft_slot_set(weft_slot slot, void *value);
WEFT_API void *weft_slot_get(weft_slot slot);

WEFT_API_END

#endif
