/* SPDX-License-Identifier: MIT */
/* The wheel by itself, against a plain list, under a clock that the test moves; then sleeping
 * threads on the real one. */
#include <errno.h>
#include <string.h>

#include "in_sched.h"
#include "sched/engine.h"

#define TIMERS 512

static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* A deadline some way off: from nanoseconds to years. */
static int64_t some_way_off(void)
{
	return (int64_t)(next_random() >> (next_random() % 58 + 6));
}

struct model {
	struct weft_thread threads[TIMERS];
	uint64_t tickets[TIMERS];
	int64_t deadlines[TIMERS]; /* 0: not in the wheel */
	struct weft__wheel wheel;
	int64_t now_ns;
};

static void add(struct model *model, int i, int64_t deadline_ns)
{
	model->tickets[i] = weft__arm(&model->threads[i]);
	model->deadlines[i] = deadline_ns;
	weft__timer_add(&model->wheel, &model->threads[i], model->tickets[i], deadline_ns);
}

/* Fires, and compares with the list: exactly those that are due, no earlier, no later. */
static void fire_and_compare(struct model *model)
{
	struct weft__wakes wakes = { NULL, NULL };
	unsigned due = 0, fired;

	for (int i = 0; i < TIMERS; i++)
		due += model->deadlines[i] != 0 && model->deadlines[i] <= model->now_ns;
	fired = weft__wheel_fire(&model->wheel, model->now_ns, &wakes);
	assert_int_equal(fired, due);
	assert_null(wakes.first); /* none of them was parked */
	for (int i = 0; i < TIMERS; i++) {
		bool is_due = model->deadlines[i] != 0 && model->deadlines[i] <= model->now_ns;
		bool is_claimed = WEFT__PARK_STATE(model->threads[i].park) == WEFT__NOTIFIED;

		assert_int_equal(is_claimed, is_due);
		if (is_due) {
			weft__disarm(&model->threads[i]);
			model->deadlines[i] = 0;
			assert_null(model->threads[i].timer.wheel);
		}
	}
}

static int64_t earliest(const struct model *model)
{
	int64_t least_ns = WEFT_FOREVER;

	for (int i = 0; i < TIMERS; i++)
		if (model->deadlines[i] != 0 && model->deadlines[i] < least_ns)
			least_ns = model->deadlines[i];
	return least_ns;
}

static void step(struct model *model)
{
	int i = (int)(next_random() % TIMERS);
	int64_t next_ns;

	switch (next_random() % 8) {
	case 0:
		model->now_ns += some_way_off() % (100 * WEFT_SECOND);
		break;
	case 1: /* to the next deadline exactly, or one short of it */
		next_ns = earliest(model);
		if (next_ns != WEFT_FOREVER && next_ns > model->now_ns)
			model->now_ns = next_ns - (int64_t)(next_random() % 2);
		break;
	case 2:
		if (model->deadlines[i] != 0) {
			weft__timer_cancel(&model->threads[i]);
			weft__disarm(&model->threads[i]);
			model->deadlines[i] = 0;
		}
		break;
	default:
		if (model->deadlines[i] == 0)
			add(model, i,
			    model->now_ns + some_way_off() - (int64_t)(next_random() % 1000));
		break;
	}
	/* Never later than the earliest; and when it is reached something is due, or it is a lower
	 * bound that has moved on. */
	assert_true(weft__wheel_next(&model->wheel) <= earliest(model));
	if (next_random() % 2)
		fire_and_compare(model);
}

static void the_wheel_fires_what_a_list_would(void **state)
{
	struct model *model = calloc(1, sizeof *model);
	uint64_t seed = (uint64_t)weft__sys_now() | 1;

	print_message("seed %llu\n", (unsigned long long)seed);
	random_state = seed;
	for (int round = 0; round < 20; round++) {
		memset(model, 0, sizeof *model);
		model->now_ns = round == 0 ? 0 : (int64_t)(next_random() >> 3);
		weft__wheel_init(&model->wheel, model->now_ns);
		for (int i = 0; i < 10000; i++)
			step(model);
		for (int i = 0; i < TIMERS; i++)
			weft__timer_cancel(&model->threads[i]);
		assert_int_equal(model->wheel.count, 0);
	}
	free(model);
}

