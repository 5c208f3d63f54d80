/* SPDX-License-Identifier: MIT */
/*
 * Park and ready, against wakers of every kind: one of them wins, its code arrives, and whoever
 * comes with an old ticket loses. What was won and what arrived is counted on both sides and must
 * be the same.
 */
#include "sched/park.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "in_sched.h"
#include "sched/engine.h"

/* ---- one thread alone */

static int every_code(void *arg)
{
	struct weft_thread *self = weft__self();

	for (int code = -4095; code <= 4095; code++) {
		uint64_t ticket = weft__arm(self);

		check(weft__claim(self, ticket, code) == WEFT__CLAIM_RUNNING);
		check(weft__claim(self, ticket, 1) == WEFT__CLAIM_LOST); /* once */
		check(weft__park(self, "test", WEFT_FOREVER) == code);
		check(weft__claim(self, ticket, 1) == WEFT__CLAIM_LOST); /* over */
		check(self->reason == NULL);
	}
	return 0;
}

static void a_claim_before_the_park_is_kept_with_its_code(void **state)
{
	on_processors(every_code, NULL);
	every_code(NULL);
}

static int take_back(void *arg)
{
	struct weft_thread *self = weft__self();
	uint64_t taken_back = weft__arm(self);
	uint64_t ticket;

	weft__disarm(self);
	check(WEFT__PARK_STATE(self->park) == WEFT__RUNNING);
	check(weft__claim(self, taken_back, 1) == WEFT__CLAIM_LOST);
	ticket = weft__arm(self);
	check(ticket != taken_back);
	check(weft__claim(self, taken_back, 1) == WEFT__CLAIM_LOST);
	check(weft__claim(self, ticket, 2) == WEFT__CLAIM_RUNNING);
	check(weft__park(self, "test", WEFT_FOREVER) == 2);
	return 0;
}

static void a_wait_that_was_taken_back_cannot_be_claimed(void **state)
{
	on_processors(take_back, NULL);
	take_back(NULL);
}

static int pass_deadline(void *arg)
{
	struct weft_thread *self = weft__self();

	for (int i = 0; i < 50; i++) {
		int64_t deadline_ns = i % 5 == 0 ? weft_now() - 1 : weft_now() + i * WEFT_US * 10;
		uint64_t ticket = weft__arm(self);

		check(weft__park(self, "test", deadline_ns) == -ETIMEDOUT);
		check(weft_now() >= deadline_ns);
		check(weft__claim(self, ticket, 1) == WEFT__CLAIM_LOST);
		check(self->timer.wheel == NULL);
	}
	return 0;
}

static void a_deadline_claims_the_wait_and_never_early(void **state)
{
	on_processors(pass_deadline, NULL);
	pass_deadline(NULL);
}

/* ---- one who waits, several who wake: all kinds of both */

#define WAKERS 4

enum deadlines { FAR, NEAR, BRACKETS, BRACKETS_NEAR };

struct contest {
	struct weft_thread *waiter; /* atomic: NULL: not there yet */
	uint64_t ticket;            /* atomic: of the wait that stands; 0: none yet */
	uint32_t over;              /* atomic */
	uint32_t present;           /* atomic: wakers that have begun */
	uint32_t rounds;
	enum deadlines deadlines;
	uint64_t seed;
	/* the waiter's */
	uint32_t arrived[WAKERS], timed_out;
	/* each its waker's */
	uint32_t won[WAKERS];
};

struct waker {
	struct contest *contest;
	int index;
};

static int64_t choose_deadline(struct contest *contest)
{
	if (contest->deadlines == FAR || contest->deadlines == BRACKETS)
		return WEFT_FOREVER;
	contest->seed = contest->seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return weft_now() + (int64_t)(contest->seed >> 33) % (20 * WEFT_US);
}

