/* SPDX-License-Identifier: MIT */
/* Wait group: who waits goes on at zero, no sooner, in every round. */
#include "crowd.h"

static void nothing_under_way_is_no_wait(void **state)
{
	weft_wait_group group = WEFT_WAIT_GROUP_INIT;

	(void)state;
	assert_int_equal(weft_wait_group_wait(&group), 0);
	assert_int_equal(weft_wait_group_wait_try(&group), 0);
	assert_int_equal(weft_wait_group_wait_until(&group, 0), 0);
	weft_wait_group_add(&group, 0);
	assert_int_equal(group.count, 0);
}

static void something_under_way_is(void **state)
{
	weft_wait_group group = WEFT_WAIT_GROUP_INIT;
	int64_t deadline_ns = weft_now() + 2 * WEFT_MS;

	(void)state;
	weft_wait_group_add(&group, 2);
	assert_int_equal(weft_wait_group_wait_try(&group), -EBUSY);
	assert_int_equal(weft_wait_group_wait_until(&group, 0), -ETIMEDOUT);
	assert_int_equal(weft_wait_group_wait_until(&group, deadline_ns), -ETIMEDOUT);
	assert_true(weft_now() >= deadline_ns);
	weft_wait_group_done(&group);
	assert_int_equal(weft_wait_group_wait_try(&group), -EBUSY);
	weft_wait_group_add(&group, -1);
	assert_int_equal(weft_wait_group_wait_try(&group), 0);
}

static void go_below_zero(void *arg)
{
	weft_wait_group_add(arg, -1);
}

static void add_too_many(void *arg)
{
	weft_wait_group_add(arg, INT64_MAX);
	weft_wait_group_add(arg, 1);
}

static void a_count_that_cannot_be_stops_the_program(void **state)
{
	weft_wait_group group = WEFT_WAIT_GROUP_INIT;
	char said[256], address[40];

	(void)state;
	snprintf(address, sizeof address, "wait group %p", (void *)&group);
	last_words(go_below_zero, &group, said, sizeof said);
	assert_non_null(strstr(said, address));
	last_words(add_too_many, &group, said, sizeof said);
	assert_non_null(strstr(said, address));
}

/* ---- one processor */
static weft_wait_group group;
static int awake;

static int wait_for_zero(void *arg)
{
	int result = weft_wait_group_wait(&group);

	(void)arg;
	awake++;
	return result;
}

static int come_to_zero(void *arg)
{
	weft_thread *waiters[3], *later;

	(void)arg;
	weft_wait_group_add(&group, 2);
	for (int i = 0; i < 3; i++)
		waiters[i] = start(wait_for_zero, NULL);
	weft_yield();
	weft_wait_group_done(&group);
	weft_yield();
	check(awake == 0);
	/* to zero and up again before anybody runs: the first three have seen it, the fourth
	 * waits */
	weft_wait_group_done(&group);
	weft_wait_group_add(&group, 1);
	later = start(wait_for_zero, NULL);
	for (int i = 0; i < 3; i++)
		check(finish(waiters[i]) == 0);
	weft_yield();
	check(awake == 3);
	weft_wait_group_done(&group);
	check(finish(later) == 0 && awake == 4);
	return 0;
}

static void all_that_wait_go_on_at_zero(void **state)
{
	(void)state;
	memset(&group, 0, sizeof group);
	awake = 0;
	scenario(come_to_zero, NULL);
}

static int wait_for_group(void *arg)
{
	return weft_wait_group_wait(arg);
}

static void a_waiter_stays_until_its_waker_is_off_the_queue(void **state)
{
	weft_wait_group held = WEFT_WAIT_GROUP_INIT;

	(void)state;
	weft_wait_group_add(&held, 1);
	waiter_is_held_back(&held.waiters, wait_for_group, &held, 0);
}

static int end_it(void *arg)
{
	weft_wait_group_done(arg);
	return 0;
}

/* Were it zero before the lock is had, somebody could add, wait, and be woken for the round
 * before. */
