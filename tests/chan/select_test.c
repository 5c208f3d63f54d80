/* SPDX-License-Identifier: MIT */
/* Select: one case happens and no other; fairness; deadlines, cancellation, close; select against
 * select. */
#include "crowd.h"
#include "chan/select.h"

enum { CHANS = 3 };

static struct {
	weft_chan *chans[CHANS];
	int order[8];
} line;

static weft_chan *make(size_t element_bytes, size_t capacity)
{
	weft_chan *chan = NULL;

	assert_int_equal(weft_chan_create(element_bytes, capacity, &chan), 0);
	return chan;
}

static void with_chans(weft_function *app, size_t capacity)
{
	memset(&line, 0, sizeof line);
	for (int i = 0; i < CHANS; i++)
		line.chans[i] = make(sizeof(int), capacity);
	scenario(app, NULL);
	for (int i = 0; i < CHANS; i++)
		weft_chan_destroy(line.chans[i]);
}

/* ---- one thread */

static void the_case_that_can_happen_happens(void **state)
{
	weft_chan *empty = make(sizeof(int), 1), *full = make(sizeof(int), 1);
	int one = 1, got = 0;
	weft_case cases[] = { WEFT_RECV(empty, &got), WEFT_SEND(full, &one), { 0 } };

	(void)state;
	assert_int_equal(weft_chan_send(full, &one), 0);
	assert_int_equal(weft_select(cases, 3, 0), -ETIMEDOUT);
	assert_int_equal(weft_select(cases, 3, weft_now() + WEFT_MS), -ETIMEDOUT);
	assert_int_equal(weft_select(cases, 0, 0), -ETIMEDOUT);
	assert_int_equal(weft_select(cases, 0, weft_now() + WEFT_MS), -ETIMEDOUT);
	weft_chan_send(empty, &(int){ 7 });
	assert_int_equal(weft_select(cases, 3, 0), 0);
	assert_int_equal(cases[0].result, 0);
	assert_int_equal(got, 7);
	weft_chan_recv(full, &got);
	assert_int_equal(weft_select(cases, 3, WEFT_FOREVER), 1);
	assert_int_equal(cases[1].result, 0);
	assert_int_equal(weft_chan_count(full), 1);
	assert_int_equal(weft_chan_count(empty), 0);
	weft_chan_destroy(empty);
	weft_chan_destroy(full);
}

static void what_cannot_be_selected_is_refused(void **state)
{
	weft_case odd = { .kind = (weft_case_kind)77 };

	(void)state;
	assert_int_equal(weft_select(&odd, 1, WEFT_FOREVER), -EINVAL);
	assert_int_equal(weft_select(&odd, -1, WEFT_FOREVER), -EINVAL);
	assert_int_equal(weft_select(&odd, WEFT_SELECT_MAX + 1, WEFT_FOREVER), -EINVAL);
}

static void a_closed_channel_is_a_case_that_happens(void **state)
{
	weft_chan *chan = make(sizeof(int), 1), *never = make(sizeof(int), 0);
	int one = 1, got = 5;
	weft_case recv[] = { WEFT_RECV(never, &got), WEFT_RECV(chan, &got) };
	weft_case send[] = { WEFT_SEND(never, &one), WEFT_SEND(chan, &one) };

	(void)state;
	weft_chan_send(chan, &one);
	weft_chan_close(chan);
	assert_int_equal(weft_select(send, 2, WEFT_FOREVER), 1);
	assert_int_equal(send[1].result, -EPIPE);
	assert_int_equal(weft_select(recv, 2, WEFT_FOREVER), 1);
	assert_int_equal(recv[1].result, 0);
	assert_int_equal(got, 1);
	got = 5;
	assert_int_equal(weft_select(recv, 2, WEFT_FOREVER), 1);
	assert_int_equal(recv[1].result, -EPIPE);
	assert_int_equal(got, 5);
	weft_chan_destroy(chan);
	weft_chan_destroy(never);
}

