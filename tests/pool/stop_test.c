/* SPDX-License-Identifier: MIT */
/* Drain and stop: complete, prompt, and not from inside. */
#include "in_pool.h"

static weft_kind kind;

struct sender {
	weft_pool *pool;
	long accepted, refused, ran;
	uint32_t over;
};

static int note_ran(void *arg)
{
	atomic_add_acq_rel(&((struct sender *)arg)->ran, 1);
	return 0;
}

static int send_until_over(void *arg)
{
	struct sender *sender = arg;

	while (!atomic_load_acquire(&sender->over)) {
		int error = weft_pool_submit(sender->pool, note_ran, sender, NULL, NULL);

		if (error == 0)
			sender->accepted++;
		else if (error == -ESHUTDOWN)
			atomic_add_relaxed(&sender->refused, 1);
		else
			return error;
		if (error < 0)
			weft_yield();
	}
	return 0;
}

static void what_was_accepted_has_run(void **state)
{
	weft_pool *pool =
		make_pool(&(weft_pool_options){ .kind = kind, .workers = 2, .queue_max = 100 });
	struct sender senders[2] = { { .pool = pool }, { .pool = pool } };
	weft_thread *threads[2];
	int result;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(weft_thread_spawn(send_until_over, &senders[i], NULL, &threads[i]),
				 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(weft_pool_drain_until(pool, weft_now() + SECONDS_MAX), 0);
	for (int i = 0; i < 2; i++)
		atomic_store_release(&senders[i].over, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(weft_thread_join(threads[i], &result), 0);
		assert_int_equal(result, 0);
	}
	assert_int_equal(weft_pool_drain(pool), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(senders[i].ran, senders[i].accepted);
	weft_pool_destroy(pool);
}

static void a_drain_that_takes_too_long_gives_up(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .kind = kind, .workers = 1 });
	struct gate gate = { 0 };
	long count = 0;

	(void)state;
	hold_workers(pool, &gate, 1);
	assert_int_equal(weft_pool_drain_until(pool, weft_now() + WEFT_MS), -ETIMEDOUT);
	/* and takes tasks again */
	assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, NULL), 0);
	wake(&gate.open, 1);
	assert_int_equal(weft_pool_drain(pool), 0);
	assert_int_equal(count, 1);
	weft_pool_destroy(pool);
}

static int drain_it(void *arg)
{
	return weft_pool_drain(arg);
}

static void a_drain_closes_the_pool_to_others(void **state)
{
	weft_pool *pool =
		make_pool(&(weft_pool_options){ .kind = kind, .workers = 1, .queue_max = 1 });
	struct gate gate = { 0 };
	weft_thread *thread;
	long count = 0;
	int result, error;

	(void)state;
	hold_workers(pool, &gate, 1);
	assert_int_equal(weft_thread_spawn(drain_it, pool, NULL, &thread), 0);
	do
		error = weft_pool_submit_try(pool, count_one, &count, NULL, NULL);
	while (error == 0 || error == -EAGAIN);
	assert_int_equal(error, -ESHUTDOWN);
	wake(&gate.open, 1);
	assert_int_equal(weft_thread_join(thread, &result), 0);
	assert_int_equal(result, 0);
	assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, NULL), 0);
	weft_pool_destroy(pool);
}

static void a_waiting_submitter_is_sent_away(void **state)
{
	weft_pool *pool =
		make_pool(&(weft_pool_options){ .kind = kind, .workers = 1, .queue_max = 1 });
	struct sender sender = { .pool = pool };
	struct gate gate = { 0 };
	weft_thread *thread;
	int result;

	(void)state;
	hold_workers(pool, &gate, 1);
	assert_int_equal(weft_thread_spawn(send_until_over, &sender, NULL, &thread), 0);
	while (stats_of(pool).queued == 0)
		weft_yield();
	/* It may come to its second submission only after the first of these has given up. */
	for (int64_t wait_ns = 5 * WEFT_MS; atomic_load_relaxed(&sender.refused) == 0;
	     wait_ns *= 2) {
		assert_true(wait_ns < SECONDS_MAX);
		assert_int_equal(weft_pool_drain_until(pool, weft_now() + wait_ns), -ETIMEDOUT);
	}
	atomic_store_release(&sender.over, 1);
	wake(&gate.open, 1);
	assert_int_equal(weft_thread_join(thread, &result), 0);
	assert_int_equal(result, 0);
	assert_true(sender.refused > 0);
	weft_pool_destroy(pool);
}

static int until_told(void *arg)
{
	weft_sem_wake(arg);
	while (!weft_task_is_cancelled())
		weft_yield();
	return 0;
}

