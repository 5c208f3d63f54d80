/* SPDX-License-Identifier: MIT */
/*
 * The run queue: order, growth, stealing, the hot slot. Its threads are numbers here: nobody looks
 * into them. The races run on kernel threads that are no carriers; each number must come out once.
 */
#include "sched/runq.h"

#include <pthread.h>
#include <string.h>

#include "in_sched.h"
#include "proc.h"
#include "sched/engine.h"
#include "sys/linux/force.h"

#define FIRST_RING 256u

static struct weft_thread *item(uint64_t number)
{
	return (struct weft_thread *)(uintptr_t)(number + 1);
}

static uint64_t number_of(const struct weft_thread *thread)
{
	return (uintptr_t)thread - 1;
}

/* As a queue is after so many threads have passed through it. */
static void begin_at(struct weft__runq *queue, bool alone, uint64_t index)
{
	assert_int_equal(weft__runq_init(queue, alone), 0);
	queue->head = index;
	queue->tail = index;
}

static void push_items(struct weft__runq *queue, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		assert_true(weft__runq_push(queue, item(first + i)));
}

static void assert_pops(struct weft__runq *queue, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		assert_ptr_equal(weft__runq_pop(queue), item(first + i));
}

static void assert_empty(struct weft__runq *queue)
{
	assert_int_equal(weft__runq_count(queue), 0);
	assert_null(weft__runq_pop(queue));
}

/* ---- order and growth */

static void the_first_in_is_the_first_out(void **state)
{
	for (int alone = 0; alone < 2; alone++) {
		struct weft__runq queue;

		begin_at(&queue, alone, 0);
		assert_empty(&queue);
		for (uint64_t round = 0; round < 1000; round++) {
			push_items(&queue, round * 7, 7);
			assert_int_equal(weft__runq_count(&queue), 7);
			assert_pops(&queue, round * 7, 7);
			assert_empty(&queue);
		}
		weft__runq_fini(&queue);
	}
}

/* From every position in the ring, so that what is copied may begin anywhere. */
static void growing_loses_nothing_and_keeps_the_order(void **state)
{
	for (uint64_t offset = 0; offset < FIRST_RING; offset += 17) {
		struct weft__runq queue;

		begin_at(&queue, offset % 2, offset);
		push_items(&queue, 0, FIRST_RING * 64);
		assert_int_equal(weft__runq_count(&queue), FIRST_RING * 64);
		assert_pops(&queue, 0, FIRST_RING * 32);
		push_items(&queue, FIRST_RING * 64, FIRST_RING * 64);
		assert_pops(&queue, FIRST_RING * 32, FIRST_RING * 96);
		assert_empty(&queue);
		weft__runq_fini(&queue);
	}
}

static void indices_may_be_of_any_size(void **state)
{
	const uint64_t starts[] = {
		UINT32_MAX - 100, UINT32_MAX, UINT64_C(1) << 32, (UINT64_C(1) << 48) - 3, INT64_MAX,
	};

	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
		struct weft__runq queue, thief;

		begin_at(&queue, false, starts[i]);
		begin_at(&thief, false, starts[sizeof starts / sizeof starts[0] - 1 - i]);
		push_items(&queue, 0, 1000);
		assert_pops(&queue, 0, 200);
		assert_int_equal(weft__runq_count(&queue), 800);
		assert_int_equal(weft__runq_steal(&queue, &thief), 400);
		assert_pops(&thief, 200, 400);
		assert_pops(&queue, 600, 400);
		assert_empty(&queue);
		assert_empty(&thief);
		weft__runq_fini(&queue);
		weft__runq_fini(&thief);
	}
}

static void without_memory_a_full_queue_refuses_and_keeps_what_it_has(void **state)
{
	struct weft__runq queue;

	begin_at(&queue, false, 100);
	push_items(&queue, 0, FIRST_RING);
	for (int i = 0; i < 3; i++) {
		weft__sys_force.fail_reserve = 1;
		assert_false(weft__runq_push(&queue, item(999)));
		assert_int_equal(weft__sys_force.fail_reserve, 0);
		assert_int_equal(weft__runq_count(&queue), FIRST_RING);
	}
	assert_ptr_equal(weft__runq_pop(&queue), item(0));
	push_items(&queue, FIRST_RING, FIRST_RING); /* there is memory again */
	assert_pops(&queue, 1, 2 * FIRST_RING - 1);
	assert_empty(&queue);
	weft__runq_fini(&queue);
}

static void a_queue_without_memory_is_not_begun(void **state)
{
	struct weft__runq queue;

	weft__sys_force.fail_reserve = 1;
	assert_int_equal(weft__runq_init(&queue, false), -ENOMEM);
}