static void each_of_several_that_can_happen_has_its_turn(void **state)
{
	enum { TIMES = 6000 };
	weft_chan *chan = make(0, WEFT_CHAN_UNBOUNDED);
	weft_case cases[CHANS];
	int happened[CHANS] = { 0 };

	(void)state;
	for (int i = 0; i < CHANS; i++)
		cases[i] = (weft_case)WEFT_SEND(chan, NULL);
	for (int i = 0; i < TIMES; i++)
		happened[weft_select(cases, CHANS, 0)]++;
	for (int i = 0; i < CHANS; i++)
		assert_in_range(happened[i], TIMES / CHANS / 2, TIMES / CHANS * 2);
	weft_chan_destroy(chan);
}

static void a_send_and_a_receive_of_one_channel_do_not_meet(void **state)
{
	weft_chan *chan = make(sizeof(int), 0);
	int one = 1, got = 0;
	weft_case cases[] = { WEFT_SEND(chan, &one), WEFT_RECV(chan, &got), WEFT_SEND(chan, &one),
			      WEFT_RECV(chan, &got) };

	(void)state;
	assert_int_equal(weft_select(cases, 4, 0), -ETIMEDOUT);
	assert_int_equal(weft_select(cases, 4, weft_now() + WEFT_MS), -ETIMEDOUT);
	assert_int_equal(got, 0);
	weft_chan_destroy(chan);
}

static void many_cases_are_looked_at(void **state)
{
	enum { MANY = 200 };
	weft_chan *chans[MANY];
	weft_case cases[MANY];
	int got = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		chans[i] = make(sizeof(int), 1);
		cases[i] = (weft_case)WEFT_RECV(chans[i], &got);
	}
	assert_int_equal(weft_select(cases, MANY, weft_now() + WEFT_MS), -ETIMEDOUT);
	weft_chan_send(chans[150], &(int){ 9 });
	assert_int_equal(weft_select(cases, MANY, WEFT_FOREVER), 150);
	assert_int_equal(got, 9);
	for (int i = 0; i < MANY; i++)
		weft_chan_destroy(chans[i]);
}

/* ---- one processor */

static int select_recv(void *arg)
{
	weft_case cases[CHANS];
	int got[CHANS] = { 0 }, index;

	for (int i = 0; i < CHANS; i++)
		cases[i] = (weft_case)WEFT_RECV(line.chans[i], &got[i]);
	index = weft_select(cases, CHANS, WEFT_FOREVER);
	if (index >= 0) {
		for (int i = 0; i < CHANS; i++)
			check((got[i] != 0) == (i == index && cases[index].result == 0));
		line.order[(intptr_t)arg] = got[index];
		return cases[index].result < 0 ? cases[index].result : index;
	}
	return index;
}

static int wait_and_be_served(void *arg)
{
	weft_thread *thread;

	(void)arg;
	for (int i = 0; i < CHANS; i++) {
		thread = start(select_recv, (void *)(intptr_t)i);
		weft_yield();
		check(weft_chan_send_try(line.chans[i], &(int){ 10 + i }) == 0);
		/* It stands in no queue any more, though it has not run. */
		for (int j = 0; j < CHANS; j++)
			check(weft_chan_send_try(line.chans[j], &(int){ 99 }) == -EAGAIN);
		check(finish(thread) == i);
		check(line.order[i] == 10 + i);
		for (int j = 0; j < CHANS; j++)
			check(line.chans[j]->parties[WEFT__CHAN_RECV].first == NULL);
	}
	return 0;
}

static void a_waiting_select_is_served_once(void **state)
{
	(void)state;
	with_chans(wait_and_be_served, 0);
}

static int end_the_wait(void *arg)
{
	weft_thread *thread = start(select_recv, NULL);

	(void)arg;
	weft_yield();
	weft_thread_cancel(thread);
	check(finish(thread) == -ECANCELED);
	thread = start(select_recv, NULL);
	weft_yield();
	weft_chan_close(line.chans[1]);
	check(finish(thread) == -EPIPE);
	for (int j = 0; j < CHANS; j++)
		check(line.chans[j]->parties[WEFT__CHAN_RECV].first == NULL);
	return 0;
}

