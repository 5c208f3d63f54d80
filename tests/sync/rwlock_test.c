/* SPDX-License-Identifier: MIT */
/* Readers-writer lock: every form, whose turn it is, and who shares it with whom. */
#include "crowd.h"

static weft_rwlock lock;

static void reset(void)
{
	lock = (weft_rwlock)WEFT_RWLOCK_INIT;
}

static void readers_share_it_and_a_writer_does_not(void **state)
{
	(void)state;
	reset();
	assert_int_equal(weft_rwlock_read_lock(&lock), 0);
	assert_int_equal(weft_rwlock_read_lock_try(&lock), 0);
	assert_int_equal(weft_rwlock_read_lock_until(&lock, 0), 0);
	assert_int_equal(weft_rwlock_write_lock_try(&lock), -EBUSY);
	assert_int_equal(weft_rwlock_write_lock_until(&lock, 0), -ETIMEDOUT);
	for (int i = 0; i < 3; i++)
		weft_rwlock_read_unlock(&lock);
	assert_int_equal(weft_rwlock_write_lock_until(&lock, 0), 0);
	assert_int_equal(weft_rwlock_write_lock_try(&lock), -EBUSY);
	assert_int_equal(weft_rwlock_read_lock_try(&lock), -EBUSY);
	assert_int_equal(weft_rwlock_read_lock_until(&lock, 0), -ETIMEDOUT);
	weft_rwlock_write_unlock(&lock);
	assert_int_equal(weft_rwlock_write_lock(&lock), 0);
	weft_rwlock_write_unlock(&lock);
	assert_int_equal(lock.word, 0);
	weft_rwlock_fini(&lock);
}

static void a_kernel_thread_gives_up_at_the_deadline(void **state)
{
	int64_t deadline_ns = weft_now() + 2 * WEFT_MS;

	(void)state;
	reset();
	weft_rwlock_write_lock(&lock);
	assert_int_equal(weft_rwlock_read_lock_until(&lock, deadline_ns), -ETIMEDOUT);
	assert_true(weft_now() >= deadline_ns);
	assert_int_equal(weft_rwlock_write_lock_until(&lock, weft_now() + WEFT_MS), -ETIMEDOUT);
	weft_rwlock_write_unlock(&lock);
	assert_int_equal(lock.word, 0);
}

/* ---- whose turn it is. All on one processor: nobody runs unless the running one gives way. */
static char order[32];
static int order_count;

static void note(char what)
{
	order[order_count++] = what;
}

static int read_and_note(void *arg)
{
	weft_rwlock_read_lock(&lock);
	note(*(char *)arg);
	weft_yield();
	note('-');
	weft_rwlock_read_unlock(&lock);
	return 0;
}

static int write_and_note(void *arg)
{
	weft_rwlock_write_lock(&lock);
	note(*(char *)arg);
	weft_yield();
	note('=');
	weft_rwlock_write_unlock(&lock);
	return 0;
}

static weft_thread *start_waiting(weft_function *function, const char *name)
{
	weft_thread *thread = start(function, (void *)(uintptr_t)name);

	weft_yield();
	return thread;
}

static int let_a_phase_in(void *arg)
{
	weft_thread *threads[4];

	(void)arg;
	weft_rwlock_write_lock(&lock);
	threads[0] = start_waiting(read_and_note, "a");
	threads[1] = start_waiting(write_and_note, "W");
	threads[2] = start_waiting(read_and_note, "b");
	threads[3] = start_waiting(write_and_note, "X");
	check(order_count == 0);
	weft_rwlock_write_unlock(&lock);
	for (int i = 0; i < 4; i++)
		finish(threads[i]);
	check(lock.word == 0);
	return 0;
}

static void a_writer_lets_all_readers_in_and_they_the_next_writer(void **state)
{
	(void)state;
	reset();
	memset(order, 0, sizeof order);
	order_count = 0;
	scenario(let_a_phase_in, NULL);
	if (order[0] == 'b')
		assert_string_equal(order, "ba--W=X=");
	else
		assert_string_equal(order, "ab--W=X=");
}

static int wait_behind_a_writer(void *arg)
{
	weft_thread *threads[2];

	(void)arg;
	weft_rwlock_read_lock(&lock);
	threads[0] = start_waiting(write_and_note, "W");
	check(weft_rwlock_read_lock_try(&lock) == -EBUSY);
	check(weft_rwlock_read_lock_until(&lock, weft_now() + WEFT_MS) == -ETIMEDOUT);
	threads[1] = start_waiting(read_and_note, "a");
	check(order_count == 0);
	weft_rwlock_read_unlock(&lock);
	finish(threads[0]);
	finish(threads[1]);
	check(lock.word == 0);
	return 0;
}

