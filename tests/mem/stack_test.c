/* SPDX-License-Identifier: MIT */
/* Stacks: their layout, their reuse, and how they are found again. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mem/stack.h"
#include "proc.h"
#include "sys/sys.h"

#define KIB ((size_t)1 << 10)
#define CONTROL_BYTES 448
#define PAGE ((uintptr_t)4096)

static char *take(size_t bytes, size_t *out_usable)
{
	void *control = NULL;

	assert_int_equal(weft__stack_take(bytes, CONTROL_BYTES, &control, out_usable), 0);
	assert_non_null(control);
	return control;
}

static char *take_default(void)
{
	size_t usable;

	return take(64 * KIB, &usable);
}

static size_t slot_bytes_for(size_t bytes)
{
	size_t slot = WEFT__STACK_BYTES_MIN;

	while (slot < bytes)
		slot *= 2;
	return slot;
}

static void check_size(size_t bytes)
{
	size_t usable, slot = slot_bytes_for(bytes);
	char *control = take(bytes, &usable);
	char *low = control - usable;
	struct weft__stack_place place;

	assert_true(weft__stack_find(control, &place));
	assert_int_equal(place.slot_bytes, slot);
	assert_ptr_equal(place.slot + WEFT__STACK_GUARD_BYTES, low);
	assert_true(control + CONTROL_BYTES <= place.slot + slot);
	assert_true(usable + WEFT__STACK_GUARD_BYTES + CONTROL_BYTES + WEFT__STACK_COLOUR_BYTES >=
		    slot);
	for (char *page = place.slot; page < low; page += PAGE)
		assert_true(proc_traps(page));
	low[0] = 1; /* the deepest byte */
	control[-1] = 1;
	memset(control, 1, CONTROL_BYTES);
	weft__stack_give(control);
}

static void every_size_has_its_guard_and_room(void **state)
{
	const size_t sizes[] = {
		0,         1,         16 * KIB,   32 * KIB,    32 * KIB + 1, 64 * KIB,
		100 * KIB, 256 * KIB, 8192 * KIB, 65536 * KIB, 1048576 * KIB
	};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		check_size(sizes[i]);
}

static void over_a_gigabyte_is_refused(void **state)
{
	void *control = &control;
	size_t usable = 7;

	(void)state;
	assert_int_equal(weft__stack_take(WEFT__STACK_BYTES_MAX + 1, 0, &control, &usable),
			 -EINVAL);
	assert_int_equal(weft__stack_take(SIZE_MAX, 0, &control, &usable), -EINVAL);
	assert_ptr_equal(control, &control);
	assert_int_equal(usable, 7);
}

/* Control block, colour and 1,500 bytes of frames: what a parked thread keeps. */
static void a_parked_thread_is_within_one_page_and_tops_are_spread(void **state)
{
	char *controls[64];
	uint64_t colours[2] = { 0, 0 };

	(void)state;
	for (int i = 0; i < 64; i++) {
		size_t usable;
		uintptr_t at;

		controls[i] = take(64 * KIB, &usable);
		at = (uintptr_t)controls[i];
		assert_int_equal(at % 64, 0);
		assert_int_equal((at - 1500) / PAGE, (at + CONTROL_BYTES - 1) / PAGE);
		assert_false(colours[i / 32] & UINT64_C(1) << (at % PAGE / 64));
		colours[i / 32] |= UINT64_C(1) << (at % PAGE / 64);
	}
	for (int i = 0; i < 64; i++)
		weft__stack_give(controls[i]);
}

static void the_last_given_is_the_first_taken(void **state)
{
	char *controls[100];

	(void)state;
	for (int i = 0; i < 100; i++)
		controls[i] = take_default();
	for (int i = 0; i < 100; i++)
		weft__stack_give(controls[i]);
	for (int i = 99; i >= 0; i--)
		assert_ptr_equal(take_default(), controls[i]);
	for (int i = 0; i < 100; i++)
		weft__stack_give(controls[i]);
}

static void sizes_do_not_mix(void **state)
{
	size_t usable;
	char *small, *large;

	(void)state;
	weft__stack_give(take(32 * KIB, &usable));
	large = take(128 * KIB, &usable);
	assert_true(usable > 100 * KIB);
	small = take(32 * KIB, &usable);
	assert_true(usable <= 16 * KIB);
	weft__stack_give(large);
	weft__stack_give(small);
}

/* ---- finding */

static void every_address_of_a_slot_finds_it(void **state)
{
	char *control = take_default(), *next = take_default();
	struct weft__stack_place place;
	char *slot;

	(void)state;
	assert_true(weft__stack_find(control, &place));
	slot = place.slot;
	for (size_t at = 0; at < 64 * KIB; at += 64) {
		assert_true(weft__stack_find(slot + at, &place));
		assert_ptr_equal(place.slot, slot);
		assert_int_equal(place.is_in_guard, at < WEFT__STACK_GUARD_BYTES);
		assert_true(place.is_in_use);
		assert_ptr_equal(place.control, control);
	}
	weft__stack_give(control);
	assert_true(weft__stack_find(control, &place));
	assert_false(place.is_in_use);
	assert_null(place.control);
	weft__stack_give(next);
}

