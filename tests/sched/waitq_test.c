/* SPDX-License-Identifier: MIT */
/*
 * Wait queues. On one processor, where the test is the only one that runs, each step is certain;
 * then a crowd whose tokens must add up.
 */
#include "sched/waitq.h"

#include <string.h>

#include "in_sched.h"
#include "sched/thread.h"

#define WAITERS 5

static weft__waitq queue;
static int woken[WAITERS]; /* who came back, in order */
static int woken_count;

struct waiter {
	struct weft__waiter waiter;
	weft_thread *thread;
	int64_t deadline_ns;
	int index;
	bool in_front;
	int code;
};

static int wait_here(void *arg)
{
	struct waiter *me = arg;

	weft__waitq_lock(&queue);
	if (me->in_front)
		weft__waitq_add_front(&queue, &me->waiter, weft__self());
	else
		weft__waitq_add(&queue, &me->waiter, weft__self());
	check(me->waiter.linked && me->waiter.since_ns == 0 && me->waiter.tag == 0);
	weft__waitq_unlock(&queue);
	me->code = weft__waitq_park(&queue, &me->waiter, "test", me->deadline_ns);
	check(!me->waiter.linked);
	woken[woken_count++] = me->index;
	return 0;
}

/* They are in the queue, parked, when this returns; or their deadline has passed. */
static void begin_waiting(struct waiter *waiters, int count, int64_t deadline_ns)
{
	check(weft__waitq_is_empty(&queue));
	woken_count = 0;
	for (int i = 0; i < count; i++) {
		waiters[i].index = i;
		waiters[i].deadline_ns = deadline_ns;
		waiters[i].code = 99;
		memset(&waiters[i].waiter, 0xaa, sizeof waiters[i].waiter);
		check(weft_thread_spawn(wait_here, &waiters[i], NULL, &waiters[i].thread) == 0);
		while (!is_waiting(waiters[i].thread) &&
		       __atomic_load_n(&waiters[i].code, __ATOMIC_RELAXED) == 99)
			weft_yield();
	}
}

static void end_waiting(struct waiter *waiters, int count)
{
	for (int i = 0; i < count; i++)
		check(weft_thread_join(waiters[i].thread, NULL) == 0);
	check(woken_count == count);
	check(weft__waitq_is_empty(&queue));
}

static bool wake(int code)
{
	struct weft__wakes wakes = { NULL, NULL };
	bool woke;

	weft__waitq_lock(&queue);
	woke = weft__waitq_wake(&queue, code, &wakes);
	weft__waitq_unlock(&queue);
	weft__wakes_ready(&wakes);
	check(wakes.first == NULL && wakes.last == NULL);
	return woke;
}

/* Strict: nobody runs before the test gives way, however slow the machine. */
static void run_alone(weft_function *body)
{
	memset(&queue, 0, sizeof queue); /* all-zero is empty and unlocked */
	assert_int_equal(weft_run(body, NULL, &(weft_sched_options){ .strict = true }), 0);
}

/* ---- order */

static int wake_in_order(void *arg)
{
	struct waiter waiters[WAITERS] = { 0 };

	check(!wake(1));
	begin_waiting(waiters, WAITERS, WEFT_FOREVER);
	for (int i = 0; i < WAITERS; i++) {
		check(wake(10 + i));
		check(woken_count == i); /* it is ready and has yet to run */
		weft_yield();
		check(woken_count == i + 1 && woken[i] == i && waiters[i].code == 10 + i);
	}
	check(!wake(1));
	end_waiting(waiters, WAITERS);
	return 0;
}

static void who_came_first_is_woken_first(void **state)
{
	run_alone(wake_in_order);
}

static int wake_front(void *arg)
{
	struct waiter waiters[WAITERS] = { { .in_front = true },
					   { .in_front = false },
					   { .in_front = true },
					   { .in_front = true },
					   { .in_front = false } };
	static const int order[WAITERS] = { 3, 2, 0, 1, 4 };

	begin_waiting(waiters, WAITERS, WEFT_FOREVER);
	for (int i = 0; i < WAITERS; i++) {
		check(wake(0));
		weft_yield();
	}
	end_waiting(waiters, WAITERS);
	check(memcmp(woken, order, sizeof order) == 0);
	return 0;
}

static void who_is_put_in_front_is_woken_before_the_others(void **state)
{
	run_alone(wake_front);
}

static int wake_chosen(void *arg)
{
	struct waiter waiters[WAITERS] = { 0 };
	static const int order[WAITERS] = { 2, 4, 0, 1, 3 };

	begin_waiting(waiters, WAITERS, WEFT_FOREVER);
	for (int i = 0; i < WAITERS; i++) {
		struct weft__wakes wakes = { NULL, NULL };
		struct waiter *chosen = &waiters[order[i]];

		weft__waitq_lock(&queue);
		check(weft__waitq_wake_one(&queue, &chosen->waiter, i, &wakes));
		check(!chosen->waiter.linked);
		weft__waitq_unlock(&queue);
		check(wakes.first == chosen->thread && wakes.last == chosen->thread);
		weft__wakes_ready(&wakes);
		weft_yield();
		check(chosen->code == i);
	}
	end_waiting(waiters, WAITERS);
	check(memcmp(woken, order, sizeof order) == 0);
	return 0;
}

