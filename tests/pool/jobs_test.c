/* SPDX-License-Identifier: MIT */
/* The queue under the pool: against a list that is plainly right, and its lock against two who want
 * it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "in_pool.h"
#include "pool/pool.h"

#define RECORDS 2000

static uint64_t random_state;

static unsigned random_below(unsigned n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(random_state >> 33) % n;
}

static void print_seed(void)
{
	const char *seed = getenv("WEFT_SEED");

	random_state = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	print_message("seed %llu (WEFT_SEED)\n", (unsigned long long)random_state);
}

/* What should be in a level: the numbers of jobs, in order. */
struct expected {
	uintptr_t numbers[1 << 16];
	unsigned count;
};

static struct expected model[2];
static struct weft_task records[RECORDS];

static int plain(void *arg)
{
	(void)arg;
	return 0;
}

static void remove_at(struct expected *from, unsigned at)
{
	from->count--;
	memmove(&from->numbers[at], &from->numbers[at + 1], (from->count - at) * sizeof(uintptr_t));
}

/* A number names a record (below RECORDS) or a plain job. */
static void check_job(const struct weft__job *job, uintptr_t number)
{
	if (number < RECORDS) {
		assert_ptr_equal(job->function, weft__task_run);
		assert_ptr_equal(job->arg, &records[number]);
	} else {
		assert_ptr_equal(job->function, plain);
		assert_int_equal((uintptr_t)job->arg, number);
	}
}

static void push_some(struct weft__jobs *queue, struct expected *expected, unsigned count,
		      uintptr_t *next)
{
	while (count-- > 0 && expected->count < (1 << 15)) {
		uintptr_t number = random_below(3) == 0 ? random_below(RECORDS) : (*next)++;

		if (number < RECORDS && records[number].queue != NULL)
			continue; /* it lies somewhere already */
		if (number < RECORDS)
			assert_int_equal(weft__jobs_push(queue, WEFT__LEVEL_NORMAL, weft__task_run,
							 &records[number]),
					 0);
		else
			assert_int_equal(weft__jobs_push(queue, WEFT__LEVEL_NORMAL, plain,
							 (void *)number),
					 0);
		expected->numbers[expected->count++] = number;
	}
}

static void pop_some(struct weft__jobs *queue, struct expected *expected, unsigned count)
{
	struct weft__job job;

	while (count-- > 0) {
		bool popped = weft__jobs_pop(queue, WEFT__LEVEL_NORMAL, &job);

		assert_int_equal(popped, expected->count != 0);
		if (!popped)
			return;
		check_job(&job, expected->numbers[0]);
		if (expected->numbers[0] < RECORDS)
			records[expected->numbers[0]].queue = NULL;
		remove_at(expected, 0);
	}
}

static void remove_some(struct weft__jobs *queue, struct expected *expected, unsigned count)
{
	for (unsigned i = 0; i < expected->count && count > 0; i++) {
		struct weft_task *record;

		if (expected->numbers[i] >= RECORDS || random_below(4) != 0)
			continue;
		record = &records[expected->numbers[i]];
		assert_ptr_equal(record->queue, queue);
		weft__jobs_remove(queue, record->level, record->chunk, record->index);
		record->queue = NULL;
		remove_at(expected, i--);
		count--;
	}
}

static void move_some(struct weft__jobs *from, struct weft__jobs *to, struct expected *source,
		      struct expected *target, unsigned count)
{
	uint32_t moved;

	if (target->count > (1 << 15))
		return;
	moved = weft__jobs_move(from, to, WEFT__LEVEL_NORMAL, count);
	assert_true(moved <= count);
	assert_true(moved > 0 || count == 0 || source->count == 0);
	memcpy(&target->numbers[target->count], source->numbers, moved * sizeof(uintptr_t));
	target->count += moved;
	source->count -= moved;
	memmove(source->numbers, &source->numbers[moved], source->count * sizeof(uintptr_t));
}

