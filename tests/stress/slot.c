/* SPDX-License-Identifier: MIT */
/* Slots: each thread finds what it put there, and nobody else's; all of it is taken away. */
#include "acts.h"

#include <stdlib.h>

struct value {
	uint64_t thread_id;
};

static weft_slot lasting;
static uint64_t made, gone; /* atomic */

static void end_value(void *arg)
{
	struct value *value = arg;

	must(value->thread_id == weft_thread_id(weft_thread_self()));
	free(value);
	atomic_add_acq_rel(&gone, 1);
}

/* One that stays while the thread does. */
static void use_lasting(struct actor *actor)
{
	struct value *value = weft_slot_get(lasting);

	if (value == NULL) {
		value = malloc(sizeof *value);
		must(value != NULL);
		value->thread_id = weft_thread_id(weft_thread_self());
		must(weft_slot_set(lasting, value) == 0);
		atomic_add_acq_rel(&made, 1);
	}
	dawdle(actor);
	must(weft_slot_get(lasting) == value);
	must(value->thread_id == weft_thread_id(weft_thread_self()));
}

/* One that others have never seen; its number has been another's. */
static void use_brief(struct actor *actor)
{
	weft_slot slot;
	int value;

	must(weft_slot_create(NULL, &slot) == 0);
	must(weft_slot_get(slot) == NULL);
	must(weft_slot_set(slot, &value) == 0);
	dawdle(actor);
	must(weft_slot_get(slot) == &value);
	must(weft_slot_destroy(slot) == 0);
	must(weft_slot_set(slot, &value) == -EINVAL);
}

void slot_act(struct actor *actor)
{
	if (choose(actor, 2) == 0)
		use_brief(actor);
	else
		use_lasting(actor);
}

void slot_begin(void)
{
	must(weft_slot_create(end_value, &lasting) == 0);
}

/* A thread that nobody joined may be about to end. */
void slot_end(void)
{
	for (int i = 0; i < 5000 && atomic_load_acquire(&gone) != atomic_load_acquire(&made); i++)
		weft_sleep(WEFT_MS);
	must_be(gone == made, (int64_t)(made - gone));
	must(weft_slot_destroy(lasting) == 0);
}