static void cancellation_and_close_end_the_wait(void **state)
{
	(void)state;
	with_chans(end_the_wait, 0);
}

static int send_from_select(void *arg)
{
	int element = 20 + (int)(intptr_t)arg, got;
	weft_case cases[] = { WEFT_SEND(line.chans[0], &element), WEFT_RECV(line.chans[1], &got) };

	return weft_select(cases, 2, WEFT_FOREVER);
}

static int meet_select(void *arg)
{
	weft_thread *first, *second;

	(void)arg;
	first = start(select_recv, (void *)1);
	weft_yield();
	second = start(send_from_select, (void *)2);
	check(finish(second) == 0);
	check(finish(first) == 0);
	check(line.order[1] == 22);
	return 0;
}

static void two_selects_meet(void **state)
{
	(void)state;
	with_chans(meet_select, 0);
}

/* ---- events */

static void a_set_event_is_a_case_that_happens(void **state)
{
	weft_event never = WEFT_EVENT_INIT, event = WEFT_EVENT_INIT;
	weft_case cases[] = { WEFT_EVENT(&never), WEFT_EVENT(&event) };

	(void)state;
	assert_int_equal(weft_select(cases, 2, 0), -ETIMEDOUT);
	assert_int_equal(weft_select(cases, 2, weft_now() + WEFT_MS), -ETIMEDOUT);
	assert_null(event.waiters.first);
	weft_event_set(&event);
	assert_int_equal(weft_select(cases, 2, WEFT_FOREVER), 1);
	assert_int_equal(cases[1].result, 0);
}

static weft_event signals[2];

static int await_signals(void *arg)
{
	int got;
	weft_case cases[] = { WEFT_EVENT(&signals[0]), WEFT_RECV(line.chans[0], &got),
			      WEFT_EVENT(&signals[1]) };

	(void)arg;
	return weft_select(cases, 3, WEFT_FOREVER);
}

static int set_and_reset(void *arg)
{
	weft_thread *first = start(await_signals, NULL), *second = start(await_signals, NULL);

	weft_yield();
	weft_event_set(&signals[1]);
	weft_event_reset(&signals[1]);
	check(finish(first) == 2);
	check(finish(second) == 2);
	check(signals[0].waiters.first == NULL && signals[1].waiters.first == NULL);
	first = start(await_signals, NULL);
	weft_yield();
	check(weft_chan_send_try(line.chans[0], arg) == 0);
	weft_event_set(&signals[1]); /* too late for this one */
	check(finish(first) == 1);
	check(finish(start(await_signals, NULL)) == 2);
	return 0;
}

static void an_event_lets_a_select_go_on_even_if_it_is_reset_at_once(void **state)
{
	int element = 0;

	(void)state;
	memset(signals, 0, sizeof signals);
	memset(&line, 0, sizeof line);
	line.chans[0] = make(sizeof(int), 0);
	scenario(set_and_reset, &element);
	weft_chan_destroy(line.chans[0]);
}

/* ---- the crowd: all send and receive on two channels, by selects and plainly */
enum { ROUNDS = 2000 };

static struct {
	weft_chan *chans[2];
	weft_chan *stop; /* is closed at the end */
	int busy;        /* atomic: members with something to do */
	int64_t sent, received, sent_sum, received_sum, gave_up; /* atomic */
} post;

static void count_sent(int64_t element)
{
	atomic_add_relaxed(&post.sent, 1);
	atomic_add_relaxed(&post.sent_sum, element);
}

static void count_received(int64_t element)
{
	atomic_add_relaxed(&post.received, 1);
	atomic_add_relaxed(&post.received_sum, element);
}

static int64_t some_deadline(struct member *self)
{
	return member_choose(self, 4) == 0 ? WEFT_FOREVER
					   : weft_now() + member_choose(self, 50) * WEFT_US;
}

