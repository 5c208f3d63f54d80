/* SPDX-License-Identifier: MIT */
/* Channel: every form, sizes and capacities, close, order, and that elements are neither lost nor
 * made. */
#include "crowd.h"
#include "chan/chan.h"

static weft_chan *make(size_t element_bytes, size_t capacity)
{
	weft_chan *chan = NULL;

	assert_int_equal(weft_chan_create(element_bytes, capacity, &chan), 0);
	return chan;
}

static void what_cannot_be_held_is_refused(void **state)
{
	weft_chan *chan = (weft_chan *)state;

	assert_int_equal(weft_chan_create(WEFT_CHAN_ELEMENT_MAX + 1, 1, &chan), -EINVAL);
	assert_int_equal(weft_chan_create(16, SIZE_MAX / 8, &chan), -ENOMEM);
	assert_int_equal(weft_chan_create(16, SIZE_MAX / 16 + 2, &chan), -ENOMEM);
	assert_int_equal(weft_chan_create(1, SIZE_MAX - 1, &chan), -ENOMEM);
	assert_ptr_equal(chan, state);
	chan = make(WEFT_CHAN_ELEMENT_MAX, 2);
	assert_int_equal(weft_chan_capacity(chan), 2);
	weft_chan_destroy(chan);
}

/* ---- one thread */

static void elements_leave_in_the_order_in_which_they_came(void **state)
{
	weft_chan *chan = make(sizeof(int64_t), 5);
	int64_t next_in = 0, next_out = 0, element;

	(void)state;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 1 + round % 5; i++, next_in++)
			assert_int_equal(weft_chan_send(chan, &next_in), 0);
		assert_int_equal(weft_chan_count(chan), next_in - next_out);
		while (next_out < next_in) {
			assert_int_equal(weft_chan_recv(chan, &element), 0);
			assert_int_equal(element, next_out++);
		}
	}
	weft_chan_destroy(chan);
}

static void a_full_channel_takes_no_more_and_an_empty_one_has_none(void **state)
{
	weft_chan *chan = make(sizeof(int), 2);
	int one = 1, two = 2, three = 3, got = 77;

	(void)state;
	assert_int_equal(weft_chan_recv_try(chan, &got), -EAGAIN);
	assert_int_equal(weft_chan_recv_until(chan, &got, 0), -ETIMEDOUT);
	assert_int_equal(weft_chan_recv_until(chan, &got, weft_now() + WEFT_MS), -ETIMEDOUT);
	assert_int_equal(got, 77);
	assert_int_equal(weft_chan_send_try(chan, &one), 0);
	assert_int_equal(weft_chan_send_until(chan, &two, 0), 0);
	assert_int_equal(weft_chan_send_try(chan, &three), -EAGAIN);
	assert_int_equal(weft_chan_send_until(chan, &three, 0), -ETIMEDOUT);
	assert_int_equal(weft_chan_send_until(chan, &three, weft_now() + WEFT_MS), -ETIMEDOUT);
	assert_int_equal(weft_chan_count(chan), 2);
	assert_int_equal(weft_chan_recv_until(chan, &got, 0), 0);
	assert_int_equal(got, 1);
	assert_int_equal(weft_chan_recv_try(chan, &got), 0);
	assert_int_equal(got, 2);
	weft_chan_destroy(chan);
}

/* Round about in a ring of three, past the ends of a chunk, and byte for byte. */
static void copy_all(size_t bytes, size_t capacity, int count)
{
	weft_chan *chan = make(bytes, capacity);
	unsigned char *in = malloc(bytes + 1), *out = malloc(bytes + 1);

	for (int i = 0; i < count; i++) {
		memset(in, i, bytes);
		assert_int_equal(weft_chan_send(chan, in), 0);
		assert_int_equal(weft_chan_send(chan, in), 0);
		for (int j = 0; j < 2; j++) {
			memset(out, i + 1, bytes + 1);
			assert_int_equal(weft_chan_recv(chan, out), 0);
			assert_memory_equal(in, out, bytes);
			assert_int_equal(out[bytes], (unsigned char)(i + 1));
		}
	}
	assert_int_equal(weft_chan_count(chan), 0);
	weft_chan_destroy(chan);
	free(in);
	free(out);
}