static int wait_rounds(void *arg)
{
	struct contest *contest = arg;
	struct weft_thread *self = weft__self();

	__atomic_store_n(&contest->waiter, self, __ATOMIC_RELEASE);
	while (__atomic_load_n(&contest->present, __ATOMIC_ACQUIRE) < WAKERS)
		weft_yield();
	for (uint32_t i = 0; i < contest->rounds; i++) {
		bool bracket = contest->deadlines >= BRACKETS;
		int64_t deadline_ns = choose_deadline(contest);
		int code;

		if (bracket)
			weft_blocking_begin();
		__atomic_store_n(&contest->ticket, weft__arm(self), __ATOMIC_RELEASE);
		code = weft__park(self, "contest", deadline_ns);
		if (bracket)
			weft_blocking_end();
		if (code == -ETIMEDOUT) {
			contest->timed_out++;
			continue;
		}
		check(code >= 1 && code <= WAKERS);
		contest->arrived[code - 1]++;
	}
	__atomic_store_n(&contest->over, 1, __ATOMIC_RELEASE);
	/* The record must stay while they look at it. */
	while (__atomic_load_n(&contest->present, __ATOMIC_ACQUIRE) > 0)
		weft_yield();
	return 0;
}

/* Now one stays away, now another; where there are deadlines, now all. */
static bool stays_away(const struct waker *waker, uint64_t ticket)
{
	uint64_t turn = ticket / WEFT__PARK_EPOCH % 8;
	bool has_deadlines = waker->contest->deadlines == NEAR ||
			     waker->contest->deadlines == BRACKETS_NEAR;

	return turn == (uint64_t)waker->index || (has_deadlines && turn >= 6);
}

static int wake_rounds(void *arg)
{
	struct waker *waker = arg;
	struct contest *contest = waker->contest;
	struct weft_thread *waiter;
	uint64_t before = 0;

	while ((waiter = __atomic_load_n(&contest->waiter, __ATOMIC_ACQUIRE)) == NULL)
		weft_yield();
	__atomic_fetch_add(&contest->present, 1, __ATOMIC_ACQ_REL);
	while (!__atomic_load_n(&contest->over, __ATOMIC_ACQUIRE)) {
		uint64_t ticket = __atomic_load_n(&contest->ticket, __ATOMIC_ACQUIRE);

		if (ticket == before) {
			weft_yield();
			continue;
		}
		if (before != 0)
			check(!weft__wake(waiter, before, 4000)); /* over */
		before = ticket;
		if (!stays_away(waker, ticket) && weft__wake(waiter, ticket, waker->index + 1))
			contest->won[waker->index]++;
	}
	__atomic_fetch_sub(&contest->present, 1, __ATOMIC_ACQ_REL);
	return 0;
}

static void *wake_as_foreign(void *arg)
{
	wake_rounds(arg);
	return NULL;
}

static void *wait_as_foreign(void *arg)
{
	wait_rounds(arg);
	return NULL;
}

/* The fourth kind: the waiter's own scheduler. NULL: a foreign waiter. */
static void hold_contest(weft_kind waiter_kind, unsigned processors, enum deadlines deadlines,
			 uint32_t rounds)
{
	const char *text = getenv("WEFT_SEED");
	struct contest contest = { .rounds = rounds, .deadlines = deadlines };
	struct waker wakers[WAKERS];
	weft_thread *threads[WAKERS], *waiter = NULL;
	weft_sched *mine, *other;
	pthread_t foreign_waker, foreign_waiter;
	uint32_t won = 0;

	contest.seed = text != NULL ? strtoull(text, NULL, 0) : (uint64_t)weft_now();
	print_message("WEFT_SEED=%llu\n", (unsigned long long)contest.seed);
	assert_int_equal(
		weft_sched_create(&(weft_sched_options){ .processors = processors }, &mine), 0);
	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 1 }, &other), 0);
	for (int i = 0; i < WAKERS; i++)
		wakers[i] = (struct waker){ &contest, i };
	for (int i = 0; i < WAKERS - 1; i++) {
		weft_thread_options options = { .kind = i == 2 ? WEFT_KERNEL : WEFT_LIGHT,
						.sched = i == 0 ? mine : other };

		assert_int_equal(weft_thread_spawn(wake_rounds, &wakers[i], &options, &threads[i]),
				 0);
	}
	assert_int_equal(pthread_create(&foreign_waker, NULL, wake_as_foreign, &wakers[3]), 0);
	if (waiter_kind == WEFT_KIND_DEFAULT)
		assert_int_equal(pthread_create(&foreign_waiter, NULL, wait_as_foreign, &contest),
				 0);
	else
		assert_int_equal(weft_thread_spawn(wait_rounds, &contest,
						   &(weft_thread_options){ .kind = waiter_kind,
									   .sched = mine },
						   &waiter),
				 0);
	for (int i = 0; i < WAKERS - 1; i++)
		assert_int_equal(weft_thread_join(threads[i], NULL), 0);
	pthread_join(foreign_waker, NULL);
	if (waiter == NULL)
		pthread_join(foreign_waiter, NULL);
	else
		assert_int_equal(weft_thread_join(waiter, NULL), 0);
	assert_int_equal(weft_sched_destroy(mine), 0);
	assert_int_equal(weft_sched_destroy(other), 0);
	for (int i = 0; i < WAKERS; i++) {
		assert_int_equal(contest.arrived[i], contest.won[i]);
		won += contest.won[i];
	}
	assert_int_equal(won + contest.timed_out, rounds);
	assert_true(won > 0);
	assert_int_equal(deadlines == FAR || deadlines == BRACKETS, contest.timed_out == 0);
}