static void readers_do_not_pass_a_writer_that_waits(void **state)
{
	(void)state;
	reset();
	memset(order, 0, sizeof order);
	order_count = 0;
	scenario(wait_behind_a_writer, NULL);
	assert_string_equal(order, "W=a-");
}

/* ---- a writer that gives up */
static int write_until(void *arg)
{
	return weft_rwlock_write_lock_until(&lock, *(int64_t *)arg);
}

static int read_until(void *arg)
{
	int code = weft_rwlock_read_lock_until(&lock, *(int64_t *)arg);

	if (code == 0)
		weft_rwlock_read_unlock(&lock);
	return code;
}

/* We read all the time. If the reader behind the writer were not let in this would hang. */
static int read_on(void *arg)
{
	bool cancel = *(bool *)arg;
	int64_t deadline_ns = cancel ? WEFT_FOREVER : weft_now() + WEFT_MS, never_ns = WEFT_FOREVER;
	weft_thread *writer, *reader;

	weft_rwlock_read_lock(&lock);
	writer = start(write_until, &deadline_ns);
	weft_yield();
	reader = start(read_until, &never_ns);
	weft_yield();
	if (cancel) {
		check(weft_thread_join_try(reader, NULL) == -EBUSY);
		weft_thread_cancel(writer);
	}
	check(finish(writer) == (cancel ? -ECANCELED : -ETIMEDOUT));
	check(finish(reader) == 0);
	check(weft_rwlock_read_lock_try(&lock) == 0);
	weft_rwlock_read_unlock(&lock);
	weft_rwlock_read_unlock(&lock);
	check(lock.word == 0);
	return 0;
}

static void a_writer_that_gives_up_lets_in_who_waits_behind_it(void **state)
{
	bool cancel = false;

	(void)state;
	reset();
	scenario(read_on, &cancel);
	cancel = true;
	scenario(read_on, &cancel);
}

static int cancel_a_reader(void *arg)
{
	int64_t never_ns = WEFT_FOREVER;
	weft_thread *open, *firm;

	(void)arg;
	weft_rwlock_write_lock(&lock);
	open = start(read_until, &never_ns);
	firm = start_waiting(read_and_note, "a");
	weft_thread_cancel(open);
	weft_thread_cancel(firm);
	check(finish(open) == -ECANCELED);
	check(weft_thread_join_try(firm, NULL) == -EBUSY);
	weft_rwlock_write_unlock(&lock);
	check(finish(firm) == 0);
	check(lock.word == 0);
	return 0;
}

static void a_cancellation_ends_the_wait_until_but_not_the_plain_one(void **state)
{
	(void)state;
	reset();
	order_count = 0;
	scenario(cancel_a_reader, NULL);
}

/* ---- the end */
static int read_it(void *arg)
{
	return weft_rwlock_read_lock(arg);
}

static int write_it(void *arg)
{
	return weft_rwlock_write_lock(arg);
}

static void who_was_let_in_stays_until_the_unlocker_is_off_the_queue(void **state)
{
	(void)state;
	reset();
	weft_rwlock_write_lock(&lock);
	waiter_is_held_back(&lock.waiters, read_it, &lock, 0);
	waiter_is_held_back(&lock.waiters, write_it, &lock, 0);
	weft_rwlock_write_unlock(&lock);
	assert_int_equal(lock.word, 0);
}

static void read_unlock_what_is_free(void *arg)
{
	weft_rwlock_read_unlock(arg);
}

static void write_unlock_what_is_read(void *arg)
{
	weft_rwlock_read_lock(arg);
	weft_rwlock_write_unlock(arg);
}

static void fini_while_read(void *arg)
{
	weft_rwlock_read_lock(arg);
	weft_rwlock_fini(arg);
}

static void misuse_stops_the_program(void **state)
{
	static const struct {
		void (*misuse)(void *);
		const char *says;
	} cases[] = {
		{ read_unlock_what_is_free, "is unlocked by a reader but nobody reads" },
		{ write_unlock_what_is_read, "is unlocked by a writer but nobody writes" },
		{ fini_while_read, "destroyed while held" },
	};
	char said[256], address[32];

	(void)state;
	reset();
	snprintf(address, sizeof address, "rwlock %p", (void *)&lock);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		last_words(cases[i].misuse, &lock, said, sizeof said);
		assert_non_null(strstr(said, address));
		assert_non_null(strstr(said, cases[i].says));
	}
}

/* ---- the crowd */
enum { ROUNDS = 2000 };