static void elements_of_every_size_are_copied_whole(void **state)
{
	static const size_t sizes[] = { 0, 1, 4, 7, 8, 12, 16, 24, 500, 5000, 65536 };

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		copy_all(sizes[i], 3, 20);
		copy_all(sizes[i], 2, 20);
		copy_all(sizes[i], WEFT_CHAN_UNBOUNDED, sizes[i] > 5000 ? 40 : 2000);
	}
}

static void an_unbounded_channel_holds_any_number(void **state)
{
	enum { MANY = 100000 };
	weft_chan *chan = make(sizeof(int), WEFT_CHAN_UNBOUNDED);
	int got = -1;

	(void)state;
	assert_int_equal(weft_chan_capacity(chan), WEFT_CHAN_UNBOUNDED);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < MANY; i++)
			assert_int_equal(weft_chan_send_try(chan, &i), 0);
		assert_int_equal(weft_chan_count(chan), MANY);
		for (int i = 0; i < MANY; i++) {
			assert_int_equal(weft_chan_recv_try(chan, &got), 0);
			assert_int_equal(got, i);
		}
		/* And gives the memory back. */
		assert_ptr_equal(chan->slots.first, chan->slots.last);
	}
	assert_int_equal(weft_chan_recv_try(chan, &got), -EAGAIN);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(weft_chan_send(chan, &i), 0);
	weft_chan_destroy(chan);
}

static void a_closed_channel_is_received_from_until_it_is_empty(void **state)
{
	weft_chan *chan = make(sizeof(int), 4);
	int one = 1, two = 2, got = 0;

	(void)state;
	weft_chan_send(chan, &one);
	weft_chan_send(chan, &two);
	weft_chan_close(chan);
	weft_chan_close(chan);
	assert_int_equal(weft_chan_send(chan, &one), -EPIPE);
	assert_int_equal(weft_chan_send_try(chan, &one), -EPIPE);
	assert_int_equal(weft_chan_send_until(chan, &one, 0), -EPIPE);
	assert_int_equal(weft_chan_recv(chan, &got), 0);
	assert_int_equal(got, 1);
	assert_int_equal(weft_chan_recv(chan, &got), 0);
	assert_int_equal(got, 2);
	assert_int_equal(weft_chan_recv(chan, &got), -EPIPE);
	assert_int_equal(weft_chan_recv_try(chan, &got), -EPIPE);
	assert_int_equal(weft_chan_recv_until(chan, &got, 0), -EPIPE);
	assert_int_equal(got, 2);
	weft_chan_destroy(chan);
}

/* ---- one processor */
static struct {
	weft_chan *chan;
	int order[8], count;
} line;

static void in_line(weft_function *app, size_t capacity)
{
	memset(&line, 0, sizeof line);
	line.chan = make(sizeof(int), capacity);
	scenario(app, NULL);
	weft_chan_destroy(line.chan);
}

static int recv_and_note(void *arg)
{
	int got = -1, result = weft_chan_recv(line.chan, &got);

	line.order[(intptr_t)arg] = got;
	return result;
}

static int send_number(void *arg)
{
	int number = (int)(intptr_t)arg, result = weft_chan_send(line.chan, &number);

	line.count++;
	return result;
}

static int meet_without_capacity(void *arg)
{
	weft_thread *sender, *receiver;
	int got = 0, four = 4;

	(void)arg;
	check(weft_chan_send_try(line.chan, &four) == -EAGAIN);
	check(weft_chan_recv_try(line.chan, &got) == -EAGAIN);
	sender = start(send_number, (void *)3);
	weft_yield();
	check(line.count == 0);
	check(weft_chan_count(line.chan) == 0);
	check(weft_chan_recv_try(line.chan, &got) == 0);
	check(got == 3);
	check(finish(sender) == 0);
	receiver = start(recv_and_note, (void *)1);
	weft_yield();
	check(line.order[1] == 0);
	check(weft_chan_send_try(line.chan, &four) == 0);
	check(finish(receiver) == 0);
	check(line.order[1] == 4);
	return 0;
}

