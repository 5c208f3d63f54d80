/* SPDX-License-Identifier: MIT */
/* Several permits of a semaphore at once: who asks for many is not overtaken, and does not hold up
 * others when it leaves. */
#include "crowd.h"

static void permits_are_taken_and_given_together(void **state)
{
	weft_sem sem = WEFT_SEM_INIT(4);

	(void)state;
	assert_int_equal(weft_sem_wait_n_try(&sem, 5), -EAGAIN);
	assert_int_equal(weft_sem_wait_n_until(&sem, 5, 0), -ETIMEDOUT);
	assert_int_equal(sem.permits, 4);
	assert_int_equal(weft_sem_wait_n(&sem, 3), 0);
	assert_int_equal(weft_sem_wait_n_try(&sem, 2), -EAGAIN);
	assert_int_equal(weft_sem_wait_n_until(&sem, 1, 0), 0);
	assert_int_equal(weft_sem_wake_n(&sem, 7), 0);
	assert_int_equal(weft_sem_wait_n_try(&sem, 7), 0);
	assert_int_equal(weft_sem_wait_try(&sem), -EAGAIN);
	weft_sem_fini(&sem);
}

static void none_is_nothing_and_less_is_refused(void **state)
{
	weft_sem sem = WEFT_SEM_INIT(0);

	(void)state;
	assert_int_equal(weft_sem_wait_n(&sem, 0), 0);
	assert_int_equal(weft_sem_wait_n_try(&sem, 0), 0);
	assert_int_equal(weft_sem_wait_n_until(&sem, 0, 0), 0);
	assert_int_equal(weft_sem_wake_n(&sem, 0), 0);
	assert_int_equal(weft_sem_wait_n(&sem, -1), -EINVAL);
	assert_int_equal(weft_sem_wait_n_try(&sem, -1), -EINVAL);
	assert_int_equal(weft_sem_wait_n_until(&sem, INT32_MIN, WEFT_FOREVER), -EINVAL);
	assert_int_equal(weft_sem_wake_n(&sem, -1), -EINVAL);
	assert_int_equal(sem.permits, 0);
}

static void too_many_are_refused_as_one(void **state)
{
	weft_sem sem = WEFT_SEM_INIT(3);

	(void)state;
	assert_int_equal(weft_sem_wake_n(&sem, INT32_MAX - 2), -EOVERFLOW);
	assert_int_equal(sem.permits, 3);
	assert_int_equal(weft_sem_wake_n(&sem, INT32_MAX - 3), 0);
	assert_int_equal(sem.permits, INT32_MAX);
	assert_int_equal(weft_sem_wait_n(&sem, INT32_MAX), 0);
	assert_int_equal(sem.permits, 0);
}

static void a_deadline_leaves_what_was_there(void **state)
{
	weft_sem sem = WEFT_SEM_INIT(3);
	int64_t deadline_ns = weft_now() + 2 * WEFT_MS;

	(void)state;
	assert_int_equal(weft_sem_wait_n_until(&sem, 4, deadline_ns), -ETIMEDOUT);
	assert_true(weft_now() >= deadline_ns);
	assert_null(sem.waiters.first);
	assert_int_equal(sem.permits, 3);
	assert_int_equal(sem.gathered, 0);
}

/* ---- one processor */
static struct {
	weft_sem sem;
	int order[8], count;
} line;

static int wait_for(void *arg)
{
	int n = (int)(intptr_t)arg, result = weft_sem_wait_n(&line.sem, n);

	if (result == 0)
		line.order[line.count++] = n;
	return result;
}

/* The place-th in line. */
static weft_thread *start_in_line(weft_function *function, intptr_t n, int place)
{
	weft_thread *thread = start(function, (void *)n);

	await_waiters(&line.sem.waiters, place);
	return thread;
}

