/* SPDX-License-Identifier: MIT */
#include "crowd.h"

#include <weft/cancel.h>

#include "sched/thread.h"

/* ---- one processor: the order is the test's */

static int wait_for_ever(void *arg)
{
	return weft_sem_wait(arg);
}

static int a_wait_ends(void *arg)
{
	weft_sem never = WEFT_SEM_INIT(0);
	weft_thread *thread = start(wait_for_ever, &never);

	(void)arg;
	weft_yield(); /* it waits */
	weft_thread_cancel(thread);
	check(finish(thread) == -ECANCELED);
	/* nothing of it is left in the queue */
	check(weft_sem_wake(&never) == 0);
	check(weft_sem_wait_try(&never) == 0);
	return 0;
}

static int try_everything(void *arg)
{
	weft_sem *gate = arg, none = WEFT_SEM_INIT(0);
	weft_wait_group group = WEFT_WAIT_GROUP_INIT;
	weft_mutex mutex = WEFT_MUTEX_INIT;
	weft_cond cond = WEFT_COND_INIT;

	check(weft_sem_wait(gate) == 0); /* given before the cancellation: taken */
	check(weft_cancelled() == -ECANCELED);
	check(weft_sem_wait(&none) == -ECANCELED);
	check(weft_sem_wait_until(&none, weft_now() + WEFT_SECOND) == -ECANCELED);
	check(weft_sleep(10 * WEFT_SECOND) == -ECANCELED);
	weft_wait_group_add(&group, 1);
	check(weft_wait_group_wait(&group) == -ECANCELED);
	check(weft_mutex_lock(&mutex) == 0);
	check(weft_cond_wait(&cond, &mutex) == -ECANCELED);
	check(weft_mutex_lock_try(&mutex) == -EBUSY); /* held again */
	weft_mutex_unlock(&mutex);
	/* what is at hand is taken */
	check(weft_sem_wake(&none) == 0 && weft_sem_wait(&none) == 0);
	return 7;
}

static int it_lasts(void *arg)
{
	weft_sem gate = WEFT_SEM_INIT(0);
	weft_thread *thread = start(try_everything, &gate);

	(void)arg;
	weft_yield();
	weft_sem_wake(&gate); /* first: the claim is the semaphore's */
	weft_thread_cancel(thread);
	check(finish(thread) == 7);
	return 0;
}

static int before_it_runs(void *arg)
{
	weft_sem never = WEFT_SEM_INIT(0);
	weft_thread *thread = start(wait_for_ever, &never);

	(void)arg;
	weft_thread_cancel(thread);
	check(finish(thread) == -ECANCELED);
	/* the record's next life begins without */
	thread = start(wait_for_ever, &never);
	weft_yield();
	check(weft_thread_join_try(thread, NULL) == -EBUSY);
	weft_sem_wake(&never);
	check(finish(thread) == 0);
	return 0;
}

static int join_it(void *arg)
{
	return weft_thread_join(arg, NULL);
}

static int a_join_ends(void *arg)
{
	weft_sem never = WEFT_SEM_INIT(0);
	weft_thread *joined = start(wait_for_ever, &never);
	weft_thread *joiner = start(join_it, joined);

	(void)arg;
	weft_yield();
	weft_thread_cancel(joiner);
	check(finish(joiner) == -ECANCELED);
	weft_sem_wake(&never);
	check(finish(joined) == 0); /* it can still be joined */
	return 0;
}

/* A mutex that is locked without a deadline is got, cancelled or not. */
static int lock_it(void *arg)
{
	weft_mutex *mutex = arg;
	int code = weft_mutex_lock(mutex);

	check(weft_cancelled() == -ECANCELED);
	weft_mutex_unlock(mutex);
	return code;
}

static int a_firm_wait_goes_on(void *arg)
{
	weft_mutex mutex = WEFT_MUTEX_INIT;
	weft_thread *thread;

	(void)arg;
	weft_mutex_lock(&mutex);
	thread = start(lock_it, &mutex);
	weft_yield();
	weft_thread_cancel(thread);
	weft_yield();
	check(weft_thread_join_try(thread, NULL) == -EBUSY);
	weft_mutex_unlock(&mutex);
	check(finish(thread) == 0);
	return 0;
}

/* ---- scopes and shields */