/* What is put where threads run when their queue is full and cannot grow. */
static void what_a_queue_refuses_goes_to_the_global_one(void **state)
{
	static struct weft__processor processor;
	static struct weft_sched sched;
	static struct weft_thread threads[FIRST_RING + 3];
	struct weft_thread *taken;

	sched.processor_count = 1;
	processor.sched = &sched;
	begin_at(&processor.queue, true, 0);
	for (uint32_t i = 0; i < FIRST_RING; i++)
		weft__enqueue(&processor, &threads[i]);
	assert_int_equal(sched.global_count, 0);
	for (uint32_t i = 0; i < 3; i++) {
		weft__sys_force.fail_reserve = 1;
		weft__enqueue(&processor, &threads[FIRST_RING + i]);
		assert_int_equal(sched.global_count, i + 1);
	}
	for (uint32_t i = 0; i < FIRST_RING; i++)
		assert_ptr_equal(weft__runq_pop(&processor.queue), &threads[i]);
	taken = weft__global_take(&processor);
	assert_ptr_equal(taken, &threads[FIRST_RING]);
	assert_ptr_equal(weft__runq_pop(&processor.queue), &threads[FIRST_RING + 1]);
	assert_ptr_equal(weft__runq_pop(&processor.queue), &threads[FIRST_RING + 2]);
	assert_null(weft__global_take(&processor));
	assert_empty(&processor.queue);
	weft__runq_fini(&processor.queue);
}

/* A thief may have read the pointer to a ring just before the owner grew out of it. */
static void a_ring_stays_readable_when_the_queue_has_grown_out_of_it(void **state)
{
	struct weft__runq queue;
	struct weft__ring *rings[3];

	begin_at(&queue, false, 0);
	for (uint64_t i = 0; i < 3; i++) {
		rings[i] = queue.ring;
		while (weft__runq_count(&queue) < FIRST_RING << i)
			push_items(&queue, weft__runq_count(&queue), 1);
		assert_ptr_equal(queue.ring, rings[i]);
		push_items(&queue, weft__runq_count(&queue), 1);
		assert_ptr_not_equal(queue.ring, rings[i]);
	}
	for (uint64_t i = 0; i < 3; i++) {
		assert_false(proc_traps(rings[i]));
		for (uint64_t at = 0; at < FIRST_RING << i; at++)
			assert_ptr_equal(rings[i]->slots[at], item(at));
	}
	assert_pops(&queue, 0, (FIRST_RING << 2) + 1);
	weft__runq_fini(&queue);
}

static void the_end_of_a_queue_gives_all_its_rings_back(void **state)
{
	long before_kib = 0;

	for (int round = 0; round < 3; round++) {
		struct weft__runq queue;

		begin_at(&queue, false, 0);
		push_items(&queue, 0, FIRST_RING * 64);
		assert_pops(&queue, 0, FIRST_RING * 64);
		weft__runq_fini(&queue);
		if (round > 0 && getenv("WEFT_SANITIZED") == NULL)
			assert_int_equal(proc_kib("VmSize"), before_kib);
		before_kib = proc_kib("VmSize");
	}
}

/* ---- stealing */

static void a_thief_takes_the_older_half(void **state)
{
	for (uint32_t count = 0; count <= 9; count++) {
		uint32_t half = (count + 1) / 2;
		struct weft__runq from, to;

		begin_at(&from, false, 250);
		begin_at(&to, false, 3);
		push_items(&from, 0, count);
		push_items(&to, 100, 1);
		assert_int_equal(weft__runq_steal(&from, &to), half);
		assert_pops(&to, 100, 1);
		assert_pops(&to, 0, half);
		assert_pops(&from, half, count - half);
		assert_empty(&from);
		assert_empty(&to);
		weft__runq_fini(&from);
		weft__runq_fini(&to);
	}
}

static void a_thief_grows_its_own_queue_or_takes_what_fits(void **state)
{
	for (int has_memory = 0; has_memory < 2; has_memory++) {
		uint32_t taken = has_memory ? 200 : 56;
		struct weft__runq from, to;

		begin_at(&from, false, 0);
		begin_at(&to, false, 77);
		push_items(&from, 0, 400);
		push_items(&to, 1000, 200);
		weft__sys_force.fail_reserve = !has_memory;
		assert_int_equal(weft__runq_steal(&from, &to), taken);
		assert_int_equal(weft__sys_force.fail_reserve, 0);
		assert_pops(&to, 1000, 200);
		assert_pops(&to, 0, taken);
		assert_pops(&from, taken, 400 - taken);
		weft__runq_fini(&from);
		weft__runq_fini(&to);
	}
}