static void a_chosen_waiter_leaves_from_anywhere(void **state)
{
	run_alone(wake_chosen);
}

static int wake_all(void *arg)
{
	struct waiter waiters[WAITERS] = { 0 };
	struct weft__wakes wakes = { NULL, NULL };
	static const int order[WAITERS] = { 0, 1, 2, 3, 4 };

	check(weft__waitq_wake_all(&queue, 7, &wakes) == 0);
	begin_waiting(waiters, WAITERS, WEFT_FOREVER);
	weft__waitq_lock(&queue);
	check(weft__waitq_wake_all(&queue, 7, &wakes) == WAITERS);
	check(weft__waitq_is_empty(&queue));
	weft__waitq_unlock(&queue);
	/* In order; nobody runs before he is made ready. */
	for (struct weft_thread *thread = wakes.first, *before = NULL; thread != NULL;
	     before = thread, thread = thread->next)
		check(before == NULL || weft_thread_id(thread) > weft_thread_id(before));
	weft_yield();
	check(woken_count == 0);
	for (struct weft_thread *thread = wakes.first, *next; thread != NULL; thread = next) {
		next = thread->next;
		weft__ready_later(thread);
	}
	end_waiting(waiters, WAITERS);
	check(memcmp(woken, order, sizeof order) == 0);
	for (int i = 0; i < WAITERS; i++)
		check(waiters[i].code == 7);
	return 0;
}

static void all_are_woken_in_order(void **state)
{
	run_alone(wake_all);
}

/* ---- deadlines */

static int let_time_out(void *arg)
{
	struct waiter waiters[WAITERS] = { 0 };

	begin_waiting(waiters, WAITERS, weft_now() + WEFT_MS);
	end_waiting(waiters, WAITERS);
	for (int i = 0; i < WAITERS; i++)
		check(waiters[i].code == -ETIMEDOUT);
	check(!wake(0));
	return 0;
}

static void who_timed_out_is_no_longer_in_the_queue(void **state)
{
	run_alone(let_time_out);
}

/* Those whose deadline has claimed them, and who have yet to run, do as the deadline would. */
static int give_to_the_next(void *arg)
{
	struct waiter waiters[WAITERS] = { 0 };
	struct weft__wakes wakes = { NULL, NULL };

	begin_waiting(waiters, WAITERS, WEFT_FOREVER);
	for (int i = 0; i < 2; i++)
		check(weft__claim(waiters[i].thread, waiters[i].waiter.ticket, -ETIMEDOUT) ==
		      WEFT__CLAIM_PARKED);
	check(wake(5)); /* to the third */
	weft_yield();
	check(woken_count == 1 && woken[0] == 2 && waiters[2].code == 5);
	check(!waiters[0].waiter.linked && !waiters[1].waiter.linked);
	check(weft__claim(waiters[3].thread, waiters[3].waiter.ticket, -ETIMEDOUT) ==
	      WEFT__CLAIM_PARKED);
	weft__waitq_lock(&queue);
	check(!weft__waitq_wake_one(&queue, &waiters[3].waiter, 6, &wakes));
	check(!waiters[3].waiter.linked && wakes.first == NULL);
	/* All: the one that is left. */
	check(weft__claim(waiters[4].thread, waiters[4].waiter.ticket, -ETIMEDOUT) ==
	      WEFT__CLAIM_PARKED);
	check(weft__waitq_wake_all(&queue, 6, &wakes) == 0 && wakes.first == NULL);
	weft__waitq_unlock(&queue);
	for (int i = 0; i < WAITERS; i++)
		if (i != 2)
			weft__ready(waiters[i].thread);
	end_waiting(waiters, WAITERS);
	for (int i = 0; i < WAITERS; i++)
		check(waiters[i].code == (i == 2 ? 5 : -ETIMEDOUT));
	return 0;
}

static void what_a_timed_out_waiter_was_to_get_goes_to_the_next(void **state)
{
	run_alone(give_to_the_next);
}

/* Claimed by its deadline, not yet running again, and nobody wakes: it takes itself out. */
static int leave_by_itself(void *arg)
{
	struct waiter waiters[3] = { 0 };

	begin_waiting(waiters, 3, WEFT_FOREVER);
	check(weft__claim(waiters[1].thread, waiters[1].waiter.ticket, -ETIMEDOUT) ==
	      WEFT__CLAIM_PARKED);
	weft__ready(waiters[1].thread);
	weft_yield();
	check(woken_count == 1 && woken[0] == 1);
	check(wake(0) && wake(0) && !wake(0));
	end_waiting(waiters, 3);
	return 0;
}