static int scopes_of_its_own(void *arg)
{
	weft_sem never = WEFT_SEM_INIT(0);
	weft_scope outer, inner;
	weft_shield shield;

	(void)arg;
	weft_scope_enter(&outer, WEFT_FOREVER);
	weft_scope_enter(&inner, WEFT_FOREVER);
	weft_scope_cancel(&inner);
	check(weft_cancelled() == -ECANCELED);
	check(weft_sem_wait(&never) == -ECANCELED);
	check(weft_scope_leave(&inner) == -ECANCELED);
	check(weft_cancelled() == 0); /* the outer one goes on */

	weft_scope_cancel(&outer);
	weft_shield_enter(&shield);
	check(weft_cancelled() == 0);
	check(weft_sem_wait_until(&never, weft_now() + WEFT_MS) == -ETIMEDOUT);
	/* a scope within a shield */
	weft_scope_enter(&inner, WEFT_FOREVER);
	check(weft_cancelled() == 0);
	weft_scope_cancel(&inner);
	check(weft_cancelled() == -ECANCELED);
	check(weft_scope_leave(&inner) == -ECANCELED);
	check(weft_cancelled() == 0);
	weft_shield_leave(&shield);
	check(weft_cancelled() == -ECANCELED);
	check(weft_scope_leave(&outer) == -ECANCELED);
	check(weft_cancelled() == 0);
	return 0;
}

struct shielded {
	weft_sem waiting, go_on;
	weft_scope *scope;
};

/* The thread as a whole is cancelled, and a shield covers that as well. */
static int cover_the_whole(void *arg)
{
	struct shielded *shielded = arg;
	weft_scope scope;
	weft_shield shield;

	weft_shield_enter(&shield);
	weft_scope_enter(&scope, WEFT_FOREVER);
	check(weft_sem_wait(&shielded->go_on) == 0); /* cancelled meanwhile */
	check(weft_cancelled() == 0);
	check(weft_scope_leave(&scope) == 0);
	check(weft_cancelled() == 0);
	weft_shield_leave(&shield);
	check(weft_cancelled() == -ECANCELED);
	weft_shield_enter(&shield);
	check(weft_cancelled() == 0);
	check(weft_sem_wait_until(&shielded->go_on, weft_now() + WEFT_MS / 10) == -ETIMEDOUT);
	weft_shield_leave(&shield);
	return weft_sem_wait(&shielded->go_on);
}

static int wait_in_a_scope(void *arg)
{
	weft_scope scope;
	int code;

	weft_scope_enter(&scope, WEFT_FOREVER);
	code = weft_sem_wait(arg);
	check(weft_scope_leave(&scope) == 0);
	return code;
}

static int a_scope_covers_nothing(void *arg)
{
	weft_sem never = WEFT_SEM_INIT(0);
	weft_thread *thread = start(wait_in_a_scope, &never);

	(void)arg;
	await_waiters(&never.waiters, 1);
	weft_thread_cancel(thread);
	check(weft_sem_wake(&never) == 0); /* too late for it */
	check(finish(thread) == -ECANCELED);
	return 0;
}

static int a_shield_covers_the_thread(void *arg)
{
	struct shielded shielded = { 0 };
	weft_thread *thread = start(cover_the_whole, &shielded);

	(void)arg;
	await_waiters(&shielded.go_on.waiters, 1);
	weft_thread_cancel(thread);
	check(!weft__waitq_is_empty(&shielded.go_on.waiters));
	weft_sem_wake(&shielded.go_on);
	check(finish(thread) == -ECANCELED);
	return 0;
}

static int deadlines(void *arg)
{
	weft_sem never = WEFT_SEM_INIT(0);
	weft_scope outer, inner;
	weft_shield shield;
	int64_t begun_ns;

	(void)arg;
	/* the wait's own deadline is earlier */
	weft_scope_enter(&outer, weft_now() + 3600 * WEFT_SECOND);
	check(weft_sem_wait_until(&never, weft_now() + WEFT_MS / 100) == -ETIMEDOUT);
	check(weft_scope_leave(&outer) == 0);
	/* the outer scope's is */
	begun_ns = weft_now();
	weft_scope_enter(&outer, begun_ns + 2 * WEFT_MS);
	weft_scope_enter(&inner, begun_ns + 3600 * WEFT_SECOND);
	check(weft_sem_wait(&never) == -ECANCELED);
	check(weft_now() >= begun_ns + 2 * WEFT_MS);
	check(weft_cancelled() == -ECANCELED);
	check(weft_sleep(WEFT_SECOND) == -ECANCELED);
	weft_shield_enter(&shield);
	check(weft_cancelled() == 0);
	check(weft_sleep(WEFT_MS) == 0);
	weft_shield_leave(&shield);
	check(weft_scope_leave(&inner) == 0);
	check(weft_scope_leave(&outer) == -ETIMEDOUT);
	check(weft_cancelled() == 0);
	/* one that has passed before */
	weft_scope_enter(&outer, 0);
	check(weft_cancelled() == -ECANCELED);
	check(weft_sem_wait(&never) == -ECANCELED);
	check(weft_scope_leave(&outer) == -ETIMEDOUT);
	return 0;
}

