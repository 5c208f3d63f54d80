/* SPDX-License-Identifier: MIT */
/* Semaphore: every form, first come first served, and that permits are neither lost nor made. */
#include "crowd.h"

static void init_takes_what_a_semaphore_can_hold(void **state)
{
	weft_sem sem = WEFT_SEM_INIT(7);

	(void)state;
	assert_int_equal(weft_sem_init(&sem, -1), -EINVAL);
	assert_int_equal(sem.permits, 7);
	assert_int_equal(weft_sem_init(&sem, INT32_MAX), 0);
	assert_int_equal(sem.permits, INT32_MAX);
}

static void permits_are_taken_and_given(void **state)
{
	weft_sem sem = WEFT_SEM_INIT(2);

	(void)state;
	assert_int_equal(weft_sem_wait(&sem), 0);
	assert_int_equal(weft_sem_wait_until(&sem, 0), 0);
	assert_int_equal(weft_sem_wait_try(&sem), -EAGAIN);
	assert_int_equal(weft_sem_wait_until(&sem, 0), -ETIMEDOUT);
	assert_int_equal(weft_sem_wake(&sem), 0);
	assert_int_equal(weft_sem_wait_try(&sem), 0);
}

static void all_zero_has_no_permit(void **state)
{
	weft_sem sem;

	(void)state;
	memset(&sem, 0, sizeof sem);
	assert_int_equal(weft_sem_wait_try(&sem), -EAGAIN);
}

static void one_permit_too_many_is_refused(void **state)
{
	weft_sem sem = WEFT_SEM_INIT(INT32_MAX);

	(void)state;
	assert_int_equal(weft_sem_wake(&sem), -EOVERFLOW);
	assert_int_equal(weft_sem_wait(&sem), 0);
	assert_int_equal(weft_sem_wake(&sem), 0);
	assert_int_equal(sem.permits, INT32_MAX);
}

static void a_kernel_thread_gives_up_at_the_deadline(void **state)
{
	weft_sem sem = WEFT_SEM_INIT(0);
	int64_t deadline_ns = weft_now() + 2 * WEFT_MS;

	(void)state;
	assert_int_equal(weft_sem_wait_until(&sem, deadline_ns), -ETIMEDOUT);
	assert_true(weft_now() >= deadline_ns);
	assert_null(sem.waiters.first);
	assert_int_equal(weft_sem_wake(&sem), 0);
	assert_int_equal(sem.permits, 1);
}

/* ---- one processor */
static struct {
	weft_sem sem;
	int order[8], count;
} line;

static int wait_and_note(void *arg)
{
	int result = weft_sem_wait(&line.sem);

	line.order[line.count++] = (int)(intptr_t)arg;
	return result;
}

static int give_up_soon(void *arg)
{
	(void)arg;
	return weft_sem_wait_until(&line.sem, weft_now() + WEFT_MS);
}

static int stand_in_line(void *arg)
{
	weft_thread *threads[5];

	(void)arg;
	for (intptr_t i = 0; i < 5; i++) {
		threads[i] = start(wait_and_note, (void *)i);
		weft_yield();
	}
	for (int i = 0; i < 5; i++) {
		check(weft_sem_wake(&line.sem) == 0);
		check(weft_sem_wait_try(&line.sem) == -EAGAIN); /* it is the waiter's */
		check(finish(threads[i]) == 0);
	}
	for (int i = 0; i < 5; i++)
		check(line.order[i] == i);
	return 0;
}

static void first_come_first_served(void **state)
{
	(void)state;
	memset(&line, 0, sizeof line);
	scenario(stand_in_line, NULL);
}

static int leave_the_line(void *arg)
{
	weft_thread *first, *second, *third;

	(void)arg;
	first = start(wait_and_note, (void *)1);
	weft_yield();
	second = start(give_up_soon, NULL);
	weft_yield();
	third = start(wait_and_note, (void *)3);
	check(finish(second) == -ETIMEDOUT);
	check(weft_sem_wake(&line.sem) == 0);
	check(finish(first) == 0);
	check(weft_sem_wake(&line.sem) == 0);
	check(finish(third) == 0);
	check(weft_sem_wake(&line.sem) == 0);
	check(line.order[0] == 1 && line.order[1] == 3);
	check(line.sem.permits == 1);
	return 0;
}

