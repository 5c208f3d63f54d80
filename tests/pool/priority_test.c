/* SPDX-License-Identifier: MIT */
/* Higher first, the same priority in order, and one lower task in 32. */
#include "in_pool.h"

#define EACH 200

static struct {
	int order[3 * EACH];
	long count;
} ran;

static int note(void *arg)
{
	ran.order[ran.count++] = (int)(intptr_t)arg; /* one worker */
	return 0;
}

static void submit_some(weft_pool *pool, int priority, int count)
{
	for (intptr_t i = 0; i < count; i++)
		assert_int_equal(weft_pool_submit(pool, note, (void *)((priority + 1) * EACH + i),
						  &(weft_task_options){ .priority = priority },
						  NULL),
				 0);
}

static weft_pool *held_pool(weft_route route, struct gate *gate)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .workers = 1, .route = route });

	ran.count = 0;
	hold_workers(pool, gate, 1);
	return pool;
}

static void destroy_all_run(weft_pool *pool, struct gate *gate, long count)
{
	wake(&gate->open, 1);
	assert_int_equal(weft_pool_destroy(pool), 0);
	assert_int_equal(ran.count, count);
}

static void order_holds_within_a_priority(void)
{
	int next[3] = { 0, EACH, 2 * EACH };

	for (long i = 0; i < ran.count; i++)
		assert_int_equal(ran.order[i], next[ran.order[i] / EACH]++);
}

/* Until the higher ones are done, how many of the lower have run. */
static int lower_before(int priority)
{
	int higher = 0, lower = 0;

	for (long i = 0; i < ran.count && higher < EACH; i++)
		if (ran.order[i] / EACH == priority + 1)
			higher++;
		else if (ran.order[i] / EACH < priority + 1)
			lower++;
	return lower;
}

static void higher_ones_go_first(void **state)
{
	struct gate gate = { 0 };

	(void)state;
	for (weft_route route = WEFT_ROUTE_SHARED; route <= WEFT_ROUTE_ROUND_ROBIN; route++) {
		weft_pool *pool = held_pool(route, &gate);

		for (int priority = -1; priority <= 1; priority++)
			submit_some(pool, priority, EACH);
		destroy_all_run(pool, &gate, 3 * EACH);
		order_holds_within_a_priority();
		assert_int_equal(ran.order[0] / EACH, 2);
		/* One in 32, and not more. */
		assert_in_range(lower_before(1), EACH / 32, EACH / 32 + 1);
		assert_in_range(lower_before(0), EACH / 32, 2 * EACH / 32 + 2);
	}
}

static void neither_of_two_lower_ones_starves(void **state)
{
	struct gate gate = { 0 };
	int seen[3] = { 0 };

	(void)state;
	for (weft_route route = WEFT_ROUTE_SHARED; route <= WEFT_ROUTE_ROUND_ROBIN; route++) {
		weft_pool *pool = held_pool(route, &gate);

		for (int priority = -1; priority <= 1; priority++)
			submit_some(pool, priority, EACH);
		destroy_all_run(pool, &gate, 3 * EACH);
		for (long i = 0; i < EACH; i++)
			seen[ran.order[i] / EACH]++;
		assert_true(seen[0] >= 2);
		assert_true(seen[1] >= 2);
	}
}

struct flood {
	weft_pool *pool;
	int left;
	long low_at; /* after how many of the flood the low one ran */
	long ran;
};

static int note_low(void *arg)
{
	struct flood *flood = arg;

	flood->low_at = flood->ran;
	return 0;
}

/* Submits itself: its queue is never empty. */
static int flow(void *arg)
{
	struct flood *flood = arg;

	flood->ran++;
	if (flood->left-- > 0)
		return weft_pool_submit(flood->pool, flow, flood, NULL, NULL);
	return 0;
}

static void a_flood_from_inside_lets_others_through(void **state)
{
	(void)state;
	for (int priority = -1; priority <= 0; priority++) {
		struct gate gate = { 0 };
		struct flood flood = { .pool = make_pool(&(weft_pool_options){ .workers = 1 }),
				       .left = 10000,
				       .low_at = -1 };

		hold_workers(flood.pool, &gate, 1);
		assert_int_equal(weft_pool_submit(flood.pool, flow, &flood,
						  &(weft_task_options){ .priority = 1 }, NULL),
				 0);
		assert_int_equal(weft_pool_submit(flood.pool, note_low, &flood,
						  &(weft_task_options){ .priority = priority },
						  NULL),
				 0);
		wake(&gate.open, 1);
		assert_int_equal(weft_pool_destroy(flood.pool), 0);
		assert_in_range(flood.low_at, 0, 65);
	}
}

static int submit_high(void *arg)
{
	weft_pool *pool = arg;

	submit_some(pool, 0, EACH);
	submit_some(pool, 1, 1);
	return 0;
}

static void a_high_one_from_inside_overtakes(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .workers = 1 });

	(void)state;
	ran.count = 0;
	assert_int_equal(weft_pool_submit(pool, submit_high, pool, NULL, NULL), 0);
	assert_int_equal(weft_pool_destroy(pool), 0);
	assert_int_equal(ran.count, EACH + 1);
	assert_int_equal(ran.order[0], 2 * EACH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(higher_ones_go_first),
		cmocka_unit_test(neither_of_two_lower_ones_starves),
		cmocka_unit_test(a_flood_from_inside_lets_others_through),
		cmocka_unit_test(a_high_one_from_inside_overtakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
