/* SPDX-License-Identifier: MIT */
/* Owned mutex: who holds it, how often, and what becomes of it when he ends. */
#include "crowd.h"

static weft_owned_mutex mutex;

static void make(bool recursive, bool robust)
{
	const weft_owned_mutex_options options = { .recursive = recursive, .robust = robust };

	assert_int_equal(weft_owned_mutex_init(&mutex, &options), 0);
}

static int try_it(void *arg)
{
	(void)arg;
	return weft_owned_mutex_lock_try(&mutex);
}

static int unlock_it(void *arg)
{
	(void)arg;
	return weft_owned_mutex_unlock(&mutex);
}

/* The result of a thread of its own, which ends then. */
static int in_a_thread(weft_function *function, weft_kind kind)
{
	const weft_thread_options options = { .kind = kind };
	weft_thread *thread = NULL;

	check(weft_thread_spawn(function, NULL, &options, &thread) == 0);
	return finish(thread);
}

static void its_owner_is_told_of_mistakes(void **state)
{
	(void)state;
	make(false, false);
	assert_int_equal(weft_owned_mutex_unlock(&mutex), -EPERM);
	assert_int_equal(weft_owned_mutex_lock(&mutex), 0);
	assert_int_equal(weft_owned_mutex_lock(&mutex), -EDEADLK);
	assert_int_equal(weft_owned_mutex_lock_until(&mutex, WEFT_FOREVER), -EDEADLK);
	assert_int_equal(weft_owned_mutex_lock_try(&mutex), -EBUSY);
	assert_int_equal(weft_owned_mutex_consistent(&mutex), -EINVAL);
	assert_int_equal(in_a_thread(unlock_it, WEFT_KERNEL), -EPERM);
	assert_int_equal(in_a_thread(try_it, WEFT_KERNEL), -EBUSY);
	assert_int_equal(weft_owned_mutex_unlock(&mutex), 0);
	assert_int_equal(weft_owned_mutex_unlock(&mutex), -EPERM);
	assert_int_equal(weft_owned_mutex_consistent(&mutex), -EPERM);
	weft_owned_mutex_fini(&mutex);
}

static void a_recursive_one_counts(void **state)
{
	(void)state;
	make(true, false);
	assert_int_equal(weft_owned_mutex_lock(&mutex), 0);
	assert_int_equal(weft_owned_mutex_lock(&mutex), 0);
	assert_int_equal(weft_owned_mutex_lock_try(&mutex), 0);
	assert_int_equal(weft_owned_mutex_lock_until(&mutex, 0), 0);
	assert_int_equal(mutex.depth, 3);
	mutex.depth = UINT32_MAX;
	assert_int_equal(weft_owned_mutex_lock(&mutex), -EAGAIN);
	mutex.depth = 3;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(in_a_thread(try_it, WEFT_KERNEL), -EBUSY);
		assert_int_equal(weft_owned_mutex_unlock(&mutex), 0);
	}
	assert_int_equal(weft_owned_mutex_unlock(&mutex), -EPERM);
	weft_owned_mutex_fini(&mutex);
}

/* ---- deadlines and cancellation */
static int lock_soon(void *arg)
{
	(void)arg;
	return weft_owned_mutex_lock_until(&mutex, weft_now() + WEFT_MS);
}

static int lock_for_ever(void *arg)
{
	(void)arg;
	return weft_owned_mutex_lock_until(&mutex, WEFT_FOREVER);
}

static int hold_it(void *arg)
{
	weft_thread *thread;

	(void)arg;
	check(weft_owned_mutex_lock(&mutex) == 0);
	check(finish(start(lock_soon, NULL)) == -ETIMEDOUT);
	thread = start(lock_for_ever, NULL);
	weft_yield();
	weft_thread_cancel(thread);
	check(finish(thread) == -ECANCELED);
	check(weft_owned_mutex_unlock(&mutex) == 0);
	return 0;
}