static void of_several_wakers_one_wins_and_its_code_arrives(void **state)
{
	hold_contest(WEFT_LIGHT, 1, FAR, 20000);
	hold_contest(WEFT_LIGHT, 2, FAR, 20000);
	hold_contest(WEFT_KERNEL, 1, FAR, 5000);
	hold_contest(WEFT_KIND_DEFAULT, 2, FAR, 5000);
}

static void of_deadline_and_wakers_one_wins(void **state)
{
	hold_contest(WEFT_LIGHT, 1, NEAR, 10000);
	hold_contest(WEFT_LIGHT, 2, NEAR, 10000);
	hold_contest(WEFT_KERNEL, 1, NEAR, 5000);
	hold_contest(WEFT_KIND_DEFAULT, 1, NEAR, 5000);
}

static void between_blocking_brackets_too(void **state)
{
	hold_contest(WEFT_LIGHT, 1, BRACKETS, 3000);
	hold_contest(WEFT_LIGHT, 2, BRACKETS, 3000);
	hold_contest(WEFT_LIGHT, 2, BRACKETS_NEAR, 3000);
	hold_contest(WEFT_KERNEL, 1, BRACKETS_NEAR, 3000);
}

/* ---- kernel threads that wait in poll */

static int poll_park(int fd, uint32_t wanted, int64_t deadline_ns, uint32_t *out_ready)
{
	struct weft_thread *self = weft__self();

	weft__arm(self);
	return weft__kernel_park_poll(self, fd, wanted, deadline_ns, out_ready);
}

static void readiness_ends_a_wait_in_poll(void **state)
{
	uint32_t ready = 0;
	int ends[2];
	char byte;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(poll_park(ends[1], WEFT__POLL_WRITE, WEFT_FOREVER, &ready), 0);
	assert_int_equal(ready, WEFT__POLL_WRITE);
	assert_int_equal(write(ends[1], "x", 1), 1);
	ready = 0;
	assert_int_equal(poll_park(ends[0], WEFT__POLL_READ, WEFT_FOREVER, &ready), 0);
	assert_int_equal(ready, WEFT__POLL_READ);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	close(ends[1]);
}

static void a_deadline_ends_a_wait_in_poll(void **state)
{
	uint32_t ready = 77;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < 5; i++) {
		int64_t deadline_ns = i == 0 ? 1 : weft_now() + i * WEFT_MS;

		assert_int_equal(poll_park(ends[0], WEFT__POLL_READ, deadline_ns, &ready),
				 -ETIMEDOUT);
		assert_true(weft_now() >= deadline_ns);
		assert_int_equal(ready, 77);
	}
	close(ends[0]);
	close(ends[1]);
}

static void a_claim_before_the_poll_is_kept(void **state)
{
	struct weft_thread *self = weft__self();
	uint32_t ready = 77;
	uint64_t ticket;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	ticket = weft__arm(self);
	assert_int_equal(weft__claim(self, ticket, 5), WEFT__CLAIM_RUNNING);
	/* Ready or not: the claim was first. */
	assert_int_equal(
		weft__kernel_park_poll(self, ends[0], WEFT__POLL_READ, WEFT_FOREVER, &ready), 5);
	assert_int_equal(ready, 77);
	assert_int_equal(weft__claim(self, ticket, 5), WEFT__CLAIM_LOST);
	close(ends[0]);
	close(ends[1]);
}