static void one_who_gave_up_is_passed_over(void **state)
{
	(void)state;
	memset(&line, 0, sizeof line);
	scenario(leave_the_line, NULL);
}

static int wait_for_permit(void *arg)
{
	return weft_sem_wait(arg);
}

static void a_waiter_stays_until_its_waker_is_off_the_queue(void **state)
{
	weft_sem sem = WEFT_SEM_INIT(0);

	(void)state;
	waiter_is_held_back(&sem.waiters, wait_for_permit, &sem, 0);
}

/* ---- the crowd */
enum { PERMITS = 3, ROUNDS = 5000 };

static struct {
	weft_sem sem;
	int inside;          /* atomic */
	int64_t got, missed; /* atomic */
} shared;

static int wait_somehow(struct member *self)
{
	switch (member_choose(self, 8)) {
	case 0:
		return weft_sem_wait_try(&shared.sem);
	case 1:
	case 2:
	case 3:
		return weft_sem_wait_until(&shared.sem,
					   weft_now() + member_choose(self, 50) * WEFT_US);
	default:
		return weft_sem_wait(&shared.sem);
	}
}

static int share_permits(struct member *self)
{
	for (int i = 0; i < ROUNDS; i++) {
		int result = wait_somehow(self);

		if (result != 0) {
			check(result == -EAGAIN || result == -ETIMEDOUT);
			atomic_add_relaxed(&shared.missed, 1);
			continue;
		}
		check(atomic_add_acq_rel(&shared.inside, 1) < PERMITS);
		if (member_choose(self, 8) == 0)
			weft_yield();
		atomic_sub_acq_rel(&shared.inside, 1);
		check(weft_sem_wake(&shared.sem) == 0);
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
	for (int i = 0; i < PERMITS; i++)
		assert_int_equal(weft_sem_wait_try(&shared.sem), 0);
	assert_int_equal(weft_sem_wait_try(&shared.sem), -EAGAIN);
	assert_int_equal(shared.got + shared.missed, CROWD * ROUNDS);
	assert_null(shared.sem.waiters.first);
}

/* Some post, others wait with deadlines that the posts race: each post is somebody's or is still
 * there. */
static int post_or_wait(struct member *self)
{
	for (int i = 0; i < ROUNDS; i++) {
		if (self->index % 2 == 0) {
			check(weft_sem_wake(&shared.sem) == 0);
			atomic_add_relaxed(&shared.missed, 1);
			if (member_choose(self, 4) == 0)
				weft_sleep(member_choose(self, 20) * WEFT_US);
		} else if (weft_sem_wait_until(&shared.sem, weft_now() + member_choose(self, 20) *
										 WEFT_US) == 0) {
			atomic_add_relaxed(&shared.got, 1);
		}
	}
	return 0;
}

static void a_post_that_meets_a_deadline_is_kept(void **state)
{
	(void)state;
	memset(&shared, 0, sizeof shared);
	crowd(post_or_wait, NULL);
	while (weft_sem_wait_try(&shared.sem) == 0)
		shared.got++;
	assert_int_equal(shared.got, shared.missed);
}

/* ---- a semaphore that goes away as soon as the wait is over */
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
			weft_sem_wake(sem);
	}
	return NULL;
}

static void the_waiter_may_give_the_memory_away(void **state)
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
		assert_int_equal(weft_sem_wait(&sems[i]), 0);
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
		cmocka_unit_test(init_takes_what_a_semaphore_can_hold),
		cmocka_unit_test(permits_are_taken_and_given),
		cmocka_unit_test(all_zero_has_no_permit),
		cmocka_unit_test(one_permit_too_many_is_refused),
		cmocka_unit_test(a_kernel_thread_gives_up_at_the_deadline),
		cmocka_unit_test(first_come_first_served),
		cmocka_unit_test(one_who_gave_up_is_passed_over),
		cmocka_unit_test(a_waiter_stays_until_its_waker_is_off_the_queue),
		cmocka_unit_test(permits_are_neither_lost_nor_made),
		cmocka_unit_test(a_post_that_meets_a_deadline_is_kept),
		cmocka_unit_test(the_waiter_may_give_the_memory_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