static int stand_in_line(void *arg)
{
	weft_thread *big, *small, *last;

	(void)arg;
	weft_sem_init(&line.sem, 2);
	big = start_in_line(wait_for, 5, 1);
	small = start_in_line(wait_for, 1, 2);
	last = start_in_line(wait_for, 2, 3);
	check(weft_sem_wait_try(&line.sem) == -EAGAIN); /* two are there, and spoken for */
	check(weft_sem_wake_n(&line.sem, 2) == 0);
	weft_yield();
	check(line.count == 0);
	check(weft_sem_wake(&line.sem) == 0);
	check(finish(big) == 0);
	check(line.count == 1);
	check(weft_sem_wake_n(&line.sem, 4) == 0); /* both, and one is left: shown at once */
	check(finish(small) == 0 && finish(last) == 0);
	check(line.order[0] == 5 && line.count == 3);
	check(weft_sem_wait_n_try(&line.sem, 2) == -EAGAIN);
	check(weft_sem_wait_try(&line.sem) == 0);
	check(weft_sem_wait_try(&line.sem) == -EAGAIN);
	return 0;
}

static void who_asks_for_many_is_not_overtaken(void **state)
{
	(void)state;
	memset(&line, 0, sizeof line);
	scenario(stand_in_line, NULL);
}

static int leave_the_line(void *arg)
{
	weft_thread *big, *small[2], *next;

	(void)arg;
	weft_sem_init(&line.sem, 3);
	big = start_in_line(wait_for, 5, 1);
	small[0] = start_in_line(wait_for, 1, 2);
	small[1] = start_in_line(wait_for, 1, 3);
	next = start_in_line(wait_for, 4, 4);
	check(line.count == 0);
	weft_thread_cancel(big);
	check(finish(big) == -ECANCELED);
	check(finish(small[0]) == 0 && finish(small[1]) == 0);
	check(weft_sem_wait_try(&line.sem) == -EAGAIN); /* one is there, for the next */
	check(weft_sem_wake_n(&line.sem, 3) == 0);
	check(finish(next) == 0);
	check(line.sem.gathered == 0);
	return 0;
}

/* Nobody posts before the small ones return: without a look by the one that leaves they wait for
 * ever. */
static void who_leaves_lets_those_behind_have_what_is_there(void **state)
{
	(void)state;
	memset(&line, 0, sizeof line);
	scenario(leave_the_line, NULL);
}

static int post_too_many(void *arg)
{
	weft_thread *big, *small;

	(void)arg;
	weft_sem_init(&line.sem, 3);
	big = start_in_line(wait_for, 5, 1);
	small = start_in_line(wait_for, 1, 2);
	check(weft_sem_wake_n(&line.sem, INT32_MAX - 2) == -EOVERFLOW);
	weft_yield();
	check(line.count == 0); /* not even what would have been taken at once */
	check(weft_sem_wake_n(&line.sem, INT32_MAX - 3) == 0);
	check(finish(big) == 0 && finish(small) == 0);
	check(line.sem.permits == INT32_MAX - 6);
	return 0;
}

static void too_many_are_refused_before_any_is_given(void **state)
{
	(void)state;
	memset(&line, 0, sizeof line);
	scenario(post_too_many, NULL);
}

static void destroy(void *arg)
{
	weft_sem_fini(arg);
}

static int destroy_under_a_waiter(void *arg)
{
	weft_thread *thread = start_in_line(wait_for, 2, 1);
	char said[256], address[40];

	(void)arg;
	snprintf(address, sizeof address, "semaphore %p: destroyed", (void *)&line.sem);
	last_words(destroy, &line.sem, said, sizeof said);
	check(strstr(said, address) != NULL);
	check(weft_sem_wake_n(&line.sem, 2) == 0);
	check(finish(thread) == 0);
	weft_sem_fini(&line.sem);
	return 0;
}

static void destroying_what_is_waited_for_stops_the_program(void **state)
{
	(void)state;
	memset(&line, 0, sizeof line);
	scenario(destroy_under_a_waiter, NULL);
}

static int wait_for_three(void *arg)
{
	return weft_sem_wait_n(arg, 3);
}

static void a_waiter_stays_until_its_waker_is_off_the_queue(void **state)
{
	weft_sem sem = WEFT_SEM_INIT(0);

	(void)state;
	waiter_is_held_back(&sem.waiters, wait_for_three, &sem, 0);
}

/* ---- the crowd */
enum { PERMITS = 5, ROUNDS = 4000 };

static struct {
	weft_sem sem;
	int inside;          /* atomic: permits that are in somebody's hands */
	int64_t got, missed; /* atomic */
} shared;

