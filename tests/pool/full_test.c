/* SPDX-License-Identifier: MIT */
/* What happens when the queue is full; and that it holds exactly what it was said to hold. */
#include <pthread.h>

#include "in_pool.h"

static weft_pool *full_pool(weft_pool_full when_full, size_t queue_max, struct gate *gate,
			    long *count)
{
	weft_pool *pool = make_pool(&(weft_pool_options){
		.workers = 2, .queue_max = queue_max, .when_full = when_full });

	hold_workers(pool, gate, 2);
	for (size_t i = 0; i < queue_max; i++)
		assert_int_equal(weft_pool_submit_try(pool, count_one, count, NULL, NULL), 0);
	assert_int_equal(stats_of(pool).queued, queue_max);
	return pool;
}

static void open_and_destroy(weft_pool *pool, struct gate *gate)
{
	wake(&gate->open, 2);
	assert_int_equal(weft_pool_destroy(pool), 0);
}

static void exactly_as_many_wait_as_may(void **state)
{
	static const size_t sizes[] = { 1, 2, 7, 64, 1000, 5000 };

	(void)state;
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct gate gate = { 0 };
		long count = 0;
		weft_pool *pool = full_pool(WEFT_POOL_REFUSE, sizes[i], &gate, &count);

		assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, NULL), -EAGAIN);
		assert_int_equal(weft_pool_submit_try(pool, count_one, &count, NULL, NULL),
				 -EAGAIN);
		assert_int_equal(stats_of(pool).refused, 2);
		assert_int_equal(stats_of(pool).queued, sizes[i]);
		open_and_destroy(pool, &gate);
		assert_int_equal(count, sizes[i]);
	}
}

static void room_that_workers_made_is_room(void **state)
{
	struct gate gate = { 0 };
	long count = 0;
	weft_pool *pool = full_pool(WEFT_POOL_REFUSE, 4096, &gate, &count);

	(void)state;
	/* Again and again: what the workers keep as credit must not be lost. */
	for (int round = 0; round < 20; round++) {
		wake(&gate.open, 2);
		weft_pool_drain(pool);
		hold_workers(pool, &gate, 2);
		for (int i = 0; i < 4096; i++)
			assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, NULL), 0);
		assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, NULL), -EAGAIN);
	}
	open_and_destroy(pool, &gate);
	assert_int_equal(count, 21 * 4096);
}

static void a_cancelled_task_makes_room(void **state)
{
	struct gate gate = { 0 };
	weft_pool *pool = make_pool(&(weft_pool_options){
		.workers = 2, .queue_max = 2, .when_full = WEFT_POOL_REFUSE });
	weft_task *task;
	long count = 0;
	int result;

	(void)state;
	hold_workers(pool, &gate, 2);
	for (int i = 0; i < 1000; i++) {
		weft_task *second;

		assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, &task), 0);
		assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, &second), 0);
		assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, NULL), -EAGAIN);
		assert_int_equal(weft_task_cancel(task), 0);
		assert_int_equal(weft_task_wait(task, &result), 0);
		assert_int_equal(result, -ECANCELED);
		assert_int_equal(weft_task_cancel(second), 0);
		weft_task_release(second);
	}
	open_and_destroy(pool, &gate);
	assert_int_equal(count, 0);
}

struct submitter {
	weft_pool *pool;
	long *count;
	int tasks;
	weft_sem about;
};

static int submit_all(void *arg)
{
	struct submitter *submitter = arg;
	int error = 0;

	weft_sem_wake(&submitter->about);
	for (int i = 0; i < submitter->tasks && error == 0; i++)
		error = weft_pool_submit(submitter->pool, count_one, submitter->count, NULL, NULL);
	return error;
}

static void a_submitter_waits_for_room(void **state)
{
	struct gate gate = { 0 };
	long count = 0;
	weft_pool *pool = full_pool(WEFT_POOL_WAIT, 3, &gate, &count);
	struct submitter submitter = { .pool = pool, .count = &count, .tasks = 500 };
	weft_thread *threads[3];
	int result;

	(void)state;
	assert_int_equal(weft_pool_submit_until(pool, count_one, &count, NULL, weft_now() + WEFT_MS,
						NULL),
			 -ETIMEDOUT);
	for (int i = 0; i < 3; i++)
		assert_int_equal(weft_thread_spawn(submit_all, &submitter, NULL, &threads[i]), 0);
	await(&submitter.about, 3);
	assert_int_equal(count, 0);
	assert_int_equal(stats_of(pool).queued, 3);
	wake(&gate.open, 2);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(weft_thread_join(threads[i], &result), 0);
		assert_int_equal(result, 0);
	}
	assert_int_equal(weft_pool_destroy(pool), 0);
	assert_int_equal(count, 1503);
}

static int note_self(void *arg)
{
	*(weft_thread **)arg = weft_thread_self();
	return 3;
}

static void the_submitter_runs_it(void **state)
{
	struct gate gate = { 0 };
	long count = 0;
	weft_pool *pool = full_pool(WEFT_POOL_RUN, 1, &gate, &count);
	weft_thread *who = NULL;
	weft_task *task;
	int result = 0;

	(void)state;
	assert_int_equal(weft_pool_submit(pool, note_self, &who, NULL, &task), 0);
	assert_ptr_equal(who, weft_thread_self());
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(result, 3);
	assert_int_equal(stats_of(pool).run_by_submitter, 1);
	assert_int_equal(weft_pool_submit_try(pool, note_self, &who, NULL, NULL), -EAGAIN);
	open_and_destroy(pool, &gate);
	assert_int_equal(count, 1);
}