static void the_count_is_zero_when_all_that_wait_can_be_woken(void **state)
{
	weft_wait_group busy = WEFT_WAIT_GROUP_INIT;
	struct kept kept;

	(void)state;
	weft_wait_group_add(&busy, 1);
	weft__waitq_lock(&busy.waiters);
	kept_start(&kept, end_it, &busy);
	assert_true(kept_is_stopped(&kept));
	assert_int_equal(atomic_load_acquire(&busy.count), 1);
	weft__waitq_unlock(&busy.waiters);
	assert_int_equal(kept_finish(&kept), 0);
	assert_int_equal(weft_wait_group_wait_try(&busy), 0);
}

static int look(void *arg)
{
	return weft_wait_group_wait_try(arg);
}

static void who_looks_stays_until_the_lock_is_free(void **state)
{
	weft_wait_group idle = WEFT_WAIT_GROUP_INIT;
	struct kept kept;

	(void)state;
	weft__waitq_lock(&idle.waiters);
	kept_start(&kept, look, &idle);
	assert_true(kept_is_stopped(&kept));
	weft__waitq_unlock(&idle.waiters);
	assert_int_equal(kept_finish(&kept), 0);
}

/* ---- two processors: work is given out, waited for, and its memory is given away */
enum { TIMES = 1500 };

struct round {
	weft_wait_group group;
	int64_t done; /* atomic */
};

static int do_work(void *arg)
{
	struct round *round = arg;

	atomic_add_relaxed(&round->done, 1);
	weft_wait_group_done(&round->group);
	return 0;
}

static int start_and_wait(void *arg)
{
	struct round *rounds = arg;

	for (int i = 0; i < TIMES; i++) {
		struct round *round = &rounds[i];
		int helpers = 1 + i % 3;

		weft_wait_group_add(&round->group, helpers);
		for (int k = 0; k < helpers; k++)
			check(weft_thread_spawn(do_work, round, NULL, NULL) == 0);
		while (weft_wait_group_wait_until(&round->group, weft_now() + 5 * WEFT_US) != 0)
			;
		check(round->done == helpers);
		memset(round, 0xa5, sizeof *round);
	}
	return 0;
}

static void who_waited_may_give_the_memory_away(void **state)
{
	struct round *rounds = calloc(TIMES, sizeof *rounds), away;

	(void)state;
	memset(&away, 0xa5, sizeof away);
	crowd_failures = 0;
	assert_int_equal(weft_run(start_and_wait, rounds, &(weft_sched_options){ .processors = 2 }),
			 0);
	assert_int_equal(crowd_failures, 0);
	for (int i = 0; i < TIMES; i++)
		assert_memory_equal(&rounds[i], &away, sizeof away);
	free(rounds);
}

/* ---- the crowd meets again and again: nobody may be a round ahead of another. */
static struct {
	weft_wait_group gate[3];
	int64_t passed; /* atomic */
} meeting;

enum { MEETINGS = 2000 };

static int meet(struct member *self)
{
	for (int i = 0; i < MEETINGS; i++) {
		/* the gate of the next meeting is closed before this one opens */
		if (self->index == 0)
			weft_wait_group_add(&meeting.gate[(i + 1) % 3], CROWD);
		weft_wait_group_done(&meeting.gate[i % 3]);
		if (member_choose(self, 2) == 0) {
			check(weft_wait_group_wait(&meeting.gate[i % 3]) == 0);
		} else {
			while (weft_wait_group_wait_until(&meeting.gate[i % 3],
							  weft_now() + member_choose(self, 100) *
									       WEFT_US) != 0)
				;
		}
		check(atomic_add_acq_rel(&meeting.passed, 1) / CROWD == i);
	}
	return 0;
}

static void a_group_is_used_again_after_zero(void **state)
{
	(void)state;
	memset(&meeting, 0, sizeof meeting);
	weft_wait_group_add(&meeting.gate[0], CROWD);
	crowd(meet, NULL);
	assert_int_equal(meeting.passed, CROWD * MEETINGS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_under_way_is_no_wait),
		cmocka_unit_test(something_under_way_is),
		cmocka_unit_test(a_count_that_cannot_be_stops_the_program),
		cmocka_unit_test(all_that_wait_go_on_at_zero),
		cmocka_unit_test(a_waiter_stays_until_its_waker_is_off_the_queue),
		cmocka_unit_test(the_count_is_zero_when_all_that_wait_can_be_woken),
		cmocka_unit_test(who_looks_stays_until_the_lock_is_free),
		cmocka_unit_test(who_waited_may_give_the_memory_away),
		cmocka_unit_test(a_group_is_used_again_after_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