static void a_full_thief_without_memory_takes_nothing(void **state)
{
	struct weft__runq from, to;

	begin_at(&from, false, 0);
	begin_at(&to, false, 0);
	push_items(&from, 0, 2);
	push_items(&to, 10, FIRST_RING);
	weft__sys_force.fail_reserve = 1;
	assert_int_equal(weft__runq_steal(&from, &to), 0);
	assert_pops(&to, 10, FIRST_RING);
	assert_pops(&from, 0, 2);
	assert_empty(&to);
	weft__runq_fini(&from);
	weft__runq_fini(&to);
}

/* ---- the hot slot */

static void the_hot_slot_holds_one(void **state)
{
	for (int alone = 0; alone < 2; alone++) {
		struct weft__runq queue;

		begin_at(&queue, alone, 0);
		assert_null(weft__runq_hot_take(&queue));
		assert_null(weft__runq_hot_put(&queue, item(1)));
		assert_ptr_equal(weft__runq_hot_put(&queue, item(2)), item(1));
		assert_int_equal(weft__runq_count(&queue), 0); /* it stands before the queue */
		assert_ptr_equal(weft__runq_hot_take(&queue), item(2));
		assert_null(weft__runq_hot_take(&queue));
		weft__runq_fini(&queue);
	}
}

static void a_thief_takes_the_hot_thread_that_it_has_seen(void **state)
{
	struct weft__runq queue;

	begin_at(&queue, false, 0);
	assert_null(weft__runq_hot_steal(&queue, NULL));
	assert_null(weft__runq_hot_steal(&queue, item(1)));
	weft__runq_hot_put(&queue, item(2));
	assert_null(weft__runq_hot_steal(&queue, item(1)));
	assert_null(weft__runq_hot_steal(&queue, NULL));
	assert_ptr_equal(weft__runq_hot_steal(&queue, item(2)), item(2));
	assert_null(weft__runq_hot_take(&queue));
	weft__runq_fini(&queue);
}

/* ---- races: one owner, two thieves who steal from it and from each other */

#define ITEMS 3000000u
#define THIEVES 2

struct race {
	struct weft__runq queues[1 + THIEVES];
	uint64_t seed;
	uint32_t out;      /* atomic: how many have come out */
	uint8_t *came_out; /* atomic: how often each has */
	uint32_t stolen;   /* atomic */
	void (*steal)(struct race *race, struct weft__runq *from, struct weft__runq *to);
};

struct racer {
	struct race *race;
	uint64_t random;
	int index;
};

static uint32_t choose(struct racer *racer, uint32_t below)
{
	racer->random = racer->random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(racer->random >> 33) % below;
}

static void come_out(struct race *race, const struct weft_thread *thread)
{
	check(number_of(thread) < ITEMS);
	check(__atomic_fetch_add(&race->came_out[number_of(thread)], 1, __ATOMIC_RELAXED) == 0);
	__atomic_fetch_add(&race->out, 1, __ATOMIC_RELAXED);
}

static void pop_some(struct race *race, struct weft__runq *queue, uint32_t count)
{
	struct weft_thread *thread;

	while (count-- > 0 && (thread = weft__runq_pop(queue)) != NULL)
		come_out(race, thread);
}

static void steal_half(struct race *race, struct weft__runq *from, struct weft__runq *to)
{
	uint32_t taken = weft__runq_steal(from, to);

	__atomic_fetch_add(&race->stolen, taken, __ATOMIC_RELAXED);
	check(weft__runq_count(to) <= ITEMS);
}

static void steal_hot(struct race *race, struct weft__runq *from, struct weft__runq *to)
{
	struct weft_thread *seen = __atomic_load_n(&from->hot, __ATOMIC_ACQUIRE);
	struct weft_thread *hot = weft__runq_hot_steal(from, seen);

	if (hot == NULL)
		return;
	check(hot == seen && seen != NULL);
	come_out(race, hot);
	__atomic_fetch_add(&race->stolen, 1, __ATOMIC_RELAXED);
}

static void *steal_until_all_are_out(void *arg)
{
	struct racer *racer = arg;
	struct race *race = racer->race;
	struct weft__runq *mine = &race->queues[racer->index];
	uint32_t idle = 0;

	/* It seldom gives the CPU away: on a machine of two the owner runs beside it. */
	while (__atomic_load_n(&race->out, __ATOMIC_RELAXED) < ITEMS) {
		uint32_t other = choose(racer, 4) == 0 ? 3u - (uint32_t)racer->index : 0;

		race->steal(race, &race->queues[other], mine);
		if (weft__runq_count(mine) == 0 && ++idle % 512 == 0)
			weft__sys_thread_yield();
		pop_some(race, mine, choose(racer, 300));
	}
	return NULL;
}

