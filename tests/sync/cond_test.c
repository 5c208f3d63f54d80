/* SPDX-License-Identifier: MIT */
/* Condition variable: who is woken, that the mutex is held on return, that no wake is missed. */
#include "crowd.h"

static struct {
	weft_mutex mutex;
	weft_cond cond;
	int order[8], count;
} line;

static void reset(void)
{
	memset(&line, 0, sizeof line);
}

static int wait_and_note(void *arg)
{
	int result;

	weft_mutex_lock(&line.mutex);
	result = weft_cond_wait(&line.cond, &line.mutex);
	check(weft_mutex_lock_try(&line.mutex) == -EBUSY);
	line.order[line.count++] = (int)(intptr_t)arg;
	weft_mutex_unlock(&line.mutex);
	return result;
}

static void start_waiters(weft_thread *threads[], int count)
{
	for (intptr_t i = 0; i < count; i++) {
		threads[i] = start(wait_and_note, (void *)i);
		weft_yield();
	}
}

static int wake_one_by_one(void *arg)
{
	weft_thread *threads[3];

	(void)arg;
	weft_cond_wake(&line.cond); /* nobody waits: not remembered */
	start_waiters(threads, 3);
	for (int i = 0; i < 3; i++) {
		check(line.count == i);
		weft_cond_wake(&line.cond);
		check(finish(threads[i]) == 0);
		check(line.order[i] == i);
	}
	return 0;
}

static void a_wake_lets_the_longest_waiter_go_on(void **state)
{
	(void)state;
	reset();
	scenario(wake_one_by_one, NULL);
}

static int wake_all_at_once(void *arg)
{
	weft_thread *threads[5], *late;

	(void)arg;
	start_waiters(threads, 5);
	weft_mutex_lock(&line.mutex);
	weft_cond_wake_all(&line.cond);
	weft_yield();
	check(line.count == 0); /* the mutex is ours */
	weft_mutex_unlock(&line.mutex);
	for (int i = 0; i < 5; i++)
		check(finish(threads[i]) == 0);
	check(line.count == 5);
	late = start(wait_and_note, NULL);
	weft_yield();
	check(line.count == 5);
	weft_cond_wake_all(&line.cond);
	check(finish(late) == 0);
	return 0;
}

static void wake_all_lets_all_go_on_that_wait(void **state)
{
	(void)state;
	reset();
	scenario(wake_all_at_once, NULL);
}

static void a_deadline_ends_the_wait_with_the_mutex_held(void **state)
{
	int64_t deadline_ns = weft_now() + 2 * WEFT_MS;

	(void)state;
	reset();
	weft_mutex_lock(&line.mutex);
	assert_int_equal(weft_cond_wait_until(&line.cond, &line.mutex, 0), -ETIMEDOUT);
	assert_int_equal(weft_cond_wait_until(&line.cond, &line.mutex, deadline_ns), -ETIMEDOUT);
	assert_true(weft_now() >= deadline_ns);
	assert_int_equal(weft_mutex_lock_try(&line.mutex), -EBUSY);
	weft_mutex_unlock(&line.mutex);
	assert_null(line.cond.waiters.first);
}

static void wait_without_the_mutex(void *arg)
{
	weft_cond_wait(arg, &line.mutex);
}

static void waiting_without_the_mutex_stops_the_program(void **state)
{
	char said[256];

	(void)state;
	reset();
	last_words(wait_without_the_mutex, &line.cond, said, sizeof said);
	assert_non_null(strstr(said, "mutex"));
}

static int wait_for_wake(void *arg)
{
	int result;

	weft_mutex_lock(&line.mutex);
	result = weft_cond_wait(arg, &line.mutex);
	weft_mutex_unlock(&line.mutex);
	return result;
}

static void a_waiter_stays_until_its_waker_is_off_the_queue(void **state)
{
	(void)state;
	reset();
	waiter_is_held_back(&line.cond.waiters, wait_for_wake, &line.cond, 0);
}

/* Were the mutex free before the waiter is in the queue, a wake could find nobody there. */
static void a_waiter_is_in_the_queue_when_the_mutex_is_free(void **state)
{
	struct kept kept;

	(void)state;
	reset();
	weft__waitq_lock(&line.cond.waiters);
	kept_start(&kept, wait_for_wake, &line.cond);
	while (atomic_load_relaxed(&line.mutex.word) == 0) /* until it has the mutex */
		weft_yield();
	assert_true(kept_is_stopped(&kept));
	assert_int_equal(weft_mutex_lock_try(&line.mutex), -EBUSY);
	weft__waitq_unlock(&line.cond.waiters);
	weft_mutex_lock(&line.mutex);
	weft_cond_wake(&line.cond);
	weft_mutex_unlock(&line.mutex);
	assert_int_equal(kept_finish(&kept), 0);
}