static void without_capacity_sender_and_receiver_wait_for_each_other(void **state)
{
	(void)state;
	in_line(meet_without_capacity, 0);
}

static int stand_in_line(void *arg)
{
	weft_thread *threads[5];
	int got;

	(void)arg;
	for (intptr_t i = 0; i < 5; i++) {
		threads[i] = start(recv_and_note, (void *)i);
		weft_yield();
	}
	for (int i = 0; i < 5; i++)
		check(weft_chan_send(line.chan, &(int){ 10 + i }) == 0);
	check(weft_chan_count(line.chan) == 0);
	for (int i = 0; i < 5; i++) {
		check(finish(threads[i]) == 0);
		check(line.order[i] == 10 + i);
	}
	/* Two fit, the others wait. */
	for (intptr_t i = 0; i < 5; i++) {
		threads[i] = start(send_number, (void *)i);
		weft_yield();
	}
	check(line.count == 2);
	for (int i = 0; i < 5; i++) {
		check(weft_chan_recv(line.chan, &got) == 0);
		check(got == i);
		/* the first of those that wait has the place at once */
		check(weft_chan_count(line.chan) == (size_t)(i < 3 ? 2 : 4 - i));
	}
	for (int i = 0; i < 5; i++)
		check(finish(threads[i]) == 0);
	return 0;
}

static void first_come_first_served(void **state)
{
	(void)state;
	in_line(stand_in_line, 2);
}

static int give_up_soon(void *arg)
{
	int *got = arg, result = weft_chan_recv_until(line.chan, got, weft_now() + WEFT_MS);

	return result;
}

static int give_up_sending_soon(void *arg)
{
	return weft_chan_send_until(line.chan, arg, weft_now() + WEFT_MS);
}

static int leave_the_line(void *arg)
{
	weft_thread *first, *second, *third;
	int got = 55, one = 1, three = 3;

	(void)arg;
	first = start(recv_and_note, (void *)1);
	weft_yield();
	second = start(give_up_soon, &got);
	weft_yield();
	third = start(recv_and_note, (void *)3);
	check(finish(second) == -ETIMEDOUT);
	check(weft_chan_send(line.chan, &one) == 0);
	check(weft_chan_send(line.chan, &three) == 0);
	check(finish(first) == 0 && finish(third) == 0);
	check(line.order[1] == 1 && line.order[3] == 3 && got == 55);
	first = start(send_number, (void *)1);
	weft_yield();
	second = start(give_up_sending_soon, &(int){ 2 });
	weft_yield();
	third = start(send_number, (void *)3);
	check(finish(second) == -ETIMEDOUT);
	check(weft_chan_recv(line.chan, &got) == 0 && got == 1);
	check(weft_chan_recv(line.chan, &got) == 0 && got == 3);
	check(finish(first) == 0 && finish(third) == 0);
	check(weft_chan_recv_try(line.chan, &got) == -EAGAIN);
	return 0;
}

static void one_who_gave_up_is_passed_over(void **state)
{
	(void)state;
	in_line(leave_the_line, 0);
}

static int be_cancelled(void *arg)
{
	weft_thread *sender, *receiver;
	int got = 0, five = 5;

	(void)arg;
	receiver = start(recv_and_note, (void *)1);
	weft_yield();
	weft_thread_cancel(receiver);
	check(finish(receiver) == -ECANCELED);
	check(line.order[1] == -1);
	check(weft_chan_send_try(line.chan, &five) == -EAGAIN);
	sender = start(send_number, (void *)3);
	weft_yield();
	weft_thread_cancel(sender);
	check(finish(sender) == -ECANCELED);
	check(weft_chan_recv_try(line.chan, &got) == -EAGAIN);
	return 0;
}

static void a_cancelled_wait_sends_and_receives_nothing(void **state)
{
	(void)state;
	in_line(be_cancelled, 0);
}

