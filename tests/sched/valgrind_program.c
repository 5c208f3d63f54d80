/* SPDX-License-Identifier: MIT */
/* For valgrind_test.sh: every kind of thread, waits of every kind, and all of it given back. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#define THREADS 60
#define ROUNDS 20

struct meeting {
	weft_mutex mutex;
	weft_cond cond;
	weft_sem sem;
	int present; /* guarded by mutex */
};

static void meet(struct meeting *meeting, int wanted)
{
	weft_mutex_lock(&meeting->mutex);
	meeting->present++;
	weft_cond_wake_all(&meeting->cond);
	while (meeting->present < wanted)
		weft_cond_wait(&meeting->cond, &meeting->mutex);
	weft_mutex_unlock(&meeting->mutex);
}

static int take_part(void *arg)
{
	struct meeting *meeting = arg;
	bool is_user = weft_thread_kind(weft_thread_self()) == WEFT_USER;
	char *memory = malloc(100);
	int result;

	if (memory == NULL)
		return 1;
	memset(memory, 1, 100);
	for (int i = 0; i < ROUNDS; i++) {
		errno = i;
		weft_yield();
		if (is_user && errno != i)
			return 2;
		if (i % 5 == 0)
			weft_sem_wait_until(&meeting->sem, weft_now() + 50 * WEFT_US);
		if (i % 7 == 0) {
			weft_blocking_begin();
			weft_sleep(10 * WEFT_US);
			weft_blocking_end();
		}
	}
	meet(meeting, THREADS + 1);
	result = memory[99] - 1;
	free(memory);
	return result;
}

static void *take_part_as_foreign(void *arg)
{
	return take_part(arg) == 0 ? NULL : arg;
}

static int app(void *arg)
{
	static const weft_kind kinds[10] = { WEFT_KERNEL, WEFT_USER, WEFT_LIGHT, WEFT_USER,
					     WEFT_LIGHT,  WEFT_USER, WEFT_LIGHT, WEFT_USER,
					     WEFT_LIGHT,  WEFT_LIGHT };
	struct meeting meeting = { WEFT_MUTEX_INIT, WEFT_COND_INIT, WEFT_SEM_INIT(0), 0 };
	weft_thread *threads[THREADS];
	pthread_t foreign;
	int result;

	if (pthread_create(&foreign, NULL, take_part_as_foreign, &meeting) != 0)
		return 1;
	for (int i = 0; i < THREADS; i++)
		if (weft_thread_spawn(take_part, &meeting,
				      &(weft_thread_options){ .kind = kinds[i % 10] },
				      &threads[i]) != 0)
			return 1;
	for (int i = 0; i < THREADS; i++)
		if (weft_thread_join(threads[i], &result) != 0 || result != 0)
			return 1;
	weft_blocking_begin();
	pthread_join(foreign, NULL);
	weft_blocking_end();
	return 0;
}

int main(void)
{
	for (unsigned processors = 1; processors <= 3; processors++)
		if (weft_run(app, NULL, &(weft_sched_options){ .processors = processors }) != 0)
			return 1;
	return 0;
}
