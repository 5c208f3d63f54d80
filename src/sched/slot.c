/* SPDX-License-Identifier: MIT */
/*
 * Slots: one table of those that exist, and for each thread that has set one an array of values,
 * which grows to the highest index that the thread has set.
 *
 * An index is used again, and threads still have what they had under it. So each life of an index
 * has a generation, which the slot's name and each value bear; a value of another generation is not
 * there. Odd: the slot exists. It never wraps: an index that has had them all is not used again.
 *
 * A thread's values are touched by that thread alone. The table is under a lock; whether a slot
 * exists is also looked at without it, by who sets and gets: a stale answer is that of a moment
 * ago, and a value that comes too late for a slot is forgotten as the others are.
 *
 * The least free index is taken, so that the arrays stay short.
 */
#include "sched/slot.h"

#include <stdlib.h>
#include <string.h>

#include <weft/slot.h>

#include "sys/spin.h"

#define ROUNDS 4 /* as pthreads have it */
#define FEWEST 4 /* values in an array */

struct weft__slots {
	uint32_t count;
	struct {
		uint32_t generation;
		void *value;
	} at[];
};

static struct {
	uint32_t lock;
	/* guarded by lock */
	uint32_t free_from; /* all below exist */
	struct {
		uint32_t generation; /* atomic for those that look without the lock */
		weft_slot_destructor *destructor;
	} at[WEFT_SLOT_MAX];
} table;

void weft__slots_forked(void)
{
	table.lock = 0;
}

/* The last one that is even is nobody's successor. */
static bool is_free(uint32_t generation)
{
	return generation % 2 == 0 && generation != UINT32_MAX - 1;
}

int weft_slot_create(weft_slot_destructor *destructor, weft_slot *out_slot)
{
	int code = -EAGAIN;
	uint32_t i;

	weft__spin_lock(&table.lock);
	for (i = table.free_from; i < WEFT_SLOT_MAX; i++)
		if (is_free(table.at[i].generation))
			break;
	table.free_from = i;
	if (i < WEFT_SLOT_MAX) {
		out_slot->index = i;
		out_slot->generation = table.at[i].generation + 1;
		table.at[i].destructor = destructor;
		atomic_store_relaxed(&table.at[i].generation, out_slot->generation);
		table.free_from = i + 1;
		code = 0;
	}
	weft__spin_unlock(&table.lock);
	return code;
}

static bool exists(weft_slot slot)
{
	return slot.index < WEFT_SLOT_MAX && slot.generation % 2 != 0 &&
	       atomic_load_relaxed(&table.at[slot.index].generation) == slot.generation;
}

int weft_slot_destroy(weft_slot slot)
{
	int code = -EINVAL;

	weft__spin_lock(&table.lock);
	if (exists(slot)) {
		atomic_store_relaxed(&table.at[slot.index].generation, slot.generation + 1);
		if (slot.index < table.free_from)
			table.free_from = slot.index;
		code = 0;
	}
	weft__spin_unlock(&table.lock);
	return code;
}

void *weft_slot_get(weft_slot slot)
{
	const struct weft_thread *self = weft__arch_self();
	const struct weft__slots *slots;

	if (unlikely(self == NULL))
		return NULL;
	slots = self->slots;
	if (slots == NULL || slot.index >= slots->count ||
	    slots->at[slot.index].generation != slot.generation || !exists(slot))
		return NULL;
	return slots->at[slot.index].value;
}

static struct weft__slots *grow(struct weft_thread *self, uint32_t index)
{
	uint32_t old_count = self->slots != NULL ? self->slots->count : 0, count = FEWEST;
	struct weft__slots *slots;

	while (count <= index)
		count *= 2;
	slots = realloc(self->slots, sizeof *slots + count * sizeof slots->at[0]);
	if (slots == NULL)
		return NULL;
	memset(&slots->at[old_count], 0, (count - old_count) * sizeof slots->at[0]);
	slots->count = count;
	self->slots = slots;
	return slots;
}

int weft_slot_set(weft_slot slot, void *value)
{
	struct weft_thread *self = weft__arch_self();
	struct weft__slots *slots;

	if (!exists(slot))
		return -EINVAL;
	if (unlikely(self == NULL))
		self = weft__thread_adopt_try();
	if (self == NULL)
		return -ENOMEM;
	slots = self->slots;
	if (slots == NULL || slot.index >= slots->count) {
		if (value == NULL)
			return 0;
		slots = grow(self, slot.index);
		if (slots == NULL)
			return -ENOMEM;
	}
	slots->at[slot.index].generation = slot.generation;
	slots->at[slot.index].value = value;
	return 0;
}

/* NULL: none, or the slot is no more. */
static weft_slot_destructor *destructor_of(weft_slot slot)
{
	weft_slot_destructor *destructor;

	weft__spin_lock(&table.lock);
	destructor = exists(slot) ? table.at[slot.index].destructor : NULL;
	weft__spin_unlock(&table.lock);
	return destructor;
}

/* True: it was called. The array may be another afterwards. */
static bool destroy_value(struct weft__slots *slots, uint32_t index)
{
	const weft_slot slot = { index, slots->at[index].generation };
	void *value = slots->at[index].value;
	weft_slot_destructor *destructor;

	if (value == NULL)
		return false;
	slots->at[index].value = NULL;
	destructor = destructor_of(slot);
	if (destructor == NULL)
		return false;
	destructor(value);
	return true;
}

void weft__slots_run(struct weft_thread *self)
{
	bool again = true;

	for (int round = 0; round < ROUNDS && again; round++) {
		again = false;
		for (uint32_t i = 0; i < self->slots->count; i++)
			again |= destroy_value(self->slots, i);
	}
	free(self->slots);
	self->slots = NULL;
}