static void a_wait_ends_by_deadline_and_by_cancellation(void **state)
{
	(void)state;
	make(false, true);
	scenario(hold_it, NULL);
	weft_owned_mutex_fini(&mutex);
}

/* ---- owners that end */
static int lock_and_end(void *arg)
{
	(void)arg;
	return weft_owned_mutex_lock(&mutex);
}

static int lock_twice_and_end(void *arg)
{
	int code = weft_owned_mutex_lock(&mutex);

	(void)arg;
	check(weft_owned_mutex_lock(&mutex) == 0);
	weft_thread_exit(code);
}

static int outlive_owners(void *arg)
{
	weft_kind kind = *(weft_kind *)arg;

	check(in_a_thread(lock_and_end, kind) == 0);
	check(weft_owned_mutex_lock(&mutex) == -EOWNERDEAD);
	check(weft_owned_mutex_consistent(&mutex) == 0);
	check(weft_owned_mutex_consistent(&mutex) == -EINVAL);
	check(weft_owned_mutex_unlock(&mutex) == 0);
	check(in_a_thread(lock_twice_and_end, kind) == 0);
	/* the next ends, too, and has mended nothing */
	check(in_a_thread(lock_and_end, kind) == -EOWNERDEAD);
	check(weft_owned_mutex_lock_try(&mutex) == -EOWNERDEAD);
	check(weft_owned_mutex_consistent(&mutex) == 0);
	check(weft_owned_mutex_unlock(&mutex) == 0);
	check(weft_owned_mutex_lock(&mutex) == 0);
	check(weft_owned_mutex_unlock(&mutex) == 0);
	return 0;
}

static void a_robust_one_outlives_its_owner(void **state)
{
	static const weft_kind kinds[] = { WEFT_LIGHT, WEFT_KERNEL, WEFT_KIND_DEFAULT };

	(void)state;
	for (int i = 0; i < 3; i++) {
		make(true, true);
		scenario(outlive_owners, (void *)(uintptr_t)&kinds[i]);
		weft_owned_mutex_fini(&mutex);
	}
}

/* ---- who holds several */
enum { SEVERAL = 4 };

static weft_owned_mutex several[SEVERAL];

static int hold_several(void *arg)
{
	(void)arg;
	for (int i = 0; i < SEVERAL; i++)
		check(weft_owned_mutex_lock(&several[i]) == 0);
	check(weft_owned_mutex_lock(&several[0]) == 0); /* twice */
	check(weft_owned_mutex_unlock(&several[2]) == 0);
	check(weft_owned_mutex_unlock(&several[1]) == 0);
	check(weft_owned_mutex_lock(&several[2]) == 0);
	return 0;
}

static int lock_several_try(void *arg)
{
	(void)arg;
	for (int i = 0; i < SEVERAL; i++) {
		check(weft_owned_mutex_lock_try(&several[i]) == 0);
		check(weft_owned_mutex_unlock(&several[i]) == 0);
	}
	return 0;
}

static int outlive_who_held_several(void *arg)
{
	weft_kind kind = *(weft_kind *)arg;

	check(in_a_thread(hold_several, kind) == 0);
	for (int i = 0; i < SEVERAL; i++) {
		bool is_left = i != 1;

		check(weft_owned_mutex_lock_try(&several[i]) == (is_left ? -EOWNERDEAD : 0));
		if (is_left)
			check(weft_owned_mutex_consistent(&several[i]) == 0);
		check(weft_owned_mutex_unlock(&several[i]) == 0);
	}
	/* however often he had locked it */
	check(in_a_thread(lock_several_try, kind) == 0);
	return 0;
}

static void all_that_an_owner_holds_outlive_him(void **state)
{
	static const weft_kind kinds[] = { WEFT_LIGHT, WEFT_KERNEL, WEFT_KIND_DEFAULT };
	const weft_owned_mutex_options options = { .recursive = true, .robust = true };

	(void)state;
	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < SEVERAL; k++)
			assert_int_equal(weft_owned_mutex_init(&several[k], &options), 0);
		scenario(outlive_who_held_several, (void *)(uintptr_t)&kinds[i]);
		for (int k = 0; k < SEVERAL; k++)
			weft_owned_mutex_fini(&several[k]);
	}
}