static void following_the_next_deadline_visits_every_timer(void **state)
{
	struct model *model = calloc(1, sizeof *model);
	unsigned visits = 0;

	random_state = 88172645463325252u;
	model->now_ns = 12345678901;
	weft__wheel_init(&model->wheel, model->now_ns);
	for (int i = 0; i < TIMERS; i++)
		add(model, i, model->now_ns + some_way_off());
	while (earliest(model) != WEFT_FOREVER) {
		int64_t next_ns = weft__wheel_next(&model->wheel);

		assert_true(next_ns <= earliest(model));
		if (next_ns > model->now_ns)
			model->now_ns = next_ns;
		fire_and_compare(model);
		assert_true(++visits < TIMERS * 10); /* it moves on: at most a visit a level */
	}
	assert_true(weft__wheel_next(&model->wheel) == WEFT_FOREVER);
	free(model);
}

/* ---- on the real clock */

static int sleep_and_look(void *arg)
{
	for (int i = 0; i < 20; i++) {
		int64_t deadline_ns =
			weft_now() + (int64_t)((uintptr_t)arg % 7 + 1) * 300 * WEFT_US;

		check(weft_sleep_until(deadline_ns) == 0);
		check(weft_now() >= deadline_ns);
	}
	return 0;
}

static int many_sleep(void *arg)
{
	weft_thread *threads[100];

	for (uintptr_t i = 0; i < 100; i++)
		check(weft_thread_spawn(sleep_and_look, (void *)i, NULL, &threads[i]) == 0);
	for (int i = 0; i < 100; i++)
		weft_thread_join(threads[i], NULL);
	return 0;
}

static void nobody_wakes_early(void **state)
{
	on_processors(many_sleep, NULL);
	assert_int_equal(sleep_and_look(NULL), 0);
}

#define SLEEPERS 50

struct sleeper {
	int64_t start_ns; /* by then all of them sleep, or it does not count */
	int64_t deadline_ns;
	int *count;
	int place;
	bool was_late;
};

static int note_place(void *arg)
{
	struct sleeper *sleeper = arg;

	sleeper->was_late = weft_now() >= sleeper->start_ns;
	weft_sleep_until(sleeper->deadline_ns);
	sleeper->place = (*sleeper->count)++;
	return 0;
}

static int place_of(int i)
{
	return i * 37 % SLEEPERS;
}

/* False: the machine was so slow that some slept too late. */
static bool sleep_for(int64_t lead_ns)
{
	struct sleeper sleepers[SLEEPERS];
	weft_thread *threads[SLEEPERS];
	int64_t start_ns = weft_now() + lead_ns;
	int count = 0;

	for (int i = 0; i < SLEEPERS; i++) {
		sleepers[i] = (struct sleeper){ start_ns, start_ns + place_of(i) * WEFT_MS / 5,
						&count, -1, false };
		check(weft_thread_spawn(note_place, &sleepers[i], NULL, &threads[i]) == 0);
	}
	for (int i = 0; i < SLEEPERS; i++)
		weft_thread_join(threads[i], NULL);
	for (int i = 0; i < SLEEPERS; i++)
		if (sleepers[i].was_late)
			return false;
	/* A late look fires several at once, those of one slot in any order; slots are 16 us and
	 * these lie 200 us apart. */
	for (int i = 0; i < SLEEPERS; i++)
		check(sleepers[i].place == place_of(i));
	return true;
}

static int sleep_in_order(void *arg)
{
	int64_t lead_ns = 50 * WEFT_MS;

	while (!sleep_for(lead_ns)) {
		lead_ns *= 2;
		check(lead_ns < 30 * WEFT_SECOND);
	}
	return 0;
}

static void sleepers_wake_in_the_order_of_their_deadlines(void **state)
{
	assert_int_equal(weft_run(sleep_in_order, NULL, &(weft_sched_options){ .processors = 1 }),
			 0);
}

static int expired(void *arg)
{
	weft_sem sem = WEFT_SEM_INIT(0);

	check(weft_sleep_until(0) == 0);
	check(weft_sleep(-5) == 0);
	check(weft_sem_wait_until(&sem, 0) == -ETIMEDOUT);
	check(weft_sem_wait_until(&sem, weft_now() - 1) == -ETIMEDOUT);
	return 0;
}

static void a_deadline_in_the_past_returns(void **state)
{
	on_processors(expired, NULL);
	assert_int_equal(expired(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_wheel_fires_what_a_list_would),
		cmocka_unit_test(following_the_next_deadline_visits_every_timer),
		cmocka_unit_test(nobody_wakes_early),
		cmocka_unit_test(sleepers_wake_in_the_order_of_their_deadlines),
		cmocka_unit_test(a_deadline_in_the_past_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
