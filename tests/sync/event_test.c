/* SPDX-License-Identifier: MIT */
/* Event: who waits goes on at a set, even if a reset follows at once; no set is missed. */
#include "crowd.h"

static void it_stays_set_until_it_is_reset(void **state)
{
	weft_event event = WEFT_EVENT_INIT;
	int64_t deadline_ns = weft_now() + 2 * WEFT_MS;

	(void)state;
	assert_int_equal(weft_event_wait_try(&event), -EAGAIN);
	assert_int_equal(weft_event_wait_until(&event, 0), -ETIMEDOUT);
	assert_int_equal(weft_event_wait_until(&event, deadline_ns), -ETIMEDOUT);
	assert_true(weft_now() >= deadline_ns);
	for (int i = 0; i < 2; i++) {
		weft_event_set(&event);
		assert_int_equal(weft_event_wait(&event), 0);
		assert_int_equal(weft_event_wait_try(&event), 0);
		assert_int_equal(weft_event_wait_until(&event, 0), 0);
	}
	for (int i = 0; i < 2; i++) {
		weft_event_reset(&event);
		assert_int_equal(weft_event_wait_try(&event), -EAGAIN);
	}
	weft_event_fini(&event);
}

/* ---- one processor */
static weft_event event;
static int awake;

static int wait_for_event(void *arg)
{
	int result = weft_event_wait(arg);

	awake++;
	return result;
}

static int give_up_soon(void *arg)
{
	return weft_event_wait_until(arg, weft_now() + WEFT_MS);
}

static int set_and_reset(void *arg)
{
	weft_thread *waiters[4], *later, *hasty;

	(void)arg;
	hasty = start(give_up_soon, &event);
	for (int i = 0; i < 4; i++)
		waiters[i] = start(wait_for_event, &event);
	check(finish(hasty) == -ETIMEDOUT);
	await_waiters(&event.waiters, 4);
	check(awake == 0);
	weft_event_set(&event);
	weft_event_reset(&event);
	later = start(wait_for_event, &event);
	for (int i = 0; i < 4; i++)
		check(finish(waiters[i]) == 0);
	await_waiters(&event.waiters, 1);
	check(awake == 4);
	weft_event_set(&event);
	check(finish(later) == 0 && awake == 5);
	return 0;
}

static void a_set_lets_all_go_on_that_wait_by_then(void **state)
{
	(void)state;
	memset(&event, 0, sizeof event);
	awake = 0;
	scenario(set_and_reset, NULL);
}

static void destroy(void *arg)
{
	weft_event_fini(arg);
}

static int destroy_under_a_waiter(void *arg)
{
	weft_thread *thread = start(wait_for_event, &event);
	char said[256], address[40];

	(void)arg;
	await_waiters(&event.waiters, 1);
	snprintf(address, sizeof address, "event %p: destroyed", (void *)&event);
	last_words(destroy, &event, said, sizeof said);
	check(strstr(said, address) != NULL);
	weft_event_set(&event);
	check(finish(thread) == 0);
	return 0;
}

static void destroying_what_is_waited_for_stops_the_program(void **state)
{
	(void)state;
	memset(&event, 0, sizeof event);
	scenario(destroy_under_a_waiter, NULL);
}

static void a_waiter_stays_until_its_waker_is_off_the_queue(void **state)
{
	(void)state;
	memset(&event, 0, sizeof event);
	waiter_is_held_back(&event.waiters, wait_for_event, &event, 0);
}

static int look(void *arg)
{
	return weft_event_wait_try(arg);
}

static void who_looks_stays_until_the_lock_is_free(void **state)
{
	struct kept kept;

	(void)state;
	memset(&event, 0, sizeof event);
	weft_event_set(&event);
	weft__waitq_lock(&event.waiters);
	kept_start(&kept, look, &event);
	assert_true(kept_is_stopped(&kept));
	weft__waitq_unlock(&event.waiters);
	assert_int_equal(kept_finish(&kept), 0);
}

/* ---- the crowd: one member says that something has happened, and the others answer */
enum { TIMES = 2000 };

static struct {
	weft_event happened[2], answered;
	int left;        /* atomic */
	int64_t answers; /* atomic */
} meeting;

