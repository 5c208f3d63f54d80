/* SPDX-License-Identifier: MIT */
/*
 * Where the C library has no room for user threads: they are refused, it is said why, and what asks
 * for no kind gets light threads. Run with WEFT_FORCE_TLS=none.
 */
#include <weft/server.h>

#include "world.h"

static int do_nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int ask_for_user(void *arg)
{
	weft_thread_options options = { .kind = WEFT_USER };
	weft_thread *thread = arg;

	check(weft_thread_spawn(do_nothing, NULL, &options, &thread) == -ENOTSUP);
	check(thread == arg);
	check(weft_thread_spawn(do_nothing, NULL, &options, NULL) == -ENOTSUP);
	return 0;
}

static void a_user_thread_is_refused(void **state)
{
	weft_thread_options options = { .kind = WEFT_USER };
	const weft_sched_options two = { .processors = 2 };
	weft_thread *thread;

	(void)state;
	assert_int_equal(weft_run(ask_for_user, NULL, &two), 0);
	assert_int_equal(weft_sched_create(&two, &options.sched), 0);
	assert_int_equal(weft_thread_spawn(do_nothing, NULL, &options, &thread), -ENOTSUP);
	assert_int_equal(weft_sched_destroy(options.sched), 0);
}

static void it_is_said_why(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_non_null(strstr(weft_user_why(), "the C library does not offer "));
		assert_null(strchr(weft_user_why(), '\n'));
	}
}

static int note_kind(void *arg)
{
	*(weft_kind *)arg = weft_thread_kind(weft_thread_self());
	return 0;
}

static int ask_for_no_kind(void *arg)
{
	weft_kind own = WEFT_KIND_DEFAULT, child = WEFT_KIND_DEFAULT;
	weft_thread *thread;

	check(note_kind(&own) == 0);
	check(weft_thread_spawn(note_kind, &child, NULL, &thread) == 0);
	check(weft_thread_join(thread, NULL) == 0);
	check(own == child);
	*(weft_kind *)arg = child;
	return 0;
}

static void the_default_is_light(void **state)
{
	weft_kind kind = WEFT_KIND_DEFAULT;

	(void)state;
	assert_int_equal(weft_run(ask_for_no_kind, &kind, NULL), 0);
	assert_int_equal(kind, WEFT_LIGHT);
}

static void a_pool_of_user_workers_is_refused(void **state)
{
	weft_pool_options options = { .kind = WEFT_USER, .workers = 1 };
	weft_pool *pool = NULL;

	(void)state;
	assert_int_equal(weft_pool_create(&options, &pool), -ENOTSUP);
	assert_null(pool);
	options.kind = WEFT_LIGHT;
	assert_int_equal(weft_pool_create(&options, &pool), 0);
	weft_pool_destroy(pool);
}

static weft_served serve_nothing(weft_conn *conn)
{
	(void)conn;
	return WEFT_SERVED_CLOSE;
}

static void a_server_of_user_workers_is_refused(void **state)
{
	weft_server_options options = { .kind = WEFT_USER };
	weft_server *server = NULL;

	(void)state;
	assert_int_equal(weft_server_create("127.0.0.1:0", serve_nothing, NULL, &options, &server),
			 -ENOTSUP);
	assert_null(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_case(a_user_thread_is_refused),
		world_case(it_is_said_why),
		world_case(the_default_is_light),
		world_case(a_pool_of_user_workers_is_refused),
		world_case(a_server_of_user_workers_is_refused),
	};

	world_watch(20);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