static int wait_behind_a_shield(void *arg)
{
	struct shielded *shielded = arg;
	weft_scope scope;
	weft_shield shield;

	weft_scope_enter(&scope, WEFT_FOREVER);
	shielded->scope = &scope;
	weft_shield_enter(&shield);
	check(weft_sem_wait(&shielded->go_on) == 0);
	weft_shield_leave(&shield);
	check(weft_sem_wait(&shielded->go_on) == -ECANCELED);
	check(weft_scope_leave(&scope) == -ECANCELED);
	return 0;
}

static int a_shield_covers_from_others(void *arg)
{
	struct shielded shielded = { 0 };
	weft_thread *thread = start(wait_behind_a_shield, &shielded);

	(void)arg;
	weft_yield();
	weft_scope_cancel(shielded.scope);
	weft_yield();
	check(weft_thread_join_try(thread, NULL) == -EBUSY);
	weft_sem_wake(&shielded.go_on);
	check(finish(thread) == 0);
	return 0;
}

#define SCENARIO(name)                        \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		scenario(name, NULL);         \
	}
SCENARIO(a_wait_ends)
SCENARIO(it_lasts)
SCENARIO(before_it_runs)
SCENARIO(a_join_ends)
SCENARIO(a_firm_wait_goes_on)
SCENARIO(scopes_of_its_own)
SCENARIO(a_scope_covers_nothing)
SCENARIO(a_shield_covers_the_thread)
SCENARIO(deadlines)
SCENARIO(a_shield_covers_from_others)

/* ---- kernel threads */

static void a_kernel_thread_too(void **state)
{
	weft_thread_options kernel = { .kind = WEFT_KERNEL };
	weft_sem never = WEFT_SEM_INIT(0);
	weft_thread *thread;
	int result;

	(void)state;
	for (int i = 0; i < 200; i++) {
		assert_int_equal(weft_thread_spawn(wait_for_ever, &never, &kernel, &thread), 0);
		/* at different moments of its start */
		for (int spins = i * 500; spins > 0; spins--)
			weft__arch_relax();
		weft_thread_cancel(thread);
		assert_int_equal(weft_thread_join(thread, &result), 0);
		assert_int_equal(result, -ECANCELED);
	}
}