static void a_stop_cancels_what_waits_and_tells_what_runs(void **state)
{
	(void)state;
	for (weft_route route = WEFT_ROUTE_SHARED; route <= WEFT_ROUTE_KEY; route++) {
		weft_pool *pool = make_pool(
			&(weft_pool_options){ .kind = kind, .workers = 2, .route = route });
		weft_sem about = WEFT_SEM_INIT(0);
		weft_task *running, *queued;
		weft_pool_stats stats;
		long count = 0;
		int64_t cancelled;
		int result;

		/* One that runs, one without a handle that runs, and many that wait. */
		assert_int_equal(weft_pool_submit(pool, until_told, &about,
						  &(weft_task_options){ .key = 1 }, &running),
				 0);
		await(&about, 1);
		for (int i = 0; i < 100; i++)
			assert_int_equal(
				weft_pool_submit(pool, until_told, &about,
						 &(weft_task_options){ .key = (uint64_t)i }, NULL),
				0);
		assert_int_equal(weft_pool_submit(pool, count_one, &count,
						  &(weft_task_options){ .key = 1, .priority = -1 },
						  &queued),
				 0);
		cancelled = weft_pool_stop(pool);
		stats = stats_of(pool);
		assert_in_range(cancelled, 1, 101);
		assert_int_equal(stats.submitted, 102);
		assert_int_equal(stats.completed + stats.cancelled, 102);
		assert_int_equal(stats.cancelled, cancelled);
		assert_int_equal(stats.queued, 0);
		assert_int_equal(stats.running, 0);
		assert_int_equal(weft_task_wait(running, NULL), 0);
		assert_int_equal(weft_task_wait(queued, &result), 0);
		assert_int_equal(result, -ECANCELED);
		assert_int_equal(count, 0);
		assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, NULL), -ESHUTDOWN);
		assert_int_equal(weft_pool_stop(pool), 0);
		assert_int_equal(weft_pool_destroy(pool), 0);
	}
}

static int go_on_submitting(void *arg)
{
	struct sender *sender = arg;

	while (weft_pool_submit(sender->pool, note_ran, sender, NULL, NULL) == 0)
		sender->accepted++;
	sender->refused++;
	return 0;
}

static void a_stop_ends_tasks_that_go_on_submitting(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		weft_pool *pool = make_pool(&(weft_pool_options){ .kind = kind, .workers = 2 });
		struct sender senders[2] = { { .pool = pool }, { .pool = pool } };
		weft_pool_stats stats;

		for (int i = 0; i < 2; i++)
			assert_int_equal(weft_pool_submit(pool, go_on_submitting, &senders[i], NULL,
							  NULL),
					 0);
		while (stats_of(pool).submitted < 1000)
			weft_yield();
		assert_true(weft_pool_stop(pool) >= 0);
		stats = stats_of(pool);
		assert_int_equal(stats.submitted, stats.completed + stats.cancelled);
		assert_int_equal(stats.queued, 0);
		assert_true(senders[0].ran + senders[1].ran <=
			    senders[0].accepted + senders[1].accepted);
		weft_pool_destroy(pool);
	}
}

struct doomed {
	weft_pool *pool;
	int drain, stop, destroy;
};

static int wait_for_oneself(void *arg)
{
	struct doomed *doomed = arg;

	doomed->drain = weft_pool_drain(doomed->pool);
	doomed->stop = (int)weft_pool_stop(doomed->pool);
	doomed->destroy = weft_pool_destroy(doomed->pool);
	return 0;
}

static void not_from_inside(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){
		.kind = kind, .workers = 1, .queue_max = 1, .when_full = WEFT_POOL_RUN });
	struct doomed doomed = { .pool = pool };
	struct gate gate = { 0 };
	long count = 0;

	(void)state;
	for (int run_here = 0; run_here <= 1; run_here++) {
		if (run_here) { /* in the submitter, since there is no room */
			hold_workers(pool, &gate, 1);
			assert_int_equal(weft_pool_submit(pool, count_one, &count, NULL, NULL), 0);
		}
		doomed.drain = doomed.stop = doomed.destroy = 0;
		assert_int_equal(weft_pool_submit(pool, wait_for_oneself, &doomed, NULL, NULL), 0);
		if (run_here)
			wake(&gate.open, 1);
		assert_int_equal(weft_pool_drain(pool), 0);
		assert_int_equal(doomed.drain, -EDEADLK);
		assert_int_equal(doomed.stop, -EDEADLK);
		assert_int_equal(doomed.destroy, -EDEADLK);
	}
	assert_int_equal(count, 1);
	weft_pool_destroy(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_accepted_has_run),
		cmocka_unit_test(a_drain_that_takes_too_long_gives_up),
		cmocka_unit_test(a_drain_closes_the_pool_to_others),
		cmocka_unit_test(a_waiting_submitter_is_sent_away),
		cmocka_unit_test(a_stop_cancels_what_waits_and_tells_what_runs),
		cmocka_unit_test(a_stop_ends_tasks_that_go_on_submitting),
		cmocka_unit_test(not_from_inside),
	};

	return RUN_FOR_EVERY_KIND(kind, tests);
}