static int take_what_is_there(void *arg)
{
	weft_scope scope;
	int one = 1, got = 0;

	(void)arg;
	weft_scope_enter(&scope, WEFT_FOREVER);
	weft_scope_cancel(&scope);
	check(weft_chan_send(line.chan, &one) == 0);
	check(weft_chan_send(line.chan, &one) == -ECANCELED);
	check(weft_chan_recv(line.chan, &got) == 0);
	check(weft_chan_recv(line.chan, &got) == -ECANCELED);
	check(weft_scope_leave(&scope) == -ECANCELED);
	return 0;
}

static void a_cancelled_thread_may_take_what_it_need_not_wait_for(void **state)
{
	(void)state;
	in_line(take_what_is_there, 1);
}

static int close_on_waiters(void *arg)
{
	weft_thread *threads[3];

	for (intptr_t i = 0; i < 3; i++)
		threads[i] = start(arg != NULL ? recv_and_note : send_number, (void *)i);
	weft_yield();
	weft_chan_close(line.chan);
	for (int i = 0; i < 3; i++)
		check(finish(threads[i]) == -EPIPE);
	return 0;
}

static int close_on_senders(void *arg)
{
	int got = 66;

	(void)arg;
	close_on_waiters(NULL);
	check(weft_chan_recv(line.chan, &got) == -EPIPE);
	check(got == 66);
	return 0;
}

static int close_on_receivers(void *arg)
{
	(void)arg;
	close_on_waiters(&line);
	for (int i = 0; i < 3; i++)
		check(line.order[i] == -1);
	return 0;
}

static void close_lets_those_that_wait_go_with_epipe(void **state)
{
	(void)state;
	in_line(close_on_senders, 0);
	in_line(close_on_receivers, 0);
	in_line(close_on_receivers, 3);
}

/* ---- misuse */

static int destroy_under_a_waiter(void *arg)
{
	start(arg, NULL);
	weft_yield();
	weft_chan_destroy(line.chan);
	return 0;
}

static void destroy_it(void *arg)
{
	line.chan = make(sizeof(int), 0);
	weft_run(destroy_under_a_waiter, arg, &(weft_sched_options){ .processors = 1 });
}

static void a_channel_that_somebody_waits_in_is_not_destroyed(void **state)
{
	char said[200];

	(void)state;
	last_words(destroy_it, recv_and_note, said, sizeof said);
	assert_non_null(strstr(said, "destroyed while somebody waits in it"));
	last_words(destroy_it, send_number, said, sizeof said);
	assert_non_null(strstr(said, "destroyed while somebody waits in it"));
}

/* ---- who was let go on while its waker still has the lock */

struct late {
	weft_chan *chan;
	int got;
};

static int recv_late(void *arg)
{
	struct late *late = arg;

	return weft_chan_recv(late->chan, &late->got);
}

static void a_receiver_stays_until_its_sender_is_off_the_lock(void **state)
{
	struct late late = { .chan = make(sizeof(int), 0) };
	struct weft__chan_rest rest = { NULL, NULL, NULL };
	struct weft_thread *self = weft__self();
	struct kept kept;
	int element = 9;

	(void)state;
	kept_start(&kept, recv_late, &late);
	for (;;) {
		weft__chan_lock(late.chan, self);
		if (!weft__waitq_is_empty(&late.chan->parties[WEFT__CHAN_RECV]))
			break;
		weft__chan_unlock(late.chan, self);
		weft_yield();
	}
	assert_int_equal(weft__chan_do(late.chan, WEFT__CHAN_SEND, NULL, &element, &rest), 0);
	if (rest.woken != NULL)
		weft__ready(rest.woken);
	rest.woken = NULL;
	assert_true(kept_is_stopped(&kept));
	weft__chan_unlock_and(late.chan, self, &rest);
	assert_int_equal(kept_finish(&kept), 0);
	assert_int_equal(late.got, 9);
	weft_chan_destroy(late.chan);
}

/* ---- the crowd: every second sends, the others receive */
enum { ROUNDS = 3000, SENDERS = (CROWD + 1) / 2 };

struct parcel {
	int32_t sender, number;
	int64_t check; /* of the whole */
};