/* Batches of any size up to several rings; pops less than it pushes, then more. */
static void own_queue(struct racer *racer)
{
	struct race *race = racer->race;
	struct weft__runq *mine = &race->queues[0];
	uint64_t next = 0;

	while (next < ITEMS) {
		uint32_t count = choose(racer, choose(racer, 16) == 0 ? 4000 : 200);

		while (count-- > 0 && next < ITEMS)
			check(weft__runq_push(mine, item(next++)));
		pop_some(race, mine, choose(racer, 220));
		if (choose(racer, 64) == 0)
			weft__sys_thread_yield();
	}
	while (__atomic_load_n(&race->out, __ATOMIC_RELAXED) < ITEMS) {
		pop_some(race, mine, 1000);
		weft__sys_thread_yield();
	}
}

static void own_hot_slot(struct racer *racer)
{
	struct race *race = racer->race;
	struct weft__runq *mine = &race->queues[0];
	struct weft_thread *thread;

	for (uint64_t next = 0; next < ITEMS; next++) {
		thread = weft__runq_hot_put(mine, item(next));
		if (thread != NULL)
			come_out(race, thread);
		if (choose(racer, 4) == 0 && (thread = weft__runq_hot_take(mine)) != NULL)
			come_out(race, thread);
		if (choose(racer, 4096) == 0)
			weft__sys_thread_yield();
	}
	if ((thread = weft__runq_hot_take(mine)) != NULL)
		come_out(race, thread);
}

static void run_race(void (*own)(struct racer *),
		     void (*steal)(struct race *, struct weft__runq *, struct weft__runq *),
		     uint64_t start)
{
	const char *text = getenv("WEFT_SEED");
	struct race race = { .steal = steal };
	struct racer racers[1 + THIEVES];
	pthread_t thieves[THIEVES];

	race.seed = text != NULL ? strtoull(text, NULL, 0) : (uint64_t)weft_now();
	print_message("WEFT_SEED=%llu\n", (unsigned long long)race.seed);
	race.came_out = calloc(ITEMS, 1);
	assert_non_null(race.came_out);
	for (int i = 0; i <= THIEVES; i++) {
		racers[i] = (struct racer){ &race, race.seed + (uint64_t)i, i };
		begin_at(&race.queues[i], false, start);
	}
	for (int i = 0; i < THIEVES; i++)
		assert_int_equal(pthread_create(&thieves[i], NULL, steal_until_all_are_out,
						&racers[1 + i]),
				 0);
	own(&racers[0]);
	for (int i = 0; i < THIEVES; i++)
		pthread_join(thieves[i], NULL);
	assert_int_equal(race.out, ITEMS);
	for (uint32_t i = 0; i < ITEMS; i++)
		assert_int_equal(race.came_out[i], 1);
	assert_true(race.stolen > 0);
	for (int i = 0; i <= THIEVES; i++)
		weft__runq_fini(&race.queues[i]);
	free(race.came_out);
}

static void of_owner_and_thieves_one_gets_each_thread(void **state)
{
	run_race(own_queue, steal_half, 0);
}

static void of_owner_and_thieves_one_gets_each_across_2_to_the_32(void **state)
{
	run_race(own_queue, steal_half, UINT32_MAX - ITEMS / 2);
}

static void of_owner_and_thieves_one_gets_each_hot_thread(void **state)
{
	run_race(own_hot_slot, steal_hot, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_in_is_the_first_out),
		cmocka_unit_test(growing_loses_nothing_and_keeps_the_order),
		cmocka_unit_test(indices_may_be_of_any_size),
		cmocka_unit_test(without_memory_a_full_queue_refuses_and_keeps_what_it_has),
		cmocka_unit_test(a_queue_without_memory_is_not_begun),
		cmocka_unit_test(what_a_queue_refuses_goes_to_the_global_one),
		cmocka_unit_test(a_ring_stays_readable_when_the_queue_has_grown_out_of_it),
		cmocka_unit_test(the_end_of_a_queue_gives_all_its_rings_back),
		cmocka_unit_test(a_thief_takes_the_older_half),
		cmocka_unit_test(a_thief_grows_its_own_queue_or_takes_what_fits),
		cmocka_unit_test(a_full_thief_without_memory_takes_nothing),
		cmocka_unit_test(the_hot_slot_holds_one),
		cmocka_unit_test(a_thief_takes_the_hot_thread_that_it_has_seen),
		cmocka_unit_test(of_owner_and_thieves_one_gets_each_thread),
		cmocka_unit_test(of_owner_and_thieves_one_gets_each_across_2_to_the_32),
		cmocka_unit_test(of_owner_and_thieves_one_gets_each_hot_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
