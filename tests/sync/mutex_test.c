/* SPDX-License-Identifier: MIT */
/* Mutex: every form, who is next, and that nobody shares it. */
#include "crowd.h"

static weft_mutex mutex;

static void reset(void)
{
	mutex = (weft_mutex)WEFT_MUTEX_INIT;
}

static void try_says_whether_somebody_holds_it(void **state)
{
	(void)state;
	reset();
	assert_int_equal(weft_mutex_lock_try(&mutex), 0);
	assert_int_equal(weft_mutex_lock_try(&mutex), -EBUSY);
	weft_mutex_unlock(&mutex);
	assert_int_equal(weft_mutex_lock_try(&mutex), 0);
	weft_mutex_unlock(&mutex);
}

static void a_deadline_in_the_past_tries_once(void **state)
{
	(void)state;
	reset();
	assert_int_equal(weft_mutex_lock_until(&mutex, 0), 0);
	assert_int_equal(weft_mutex_lock_until(&mutex, 0), -ETIMEDOUT);
	weft_mutex_unlock(&mutex);
}

static void a_kernel_thread_gives_up_at_the_deadline(void **state)
{
	int64_t deadline_ns = weft_now() + 2 * WEFT_MS;

	(void)state;
	reset();
	weft_mutex_lock(&mutex);
	assert_int_equal(weft_mutex_lock_until(&mutex, deadline_ns), -ETIMEDOUT);
	assert_true(weft_now() >= deadline_ns);
	weft_mutex_unlock(&mutex);
	assert_int_equal(weft_mutex_lock_try(&mutex), 0);
	weft_mutex_unlock(&mutex);
	/* nobody waits: the mark that one did is gone */
	assert_int_equal(mutex.word, 0);
}

static int give_up_soon(void *arg)
{
	int64_t deadline_ns = weft_now() + *(int64_t *)arg;
	int result = weft_mutex_lock_until(&mutex, deadline_ns);

	check(weft_now() >= deadline_ns);
	return result;
}

static int light_threads_give_up(void *arg)
{
	int64_t late_ns = 2 * WEFT_MS, soon_ns = WEFT_MS;
	weft_thread *late, *soon;

	(void)arg;
	weft_mutex_lock(&mutex);
	late = start(give_up_soon, &late_ns);
	soon = start(give_up_soon, &soon_ns);
	check(finish(late) == -ETIMEDOUT);
	check(finish(soon) == -ETIMEDOUT);
	weft_mutex_unlock(&mutex);
	check(mutex.word == 0);
	return 0;
}

static void a_light_thread_gives_up_at_the_deadline(void **state)
{
	(void)state;
	reset();
	scenario(light_threads_give_up, NULL);
}

static int lock_until_cancelled(void *arg)
{
	(void)arg;
	return weft_mutex_lock_until(&mutex, WEFT_FOREVER);
}

static int lock_all_the_same(void *arg)
{
	(void)arg;
	weft_mutex_lock(&mutex);
	weft_mutex_unlock(&mutex);
	return weft_cancelled();
}

static int cancel_those_that_wait(void *arg)
{
	weft_thread *open, *firm;

	(void)arg;
	weft_mutex_lock(&mutex);
	open = start(lock_until_cancelled, NULL);
	firm = start(lock_all_the_same, NULL);
	weft_yield();
	weft_thread_cancel(open);
	weft_thread_cancel(firm);
	check(finish(open) == -ECANCELED);
	check(weft_thread_join_try(firm, NULL) == -EBUSY);
	weft_mutex_unlock(&mutex);
	check(finish(firm) == -ECANCELED);
	check(mutex.word == 0);
	return 0;
}

static void a_cancellation_ends_the_wait_until_but_not_the_plain_one(void **state)
{
	(void)state;
	reset();
	scenario(cancel_those_that_wait, NULL);
}

static void unlock_what_is_free(void *arg)
{
	weft_mutex_unlock(arg);
}

static void unlocking_what_is_not_locked_stops_the_program(void **state)
{
	char said[256], address[32];

	(void)state;
	reset();
	last_words(unlock_what_is_free, &mutex, said, sizeof said);
	snprintf(address, sizeof address, "mutex %p", (void *)&mutex);
	assert_non_null(strstr(said, address));
}

/* ---- who is next. All on one processor: nobody runs unless the running one gives way. */
static int order[8], order_count;

/* A round for which waiters must be young does not count if the kernel has stopped us until one may
 * have been old. */
static bool was_late;