static void without_options_it_is_neither(void **state)
{
	(void)state;
	assert_int_equal(weft_owned_mutex_init(&mutex, NULL), 0);
	assert_int_equal(weft_owned_mutex_lock(&mutex), 0);
	assert_int_equal(weft_owned_mutex_lock(&mutex), -EDEADLK);
	assert_int_equal(weft_owned_mutex_unlock(&mutex), 0);
	weft_owned_mutex_fini(&mutex);
}

static void *lock_as_a_stranger(void *arg)
{
	check(weft_owned_mutex_lock(&mutex) == 0);
	return arg;
}

static void a_robust_one_outlives_a_foreign_thread(void **state)
{
	pthread_t thread;

	(void)state;
	crowd_failures = 0;
	make(false, true);
	assert_int_equal(pthread_create(&thread, NULL, lock_as_a_stranger, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(weft_owned_mutex_lock(&mutex), -EOWNERDEAD);
	assert_int_equal(weft_owned_mutex_consistent(&mutex), 0);
	assert_int_equal(weft_owned_mutex_unlock(&mutex), 0);
	weft_owned_mutex_fini(&mutex);
	assert_int_equal(crowd_failures, 0);
}

static int lock_plainly(void *arg)
{
	(void)arg;
	return weft_owned_mutex_lock(&mutex);
}

/* All that wait when it is given up for lost hear of it. */
static int lose_it(void *arg)
{
	weft_thread *waiters[3];

	(void)arg;
	check(in_a_thread(lock_and_end, WEFT_LIGHT) == 0);
	check(weft_owned_mutex_lock(&mutex) == -EOWNERDEAD);
	for (int i = 0; i < 3; i++)
		waiters[i] = start(lock_plainly, NULL);
	weft_yield();
	check(weft_owned_mutex_unlock(&mutex) == 0);
	for (int i = 0; i < 3; i++)
		check(finish(waiters[i]) == -ENOTRECOVERABLE);
	check(weft_owned_mutex_lock_try(&mutex) == -ENOTRECOVERABLE);
	check(weft_owned_mutex_consistent(&mutex) == -EPERM);
	return 0;
}

static void one_that_is_not_mended_is_lost(void **state)
{
	(void)state;
	make(false, true);
	scenario(lose_it, NULL);
	weft_owned_mutex_fini(&mutex);
}

/* The next thread has the record of the one that ended. */
static int leave_it_locked(void *arg)
{
	(void)arg;
	check(in_a_thread(lock_and_end, WEFT_LIGHT) == 0);
	check(in_a_thread(lock_soon, WEFT_LIGHT) == -ETIMEDOUT);
	check(in_a_thread(unlock_it, WEFT_LIGHT) == -EPERM);
	return 0;
}

static void one_that_is_not_robust_stays_locked(void **state)
{
	(void)state;
	make(false, false);
	scenario(leave_it_locked, NULL);
}

static void unlock_at_the_end(void *arg)
{
	(void)arg;
	check(weft_owned_mutex_unlock(&mutex) == 0);
}

static int unlock_late(void *arg)
{
	(void)arg;
	check(weft_owned_mutex_lock(&mutex) == 0);
	check(weft_defer(unlock_at_the_end, NULL) == 0);
	return 0;
}

static int defer_the_unlock(void *arg)
{
	(void)arg;
	check(in_a_thread(unlock_late, WEFT_LIGHT) == 0);
	check(in_a_thread(unlock_late, WEFT_KERNEL) == 0);
	check(weft_owned_mutex_lock(&mutex) == 0);
	check(weft_owned_mutex_unlock(&mutex) == 0);
	return 0;
}

static void what_is_deferred_may_still_unlock(void **state)
{
	(void)state;
	make(false, true);
	scenario(defer_the_unlock, NULL);
	weft_owned_mutex_fini(&mutex);
}

static void fini_while_held(void *arg)
{
	weft_owned_mutex_lock(arg);
	weft_owned_mutex_fini(arg);
}

static void taking_away_what_is_held_stops_the_program(void **state)
{
	char said[256], expected[64];

	(void)state;
	make(false, false);
	last_words(fini_while_held, &mutex, said, sizeof said);
	snprintf(expected, sizeof expected, "owned mutex %p: destroyed while held", (void *)&mutex);
	assert_non_null(strstr(said, expected));
}

/* ---- the crowd: threads lock, some more than once, and each ends while it holds */
enum { ROUNDS = 5000 };

static struct {
	weft_owned_mutex mutex;
	/* guarded by mutex, and not atomic */
	int64_t entered, mended;
	int inside;
	int64_t counted; /* atomic */
} shared;

static int lock_somehow(struct member *self)
{
	switch (member_choose(self, 8)) {
	case 0:
		return weft_owned_mutex_lock_try(&shared.mutex);
	case 1:
		return weft_owned_mutex_lock_until(&shared.mutex,
						   weft_now() + member_choose(self, 50) * WEFT_US);
	default:
		return weft_owned_mutex_lock(&shared.mutex);
	}
}

static int enter_often(struct member *self)
{
	for (int i = 0; i < ROUNDS; i++) {
		int code = lock_somehow(self);
		bool again = member_choose(self, 4) == 0;

		if (code == -EOWNERDEAD) {
			check(shared.inside == 1);
			shared.inside = 0;
			shared.mended++;
			check(weft_owned_mutex_consistent(&shared.mutex) == 0);
		} else if (code != 0) {
			check(code == -EBUSY || code == -ETIMEDOUT);
			continue;
		}
		check(++shared.inside == 1);
		shared.entered++;
		atomic_add_relaxed(&shared.counted, 1);
		if (again)
			check(weft_owned_mutex_lock(&shared.mutex) == 0);
		if (member_choose(self, 16) == 0)
			weft_yield();
		if (again)
			check(weft_owned_mutex_unlock(&shared.mutex) == 0);
		if (i >= ROUNDS - 20)
			return 0;
		shared.inside--;
		check(weft_owned_mutex_unlock(&shared.mutex) == 0);
	}
	return 0;
}

static void threads_of_all_kinds_end_and_others_go_on(void **state)
{
	const weft_owned_mutex_options options = { .recursive = true, .robust = true };
	int code;

	(void)state;
	memset(&shared, 0, sizeof shared);
	assert_int_equal(weft_owned_mutex_init(&shared.mutex, &options), 0);
	crowd(enter_often, NULL);
	assert_int_equal(shared.entered, shared.counted);
	assert_true(shared.mended > 0);
	code = weft_owned_mutex_lock_try(&shared.mutex);
	assert_true(code == (shared.inside ? -EOWNERDEAD : 0));
	weft_owned_mutex_unlock(&shared.mutex);
	weft_owned_mutex_fini(&shared.mutex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_owner_is_told_of_mistakes),
		cmocka_unit_test(a_recursive_one_counts),
		cmocka_unit_test(a_wait_ends_by_deadline_and_by_cancellation),
		cmocka_unit_test(a_robust_one_outlives_its_owner),
		cmocka_unit_test(all_that_an_owner_holds_outlive_him),
		cmocka_unit_test(without_options_it_is_neither),
		cmocka_unit_test(a_robust_one_outlives_a_foreign_thread),
		cmocka_unit_test(one_that_is_not_mended_is_lost),
		cmocka_unit_test(one_that_is_not_robust_stays_locked),
		cmocka_unit_test(what_is_deferred_may_still_unlock),
		cmocka_unit_test(taking_away_what_is_held_stops_the_program),
		cmocka_unit_test(threads_of_all_kinds_end_and_others_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
