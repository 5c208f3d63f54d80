/* SPDX-License-Identifier: MIT */
/* Barrier: nobody goes on before all have come, one is the last, and who gives up has not come. */
#include "crowd.h"

static void one_meets_himself(void **state)
{
	weft_barrier one = WEFT_BARRIER_INIT(1), zero;

	(void)state;
	memset(&zero, 0, sizeof zero);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(weft_barrier_wait(&one), WEFT_BARRIER_LAST);
		assert_int_equal(weft_barrier_wait_try(&one), WEFT_BARRIER_LAST);
		assert_int_equal(weft_barrier_wait_until(&one, 0), WEFT_BARRIER_LAST);
		assert_int_equal(weft_barrier_wait(&zero), WEFT_BARRIER_LAST);
	}
	assert_int_equal(weft_barrier_init(&one, 0), -EINVAL);
	weft_barrier_fini(&one);
}

static void who_gives_up_has_not_come(void **state)
{
	weft_barrier barrier = WEFT_BARRIER_INIT(2);
	int64_t deadline_ns = weft_now() + 2 * WEFT_MS;

	(void)state;
	assert_int_equal(weft_barrier_wait_try(&barrier), -EAGAIN);
	assert_int_equal(weft_barrier_wait_until(&barrier, 0), -ETIMEDOUT);
	assert_int_equal(weft_barrier_wait_until(&barrier, deadline_ns), -ETIMEDOUT);
	assert_true(weft_now() >= deadline_ns);
	assert_int_equal(barrier.arrived, 0);
	assert_null(barrier.waiters.first);
}

/* ---- one processor */
static weft_barrier barrier;
static int through, last;

static int meet(void *arg)
{
	int code = weft_barrier_wait(arg);

	through++;
	last += code == WEFT_BARRIER_LAST;
	return code;
}

static int give_up_soon(void *arg)
{
	return weft_barrier_wait_until(arg, weft_now() + WEFT_MS);
}

static void destroy(void *arg)
{
	weft_barrier_fini(arg);
}

static int meet_in_turn(void *arg)
{
	weft_thread *threads[3], *hasty;
	char said[256], address[40];

	(void)arg;
	weft_barrier_init(&barrier, 3);
	for (int round = 1; round <= 2; round++) {
		threads[0] = start(meet, &barrier);
		await_waiters(&barrier.waiters, 1);
		hasty = start(give_up_soon, &barrier);
		check(finish(hasty) == -ETIMEDOUT);
		threads[1] = start(meet, &barrier);
		await_waiters(&barrier.waiters, 2);
		check(through == 3 * (round - 1)); /* the one that gave up is missing */
		snprintf(address, sizeof address, "barrier %p: destroyed", (void *)&barrier);
		last_words(destroy, &barrier, said, sizeof said);
		check(strstr(said, address) != NULL);
		threads[2] = start(meet, &barrier);
		check(finish(threads[0]) == 0 && finish(threads[1]) == 0);
		check(finish(threads[2]) == WEFT_BARRIER_LAST);
		check(through == 3 * round && last == round);
	}
	threads[0] = start(meet, &barrier);
	threads[1] = start(meet, &barrier);
	await_waiters(&barrier.waiters, 2);
	check(weft_barrier_wait_try(&barrier) == WEFT_BARRIER_LAST);
	check(finish(threads[0]) == 0 && finish(threads[1]) == 0);
	weft_barrier_fini(&barrier);
	return 0;
}

static void a_meeting_needs_all_that_wait_for_it(void **state)
{
	(void)state;
	through = last = 0;
	scenario(meet_in_turn, NULL);
}

/*
 * A waits, and its deadline claims it; before A has the queue's lock the meeting is completed. A
 * was counted, so it has met the others, though the last one could not claim it.
 */
static int meet_held_back(void *arg)
{
	return weft_barrier_wait(arg);
}

static void who_was_counted_has_met_the_others(void **state)
{
	struct weft__wakes wakes = { NULL, NULL };
	const struct weft__waiter *waiter;
	enum weft__claim claim;
	weft_thread *thread;
	int result = -1;

	(void)state;
	weft_barrier_init(&barrier, 2);
	assert_int_equal(weft_thread_spawn(meet_held_back, &barrier, NULL, &thread), 0);
	await_waiters(&barrier.waiters, 1);
	weft__waitq_lock(&barrier.waiters);
	waiter = barrier.waiters.first;
	claim = weft__claim(waiter->thread, waiter->ticket, -ETIMEDOUT);
	assert_int_not_equal(claim, WEFT__CLAIM_LOST);
	/* what the last one does */
	barrier.arrived = 0;
	barrier.meeting++;
	assert_int_equal(weft__waitq_wake_all(&barrier.waiters, 0, &wakes), 0);
	weft__waitq_unlock(&barrier.waiters);
	if (claim == WEFT__CLAIM_PARKED)
		weft__ready(thread);
	assert_int_equal(weft_thread_join(thread, &result), 0);
	assert_int_equal(result, 0);
	assert_int_equal(barrier.arrived, 0);
}

static void a_waiter_stays_until_its_waker_is_off_the_queue(void **state)
{
	(void)state;
	weft_barrier_init(&barrier, 2);
	waiter_is_held_back(&barrier.waiters, meet_held_back, &barrier, 0);
}

/* ---- the crowd meets again and again: nobody may be a meeting ahead of another */
enum { MEETINGS = 2000 };

static struct {
	weft_barrier barrier;
	int64_t came, met, last; /* atomic */
} hall;

static int wait_somehow(struct member *self)
{
	switch (member_choose(self, 4)) {
	case 0:
		return weft_barrier_wait_try(&hall.barrier);
	case 1:
		return weft_barrier_wait_until(&hall.barrier,
					       weft_now() + member_choose(self, 100) * WEFT_US);
	default:
		return weft_barrier_wait(&hall.barrier);
	}
}

static int meet_often(struct member *self)
{
	for (int i = 0; i < MEETINGS; i++) {
		int code;

		atomic_add_relaxed(&hall.came, 1);
		do {
			code = wait_somehow(self);
			check(code >= 0 || code == -ETIMEDOUT || code == -EAGAIN);
			if (code == -EAGAIN)
				weft_yield();
		} while (code < 0);
		check(atomic_load_relaxed(&hall.came) >= (int64_t)(i + 1) * CROWD);
		atomic_add_relaxed(&hall.met, 1);
		if (code == WEFT_BARRIER_LAST)
			check(atomic_add_acq_rel(&hall.last, 1) == i);
	}
	return 0;
}

static void one_of_each_meeting_is_the_last(void **state)
{
	(void)state;
	memset(&hall, 0, sizeof hall);
	weft_barrier_init(&hall.barrier, CROWD);
	crowd(meet_often, NULL);
	assert_int_equal(hall.met, CROWD * MEETINGS);
	assert_int_equal(hall.last, MEETINGS);
	assert_int_equal(hall.barrier.arrived, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_meets_himself),
		cmocka_unit_test(who_gives_up_has_not_come),
		cmocka_unit_test(a_meeting_needs_all_that_wait_for_it),
		cmocka_unit_test(who_was_counted_has_met_the_others),
		cmocka_unit_test(a_waiter_stays_until_its_waker_is_off_the_queue),
		cmocka_unit_test(one_of_each_meeting_is_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