static void a_descriptor_that_is_not_open_fails_the_wait(void **state)
{
	uint32_t ready = 77;

	assert_int_equal(poll_park(1 << 20, WEFT__POLL_READ, WEFT_FOREVER, &ready), -EBADF);
	assert_int_equal(ready, 77);
}

/* A kernel thread's bell is opened at its first wait: this one is new and gets none. */
static void *poll_without_descriptors(void *arg)
{
	const int *end = arg;
	struct weft_thread *self = weft__self();
	uint32_t ready = 77;
	struct rlimit limit, none;
	int fd = dup(*end);
	uint64_t ticket;

	check(fd >= 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0);
	none = (struct rlimit){ (rlim_t)fd + 1, limit.rlim_max };
	check(setrlimit(RLIMIT_NOFILE, &none) == 0);
	check(poll_park(fd, WEFT__POLL_READ, WEFT_FOREVER, &ready) == -EMFILE);
	ticket = weft__arm(self);
	check(weft__claim(self, ticket, 6) == WEFT__CLAIM_RUNNING);
	check(weft__kernel_park_poll(self, fd, WEFT__POLL_READ, WEFT_FOREVER, &ready) == 6);
	check(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	check(poll_park(fd, WEFT__POLL_READ, weft_now() + WEFT_MS, &ready) == -ETIMEDOUT);
	check(ready == 77);
	close(fd);
	return NULL;
}

static void without_a_bell_it_does_not_wait(void **state)
{
	pthread_t thread;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pthread_create(&thread, NULL, poll_without_descriptors, &ends[0]), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(ends[0]);
	close(ends[1]);
}

/* A waker, a writer and a deadline at once: one of them ends each wait, and it is counted once. */
struct poll_contest {
	struct contest contest;
	int ends[2];
	uint32_t readable; /* the waiter's */
	uint32_t written;  /* the writer's */
};

static void *write_rounds(void *arg)
{
	struct poll_contest *poll = arg;
	uint64_t before = 0;

	while (!__atomic_load_n(&poll->contest.over, __ATOMIC_ACQUIRE)) {
		uint64_t ticket = __atomic_load_n(&poll->contest.ticket, __ATOMIC_ACQUIRE);

		if (ticket == before || ticket / WEFT__PARK_EPOCH % 3 != 0) {
			weft__sys_thread_yield();
			continue;
		}
		before = ticket;
		check(write(poll->ends[1], "x", 1) == 1);
		poll->written++;
	}
	return NULL;
}

static void *poll_rounds(void *arg)
{
	struct poll_contest *poll = arg;
	struct contest *contest = &poll->contest;
	struct weft_thread *self = weft__self();
	char byte;

	__atomic_store_n(&contest->waiter, self, __ATOMIC_RELEASE);
	while (__atomic_load_n(&contest->present, __ATOMIC_ACQUIRE) < 1)
		weft__sys_thread_yield();
	for (uint32_t i = 0; i < contest->rounds; i++) {
		int64_t deadline_ns = choose_deadline(contest);
		uint32_t ready = 0;
		int code;

		__atomic_store_n(&contest->ticket, weft__arm(self), __ATOMIC_RELEASE);
		code = weft__kernel_park_poll(self, poll->ends[0], WEFT__POLL_READ, deadline_ns,
					      &ready);
		if (ready != 0) {
			check(code == 0 && ready == WEFT__POLL_READ);
			check(read(poll->ends[0], &byte, 1) == 1);
			poll->readable++;
		} else if (code == -ETIMEDOUT) {
			contest->timed_out++;
		} else {
			check(code == 1);
			contest->arrived[0]++;
		}
	}
	__atomic_store_n(&contest->over, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&contest->present, __ATOMIC_ACQUIRE) > 0)
		weft__sys_thread_yield();
	return NULL;
}