static void scenario_in_time(weft_function *app)
{
	was_late = true;
	for (int i = 0; i < 100 && was_late; i++) {
		order_count = 0;
		was_late = false;
		scenario(app, NULL);
	}
	assert_false(was_late);
}

static int lock_and_note(void *arg)
{
	weft_mutex_lock(&mutex);
	order[order_count++] = *(int *)arg;
	weft_mutex_unlock(&mutex);
	return 0;
}

static int lock_after_a_long_wait(void *arg)
{
	int first = 1, me = 2;
	weft_thread *waiter;

	(void)arg;
	weft_mutex_lock(&mutex);
	waiter = start(lock_and_note, &first);
	weft_yield(); /* it waits now */
	stay_until(weft_now() + 2 * WEFT_MS);
	weft_mutex_unlock(&mutex);
	lock_and_note(&me);
	finish(waiter);
	check(order_count == 2 && order[0] == first && order[1] == me);
	check(mutex.word == 0);
	return 0;
}

static void one_who_waited_a_millisecond_is_next(void **state)
{
	(void)state;
	reset();
	order_count = 0;
	scenario(lock_after_a_long_wait, NULL);
}

static int lock_in_turn(void *arg)
{
	static int number[5] = { 0, 1, 2, 3, 4 };
	weft_thread *waiters[5];

	(void)arg;
	weft_mutex_lock(&mutex);
	for (int i = 0; i < 5; i++) {
		waiters[i] = start(lock_and_note, &number[i]);
		weft_yield();
	}
	stay_until(weft_now() + 2 * WEFT_MS);
	weft_mutex_unlock(&mutex);
	for (int i = 0; i < 5; i++)
		finish(waiters[i]);
	for (int i = 0; i < 5; i++)
		check(order[i] == i);
	check(order_count == 5 && mutex.word == 0);
	return 0;
}

static void those_who_waited_long_are_let_in_by_age(void **state)
{
	(void)state;
	reset();
	order_count = 0;
	scenario(lock_in_turn, NULL);
}

static bool victim_has_it;
static int barged; /* how often the victim was beaten */

static int be_the_victim(void *arg)
{
	(void)arg;
	weft_mutex_lock(&mutex);
	victim_has_it = true;
	weft_mutex_unlock(&mutex);
	return 0;
}

/* Beats the waiter again and again: each time it wakes, the mutex is taken once more. */
static int barge(void *arg)
{
	int in_time = 0, too_late = 0;
	weft_thread *victim;
	int64_t since_ns;

	(void)arg;
	victim_has_it = false;
	weft_mutex_lock(&mutex);
	victim = start(be_the_victim, NULL);
	weft_yield();
	since_ns = mutex.waiters.first->since_ns;
	while (!victim_has_it && too_late < 1000) {
		bool old = weft_now() >= since_ns + WEFT_MS;

		weft_mutex_unlock(&mutex);
		weft_mutex_lock(&mutex);
		if (!victim_has_it && old)
			too_late++;
		else if (!victim_has_it)
			in_time++;
		weft_yield(); /* it wakes, is beaten and waits again */
	}
	weft_mutex_unlock(&mutex);
	check(finish(victim) == 0);
	check(too_late == 0); /* barging is allowed until the waiter is old */
	barged = in_time;
	return 0;
}

static void a_beaten_waiter_keeps_its_age(void **state)
{
	(void)state;
	reset();
	barged = 0;
	/* The kernel may stop us until the waiter is old. */
	for (int i = 0; i < 100 && barged == 0; i++)
		scenario(barge, NULL);
	assert_true(barged > 0);
}

static int unlock_three_times(void *arg)
{
	int first = 1, second = 2, failed = 0;
	weft_thread *waiters[2];
	bool one_waits;
	int64_t since_ns;

	(void)arg;
	weft_mutex_lock(&mutex);
	waiters[0] = start(lock_and_note, &first);
	waiters[1] = start(lock_and_note, &second);
	weft_yield();
	since_ns = mutex.waiters.first->since_ns;
	for (int i = 0; i < 3 && failed == 0; i++) {
		weft_mutex_unlock(&mutex);
		failed = weft_mutex_lock_try(&mutex);
	}
	one_waits = mutex.waiters.first != NULL && mutex.waiters.first == mutex.waiters.last;
	was_late = weft_now() >= since_ns + WEFT_MS;
	check(was_late || (failed == 0 && one_waits)); /* the second still does */
	if (failed == 0)
		weft_mutex_unlock(&mutex);
	finish(waiters[0]);
	finish(waiters[1]);
	check(order_count == 2 && order[0] == first && order[1] == second);
	check(mutex.word == 0);
	return 0;
}