/* ---- two kernel threads, each of which waits for ever if a wake is missed */
enum { BALLS = 20000 };

static struct {
	weft_mutex mutex;
	weft_cond cond;
	int turn; /* guarded by mutex */
} tennis;

static int play(void *arg)
{
	int me = *(int *)arg;

	for (int i = 0; i < BALLS; i++) {
		weft_mutex_lock(&tennis.mutex);
		while (tennis.turn != me)
			weft_cond_wait(&tennis.cond, &tennis.mutex);
		tennis.turn = !me;
		weft_mutex_unlock(&tennis.mutex);
		weft_cond_wake(&tennis.cond);
		/* sometimes the other comes first */
		for (int k = i % 64; k > 0; k--)
			atomic_compiler_barrier();
	}
	return 0;
}

static void no_wake_is_missed(void **state)
{
	int numbers[2] = { 0, 1 };
	weft_thread *players[2];

	(void)state;
	memset(&tennis, 0, sizeof tennis);
	for (int i = 0; i < 2; i++)
		assert_int_equal(weft_thread_spawn(play, &numbers[i], NULL, &players[i]), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(weft_thread_join(players[i], NULL), 0);
}

/* ---- the crowd: a buffer of a few places */
enum { PLACES = 4, ITEMS = 20000 };

static struct {
	weft_mutex mutex;
	weft_cond not_full, not_empty;
	/* guarded by mutex */
	int64_t place[PLACES];
	unsigned head, tail;
	int64_t put, taken; /* sums */
	int producers;
} buffer;

static void put(int64_t item)
{
	weft_mutex_lock(&buffer.mutex);
	while (buffer.tail - buffer.head == PLACES)
		weft_cond_wait(&buffer.not_full, &buffer.mutex);
	buffer.place[buffer.tail++ % PLACES] = item;
	buffer.put += item;
	weft_mutex_unlock(&buffer.mutex);
	weft_cond_wake(&buffer.not_empty);
}

/* False: the end. */
static bool take(struct member *self)
{
	bool taken;

	weft_mutex_lock(&buffer.mutex);
	while (buffer.head == buffer.tail && buffer.producers > 0) {
		if (member_choose(self, 2) == 0)
			weft_cond_wait(&buffer.not_empty, &buffer.mutex);
		else if (weft_cond_wait_until(&buffer.not_empty, &buffer.mutex,
					      weft_now() + member_choose(self, 50) * WEFT_US) != 0)
			/* a wake that met the deadline went to another, or was for nobody */
			check(weft_mutex_lock_try(&buffer.mutex) == -EBUSY);
	}
	taken = buffer.head != buffer.tail;
	if (taken)
		buffer.taken += buffer.place[buffer.head++ % PLACES];
	weft_mutex_unlock(&buffer.mutex);
	if (taken)
		weft_cond_wake(&buffer.not_full);
	return taken;
}

static int produce_or_consume(struct member *self)
{
	if (self->index % 2 == 0) {
		while (take(self))
			;
		return 0;
	}
	for (int i = 0; i < ITEMS; i++)
		put(self->index * ITEMS + i);
	weft_mutex_lock(&buffer.mutex);
	if (--buffer.producers == 0)
		weft_cond_wake_all(&buffer.not_empty);
	weft_mutex_unlock(&buffer.mutex);
	return 0;
}

static void what_is_put_is_taken_once(void **state)
{
	(void)state;
	memset(&buffer, 0, sizeof buffer);
	buffer.producers = CROWD / 2;
	crowd(produce_or_consume, NULL);
	assert_true(buffer.put > 0);
	assert_int_equal(buffer.put, buffer.taken);
	assert_int_equal(buffer.head, buffer.tail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wake_lets_the_longest_waiter_go_on),
		cmocka_unit_test(wake_all_lets_all_go_on_that_wait),
		cmocka_unit_test(a_deadline_ends_the_wait_with_the_mutex_held),
		cmocka_unit_test(waiting_without_the_mutex_stops_the_program),
		cmocka_unit_test(a_waiter_stays_until_its_waker_is_off_the_queue),
		cmocka_unit_test(a_waiter_is_in_the_queue_when_the_mutex_is_free),
		cmocka_unit_test(no_wake_is_missed),
		cmocka_unit_test(what_is_put_is_taken_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