static struct {
	weft_chan *chan;
	int senders;                           /* atomic: that are not yet done */
	uint8_t sent[SENDERS][ROUNDS];         /* by its sender */
	uint8_t received[SENDERS][ROUNDS];     /* atomic: how often */
	int64_t gave_up, cancelled, delivered; /* atomic */
} post;

static int64_t check_of(const struct parcel *parcel)
{
	return (int64_t)parcel->sender << 40 ^ (int64_t)parcel->number * 0x9e3779b1;
}

/* Plainly, with a deadline, as a try, or in a scope that ends soon. */
static int go_somehow(struct member *self, int (*forever)(struct parcel *),
		      int (*until)(struct parcel *, int64_t), int (*once)(struct parcel *),
		      struct parcel *parcel)
{
	weft_scope scope;
	int result;

	switch (member_choose(self, 8)) {
	case 0:
		return once(parcel);
	case 1:
	case 2:
		return until(parcel, weft_now() + member_choose(self, 50) * WEFT_US);
	case 3:
		weft_scope_enter(&scope, weft_now() + member_choose(self, 50) * WEFT_US);
		result = forever(parcel);
		weft_scope_leave(&scope);
		return result;
	default:
		return forever(parcel);
	}
}

static int send_forever(struct parcel *parcel)
{
	return weft_chan_send(post.chan, parcel);
}

static int send_until(struct parcel *parcel, int64_t deadline_ns)
{
	return weft_chan_send_until(post.chan, parcel, deadline_ns);
}

static int send_once(struct parcel *parcel)
{
	return weft_chan_send_try(post.chan, parcel);
}

static int recv_forever(struct parcel *parcel)
{
	return weft_chan_recv(post.chan, parcel);
}

static int recv_until(struct parcel *parcel, int64_t deadline_ns)
{
	return weft_chan_recv_until(post.chan, parcel, deadline_ns);
}

static int recv_once(struct parcel *parcel)
{
	return weft_chan_recv_try(post.chan, parcel);
}

static void count_failure(int result)
{
	check(result == -EAGAIN || result == -ETIMEDOUT || result == -ECANCELED);
	if (result == -ECANCELED)
		atomic_add_relaxed(&post.cancelled, 1);
	else
		atomic_add_relaxed(&post.gave_up, 1);
}

static void send_all(struct member *self)
{
	struct parcel parcel = { .sender = self->index / 2 };

	for (; parcel.number < ROUNDS; parcel.number++) {
		int result;

		parcel.check = check_of(&parcel);
		result = go_somehow(self, send_forever, send_until, send_once, &parcel);
		post.sent[parcel.sender][parcel.number] = result == 0;
		if (result != 0)
			count_failure(result);
		if (member_choose(self, 16) == 0)
			weft_yield();
	}
	if (atomic_sub_acq_rel(&post.senders, 1) == 1)
		weft_chan_close(post.chan);
}

static void receive_all(struct member *self)
{
	int32_t last[SENDERS];

	memset(last, 0xff, sizeof last);
	for (;;) {
		struct parcel parcel = { .sender = -1 };
		int result = go_somehow(self, recv_forever, recv_until, recv_once, &parcel);

		if (result == -EPIPE)
			return;
		if (result != 0) {
			check(parcel.sender == -1);
			count_failure(result);
			continue;
		}
		check(parcel.sender >= 0 && parcel.sender < SENDERS && parcel.number >= 0 &&
		      parcel.number < ROUNDS && parcel.check == check_of(&parcel));
		check(parcel.number > last[parcel.sender]);
		last[parcel.sender] = parcel.number;
		atomic_add_relaxed(&post.received[parcel.sender][parcel.number], 1);
		atomic_add_relaxed(&post.delivered, 1);
	}
}

static int send_or_receive(struct member *self)
{
	if (self->index % 2 == 0)
		send_all(self);
	else
		receive_all(self);
	return 0;
}