static void unlocks_wake_one_at_a_time(void **state)
{
	(void)state;
	reset();
	scenario_in_time(unlock_three_times);
}

static int beat_the_first_of_two(void *arg)
{
	int first = 1, second = 2;
	weft_thread *waiters[2];

	(void)arg;
	weft_mutex_lock(&mutex);
	waiters[0] = start(lock_and_note, &first);
	waiters[1] = start(lock_and_note, &second);
	weft_yield();
	weft_mutex_unlock(&mutex);
	weft_mutex_lock(&mutex);
	weft_yield(); /* the first wakes, is beaten, waits again */
	weft_mutex_unlock(&mutex);
	finish(waiters[0]);
	finish(waiters[1]);
	check(order_count == 2 && order[0] == first && order[1] == second);
	return 0;
}

static void a_beaten_waiter_goes_before_those_who_came_later(void **state)
{
	(void)state;
	reset();
	order_count = 0;
	scenario(beat_the_first_of_two, NULL);
}

/* The first is woken to compete and does not run, for we keep the processor; we lock again and
 * again.
 * The second is old, and has it all the same. */
static int keep_the_first_from_running(void *arg)
{
	int first = 1, second = 2, rounds = 0;
	weft_thread *waiters[2];
	int64_t since_ns;

	(void)arg;
	weft_mutex_lock(&mutex);
	waiters[0] = start(lock_and_note, &first);
	waiters[1] = start(lock_and_note, &second);
	weft_yield();
	since_ns = mutex.waiters.first->since_ns;
	weft_mutex_unlock(&mutex);
	weft_mutex_lock(&mutex);
	was_late = weft_now() >= since_ns + WEFT_MS;
	check(was_late ||
	      mutex.word == (WEFT__MUTEX_LOCKED | WEFT__MUTEX_WAITED | WEFT__MUTEX_WOKEN));
	stay_until(weft_now() + 2 * WEFT_MS);
	for (; order_count == 0 && rounds < 100000; rounds++) {
		weft_mutex_unlock(&mutex);
		weft_mutex_lock(&mutex);
	}
	weft_mutex_unlock(&mutex);
	finish(waiters[0]);
	finish(waiters[1]);
	check(rounds < 1000);
	check(order_count == 2 && mutex.word == 0);
	return 0;
}

static void an_old_waiter_is_granted_it_while_another_is_woken(void **state)
{
	(void)state;
	reset();
	scenario_in_time(keep_the_first_from_running);
}

static int took_again;

/* Is granted it, and takes it again while the next, who is as old, waits for the turn's end. */
static int lock_twice(void *arg)
{
	(void)arg;
	weft_mutex_lock(&mutex);
	weft_mutex_unlock(&mutex);
	if (weft_mutex_lock_try(&mutex) == 0) {
		took_again++;
		weft_mutex_unlock(&mutex);
	}
	return 0;
}

static int grant_to_two(void *arg)
{
	weft_thread *waiters[2];

	(void)arg;
	weft_mutex_lock(&mutex);
	waiters[0] = start(lock_twice, NULL);
	waiters[1] = start(lock_twice, NULL);
	weft_yield();
	stay_until(weft_now() + 2 * WEFT_MS);
	weft_mutex_unlock(&mutex);
	finish(waiters[0]);
	finish(waiters[1]);
	check(mutex.word == 0);
	return 0;
}

static void who_is_granted_it_may_take_it_again_for_a_turn(void **state)
{
	(void)state;
	reset();
	took_again = 0;
	/* The kernel may stop us for longer than a turn. The last always can. */
	for (int i = 0; i < 100 && took_again != 2; i++) {
		took_again = 0;
		scenario(grant_to_two, NULL);
	}
	assert_int_equal(took_again, 2);
}

/* ---- the end */
static void fini_of_one_that_is_held(void *arg)
{
	weft_mutex_lock(arg);
	weft_mutex_fini(arg);
}

static void fini_of_one_that_is_waited_for(void *arg)
{
	((weft_mutex *)arg)->word = WEFT__MUTEX_WAITED;
	weft_mutex_fini(arg);
}

