/* SPDX-License-Identifier: MIT */
/* The list, against what stands in an array. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define ITEMS 16

struct item {
	char before;
	struct weft__list link;
};

static struct item items[ITEMS];

/* Both ways round, and each link's neighbours agree. */
static void assert_holds(const struct weft__list *list, const int *wanted, int count)
{
	const struct weft__list *link = list;
	int at = 0;

	weft__list_for(each, list) {
		assert_true(at < count);
		assert_ptr_equal(container_of(each, struct item, link), &items[wanted[at]]);
		assert_ptr_equal(each->next->prev, each);
		assert_ptr_equal(each->prev->next, each);
		at++;
	}
	assert_int_equal(at, count);
	for (at = count; (link = link->prev) != list;)
		assert_ptr_equal(link, &items[wanted[--at]].link);
	assert_int_equal(at, 0);
	assert_int_equal(weft__list_is_empty(list), count == 0);
}

static void an_empty_list_gives_nothing(void **state)
{
	struct weft__list list;

	weft__list_init(&list);
	assert_holds(&list, NULL, 0);
	assert_null(weft__list_pop(&list));
	weft__list_for(each, &list)
		fail();
}

static void items_come_out_in_the_order_they_went_in(void **state)
{
	struct weft__list list;

	weft__list_init(&list);
	for (int i = 0; i < 3; i++)
		weft__list_push(&list, &items[i].link);
	assert_holds(&list, (int[]){ 0, 1, 2 }, 3);
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(weft__list_pop(&list), &items[i].link);
	assert_null(weft__list_pop(&list));
}

static void what_is_pushed_to_the_front_comes_first(void **state)
{
	struct weft__list list;

	weft__list_init(&list);
	weft__list_push_front(&list, &items[0].link);
	weft__list_push_front(&list, &items[1].link);
	weft__list_push(&list, &items[2].link);
	assert_holds(&list, (int[]){ 1, 0, 2 }, 3);
}

static void an_item_can_leave_from_anywhere(void **state)
{
	for (int leaves = 0; leaves < 3; leaves++) {
		int left[2] = { leaves == 0, leaves == 2 ? 1 : 2 };
		struct weft__list list;

		weft__list_init(&list);
		for (int i = 0; i < 3; i++)
			weft__list_push(&list, &items[i].link);
		weft__list_remove(&items[leaves].link);
		assert_holds(&list, left, 2);
		assert_true(weft__list_is_empty(&items[leaves].link));
		/* Out of any list, it may be taken out once more: nothing happens. */
		weft__list_remove(&items[leaves].link);
		assert_holds(&list, left, 2);
	}
}

static void a_splice_moves_all_to_the_end(void **state)
{
	struct weft__list to, from;

	weft__list_init(&to);
	weft__list_init(&from);
	weft__list_splice(&to, &from);
	assert_holds(&to, NULL, 0);
	for (int i = 0; i < 2; i++) {
		weft__list_push(&from, &items[i].link);
		weft__list_push(&to, &items[2 + i].link);
	}
	weft__list_splice(&to, &from);
	assert_holds(&to, (int[]){ 2, 3, 0, 1 }, 4);
	assert_holds(&from, NULL, 0);
	weft__list_splice(&from, &to);
	assert_holds(&from, (int[]){ 2, 3, 0, 1 }, 4);
	assert_holds(&to, NULL, 0);
	weft__list_splice(&from, &to);
	assert_holds(&from, (int[]){ 2, 3, 0, 1 }, 4);
}

/* ---- at random, beside an array that does the same */

struct twin {
	struct weft__list list;
	int order[ITEMS];
	int count;
};

static void take_from_array(struct twin *twin, int at)
{
	memmove(&twin->order[at], &twin->order[at + 1],
		(size_t)(twin->count - at - 1) * sizeof twin->order[0]);
	twin->count--;
}

static void put_into_array(struct twin *twin, int at, int item)
{
	memmove(&twin->order[at + 1], &twin->order[at],
		(size_t)(twin->count - at) * sizeof twin->order[0]);
	twin->order[at] = item;
	twin->count++;
}

static void take_one(struct twin *twin, int at)
{
	weft__list_remove(&items[twin->order[at]].link);
	take_from_array(twin, at);
}

static void put_one(struct twin *twin, int item, int to_front)
{
	if (to_front)
		weft__list_push_front(&twin->list, &items[item].link);
	else
		weft__list_push(&twin->list, &items[item].link);
	put_into_array(twin, to_front ? 0 : twin->count, item);
}

static void splice(struct twin *to, struct twin *from)
{
	weft__list_splice(&to->list, &from->list);
	while (from->count > 0) {
		put_into_array(to, to->count, from->order[0]);
		take_from_array(from, 0);
	}
}

static void two_lists_do_what_two_arrays_do(void **state)
{
	const char *text = getenv("WEFT_SEED");
	unsigned seed = text != NULL ? (unsigned)strtoul(text, NULL, 0) : (unsigned)time(NULL);
	struct twin twins[2];

	print_message("WEFT_SEED=%u\n", seed);
	srand(seed);
	for (int i = 0; i < 2; i++) {
		weft__list_init(&twins[i].list);
		twins[i].count = 0;
	}
	for (int i = 0; i < ITEMS; i++)
		put_one(&twins[i % 2], i, 0);
	for (int round = 0; round < 20000; round++) {
		struct twin *one = &twins[rand() % 2], *other = &twins[one == &twins[0]];

		if (rand() % 16 == 0) {
			splice(one, other);
		} else if (one->count > 0) {
			int at = rand() % one->count, item = one->order[at];

			take_one(one, at);
			put_one(rand() % 2 ? one : other, item, rand() % 2);
		}
		assert_holds(&one->list, one->order, one->count);
		assert_holds(&other->list, other->order, other->count);
		assert_int_equal(one->count + other->count, ITEMS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_list_gives_nothing),
		cmocka_unit_test(items_come_out_in_the_order_they_went_in),
		cmocka_unit_test(what_is_pushed_to_the_front_comes_first),
		cmocka_unit_test(an_item_can_leave_from_anywhere),
		cmocka_unit_test(a_splice_moves_all_to_the_end),
		cmocka_unit_test(two_lists_do_what_two_arrays_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
