/* SPDX-License-Identifier: MIT */
/* User threads: errno, thread_local and the library's own state are the thread's own, wherever it
 * goes on. */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "in_sched.h"

#define THREADS 200
#define ROUNDS 100

static __thread int own = 7;

static int keep_own_things(void *arg)
{
	int mine = (int)(intptr_t)arg;
	pthread_t self = pthread_self();

	if (own != 7)
		return -1;
	for (int i = 0; i < ROUNDS; i++) {
		char *text = malloc((size_t)(mine % 50) + 20);

		own = mine + i;
		errno = mine;
		snprintf(text, 20, "%d", mine + i);
		weft_yield();
		if (own != mine + i || errno != mine || atoi(text) != mine + i ||
		    !pthread_equal(self, pthread_self()))
			return -2;
		free(text);
	}
	return mine;
}

static int spawn_many(void *arg)
{
	const weft_thread_options options = { .kind = WEFT_USER };
	weft_thread *threads[THREADS];
	int result;

	(void)arg;
	for (int round = 0; round < 5; round++) {
		for (intptr_t i = 0; i < THREADS; i++)
			check(weft_thread_spawn(keep_own_things, (void *)i, &options,
						&threads[i]) == 0);
		for (int i = 0; i < THREADS; i++) {
			check(weft_thread_join(threads[i], &result) == 0);
			check(result == i);
		}
	}
	return 0;
}

static void each_keeps_its_own_things(void **state)
{
	(void)state;
	if (getenv("WEFT_SANITIZED") != NULL) {
		print_message("under a sanitizer user threads have their carrier's things\n");
		skip();
	}
	for (unsigned processors = 1; processors <= 3; processors++)
		assert_int_equal(weft_run(spawn_many, NULL,
					  &(weft_sched_options){ .processors = processors }),
				 0);
}

static int note_kind(void *arg)
{
	*(weft_kind *)arg = weft_thread_kind(weft_thread_self());
	return 0;
}

static int spawn_of_no_kind(void *arg)
{
	weft_kind child = WEFT_KIND_DEFAULT;
	weft_thread *thread;

	check(weft_thread_spawn(note_kind, &child, NULL, &thread) == 0);
	check(weft_thread_join(thread, NULL) == 0);
	check(note_kind(arg) == 0 && *(weft_kind *)arg == child);
	return 0;
}

static void inside_a_scheduler_user_is_the_default(void **state)
{
	weft_kind kind = WEFT_KIND_DEFAULT;

	(void)state;
	assert_int_equal(weft_run(spawn_of_no_kind, &kind, NULL), 0);
	assert_int_equal(kind, WEFT_USER);
	assert_string_equal(weft_user_why(), "");
}

static int waited;

static int wait_for(void *arg)
{
	waited++;
	return weft_sem_wait(arg);
}

static int mix_kinds(void *arg)
{
	weft_kind kinds[] = { WEFT_USER, WEFT_LIGHT, WEFT_KERNEL, WEFT_USER };
	weft_thread *threads[4];
	weft_sem sem = WEFT_SEM_INIT(0);

	(void)arg;
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 4; i++)
			check(weft_thread_spawn(wait_for, &sem,
						&(weft_thread_options){ .kind = kinds[i] },
						&threads[i]) == 0);
		for (int i = 0; i < 4; i++) {
			weft_sleep(i * WEFT_US);
			weft_sem_wake(&sem);
		}
		for (int i = 0; i < 4; i++) {
			check(weft_thread_kind(threads[i]) == kinds[i]);
			check(weft_thread_join(threads[i], NULL) == 0);
		}
	}
	return 0;
}

static void kinds_wake_each_other(void **state)
{
	(void)state;
	assert_int_equal(weft_run(mix_kinds, NULL, NULL), 0);
	assert_int_equal(waited, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_keeps_its_own_things),
		cmocka_unit_test(inside_a_scheduler_user_is_the_default),
		cmocka_unit_test(kinds_wake_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