static void taking_away_what_is_used_stops_the_program(void **state)
{
	char said[256], expected[64];

	(void)state;
	reset();
	weft_mutex_lock(&mutex);
	weft_mutex_unlock(&mutex);
	weft_mutex_fini(&mutex);
	last_words(fini_of_one_that_is_held, &mutex, said, sizeof said);
	snprintf(expected, sizeof expected, "mutex %p: destroyed while held", (void *)&mutex);
	assert_non_null(strstr(said, expected));
	last_words(fini_of_one_that_is_waited_for, &mutex, said, sizeof said);
	snprintf(expected, sizeof expected, "mutex %p: destroyed while waited for", (void *)&mutex);
	assert_non_null(strstr(said, expected));
}

static int lock_it(void *arg)
{
	return weft_mutex_lock(arg);
}

static void a_grantee_stays_until_the_unlocker_is_off_the_queue(void **state)
{
	enum { GRANTED = 1 };

	(void)state;
	reset();
	weft_mutex_lock(&mutex);
	waiter_is_held_back(&mutex.waiters, lock_it, &mutex, GRANTED);
	weft_mutex_unlock(&mutex);
	assert_int_equal(mutex.word, 0);
}

/* ---- the crowd */
enum { ROUNDS = 30000 };

static struct {
	weft_mutex mutex;
	/* guarded by mutex, and not atomic */
	int64_t entered, twin;
	int inside;
	int64_t counted; /* atomic */
} shared;

static int lock_somehow(struct member *self)
{
	switch (member_choose(self, 8)) {
	case 0:
		return weft_mutex_lock_try(&shared.mutex);
	case 1:
	case 2:
		return weft_mutex_lock_until(&shared.mutex,
					     weft_now() + member_choose(self, 50) * WEFT_US);
	default:
		return weft_mutex_lock(&shared.mutex);
	}
}

static int enter_often(struct member *self)
{
	for (int i = 0; i < ROUNDS; i++) {
		if (lock_somehow(self) != 0)
			continue;
		check(++shared.inside == 1);
		shared.entered++;
		if (member_choose(self, 16) == 0)
			weft_yield();
		shared.twin++;
		check(shared.twin == shared.entered);
		shared.inside--;
		weft_mutex_unlock(&shared.mutex);
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
	assert_null(shared.mutex.waiters.first);
}

/* ---- memory that the last user gives away */
struct object {
	weft_mutex mutex;
	int users;
};

enum { OBJECTS = 10000 };

static struct object *objects[OBJECTS];

static int drop_each(struct member *self)
{
	(void)self;
	for (int i = 0; i < OBJECTS; i++) {
		struct object *object = objects[i];
		bool last;

		weft_mutex_lock(&object->mutex);
		last = --object->users == 0;
		weft_mutex_unlock(&object->mutex);
		if (last)
			memset(object, 0xa5, sizeof *object);
	}
	return 0;
}

static void the_last_user_may_give_the_memory_away(void **state)
{
	struct object away;

	(void)state;
	memset(&away, 0xa5, sizeof away);
	for (int i = 0; i < OBJECTS; i++) {
		objects[i] = calloc(1, sizeof *objects[i]);
		objects[i]->users = CROWD;
	}
	crowd(drop_each, NULL);
	for (int i = 0; i < OBJECTS; i++) {
		assert_memory_equal(objects[i], &away, sizeof away);
		free(objects[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(try_says_whether_somebody_holds_it),
		cmocka_unit_test(a_deadline_in_the_past_tries_once),
		cmocka_unit_test(a_kernel_thread_gives_up_at_the_deadline),
		cmocka_unit_test(a_light_thread_gives_up_at_the_deadline),
		cmocka_unit_test(a_cancellation_ends_the_wait_until_but_not_the_plain_one),
		cmocka_unit_test(unlocking_what_is_not_locked_stops_the_program),
		cmocka_unit_test(one_who_waited_a_millisecond_is_next),
		cmocka_unit_test(those_who_waited_long_are_let_in_by_age),
		cmocka_unit_test(a_beaten_waiter_keeps_its_age),
		cmocka_unit_test(unlocks_wake_one_at_a_time),
		cmocka_unit_test(a_beaten_waiter_goes_before_those_who_came_later),
		cmocka_unit_test(an_old_waiter_is_granted_it_while_another_is_woken),
		cmocka_unit_test(who_is_granted_it_may_take_it_again_for_a_turn),
		cmocka_unit_test(taking_away_what_is_used_stops_the_program),
		cmocka_unit_test(a_grantee_stays_until_the_unlocker_is_off_the_queue),
		cmocka_unit_test(threads_of_all_kinds_exclude_each_other),
		cmocka_unit_test(the_last_user_may_give_the_memory_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