static int wait_somehow(struct member *self, int n)
{
	switch (member_choose(self, 8)) {
	case 0:
		return weft_sem_wait_n_try(&shared.sem, n);
	case 1:
	case 2:
	case 3:
		return weft_sem_wait_n_until(&shared.sem, n,
					     weft_now() + member_choose(self, 50) * WEFT_US);
	default:
		return n == 1 ? weft_sem_wait(&shared.sem) : weft_sem_wait_n(&shared.sem, n);
	}
}

/* Together or one by one. */
static void give_back(struct member *self, int n)
{
	if (member_choose(self, 2) == 0) {
		check(weft_sem_wake_n(&shared.sem, n) == 0);
		return;
	}
	while (n-- > 0)
		check(weft_sem_wake(&shared.sem) == 0);
}

static int share_permits(struct member *self)
{
	for (int i = 0; i < ROUNDS; i++) {
		int n = 1 + (int)member_choose(self, member_choose(self, 2) ? 2 : PERMITS);
		int result = wait_somehow(self, n);

		if (result != 0) {
			check(result == -EAGAIN || result == -ETIMEDOUT);
			atomic_add_relaxed(&shared.missed, 1);
			continue;
		}
		check(atomic_add_acq_rel(&shared.inside, n) <= PERMITS - n);
		if (member_choose(self, 8) == 0)
			weft_yield();
		atomic_sub_acq_rel(&shared.inside, n);
		give_back(self, n);
		atomic_add_relaxed(&shared.got, 1);
	}
	return 0;
}

static void permits_are_neither_lost_nor_made(void **state)
{
	(void)state;
	memset(&shared, 0, sizeof shared);
	weft_sem_init(&shared.sem, PERMITS);
	crowd(share_permits, NULL);
	assert_int_equal(weft_sem_wait_n_try(&shared.sem, PERMITS + 1), -EAGAIN);
	assert_int_equal(weft_sem_wait_n_try(&shared.sem, PERMITS), 0);
	assert_int_equal(shared.got + shared.missed, CROWD * ROUNDS);
	assert_null(shared.sem.waiters.first);
	assert_int_equal(shared.sem.gathered, 0);
}

/* ---- a semaphore that goes away as soon as all that was posted has been taken */
static struct {
	weft_sem *posted; /* atomic: what the helper shall post */
	bool stop;        /* atomic */
} errand;

static void *post_what_is_asked(void *arg)
{
	(void)arg;
	while (!atomic_load_acquire(&errand.stop)) {
		weft_sem *sem = atomic_swap_acq_rel(&errand.posted, (weft_sem *)NULL);

		if (sem != NULL)
			weft_sem_wake_n(sem, 5);
	}
	return NULL;
}

static void who_took_the_last_may_give_the_memory_away(void **state)
{
	enum { TIMES = 20000 };
	weft_sem *sems = malloc(TIMES * sizeof *sems);
	weft_sem away;
	pthread_t poster;

	(void)state;
	memset(&errand, 0, sizeof errand);
	memset(sems, 0, TIMES * sizeof *sems);
	memset(&away, 0xa5, sizeof away);
	assert_int_equal(pthread_create(&poster, NULL, post_what_is_asked, NULL), 0);
	for (int i = 0; i < TIMES; i++) {
		atomic_store_release(&errand.posted, &sems[i]);
		assert_int_equal(weft_sem_wait_n(&sems[i], 3), 0);
		assert_int_equal(weft_sem_wait_n(&sems[i], 2), 0);
		memset(&sems[i], 0xa5, sizeof sems[i]);
	}
	atomic_store_release(&errand.stop, true);
	pthread_join(poster, NULL);
	for (int i = 0; i < TIMES; i++)
		assert_memory_equal(&sems[i], &away, sizeof away);
	free(sems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(permits_are_taken_and_given_together),
		cmocka_unit_test(none_is_nothing_and_less_is_refused),
		cmocka_unit_test(too_many_are_refused_as_one),
		cmocka_unit_test(a_deadline_leaves_what_was_there),
		cmocka_unit_test(who_asks_for_many_is_not_overtaken),
		cmocka_unit_test(who_leaves_lets_those_behind_have_what_is_there),
		cmocka_unit_test(too_many_are_refused_before_any_is_given),
		cmocka_unit_test(destroying_what_is_waited_for_stops_the_program),
		cmocka_unit_test(a_waiter_stays_until_its_waker_is_off_the_queue),
		cmocka_unit_test(permits_are_neither_lost_nor_made),
		cmocka_unit_test(who_took_the_last_may_give_the_memory_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