static void who_timed_out_in_the_middle_leaves_the_others_linked(void **state)
{
	run_alone(leave_by_itself);
}

/* A waiter that has not parked yet is not in the list of those to be made ready. */
static int wake_running(void *arg)
{
	struct weft__wakes wakes = { NULL, NULL };
	struct weft__waiter waiter;

	weft__waitq_lock(&queue);
	weft__waitq_add(&queue, &waiter, weft__self());
	check(weft__waitq_wake(&queue, 8, &wakes));
	weft__waitq_unlock(&queue);
	check(wakes.first == NULL && !waiter.linked);
	check(weft__waitq_park(&queue, &waiter, "test", WEFT_FOREVER) == 8);
	weft__waitq_lock(&queue);
	weft__waitq_add(&queue, &waiter, weft__self());
	weft__waitq_remove(&queue, &waiter);
	check(weft__waitq_is_empty(&queue) && !waiter.linked);
	weft__waitq_unlock(&queue);
	weft__disarm(weft__self());
	return 0;
}

static void a_waiter_that_still_runs_is_claimed_without_more(void **state)
{
	run_alone(wake_running);
	assert_int_equal(wake_running(NULL), 0);
}

/* ---- a crowd: tokens that are there or given, waiters with deadlines */

#define TOKENS 20000

struct till {
	weft__waitq queue;
	uint32_t tokens; /* guarded by its lock */
	uint32_t taken;  /* atomic */
	uint32_t ended;  /* atomic: givers */
	uint64_t seed;
};

static int give_tokens(void *arg)
{
	struct till *till = arg;

	for (int i = 0; i < TOKENS / 2; i++) {
		struct weft__wakes wakes = { NULL, NULL };

		weft__waitq_lock(&till->queue);
		if (!weft__waitq_wake(&till->queue, 0, &wakes))
			till->tokens++;
		weft__waitq_unlock(&till->queue);
		weft__wakes_ready(&wakes);
		if (i % 8 == 0)
			weft_yield();
	}
	__atomic_fetch_add(&till->ended, 1, __ATOMIC_ACQ_REL);
	return 0;
}

/* 0: got one. */
static int take_token(struct till *till, int64_t deadline_ns, bool in_front)
{
	struct weft__waiter waiter;

	weft__waitq_lock(&till->queue);
	if (till->tokens > 0) {
		till->tokens--;
		weft__waitq_unlock(&till->queue);
		return 0;
	}
	if (in_front)
		weft__waitq_add_front(&till->queue, &waiter, weft__self());
	else
		weft__waitq_add(&till->queue, &waiter, weft__self());
	weft__waitq_unlock(&till->queue);
	return weft__waitq_park(&till->queue, &waiter, "token", deadline_ns);
}

static int take_tokens(void *arg)
{
	struct till *till = arg;
	uint64_t random = __atomic_add_fetch(&till->seed, 1, __ATOMIC_RELAXED);
	bool last_try;

	do {
		last_try = __atomic_load_n(&till->ended, __ATOMIC_ACQUIRE) == 2;
		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		while (take_token(till, weft_now() + (int64_t)(random >> 33) % (30 * WEFT_US),
				  random >> 63) == 0)
			__atomic_fetch_add(&till->taken, 1, __ATOMIC_RELAXED);
	} while (!last_try);
	return 0;
}

static void tokens_add_up_whoever_waits_and_times_out(void **state)
{
	const char *text = getenv("WEFT_SEED");
	struct till till = { 0 };
	weft_thread *threads[8];
	weft_sched *sched;

	till.seed = text != NULL ? strtoull(text, NULL, 0) : (uint64_t)weft_now();
	print_message("WEFT_SEED=%llu\n", (unsigned long long)till.seed);
	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 2 }, &sched), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(weft_thread_spawn(i % 4 == 3 ? give_tokens : take_tokens, &till,
						   &(weft_thread_options){
							   .kind = i < 4 ? WEFT_LIGHT : WEFT_KERNEL,
							   .sched = sched },
						   &threads[i]),
				 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(weft_thread_join(threads[i], NULL), 0);
	assert_int_equal(weft_sched_destroy(sched), 0);
	assert_int_equal(till.taken + till.tokens, TOKENS);
	assert_int_equal(till.tokens, 0);
	assert_null(till.queue.first);
	assert_null(till.queue.last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_came_first_is_woken_first),
		cmocka_unit_test(who_is_put_in_front_is_woken_before_the_others),
		cmocka_unit_test(a_chosen_waiter_leaves_from_anywhere),
		cmocka_unit_test(all_are_woken_in_order),
		cmocka_unit_test(who_timed_out_is_no_longer_in_the_queue),
		cmocka_unit_test(what_a_timed_out_waiter_was_to_get_goes_to_the_next),
		cmocka_unit_test(who_timed_out_in_the_middle_leaves_the_others_linked),
		cmocka_unit_test(a_waiter_that_still_runs_is_claimed_without_more),
		cmocka_unit_test(tokens_add_up_whoever_waits_and_times_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