static void post_all(size_t capacity)
{
	int wrong = 0;

	memset(&post, 0, sizeof post);
	post.chan = make(sizeof(struct parcel), capacity);
	post.senders = SENDERS;
	crowd(send_or_receive, NULL);
	for (int sender = 0; sender < SENDERS; sender++)
		for (int number = 0; number < ROUNDS; number++)
			wrong += post.sent[sender][number] != post.received[sender][number];
	assert_int_equal(wrong, 0);
	assert_int_equal(weft_chan_count(post.chan), 0);
	assert_true(post.delivered > 0);
	printf("delivered %lld, gave up %lld, cancelled %lld\n", (long long)post.delivered,
	       (long long)post.gave_up, (long long)post.cancelled);
	weft_chan_destroy(post.chan);
}

static void elements_are_neither_lost_nor_made_without_capacity(void **state)
{
	(void)state;
	post_all(0);
}

static void elements_are_neither_lost_nor_made_in_a_ring(void **state)
{
	(void)state;
	post_all(3);
}

static void elements_are_neither_lost_nor_made_without_bound(void **state)
{
	(void)state;
	post_all(WEFT_CHAN_UNBOUNDED);
}

/* ---- a channel that goes away as soon as the wait is over */

static int send_to_each(void *arg)
{
	weft_chan **chans = arg;

	for (int64_t i = 0; chans[i] != NULL; i++)
		check(weft_chan_send(chans[i], &i) == 0);
	return 0;
}

static int recv_and_destroy(void *arg)
{
	weft_chan **chans = arg;

	for (int64_t i = 0, got = -1; chans[i] != NULL; i++) {
		check(weft_chan_recv(chans[i], &got) == 0 && got == i);
		weft_chan_destroy(chans[i]);
	}
	return 0;
}

static void who_has_received_may_destroy_the_channel(void **state)
{
	enum { TIMES = 5000 };
	weft_chan **chans = calloc(TIMES + 1, sizeof *chans);
	weft_thread *sender, *receiver;
	weft_sched *sched;

	(void)state;
	crowd_failures = 0;
	for (int i = 0; i < TIMES; i++)
		chans[i] = make(sizeof(int64_t), (size_t)i % 3);
	assert_int_equal(weft_sched_create(&(weft_sched_options){ .processors = 2 }, &sched), 0);
	assert_int_equal(
		weft_thread_spawn(recv_and_destroy, chans,
				  &(weft_thread_options){ .kind = WEFT_LIGHT, .sched = sched },
				  &receiver),
		0);
	assert_int_equal(
		weft_thread_spawn(send_to_each, chans,
				  &(weft_thread_options){ .kind = WEFT_LIGHT, .sched = sched },
				  &sender),
		0);
	assert_int_equal(weft_thread_join(sender, NULL), 0);
	assert_int_equal(weft_thread_join(receiver, NULL), 0);
	assert_int_equal(weft_sched_destroy(sched), 0);
	assert_int_equal(crowd_failures, 0);
	free(chans);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_held_is_refused),
		cmocka_unit_test(elements_leave_in_the_order_in_which_they_came),
		cmocka_unit_test(a_full_channel_takes_no_more_and_an_empty_one_has_none),
		cmocka_unit_test(elements_of_every_size_are_copied_whole),
		cmocka_unit_test(an_unbounded_channel_holds_any_number),
		cmocka_unit_test(a_closed_channel_is_received_from_until_it_is_empty),
		cmocka_unit_test(without_capacity_sender_and_receiver_wait_for_each_other),
		cmocka_unit_test(first_come_first_served),
		cmocka_unit_test(one_who_gave_up_is_passed_over),
		cmocka_unit_test(a_cancelled_wait_sends_and_receives_nothing),
		cmocka_unit_test(a_cancelled_thread_may_take_what_it_need_not_wait_for),
		cmocka_unit_test(close_lets_those_that_wait_go_with_epipe),
		cmocka_unit_test(a_channel_that_somebody_waits_in_is_not_destroyed),
		cmocka_unit_test(a_receiver_stays_until_its_sender_is_off_the_lock),
		cmocka_unit_test(elements_are_neither_lost_nor_made_without_capacity),
		cmocka_unit_test(elements_are_neither_lost_nor_made_in_a_ring),
		cmocka_unit_test(elements_are_neither_lost_nor_made_without_bound),
		cmocka_unit_test(who_has_received_may_destroy_the_channel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