static void a_queue_is_a_list(void **state)
{
	struct weft__chunk_store store;
	struct weft__jobs queues[2];
	uintptr_t next = RECORDS;

	(void)state;
	weft__chunk_store_init(&store);
	for (int q = 0; q < 2; q++)
		weft__jobs_init(&queues[q], &store, q == 0);
	for (int step = 0; step < 20000; step++) {
		unsigned q = random_below(2), most = random_below(20) == 0 ? 2000 : 20;

		switch (random_below(4)) {
		case 0:
			push_some(&queues[q], &model[q], random_below(most), &next);
			break;
		case 1:
			pop_some(&queues[q], &model[q], random_below(most));
			break;
		case 2:
			remove_some(&queues[q], &model[q], random_below(most));
			break;
		default:
			move_some(&queues[q], &queues[1 - q], &model[q], &model[1 - q],
				  random_below(most));
		}
		assert_int_equal(weft__jobs_count(&queues[q]), model[q].count);
		assert_int_equal(weft__jobs_has(&queues[q], WEFT__LEVEL_NORMAL),
				 model[q].count != 0);
	}
	for (int q = 0; q < 2; q++) {
		pop_some(&queues[q], &model[q], UINT32_MAX);
		weft__jobs_fini(&queues[q]);
	}
	weft__chunk_store_fini(&store);
}

static void what_is_submitted_and_removed_leaves_nothing(void **state)
{
	struct weft__chunk_store store;
	struct weft__jobs queue;
	struct weft__chunk *last;

	(void)state;
	memset(records, 0, sizeof records);
	weft__chunk_store_init(&store);
	weft__jobs_init(&queue, &store, false);
	/* Behind one that stays, as a task that submits and waits in a loop does. */
	assert_int_equal(weft__jobs_push(&queue, WEFT__LEVEL_NORMAL, plain, NULL), 0);
	last = queue.levels[WEFT__LEVEL_NORMAL].last;
	for (int i = 0; i < 100000; i++) {
		assert_int_equal(weft__jobs_push(&queue, WEFT__LEVEL_NORMAL, weft__task_run,
						 &records[0]),
				 0);
		weft__jobs_remove(&queue, records[0].level, records[0].chunk, records[0].index);
	}
	assert_ptr_equal(queue.levels[WEFT__LEVEL_NORMAL].last, last);
	assert_int_equal(last->tail, 1);
	assert_true(weft__jobs_pop(&queue, WEFT__LEVEL_NORMAL, &(struct weft__job){ NULL, NULL }));
	weft__jobs_fini(&queue);
	weft__chunk_store_fini(&store);
}

/* ---- the lock */

#define OTHERS 2
#define LOCKS_OTHER 20000

static struct {
	struct weft__jobs queue;
	long sum, inside; /* plain: the lock guards them */
	uint32_t broken, left;
} shared;

static void section(void)
{
	if (shared.inside++ != 0)
		atomic_store_relaxed(&shared.broken, 1);
	shared.sum++;
	if (--shared.inside != 0)
		atomic_store_relaxed(&shared.broken, 1);
}

static void *lock_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < LOCKS_OTHER; i++) {
		weft__jobs_lock(&shared.queue);
		section();
		weft__jobs_unlock(&shared.queue);
	}
	atomic_sub_acq_rel(&shared.left, 1);
	return NULL;
}

static void owner_and_others_are_never_in_together(void **state)
{
	struct weft__chunk_store store;
	pthread_t others[OTHERS];
	long entered = 0;

	(void)state;
	weft__chunk_store_init(&store);
	weft__jobs_init(&shared.queue, &store, true);
	shared.left = OTHERS;
	for (int i = 0; i < OTHERS; i++)
		assert_int_equal(pthread_create(&others[i], NULL, lock_often, NULL), 0);
	while (atomic_load_acquire(&shared.left) != 0) {
		if (entered % 3 == 0) {
			if (!weft__jobs_enter_try(&shared.queue))
				weft__jobs_enter(&shared.queue);
		} else {
			weft__jobs_enter(&shared.queue);
		}
		section();
		weft__jobs_leave(&shared.queue);
		entered++;
	}
	for (int i = 0; i < OTHERS; i++)
		pthread_join(others[i], NULL);
	assert_int_equal(shared.broken, 0);
	assert_int_equal(shared.sum, entered + OTHERS * LOCKS_OTHER);
	weft__jobs_fini(&shared.queue);
	weft__chunk_store_fini(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_is_a_list),
		cmocka_unit_test(what_is_submitted_and_removed_leaves_nothing),
		cmocka_unit_test(owner_and_others_are_never_in_together),
	};

	print_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