/* ---- from inside */

struct inside {
	weft_pool *pool;
	long count;
	int tasks;
	size_t most;
	struct gate *gate;
};

static int submit_inside(void *arg)
{
	struct inside *inside = arg;

	for (int i = 0; i < inside->tasks; i++) {
		if (weft_pool_submit(inside->pool, count_one, &inside->count, NULL, NULL) != 0)
			return -1;
		if (stats_of(inside->pool).queued > inside->most)
			inside->most = stats_of(inside->pool).queued;
	}
	return 0;
}

static void a_task_that_finds_no_room_runs_it_itself(void **state)
{
	static const size_t sizes[] = { 1, 10, 4000 };

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		for (weft_route route = WEFT_ROUTE_SHARED; route <= WEFT_ROUTE_ROUND_ROBIN;
		     route++) {
			weft_pool *pool = make_pool(&(weft_pool_options){
				.workers = 1, .queue_max = sizes[i], .route = route });
			struct inside inside = { .pool = pool, .tasks = 6000 };
			weft_pool_stats stats;
			weft_task *task;
			int result = -9;

			assert_int_equal(
				weft_pool_submit(pool, submit_inside, &inside, NULL, &task), 0);
			assert_int_equal(weft_task_wait(task, &result), 0);
			assert_int_equal(result, 0);
			weft_pool_drain(pool);
			assert_int_equal(inside.count, 6000);
			assert_int_equal(inside.most, sizes[i]);
			stats = stats_of(pool);
			assert_int_equal(stats.run_by_submitter, 6000 - sizes[i]);
			assert_int_equal(stats.submitted, stats.completed);
			weft_pool_destroy(pool);
		}
}

static int try_inside(void *arg)
{
	struct inside *inside = arg;
	int accepted = 0;

	while (weft_pool_submit_try(inside->pool, count_one, &inside->count, NULL, NULL) == 0)
		accepted++;
	return accepted;
}

static void a_refusing_pool_refuses_its_own_tasks_too(void **state)
{
	static const size_t sizes[] = { 1, 2, 100, 3000 };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		weft_pool *pool =
			make_pool(&(weft_pool_options){ .workers = 1, .queue_max = sizes[i] });
		struct inside inside = { .pool = pool };
		weft_task *task;
		int accepted = 0;

		assert_int_equal(weft_pool_submit(pool, try_inside, &inside, NULL, &task), 0);
		assert_int_equal(weft_task_wait(task, &accepted), 0);
		assert_int_equal(accepted, sizes[i]);
		assert_int_equal(weft_pool_destroy(pool), 0);
		assert_int_equal(inside.count, sizes[i]);
	}
}

static void without_a_limit_nothing_is_refused(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){
		.workers = 1, .queue_max = SIZE_MAX, .when_full = WEFT_POOL_REFUSE });
	struct gate gate = { 0 };
	long count = 0;

	(void)state;
	hold_workers(pool, &gate, 1);
	for (int i = 0; i < 200000; i++)
		assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, NULL), 0);
	wake(&gate.open, 1);
	assert_int_equal(weft_pool_destroy(pool), 0);
	assert_int_equal(count, 200000);
}

/* ---- by key: order holds when it is full too */

struct ordered {
	weft_pool *pool;
	long seen[2000], next;
};

struct ordered_item {
	struct ordered *ordered;
	long number;
};

static int note_number(void *arg)
{
	struct ordered_item *item = arg;

	item->ordered->seen[item->ordered->next++] = item->number;
	return 0;
}

static int submit_ordered(void *arg)
{
	struct ordered_item *items = arg;

	for (long i = 0; i < 1000; i++) {
		items[i] = (struct ordered_item){ items[0].ordered, i };
		if (weft_pool_submit(items[0].ordered->pool, note_number, &items[i],
				     &(weft_task_options){ .key = 5 }, NULL) != 0)
			return -1;
	}
	return 0;
}

static void a_full_pool_by_key_keeps_the_order(void **state)
{
	static struct ordered_item items[1000];

	(void)state;
	/* From a task of the same key, of another, and from outside. */
	for (uint64_t from = 4; from <= 6; from++) {
		struct ordered ordered = {
			.pool = make_pool(&(weft_pool_options){
				.workers = 1,
				.queue_max = 3,
				.route = WEFT_ROUTE_KEY,
				.when_full = from == 4 ? WEFT_POOL_WAIT : WEFT_POOL_RUN }),
		};
		weft_task *task;
		int result = 0;

		items[0].ordered = &ordered;
		if (from < 6) {
			assert_int_equal(weft_pool_submit(ordered.pool, submit_ordered, items,
							  &(weft_task_options){ .key = from },
							  &task),
					 0);
			assert_int_equal(weft_task_wait(task, &result), 0);
		} else {
			result = submit_ordered(items);
		}
		assert_int_equal(result, 0);
		weft_pool_destroy(ordered.pool);
		assert_int_equal(ordered.next, 1000);
		for (long i = 0; i < 1000; i++)
			assert_int_equal(ordered.seen[i], i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactly_as_many_wait_as_may),
		cmocka_unit_test(room_that_workers_made_is_room),
		cmocka_unit_test(a_cancelled_task_makes_room),
		cmocka_unit_test(a_submitter_waits_for_room),
		cmocka_unit_test(the_submitter_runs_it),
		cmocka_unit_test(a_task_that_finds_no_room_runs_it_itself),
		cmocka_unit_test(a_refusing_pool_refuses_its_own_tasks_too),
		cmocka_unit_test(without_a_limit_nothing_is_refused),
		cmocka_unit_test(a_full_pool_by_key_keeps_the_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