static void select_once(struct member *self, int64_t element)
{
	int64_t got[2] = { -1, -1 };
	weft_case cases[] = { WEFT_SEND(post.chans[0], &element), WEFT_RECV(post.chans[1], &got[0]),
			      WEFT_SEND(post.chans[1], &element), WEFT_RECV(post.chans[0], &got[1]),
			      WEFT_RECV(post.stop, NULL) };
	weft_scope scope;
	int index;

	if (member_choose(self, 4) == 0) {
		weft_scope_enter(&scope, weft_now() + member_choose(self, 50) * WEFT_US);
		index = weft_select(cases, 5, WEFT_FOREVER);
		weft_scope_leave(&scope);
	} else {
		index = weft_select(cases, 5, some_deadline(self));
	}
	check(index >= 0 || index == -ETIMEDOUT || index == -ECANCELED);
	check(index == 4 || index < 0 || cases[index].result == 0);
	check((got[0] != -1) == (index == 1) && (got[1] != -1) == (index == 3));
	if (index == 0 || index == 2)
		count_sent(element);
	else if (index == 1 || index == 3)
		count_received(got[index == 3]);
	else
		atomic_add_relaxed(&post.gave_up, 1);
}

static void meet_plainly(struct member *self, int64_t element)
{
	int64_t got = -1, deadline_ns = weft_now() + member_choose(self, 50) * WEFT_US;
	weft_chan *chan = post.chans[member_choose(self, 2)];

	if (member_choose(self, 2) == 0) {
		if (weft_chan_send_until(chan, &element, deadline_ns) == 0)
			count_sent(element);
	} else if (weft_chan_recv_until(chan, &got, deadline_ns) == 0) {
		count_received(got);
	}
}

static int select_or_meet(struct member *self)
{
	for (int i = 0; i < ROUNDS; i++) {
		int64_t element = (int64_t)self->index * ROUNDS + i;

		if (member_choose(self, 4) == 0)
			meet_plainly(self, element);
		else
			select_once(self, element);
	}
	if (atomic_sub_acq_rel(&post.busy, 1) == 2)
		weft_chan_close(post.stop); /* the last would wait for ever */
	return 0;
}

static void post_all(size_t capacity)
{
	int64_t got;

	memset(&post, 0, sizeof post);
	post.busy = CROWD;
	post.stop = make(0, 0);
	for (int i = 0; i < 2; i++)
		post.chans[i] = make(sizeof(int64_t), capacity);
	crowd(select_or_meet, NULL);
	for (int i = 0; i < 2; i++) {
		while (weft_chan_recv_try(post.chans[i], &got) == 0)
			count_received(got);
		weft_chan_destroy(post.chans[i]);
	}
	weft_chan_destroy(post.stop);
	printf("sent %lld, gave up %lld\n", (long long)post.sent, (long long)post.gave_up);
	assert_true(post.sent > 0);
	assert_int_equal(post.sent, post.received);
	assert_int_equal(post.sent_sum, post.received_sum);
}

static void elements_are_neither_lost_nor_made_without_capacity(void **state)
{
	(void)state;
	post_all(0);
}

static void elements_are_neither_lost_nor_made_in_a_ring(void **state)
{
	(void)state;
	post_all(2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_case_that_can_happen_happens),
		cmocka_unit_test(what_cannot_be_selected_is_refused),
		cmocka_unit_test(a_closed_channel_is_a_case_that_happens),
		cmocka_unit_test(each_of_several_that_can_happen_has_its_turn),
		cmocka_unit_test(a_send_and_a_receive_of_one_channel_do_not_meet),
		cmocka_unit_test(many_cases_are_looked_at),
		cmocka_unit_test(a_waiting_select_is_served_once),
		cmocka_unit_test(cancellation_and_close_end_the_wait),
		cmocka_unit_test(two_selects_meet),
		cmocka_unit_test(a_set_event_is_a_case_that_happens),
		cmocka_unit_test(an_event_lets_a_select_go_on_even_if_it_is_reset_at_once),
		cmocka_unit_test(elements_are_neither_lost_nor_made_without_capacity),
		cmocka_unit_test(elements_are_neither_lost_nor_made_in_a_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
