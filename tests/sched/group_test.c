/* SPDX-License-Identifier: MIT */
#include "crowd.h"

#include <weft/cancel.h>
#include <weft/defer.h>
#include <weft/group.h>

static int answer(void *arg)
{
	return (int)(intptr_t)arg;
}

static int wait_for_ever(void *arg)
{
	(void)arg;
	return weft_sleep_until(WEFT_FOREVER);
}

static int results(void *arg)
{
	weft_group group = WEFT_GROUP_INIT;
	int out[10];

	(void)arg;
	for (int round = 0; round < 3; round++) { /* it can be used again */
		for (int i = 0; i < 10; i++)
			check(weft_group_spawn(&group, answer, (void *)(intptr_t)(i + 1), NULL,
					       &out[i]) == 0);
		check(weft_group_join(&group) == 0);
		for (int i = 0; i < 10; i++)
			check(out[i] == i + 1);
	}
	check(weft_group_join(&group) == 0); /* an empty one */
	return 0;
}

static int the_first_failure_ends_all(void *arg)
{
	weft_group group = WEFT_GROUP_INIT;
	int out[2] = { 1, 1 };

	(void)arg;
	check(weft_group_spawn(&group, wait_for_ever, NULL, NULL, &out[0]) == 0);
	check(weft_group_spawn(&group, answer, (void *)(intptr_t)-EPROTO, NULL, &out[1]) == 0);
	check(weft_group_join(&group) == -EPROTO);
	check(out[0] == -ECANCELED && out[1] == -EPROTO);
	/* and is forgotten */
	check(weft_group_spawn(&group, answer, NULL, NULL, NULL) == 0);
	check(weft_group_join(&group) == 0);
	return 0;
}

static int a_deadline(void *arg)
{
	weft_group group = WEFT_GROUP_INIT;
	int out = 1;

	(void)arg;
	check(weft_group_spawn(&group, wait_for_ever, NULL, NULL, &out) == 0);
	check(weft_group_join_until(&group, weft_now() + WEFT_MS) == -ETIMEDOUT);
	check(out == -ECANCELED);
	return 0;
}

static int cancelled_from_without(void *arg)
{
	weft_group group = WEFT_GROUP_INIT;
	int out[2] = { 1, 1 };

	(void)arg;
	check(!weft_group_is_cancelled(&group));
	check(weft_group_spawn(&group, wait_for_ever, NULL, NULL, &out[0]) == 0);
	weft_group_cancel(&group);
	check(weft_group_is_cancelled(&group));
	check(weft_group_spawn(&group, wait_for_ever, NULL, NULL, &out[1]) == 0); /* late */
	check(weft_group_join(&group) == -ECANCELED);
	check(out[0] == -ECANCELED && out[1] == -ECANCELED);
	return 0;
}

struct nest {
	int inner, outer;
};

static int join_a_group(void *arg)
{
	struct nest *nest = arg;
	weft_group group = WEFT_GROUP_INIT;

	check(weft_group_spawn(&group, wait_for_ever, NULL, NULL, &nest->inner) == 0);
	return weft_group_join(&group);
}

static int who_joins_is_cancelled(void *arg)
{
	weft_group group = WEFT_GROUP_INIT;
	struct nest nest = { 1, 1 };

	(void)arg;
	check(weft_group_spawn(&group, join_a_group, &nest, NULL, &nest.outer) == 0);
	weft_yield();
	weft_yield();
	weft_group_cancel(&group);
	check(weft_group_join(&group) == -ECANCELED);
	check(nest.inner == -ECANCELED && nest.outer == -ECANCELED);
	return 0;
}

static int answer_0(void *arg)
{
	(void)arg;
	return 0;
}

/* Nobody failed, but it was cancelled. */
static int cancelled_when_all_is_done(void *arg)
{
	weft_group group = WEFT_GROUP_INIT;

	(void)arg;
	check(weft_group_spawn(&group, answer_0, NULL, NULL, NULL) == 0);
	weft_group_cancel(&group);
	check(weft_group_join(&group) == -ECANCELED);
	check(!weft_group_is_cancelled(&group));
	check(weft_group_join(&group) == 0);
	return 0;
}

static int fail_when_cancelled(void *arg)
{
	check(wait_for_ever(arg) == -ECANCELED);
	return -EPROTO;
}

/* A failure says more than the deadline after which it came. */
static int a_failure_after_the_deadline(void *arg)
{
	weft_group group = WEFT_GROUP_INIT;

	(void)arg;
	check(weft_group_spawn(&group, fail_when_cancelled, NULL, NULL, NULL) == 0);
	check(weft_group_join_until(&group, 0) == -EPROTO);
	return 0;
}

static int join_it(void *arg)
{
	return weft_group_join(arg);
}

static int wait_for_permit(void *arg)
{
	return weft_sem_wait(arg);
}

static int many_join(void *arg)
{
	weft_group group = WEFT_GROUP_INIT;
	weft_sem permits = WEFT_SEM_INIT(0);
	weft_thread *joiners[3];

	(void)arg;
	check(weft_group_spawn(&group, wait_for_permit, &permits, NULL, NULL) == 0);
	for (int i = 0; i < 3; i++)
		joiners[i] = start(join_it, &group);
	await_waiters(&group.waiters, 3);
	weft_sem_wake(&permits);
	for (int i = 0; i < 3; i++)
		check(finish(joiners[i]) == 0);
	return 0;
}

