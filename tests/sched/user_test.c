/* SPDX-License-Identifier: MIT */
/* User threads: errno, thread_local and the library's own state are the thread's own, wherever it
 * goes on. */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "in_sched.h"
#include "proc.h"

#define THREADS 200
#define ROUNDS 100
#define NO_LIMIT 77

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

/* ---- no memory when it is looked whether there can be any */

static int spawn_and_join(weft_sched *sched, weft_kind kind)
{
	weft_kind seen = WEFT_KIND_DEFAULT;
	weft_thread *thread;
	int error = weft_thread_spawn(
		note_kind, &seen, &(weft_thread_options){ .kind = kind, .sched = sched }, &thread);

	if (error < 0)
		return error;
	check(weft_thread_join(thread, NULL) == 0);
	check(seen == WEFT_USER);
	return 0;
}

static void look_without_memory(void *arg)
{
	static const weft_kind kinds[] = { WEFT_USER, WEFT_KIND_DEFAULT };
	const weft_pool_options options = { .kind = WEFT_USER, .workers = 1 };
	struct rlimit limit, none;
	weft_pool *pool = NULL;
	weft_sched *sched;

	(void)arg;
	check(weft_sched_create(&(weft_sched_options){ .processors = 1 }, &sched) == 0);
	check(getrlimit(RLIMIT_AS, &limit) == 0);
	none = (struct rlimit){ 0, limit.rlim_max };
	check(setrlimit(RLIMIT_AS, &none) == 0);
	if (mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		_exit(NO_LIMIT); /* an emulator's is not the program's */
	for (int i = 0; i < 2; i++) {
		check(spawn_and_join(sched, kinds[i]) == -ENOMEM);
		check(strstr(weft_user_why(), "no memory") != NULL);
	}
	check(weft_pool_create(&options, &pool) == -ENOMEM && pool == NULL);
	check(setrlimit(RLIMIT_AS, &limit) == 0);
	for (int i = 0; i < 2; i++) {
		check(spawn_and_join(sched, kinds[i]) == 0);
		check(strcmp(weft_user_why(), "") == 0);
	}
	check(weft_pool_create(&options, &pool) == 0);
	check(weft_pool_destroy(pool) == 0);
	check(weft_sched_destroy(sched) == 0);
}

/* In a child, and first of all: a process looks once. */
static void a_passing_failure_refuses_no_later_spawn(void **state)
{
	int status;

	(void)state;
	if (getenv("WEFT_SANITIZED") != NULL) {
		print_message("under a sanitizer nothing is looked for\n");
		skip();
	}
	status = proc_in_child(look_without_memory, NULL);
	if (status == NO_LIMIT)
		skip();
	assert_int_equal(status, 0);
}

static uint32_t waited; /* atomic: kernel threads count too */

static int wait_for(void *arg)
{
	atomic_add_relaxed(&waited, 1u);
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
		cmocka_unit_test(a_passing_failure_refuses_no_later_spawn),
		cmocka_unit_test(each_keeps_its_own_things),
		cmocka_unit_test(inside_a_scheduler_user_is_the_default),
		cmocka_unit_test(kinds_wake_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