static void leaving_out_of_order_is_named(void **state)
{
	int status;
	pid_t child;

	(void)state;
	child = fork();
	if (child == 0) {
		weft_scope outer, inner;

		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(1);
		weft_scope_enter(&outer, WEFT_FOREVER);
		weft_scope_enter(&inner, WEFT_FOREVER);
		weft_scope_leave(&outer);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* In fork's child whoever was in the middle of cancelling is lost, and its lock is free. */
static int fork_while_cancelled(void *arg)
{
	struct weft_thread *self = weft_thread_self();
	int status = -1;
	pid_t child;

	(void)arg;
	self->cancel_lock = 1;
	child = fork();
	if (child == 0) {
		weft_scope scope;

		alarm(20); /* of a child that hangs */
		weft_scope_enter(&scope, WEFT_FOREVER);
		weft_scope_cancel(&scope);
		_exit(weft_scope_leave(&scope) == -ECANCELED && weft_cancelled() == 0 ? 3 : 1);
	}
	self->cancel_lock = 0;
	check(waitpid(child, &status, 0) == child);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	return 0;
}
SCENARIO(fork_while_cancelled)

/* ---- fork, while others are about to do something to the thread that calls it */

/* Whether a child that does this ends with 0. */
static bool child_ends(int (*deed)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		alarm(10);
		_exit(deed());
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int use_a_scope(void)
{
	weft_scope scope;

	weft_scope_enter(&scope, WEFT_FOREVER);
	return weft_scope_leave(&scope);
}

static void a_child_does_not_wait_for_who_cancels_it(void **state)
{
	struct weft_thread *self = weft__self();

	(void)state;
	self->cancel_lock = 1;
	assert_true(child_ends(use_a_scope));
	self->cancel_lock = 0;
}

static int exit_thread(void)
{
	weft_thread_exit(0);
}

static int fork_as_a_member(void *group)
{
	struct weft_thread *self = weft__self();
	weft__waitq *waiters = &((weft_group *)group)->waiters;
	bool ended;

	weft__waitq_lock(waiters);
	weft__waitq_lock(&self->joiners);
	ended = child_ends(exit_thread);
	weft__waitq_unlock(&self->joiners);
	weft__waitq_unlock(waiters);
	return ended ? 0 : -EIO;
}

static void a_child_does_not_wait_for_its_group_or_joiner(void **state)
{
	const weft_thread_options kernel = { .kind = WEFT_KERNEL };
	weft_group group = WEFT_GROUP_INIT;

	(void)state;
	/* The child's end is the process's, which leaves what belonged to the threads it lost. */
	if (getenv("WEFT_SANITIZED") != NULL)
		skip();
	assert_int_equal(weft_group_spawn(&group, fork_as_a_member, &group, &kernel, NULL), 0);
	assert_int_equal(weft_group_join(&group), 0);
}

/* ---- crowds: permits are given and waits cancelled at random; none is lost or doubled */

#define ROUNDS 3000

struct ring {
	weft_sem sem;
	uint32_t given, taken, cancelled, running; /* atomic */
	struct seat {
		uint32_t lock; /* guards scope */
		weft_scope *scope;
	} seats[CROWD];
};

static void seat_lock(struct seat *seat)
{
	while (atomic_swap_acquire(&seat->lock, 1u) != 0)
		weft_yield();
}

static void seat_set(struct seat *seat, weft_scope *scope)
{
	seat_lock(seat);
	seat->scope = scope;
	atomic_store_release(&seat->lock, 0u);
}

static int wait_and_cancel(struct member *self)
{
	struct ring *ring = self->shared;
	struct seat *own = &ring->seats[self->index];
	weft_scope scope;

	for (int i = 0; i < ROUNDS; i++) {
		struct seat *other = &ring->seats[member_choose(self, CROWD)];
		int code;

		switch (member_choose(self, 3)) {
		case 0:
			atomic_add_relaxed(&ring->given, 1);
			check(weft_sem_wake(&ring->sem) == 0);
			break;
		case 1:
			seat_lock(other);
			if (other->scope != NULL)
				weft_scope_cancel(other->scope);
			atomic_store_release(&other->lock, 0u);
			break;
		default:
			weft_scope_enter(&scope, weft_now() + member_choose(self, 4) * WEFT_MS);
			seat_set(own, &scope);
			code = weft_sem_wait(&ring->sem);
			check(code == 0 || code == -ECANCELED);
			atomic_add_relaxed(code == 0 ? &ring->taken : &ring->cancelled, 1);
			seat_set(own, NULL);
			code = weft_scope_leave(&scope);
			check(code == 0 || code == -ECANCELED || code == -ETIMEDOUT);
			check(weft_cancelled() == 0);
		}
	}
	return 0;
}

static void nothing_is_lost_or_doubled(void **state)
{
	static struct ring ring;
	uint32_t left = 0;

	(void)state;
	memset(&ring, 0, sizeof ring);
	crowd(wait_and_cancel, &ring);
	while (weft_sem_wait_try(&ring.sem) == 0)
		left++;
	assert_int_equal(ring.given, ring.taken + left);
	assert_true(ring.cancelled > 0 && ring.taken > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_wait_ends),
		cmocka_unit_test(test_it_lasts),
		cmocka_unit_test(test_before_it_runs),
		cmocka_unit_test(test_a_join_ends),
		cmocka_unit_test(test_a_firm_wait_goes_on),
		cmocka_unit_test(test_scopes_of_its_own),
		cmocka_unit_test(test_a_scope_covers_nothing),
		cmocka_unit_test(test_a_shield_covers_the_thread),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_a_shield_covers_from_others),
		cmocka_unit_test(a_kernel_thread_too),
		cmocka_unit_test(leaving_out_of_order_is_named),
		cmocka_unit_test(test_fork_while_cancelled),
		cmocka_unit_test(a_child_does_not_wait_for_who_cancels_it),
		cmocka_unit_test(a_child_does_not_wait_for_its_group_or_joiner),
		cmocka_unit_test(nothing_is_lost_or_doubled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
