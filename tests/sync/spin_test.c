/* SPDX-License-Identifier: MIT */
/* Spin lock: every form, who may not be switched away, and who gives way. */
#include "crowd.h"

static weft_spin spin;

static void reset(void)
{
	spin = (weft_spin)WEFT_SPIN_INIT;
}

static void try_says_whether_somebody_holds_it(void **state)
{
	(void)state;
	reset();
	assert_int_equal(weft_spin_lock_try(&spin), 0);
	assert_int_equal(weft_spin_lock_try(&spin), -EBUSY);
	weft_spin_unlock(&spin);
	assert_int_equal(weft_spin_lock_until(&spin, 0), 0);
	weft_spin_unlock(&spin);
	weft_spin_fini(&spin);
}

static int lock_past(void *arg)
{
	(void)arg;
	return weft_spin_lock_until(&spin, 0);
}

static int lock_soon(void *arg)
{
	int64_t deadline_ns = weft_now() + WEFT_MS;
	int code = weft_spin_lock_until(&spin, deadline_ns);

	(void)arg;
	check(weft_now() >= deadline_ns);
	return code;
}

static int lock_for_ever(void *arg)
{
	(void)arg;
	return weft_spin_lock_until(&spin, WEFT_FOREVER);
}

static int lock_plainly(void *arg)
{
	int code = weft_spin_lock(&spin);

	(void)arg;
	weft_spin_unlock(&spin);
	return code != 0 ? code : weft_cancelled();
}

/* On one processor, where nobody is preempted: if a waiter did not give way this would hang. */
static int hold_and_yield(void *arg)
{
	weft_thread *open, *firm;

	(void)arg;
	check(weft_spin_lock(&spin) == 0);
	check(finish(start(lock_past, NULL)) == -ETIMEDOUT);
	check(finish(start(lock_soon, NULL)) == -ETIMEDOUT);
	open = start(lock_for_ever, NULL);
	firm = start(lock_plainly, NULL);
	weft_yield();
	check(weft_thread_join_try(open, NULL) == -EBUSY);
	weft_thread_cancel(open);
	weft_thread_cancel(firm);
	check(finish(open) == -ECANCELED);
	weft_yield();
	check(weft_thread_join_try(firm, NULL) == -EBUSY);
	weft_spin_unlock(&spin);
	check(finish(firm) == -ECANCELED);
	return 0;
}

static void who_waits_gives_way_to_a_holder_that_does_not_run(void **state)
{
	weft_sched_options options = { .processors = 1, .slice_ns = WEFT_FOREVER };

	(void)state;
	reset();
	crowd_failures = 0;
	assert_int_equal(weft_run(hold_and_yield, NULL, &options), 0);
	assert_int_equal(crowd_failures, 0);
	weft_spin_fini(&spin);
}

static void a_kernel_thread_gives_up_at_the_deadline(void **state)
{
	weft_thread *thread = NULL;
	int code = 0;

	(void)state;
	reset();
	weft_spin_lock(&spin);
	assert_int_equal(weft_thread_spawn(lock_soon, NULL, NULL, &thread), 0);
	assert_int_equal(weft_thread_join(thread, &code), 0);
	assert_int_equal(code, -ETIMEDOUT);
	weft_spin_unlock(&spin);
}

/* ---- a tick while it is held, and one while it is not */
static int others_ran; /* atomic */

static int run_beside(void *arg)
{
	(void)arg;
	atomic_store_relaxed(&others_ran, 1);
	return 0;
}

static int hold_for_longer_than_a_slice(void *arg)
{
	weft_thread *other;

	(void)arg;
	atomic_store_relaxed(&others_ran, 0);
	weft_spin_lock(&spin);
	other = start(run_beside, NULL);
	stay_until(weft_now() + 20 * WEFT_MS);
	check(atomic_load_relaxed(&others_ran) == 0);
	weft_spin_unlock(&spin);
	while (atomic_load_relaxed(&others_ran) == 0)
		; /* now a tick is enough */
	return finish(other);
}

static void the_holder_is_not_switched_away_by_force(void **state)
{
	weft_sched_options options = { .processors = 1, .slice_ns = 200 * WEFT_US };

	(void)state;
	reset();
	crowd_failures = 0;
	assert_int_equal(weft_run(hold_for_longer_than_a_slice, NULL, &options), 0);
	assert_int_equal(crowd_failures, 0);
}

/* ---- misuse */
static void unlock_what_is_free(void *arg)
{
	weft_spin_unlock(arg);
}

static void lock_twice(void *arg)
{
	weft_spin_lock(arg);
	weft_spin_lock(arg);
}

static void fini_while_held(void *arg)
{
	weft_spin_lock(arg);
	weft_spin_fini(arg);
}

static void misuse_stops_the_program(void **state)
{
	static const struct {
		void (*misuse)(void *);
		const char *says;
	} cases[] = {
		{ unlock_what_is_free, "is unlocked by a thread that does not hold it" },
		{ lock_twice, "is locked again by its holder" },
		{ fini_while_held, "destroyed while held" },
	};
	char said[256], address[32];

	(void)state;
	reset();
	snprintf(address, sizeof address, "spin lock %p", (void *)&spin);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		last_words(cases[i].misuse, &spin, said, sizeof said);
		assert_non_null(strstr(said, address));
		assert_non_null(strstr(said, cases[i].says));
	}
}

/* ---- the crowd */
enum { ROUNDS = 10000 };

static struct {
	weft_spin spin;
	/* guarded by spin, and not atomic */
	int64_t entered, twin;
	int inside;
	int64_t counted; /* atomic */
} shared;

static int lock_somehow(struct member *self)
{
	switch (member_choose(self, 8)) {
	case 0:
		return weft_spin_lock_try(&shared.spin);
	case 1:
		return weft_spin_lock_until(&shared.spin,
					    weft_now() + member_choose(self, 50) * WEFT_US);
	default:
		return weft_spin_lock(&shared.spin);
	}
}

static int enter_often(struct member *self)
{
	for (int i = 0; i < ROUNDS; i++) {
		if (lock_somehow(self) != 0)
			continue;
		check(++shared.inside == 1);
		shared.entered++;
		if (member_choose(self, 64) == 0)
			weft_yield();
		shared.twin++;
		check(shared.twin == shared.entered);
		shared.inside--;
		weft_spin_unlock(&shared.spin);
		atomic_add_relaxed(&shared.counted, 1);
		if (member_choose(self, 16) == 0)
			weft_yield();
	}
	return 0;
}

static void threads_of_all_kinds_exclude_each_other(void **state)
{
	(void)state;
	memset(&shared, 0, sizeof shared);
	crowd(enter_often, NULL);
	assert_int_equal(shared.entered, shared.counted);
	assert_true(shared.entered > CROWD * ROUNDS / 4);
	weft_spin_fini(&shared.spin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(try_says_whether_somebody_holds_it),
		cmocka_unit_test(who_waits_gives_way_to_a_holder_that_does_not_run),
		cmocka_unit_test(a_kernel_thread_gives_up_at_the_deadline),
		cmocka_unit_test(the_holder_is_not_switched_away_by_force),
		cmocka_unit_test(misuse_stops_the_program),
		cmocka_unit_test(threads_of_all_kinds_exclude_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