static struct {
	weft_rwlock lock;
	int readers; /* atomic */
	/* guarded by lock, and not atomic */
	int64_t written, twin;
	int64_t counted, read; /* atomic */
	int together;          /* atomic: readers were seen together */
} shared;

static int lock_somehow(struct member *self, bool write)
{
	int64_t deadline_ns;

	switch (member_choose(self, 8)) {
	case 0:
		return write ? weft_rwlock_write_lock_try(&shared.lock)
			     : weft_rwlock_read_lock_try(&shared.lock);
	case 1:
	case 2:
		deadline_ns = weft_now() + member_choose(self, 50) * WEFT_US;
		return write ? weft_rwlock_write_lock_until(&shared.lock, deadline_ns)
			     : weft_rwlock_read_lock_until(&shared.lock, deadline_ns);
	default:
		return write ? weft_rwlock_write_lock(&shared.lock)
			     : weft_rwlock_read_lock(&shared.lock);
	}
}

static void write_once(struct member *self)
{
	check(atomic_load_relaxed(&shared.readers) == 0);
	shared.written++;
	if (member_choose(self, 16) == 0)
		weft_yield();
	shared.twin++;
	check(shared.twin == shared.written);
	weft_rwlock_write_unlock(&shared.lock);
	atomic_add_relaxed(&shared.counted, 1);
}

static void read_once(struct member *self)
{
	int64_t seen = shared.written;

	if (atomic_add_relaxed(&shared.readers, 1) != 0)
		atomic_store_relaxed(&shared.together, 1);
	check(shared.twin == seen);
	if (member_choose(self, 16) == 0)
		weft_yield();
	check(shared.written == seen);
	atomic_add_relaxed(&shared.readers, -1);
	weft_rwlock_read_unlock(&shared.lock);
	atomic_add_relaxed(&shared.read, 1);
}

static int enter_often(struct member *self)
{
	for (int i = 0; i < ROUNDS; i++) {
		bool write = member_choose(self, 4) == 0;

		if (lock_somehow(self, write) != 0)
			continue;
		if (write)
			write_once(self);
		else
			read_once(self);
		if (member_choose(self, 16) == 0)
			weft_yield();
	}
	return 0;
}

static void threads_of_all_kinds_read_together_and_write_alone(void **state)
{
	(void)state;
	memset(&shared, 0, sizeof shared);
	crowd(enter_often, NULL);
	assert_int_equal(shared.written, shared.counted);
	assert_true(shared.written > CROWD * ROUNDS / 16);
	assert_true(shared.read > CROWD * ROUNDS / 4);
	assert_int_equal(shared.together, 1);
	assert_int_equal(shared.lock.word, 0);
	weft_rwlock_fini(&shared.lock);
}

/* ---- memory that the last user gives away */
struct object {
	weft_rwlock lock;
	int users;
};

enum { OBJECTS = 1000 };

static struct object *objects[OBJECTS];

static int drop_each(struct member *self)
{
	for (int i = 0; i < OBJECTS; i++) {
		struct object *object = objects[i];
		bool last;

		if (member_choose(self, 2)) {
			weft_rwlock_read_lock(&object->lock);
			check(object->users > 0);
			weft_rwlock_read_unlock(&object->lock);
		}
		weft_rwlock_write_lock(&object->lock);
		last = --object->users == 0;
		weft_rwlock_write_unlock(&object->lock);
		if (last)
			memset(object, 0xa5, sizeof *object);
	}
	return 0;
}

static void the_last_user_may_give_the_memory_away(void **state)
{
	struct object away;

	(void)state;
	memset(&away, 0xa5, sizeof away);
	for (int i = 0; i < OBJECTS; i++) {
		objects[i] = calloc(1, sizeof *objects[i]);
		objects[i]->users = CROWD;
	}
	crowd(drop_each, NULL);
	for (int i = 0; i < OBJECTS; i++) {
		assert_memory_equal(objects[i], &away, sizeof away);
		free(objects[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_share_it_and_a_writer_does_not),
		cmocka_unit_test(a_kernel_thread_gives_up_at_the_deadline),
		cmocka_unit_test(a_writer_lets_all_readers_in_and_they_the_next_writer),
		cmocka_unit_test(readers_do_not_pass_a_writer_that_waits),
		cmocka_unit_test(a_writer_that_gives_up_lets_in_who_waits_behind_it),
		cmocka_unit_test(a_cancellation_ends_the_wait_until_but_not_the_plain_one),
		cmocka_unit_test(who_was_let_in_stays_until_the_unlocker_is_off_the_queue),
		cmocka_unit_test(misuse_stops_the_program),
		cmocka_unit_test(threads_of_all_kinds_read_together_and_write_alone),
		cmocka_unit_test(the_last_user_may_give_the_memory_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