static int a_failed_spawn_counts_not(void *arg)
{
	weft_group group = WEFT_GROUP_INIT;

	(void)arg;
	check(weft_group_spawn(&group, NULL, NULL, NULL, NULL) == -EINVAL);
	check(weft_group_join(&group) == 0);
	return 0;
}

/* ---- clean-up */

static char trace[64];

static void note(void *arg)
{
	strcat(trace, arg);
}

static void pause_and_note(void *arg)
{
	check(weft_sleep(WEFT_US) == 0);
	note(arg);
}

static int blocks(int how)
{
	WEFT_DEFER(note, "a");
	WEFT_DEFER(pause_and_note, "b");
	for (int i = 0; i < 2; i++) {
		WEFT_DEFER(note, "c");
		if (how == 1)
			return 5;
		if (how == 2)
			weft_thread_exit(6);
		note("-");
	}
	return 4;
}

static int deferred(void *arg)
{
	check(weft_defer(note, "x") == 0);
	check(weft_defer(note, "y") == 0);
	check(weft_defer(NULL, NULL) == -EINVAL);
	return blocks((int)(intptr_t)arg);
}

static void exit_again(void *arg)
{
	note(arg);
	weft_thread_exit(9);
}

static int exit_in_clean_up(void *arg)
{
	(void)arg;
	check(weft_defer(note, "z") == 0);
	check(weft_defer(exit_again, "e") == 0);
	return 1;
}

static int clean_up(void *arg)
{
	static const char *const expected[] = { "-c-cbayx", "cbayx", "cbayx" };
	weft_kind kinds[] = { WEFT_LIGHT, WEFT_USER, WEFT_KERNEL };

	(void)arg;
	for (unsigned kind = 0; kind < 3; kind++) {
		weft_thread_options options = { .kind = kinds[kind] };
		weft_thread *thread;
		int error, result;

		for (int how = 0; how < 3; how++) {
			trace[0] = '\0';
			error = weft_thread_spawn(deferred, (void *)(intptr_t)how, &options,
						  &thread);
			if (error == -ENOTSUP)
				break;
			check(error == 0);
			check(weft_thread_join(thread, &result) == 0 && result == how + 4);
			check(strcmp(trace, expected[how]) == 0);
		}
		trace[0] = '\0';
		if (weft_thread_spawn(exit_in_clean_up, NULL, &options, &thread) == 0) {
			check(weft_thread_join(thread, &result) == 0 && result == 9);
			check(strcmp(trace, "ez") == 0);
		}
	}
	return 0;
}

#define SCENARIO(name)                        \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		scenario(name, NULL);         \
	}
SCENARIO(results)
SCENARIO(the_first_failure_ends_all)
SCENARIO(a_deadline)
SCENARIO(cancelled_from_without)
SCENARIO(who_joins_is_cancelled)
SCENARIO(cancelled_when_all_is_done)
SCENARIO(a_failure_after_the_deadline)
SCENARIO(many_join)
SCENARIO(a_failed_spawn_counts_not)
SCENARIO(clean_up)

/* ---- crowds: groups of all kinds, ended by whatever comes first */

#define ROUNDS 150

struct job {
	uint64_t random;
	uint32_t *ended; /* atomic */
};

static int work(void *arg)
{
	struct job *job = arg;
	int code = weft_sleep((int64_t)(job->random >> 8 & 0xff) * WEFT_US);

	check(code == 0 || code == -ECANCELED);
	atomic_add_acq_rel(job->ended, 1);
	return code < 0 ? code : (job->random & 7) == 0 ? -EIO : 0;
}

static int groups(struct member *self)
{
	static const weft_kind kinds[] = { WEFT_KERNEL, WEFT_KIND_DEFAULT, WEFT_KIND_DEFAULT,
					   WEFT_KIND_DEFAULT };

	for (int round = 0; round < ROUNDS; round++) {
		weft_group group = WEFT_GROUP_INIT;
		struct job jobs[6];
		uint32_t ended = 0, count = 1 + member_choose(self, 6);
		int code;

		for (uint32_t i = 0; i < count; i++) {
			weft_thread_options options = {
				.kind = kinds[round % 8 == 0 ? member_choose(self, 4) : 1]
			};

			jobs[i] = (struct job){ (uint64_t)member_choose(self, 1u << 30), &ended };
			check(weft_group_spawn(&group, work, &jobs[i], &options, NULL) == 0);
		}
		switch (member_choose(self, 3)) {
		case 0:
			weft_group_cancel(&group);
			break;
		default:
			break;
		}
		code = weft_group_join_until(&group,
					     weft_now() + member_choose(self, 200) * WEFT_US);
		check(code == 0 || code == -ECANCELED || code == -ETIMEDOUT || code == -EIO);
		check(atomic_load_acquire(&ended) == count);
		if (code == 0)
			for (uint32_t i = 0; i < count; i++)
				check((jobs[i].random & 7) != 0);
	}
	return 0;
}

static void all_have_ended_after_a_join(void **state)
{
	(void)state;
	crowd(groups, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_the_first_failure_ends_all),
		cmocka_unit_test(test_a_deadline),
		cmocka_unit_test(test_cancelled_from_without),
		cmocka_unit_test(test_who_joins_is_cancelled),
		cmocka_unit_test(test_cancelled_when_all_is_done),
		cmocka_unit_test(test_a_failure_after_the_deadline),
		cmocka_unit_test(test_many_join),
		cmocka_unit_test(test_a_failed_spawn_counts_not),
		cmocka_unit_test(test_clean_up),
		cmocka_unit_test(all_have_ended_after_a_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