static void strangers_are_not_found(void **state)
{
	struct weft__stack_place place;

	(void)state;
	assert_false(weft__stack_find(NULL, &place));
	assert_false(weft__stack_find(&place, &place));
	assert_false(weft__stack_find((void *)UINTPTR_MAX, &place));
	assert_false(weft__stack_find((void *)(uintptr_t)every_address_of_a_slot_finds_it, &place));
}

struct visit {
	void **controls;
	int count, seen, stop_after;
};

static int note_visit(void *arg, void *control)
{
	struct visit *visit = arg;

	for (int i = 0; i < visit->count; i++)
		visit->seen += visit->controls[i] == control;
	return visit->stop_after != 0 && --visit->stop_after == 0 ? 99 : 0;
}

static void a_walk_visits_what_is_in_use(void **state)
{
	void *controls[10];
	struct visit visit = { .controls = controls, .count = 10 };
	size_t usable;

	(void)state;
	for (int i = 0; i < 10; i++)
		controls[i] = take(i % 2 ? 32 * KIB : 256 * KIB, &usable);
	assert_int_equal(weft__stack_walk(note_visit, &visit), 0);
	assert_int_equal(visit.seen, 10);
	for (int i = 0; i < 5; i++)
		weft__stack_give(controls[i]);
	visit.seen = 0;
	assert_int_equal(weft__stack_walk(note_visit, &visit), 0);
	assert_int_equal(visit.seen, 5);
	visit = (struct visit){ .controls = controls, .count = 10, .stop_after = 2 };
	assert_int_equal(weft__stack_walk(note_visit, &visit), 99);
	assert_int_equal(visit.seen, 2);
	for (int i = 5; i < 10; i++)
		weft__stack_give(controls[i]);
}

/* ---- pages go back */

#define MANY 5000

static char *many[MANY];

static void take_many(void)
{
	for (int i = 0; i < MANY; i++) {
		many[i] = take_default();
		memset(many[i] - 100, 0x55, 100);
	}
}

static void give_many(void)
{
	for (int i = 0; i < MANY; i++)
		weft__stack_give(many[i]);
}

static void what_stays_warm_is_bounded(void **state)
{
	struct weft__stack_counts before, counts;

	(void)state;
	weft__stack_settle();
	weft__stack_count(&before);
	take_many();
	weft__stack_count(&counts);
	assert_int_equal(counts.in_use, before.in_use + MANY);
	assert_in_range(counts.arenas, MANY / 1024, MANY / 1024 + 1 + before.arenas);
	give_many();
	weft__stack_settle();
	weft__stack_count(&counts);
	assert_int_equal(counts.in_use, before.in_use);
	/* 64 MiB of slots; the other sizes have not changed. */
	assert_in_range(counts.warm, 1024, before.warm + 1024);
	assert_in_range(counts.arenas, 1, before.arenas + 2);
}

static void a_discarded_stack_is_zero_and_still_guarded(void **state)
{
	int zeroes = 0;

	(void)state;
	take_many();
	give_many();
	weft__stack_settle();
	for (int i = 0; i < MANY; i++) {
		many[i] = take_default();
		zeroes += many[i][-1] == 0;
		if (i % 97 == 0) {
			struct weft__stack_place place;

			assert_true(weft__stack_find(many[i], &place));
			assert_true(proc_traps(place.slot));
			assert_true(proc_traps(place.slot + WEFT__STACK_GUARD_BYTES - 1));
			assert_false(proc_traps(place.slot + WEFT__STACK_GUARD_BYTES));
		}
	}
	assert_in_range(zeroes, MANY - 1024 - 32, MANY - 1);
	give_many();
}

static void rounds_end_where_they_began(void **state)
{
	struct weft__stack_counts first, counts;

	(void)state;
	for (int round = 0; round < 4; round++) {
		take_many();
		give_many();
		weft__stack_settle();
		weft__stack_count(&counts);
		if (round == 0)
			first = counts;
		assert_memory_equal(&counts, &first, sizeof counts);
	}
}

/* ---- misuse */

static void give_twice(void *arg)
{
	char *control = take_default();

	(void)arg;
	weft__stack_give(control);
	weft__stack_give(control);
}

static void give_strangers(void *arg)
{
	weft__stack_give(arg);
}

static void give_inside(void *arg)
{
	(void)arg;
	weft__stack_give(take_default() - 64);
}

static void misuse_stops_the_program(void **state)
{
	(void)state;
	assert_int_equal(proc_in_child(give_twice, NULL), -SIGABRT);
	assert_int_equal(proc_in_child(give_strangers, many), -SIGABRT);
	assert_int_equal(proc_in_child(give_inside, NULL), -SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_has_its_guard_and_room),
		cmocka_unit_test(over_a_gigabyte_is_refused),
		cmocka_unit_test(a_parked_thread_is_within_one_page_and_tops_are_spread),
		cmocka_unit_test(the_last_given_is_the_first_taken),
		cmocka_unit_test(sizes_do_not_mix),
		cmocka_unit_test(every_address_of_a_slot_finds_it),
		cmocka_unit_test(strangers_are_not_found),
		cmocka_unit_test(a_walk_visits_what_is_in_use),
		cmocka_unit_test(what_stays_warm_is_bounded),
		cmocka_unit_test(a_discarded_stack_is_zero_and_still_guarded),
		cmocka_unit_test(rounds_end_where_they_began),
		cmocka_unit_test(misuse_stops_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