static void of_readiness_waker_and_deadline_one_ends_a_wait_in_poll(void **state)
{
	struct poll_contest poll = { .contest = { .rounds = 5000, .deadlines = NEAR } };
	struct waker waker = { &poll.contest, 0 };
	pthread_t threads[3];
	char bytes[8192];
	ssize_t left = 0;

	poll.contest.seed = (uint64_t)weft_now();
	print_message("WEFT_SEED=%llu\n", (unsigned long long)poll.contest.seed);
	assert_int_equal(weft__sys_pipe(poll.ends), 0);
	assert_int_equal(pthread_create(&threads[0], NULL, poll_rounds, &poll), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, wake_as_foreign, &waker), 0);
	assert_int_equal(pthread_create(&threads[2], NULL, write_rounds, &poll), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	left = read(poll.ends[0], bytes, sizeof bytes);
	assert_int_equal(poll.readable + (left > 0 ? (uint32_t)left : 0), poll.written);
	assert_int_equal(poll.contest.arrived[0], poll.contest.won[0]);
	assert_int_equal(poll.contest.won[0] + poll.contest.timed_out + poll.readable,
			 poll.contest.rounds);
	close(poll.ends[0]);
	close(poll.ends[1]);
}

/* A ring that was meant for a wait in poll must not reach into the next. */
struct bells {
	struct weft_thread *waiter; /* atomic */
	uint64_t ticket;            /* atomic */
	uint32_t over;              /* atomic */
};

static void *ring_rounds(void *arg)
{
	struct bells *bells = arg;
	struct weft_thread *waiter;
	uint64_t before = 0, ticket;

	while ((waiter = __atomic_load_n(&bells->waiter, __ATOMIC_ACQUIRE)) == NULL)
		weft__sys_thread_yield();
	while (!__atomic_load_n(&bells->over, __ATOMIC_ACQUIRE)) {
		ticket = __atomic_load_n(&bells->ticket, __ATOMIC_ACQUIRE);
		if (ticket == before) {
			weft__sys_thread_yield();
			continue;
		}
		before = ticket;
		check(weft__wake(waiter, ticket, 3));
	}
	return NULL;
}

static void a_waker_ends_a_wait_in_poll_and_no_later_one(void **state)
{
	struct bells bells = { 0 };
	struct weft_thread *self = weft__self();
	pthread_t waker;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pthread_create(&waker, NULL, ring_rounds, &bells), 0);
	__atomic_store_n(&bells.waiter, self, __ATOMIC_RELEASE);
	for (int i = 0; i < 2000; i++) {
		uint32_t ready = 77;

		__atomic_store_n(&bells.ticket, weft__arm(self), __ATOMIC_RELEASE);
		/* By turns, in poll and on the word: the one leaves nothing that the other sees. */
		if (i % 3 == 2)
			assert_int_equal(weft__park(self, "test", WEFT_FOREVER), 3);
		else
			assert_int_equal(weft__kernel_park_poll(self, ends[0], WEFT__POLL_READ,
								WEFT_FOREVER, &ready),
					 3);
		assert_int_equal(ready, 77);
		if (i % 50 == 0)
			assert_int_equal(poll_park(ends[0], WEFT__POLL_READ, weft_now() + WEFT_US,
						   &ready),
					 -ETIMEDOUT);
	}
	__atomic_store_n(&bells.over, 1, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(waker, NULL), 0);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claim_before_the_park_is_kept_with_its_code),
		cmocka_unit_test(a_wait_that_was_taken_back_cannot_be_claimed),
		cmocka_unit_test(a_deadline_claims_the_wait_and_never_early),
		cmocka_unit_test(of_several_wakers_one_wins_and_its_code_arrives),
		cmocka_unit_test(of_deadline_and_wakers_one_wins),
		cmocka_unit_test(between_blocking_brackets_too),
		cmocka_unit_test(readiness_ends_a_wait_in_poll),
		cmocka_unit_test(a_deadline_ends_a_wait_in_poll),
		cmocka_unit_test(a_claim_before_the_poll_is_kept),
		cmocka_unit_test(a_descriptor_that_is_not_open_fails_the_wait),
		cmocka_unit_test(without_a_bell_it_does_not_wait),
		cmocka_unit_test(of_readiness_waker_and_deadline_one_ends_a_wait_in_poll),
		cmocka_unit_test(a_waker_ends_a_wait_in_poll_and_no_later_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
