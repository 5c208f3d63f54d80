/* SPDX-License-Identifier: MIT */
/* From addresses to arenas. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "mem/arena.h"

static struct weft__arena one, other;

static char *chunk(size_t number)
{
	return (char *)(number << WEFT__ARENA_BYTES_LOG2);
}

static void every_address_of_a_range_is_found_and_none_beside_it(void **state)
{
	char *low = chunk(5 * 2048 + 2047); /* across two leaves */
	size_t bytes = 3 * WEFT__ARENA_BYTES;

	(void)state;
	assert_null(weft__map_find(low));
	assert_int_equal(weft__map_set(low, bytes, &one), 0);
	assert_int_equal(weft__map_set(low + bytes, WEFT__ARENA_BYTES, &other), 0);
	assert_null(weft__map_find(low - 1));
	for (size_t at = 0; at < bytes; at += WEFT__ARENA_BYTES / 4)
		assert_ptr_equal(weft__map_find(low + at), &one);
	assert_ptr_equal(weft__map_find(low + bytes - 1), &one);
	assert_ptr_equal(weft__map_find(low + bytes), &other);
	weft__map_clear(low, bytes);
	assert_null(weft__map_find(low));
	assert_null(weft__map_find(low + bytes - 1));
	assert_ptr_equal(weft__map_find(low + bytes), &other);
	weft__map_clear(low + bytes, WEFT__ARENA_BYTES);
}

static void any_pointer_may_be_asked_for(void **state)
{
	(void)state;
	assert_null(weft__map_find(NULL));
	assert_null(weft__map_find(&one));
	assert_null(weft__map_find((void *)UINTPTR_MAX));
	assert_null(weft__map_find((void *)(UINT64_C(1) << 48)));
	assert_null(weft__map_find((void *)((UINT64_C(1) << 48) - 1)));
}

static void what_lies_beyond_48_bits_is_refused(void **state)
{
	char *high = chunk(((size_t)1 << 22) - 1);

	(void)state;
	assert_int_equal(weft__map_set(high, 2 * WEFT__ARENA_BYTES, &one), -ENOMEM);
	assert_null(weft__map_find(high));
	assert_int_equal(weft__map_set(high, WEFT__ARENA_BYTES, &one), 0);
	assert_ptr_equal(weft__map_find(high), &one);
	weft__map_clear(high, WEFT__ARENA_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_address_of_a_range_is_found_and_none_beside_it),
		cmocka_unit_test(any_pointer_may_be_asked_for),
		cmocka_unit_test(what_lies_beyond_48_bits_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