static int wait_somehow(struct member *self, weft_event *at)
{
	if (member_choose(self, 2) == 0)
		return weft_event_wait(at);
	if (member_choose(self, 2) == 0)
		return weft_event_wait_try(at);
	return weft_event_wait_until(at, weft_now() + member_choose(self, 30) * WEFT_US);
}

static void wait_long(struct member *self, weft_event *at)
{
	int code;

	do {
		code = wait_somehow(self, at);
		check(code == 0 || code == -EAGAIN || code == -ETIMEDOUT);
	} while (code != 0);
}

static int say_or_answer(struct member *self)
{
	for (int i = 0; i < TIMES; i++) {
		if (self->index == 0) {
			atomic_store_relaxed(&meeting.left, CROWD - 1);
			weft_event_reset(&meeting.happened[(i + 1) % 2]);
			weft_event_set(&meeting.happened[i % 2]);
			wait_long(self, &meeting.answered);
			weft_event_reset(&meeting.answered);
			check(meeting.answers == (int64_t)(i + 1) * (CROWD - 1));
			continue;
		}
		wait_long(self, &meeting.happened[i % 2]);
		atomic_add_relaxed(&meeting.answers, 1);
		if (atomic_sub_acq_rel(&meeting.left, 1) == 1)
			weft_event_set(&meeting.answered);
	}
	return 0;
}

static void nobody_misses_what_has_happened(void **state)
{
	(void)state;
	memset(&meeting, 0, sizeof meeting);
	crowd(say_or_answer, NULL);
	assert_int_equal(meeting.answers, (int64_t)TIMES * (CROWD - 1));
}

/* ---- who puts something there and sets, against who resets and then looks */
static struct {
	weft_event event;
	int64_t there; /* atomic */
	int64_t taken;
} bell;

static int ring_often(void *arg)
{
	int64_t rings = *(int64_t *)arg;

	for (int64_t i = 0; i < rings; i++) {
		atomic_add_relaxed(&bell.there, 1);
		weft_event_set(&bell.event);
		/* sometimes the other comes first */
		for (int64_t k = i % 64; k > 0; k--)
			atomic_compiler_barrier();
	}
	return 0;
}

static void who_resets_and_looks_misses_nothing(void **state)
{
	int64_t rings = 200000;
	weft_thread *ringer;

	(void)state;
	memset(&bell, 0, sizeof bell);
	assert_int_equal(weft_thread_spawn(ring_often, &rings, NULL, &ringer), 0);
	while (bell.taken < rings) {
		assert_int_equal(weft_event_wait(&bell.event), 0);
		weft_event_reset(&bell.event);
		bell.taken = atomic_load_relaxed(&bell.there);
	}
	assert_int_equal(weft_thread_join(ringer, NULL), 0);
}

/* ---- two processors: an event on the stack of who waits for it */
enum { ERRANDS = 2000 };

static int set_event(void *arg)
{
	weft_event_set(arg);
	return 0;
}

static int wait_and_spoil(void *arg)
{
	weft_event *events = arg;

	for (int i = 0; i < ERRANDS; i++) {
		check(weft_thread_spawn(set_event, &events[i], NULL, NULL) == 0);
		while (weft_event_wait_until(&events[i], weft_now() + 5 * WEFT_US) != 0)
			;
		memset(&events[i], 0xa5, sizeof *events);
	}
	return 0;
}

static void who_waited_may_give_the_memory_away(void **state)
{
	weft_event *events = calloc(ERRANDS, sizeof *events), away;

	(void)state;
	memset(&away, 0xa5, sizeof away);
	crowd_failures = 0;
	assert_int_equal(weft_run(wait_and_spoil, events, &(weft_sched_options){ .processors = 2 }),
			 0);
	assert_int_equal(crowd_failures, 0);
	for (int i = 0; i < ERRANDS; i++)
		assert_memory_equal(&events[i], &away, sizeof away);
	free(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_stays_set_until_it_is_reset),
		cmocka_unit_test(a_set_lets_all_go_on_that_wait_by_then),
		cmocka_unit_test(destroying_what_is_waited_for_stops_the_program),
		cmocka_unit_test(a_waiter_stays_until_its_waker_is_off_the_queue),
		cmocka_unit_test(who_looks_stays_until_the_lock_is_free),
		cmocka_unit_test(nobody_misses_what_has_happened),
		cmocka_unit_test(who_resets_and_looks_misses_nothing),
		cmocka_unit_test(who_waited_may_give_the_memory_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
