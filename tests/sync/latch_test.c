/* SPDX-License-Identifier: MIT */
/* Latch: who waits goes on at zero, and no sooner. */
#include "crowd.h"

static void it_opens_at_zero(void **state)
{
	weft_latch latch = WEFT_LATCH_INIT(3), open;
	int64_t deadline_ns = weft_now() + 2 * WEFT_MS;

	(void)state;
	memset(&open, 0, sizeof open);
	assert_int_equal(weft_latch_wait(&open), 0);
	assert_int_equal(weft_latch_init(&open, -1), -EINVAL);
	assert_int_equal(weft_latch_init(&open, 0), 0);
	assert_int_equal(weft_latch_wait_try(&open), 0);
	assert_int_equal(weft_latch_wait_try(&latch), -EBUSY);
	assert_int_equal(weft_latch_wait_until(&latch, 0), -ETIMEDOUT);
	assert_int_equal(weft_latch_wait_until(&latch, deadline_ns), -ETIMEDOUT);
	assert_true(weft_now() >= deadline_ns);
	weft_latch_count_down(&latch, 0);
	weft_latch_count_down(&latch, 1);
	assert_int_equal(weft_latch_arrive_and_wait_until(&latch, 0), -ETIMEDOUT);
	assert_int_equal(latch.count, 1); /* it is counted all the same */
	assert_int_equal(weft_latch_arrive_and_wait(&latch), 0);
	assert_int_equal(weft_latch_wait_try(&latch), 0);
	assert_int_equal(weft_latch_wait_until(&latch, 0), 0);
	weft_latch_count_down(&latch, 0);
	weft_latch_fini(&latch);
}

static void count_below_zero(void *arg)
{
	weft_latch_count_down(arg, 3);
}

static void count_up(void *arg)
{
	weft_latch_count_down(arg, -1);
}

static void a_count_that_cannot_be_stops_the_program(void **state)
{
	weft_latch latch = WEFT_LATCH_INIT(2);
	char said[256], address[40];

	(void)state;
	snprintf(address, sizeof address, "latch %p", (void *)&latch);
	last_words(count_below_zero, &latch, said, sizeof said);
	assert_non_null(strstr(said, address));
	last_words(count_up, &latch, said, sizeof said);
	assert_non_null(strstr(said, address));
}

/* ---- one processor */
static weft_latch latch;
static int awake;

static int wait_for_latch(void *arg)
{
	int result = weft_latch_wait(arg);

	awake++;
	return result;
}

static int arrive(void *arg)
{
	int result = weft_latch_arrive_and_wait(arg);

	awake++;
	return result;
}

static void destroy(void *arg)
{
	weft_latch_fini(arg);
}

static int come_to_zero(void *arg)
{
	weft_thread *waiters[3];
	char said[256], address[40];

	(void)arg;
	weft_latch_init(&latch, 4);
	waiters[0] = start(wait_for_latch, &latch);
	waiters[1] = start(arrive, &latch);
	waiters[2] = start(wait_for_latch, &latch);
	await_waiters(&latch.waiters, 3);
	snprintf(address, sizeof address, "latch %p: destroyed", (void *)&latch);
	last_words(destroy, &latch, said, sizeof said);
	check(strstr(said, address) != NULL);
	weft_latch_count_down(&latch, 2);
	weft_yield();
	check(awake == 0);
	weft_latch_count_down(&latch, 1);
	for (int i = 0; i < 3; i++)
		check(finish(waiters[i]) == 0);
	check(awake == 3);
	weft_latch_fini(&latch);
	return 0;
}

static void all_that_wait_go_on_at_zero(void **state)
{
	(void)state;
	awake = 0;
	scenario(come_to_zero, NULL);
}

static void a_waiter_stays_until_its_waker_is_off_the_queue(void **state)
{
	(void)state;
	weft_latch_init(&latch, 1);
	waiter_is_held_back(&latch.waiters, wait_for_latch, &latch, 0);
}

static int end_it(void *arg)
{
	weft_latch_count_down(arg, 1);
	return 0;
}

/* Were it zero before the lock is had, who looks could give the memory away before that. */
static void the_count_is_zero_when_all_that_wait_can_be_woken(void **state)
{
	struct kept kept;

	(void)state;
	weft_latch_init(&latch, 1);
	weft__waitq_lock(&latch.waiters);
	kept_start(&kept, end_it, &latch);
	assert_true(kept_is_stopped(&kept));
	assert_int_equal(atomic_load_acquire(&latch.count), 1);
	weft__waitq_unlock(&latch.waiters);
	assert_int_equal(kept_finish(&kept), 0);
	assert_int_equal(weft_latch_wait_try(&latch), 0);
}

static int look(void *arg)
{
	return weft_latch_wait_try(arg);
}

static void who_looks_stays_until_the_lock_is_free(void **state)
{
	struct kept kept;

	(void)state;
	weft_latch_init(&latch, 0);
	weft__waitq_lock(&latch.waiters);
	kept_start(&kept, look, &latch);
	assert_true(kept_is_stopped(&kept));
	weft__waitq_unlock(&latch.waiters);
	assert_int_equal(kept_finish(&kept), 0);
}

/* ---- the crowd passes one latch after the other, the last of them taking the memory with it */
enum { LATCHES = 2000 };

static struct {
	weft_latch latch[LATCHES];
	int64_t arrived;       /* atomic */
	int32_t left[LATCHES]; /* atomic: how many are still there */
} course;

static int pass_somehow(struct member *self, weft_latch *at)
{
	switch (member_choose(self, 3)) {
	case 0:
		return weft_latch_arrive_and_wait(at);
	case 1:
		return weft_latch_arrive_and_wait_until(at, weft_now() + member_choose(self, 50) *
										 WEFT_US);
	default:
		weft_latch_count_down(at, 1);
		return weft_latch_wait(at);
	}
}

static int pass_each(struct member *self)
{
	for (int i = 0; i < LATCHES; i++) {
		weft_latch *at = &course.latch[i];
		int code;

		atomic_add_relaxed(&course.arrived, 1);
		for (code = pass_somehow(self, at); code != 0; code = weft_latch_wait(at))
			check(code == -ETIMEDOUT);
		check(atomic_load_relaxed(&course.arrived) >= (int64_t)(i + 1) * CROWD);
		if (atomic_sub_acq_rel(&course.left[i], 1) == 1)
			memset(at, 0xa5, sizeof *at);
	}
	return 0;
}

static void nobody_passes_before_all_have_arrived(void **state)
{
	weft_latch away;

	(void)state;
	memset(&away, 0xa5, sizeof away);
	course.arrived = 0;
	for (int i = 0; i < LATCHES; i++) {
		weft_latch_init(&course.latch[i], CROWD);
		course.left[i] = CROWD;
	}
	crowd(pass_each, NULL);
	for (int i = 0; i < LATCHES; i++)
		assert_memory_equal(&course.latch[i], &away, sizeof away);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_opens_at_zero),
		cmocka_unit_test(a_count_that_cannot_be_stops_the_program),
		cmocka_unit_test(all_that_wait_go_on_at_zero),
		cmocka_unit_test(a_waiter_stays_until_its_waker_is_off_the_queue),
		cmocka_unit_test(the_count_is_zero_when_all_that_wait_can_be_woken),
		cmocka_unit_test(who_looks_stays_until_the_lock_is_free),
		cmocka_unit_test(nobody_passes_before_all_have_arrived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
