/* SPDX-License-Identifier: MIT */
/* What a pool refuses, and that it leaves nothing behind then. */
#include <dirent.h>

#include "in_pool.h"
#include "sys/linux/force.h"

static int make(const weft_pool_options *options)
{
	weft_pool *untouched = (weft_pool *)&untouched, *pool = untouched;
	int error = weft_pool_create(options, &pool);

	if (error < 0)
		assert_ptr_equal(pool, untouched);
	else
		assert_int_equal(weft_pool_destroy(pool), 0);
	return error;
}

static unsigned first(void *arg, uint64_t key, unsigned workers)
{
	(void)arg, (void)key, (void)workers;
	return 0;
}

static void impossible_options_are_refused(void **state)
{
	(void)state;
	assert_int_equal(make(&(weft_pool_options){ .kind = (weft_kind)9 }), -EINVAL);
	assert_int_equal(make(&(weft_pool_options){ .workers = 4097 }), -EINVAL);
	assert_int_equal(make(&(weft_pool_options){ .workers_max = 4097 }), -EINVAL);
	assert_int_equal(make(&(weft_pool_options){ .workers = 3, .workers_max = 2 }), -EINVAL);
	assert_int_equal(make(&(weft_pool_options){ .idle_ns = -1 }), -EINVAL);
	assert_int_equal(make(&(weft_pool_options){ .processors = 1025 }), -EINVAL);
	assert_int_equal(make(&(weft_pool_options){ .stack_bytes = SIZE_MAX }), -EINVAL);
	assert_int_equal(make(&(weft_pool_options){ .when_full = (weft_pool_full)3 }), -EINVAL);
	assert_int_equal(make(&(weft_pool_options){ .route = (weft_route)5 }), -EINVAL);
	assert_int_equal(make(&(weft_pool_options){ .route = WEFT_ROUTE_FUNCTION }), -EINVAL);
	assert_int_equal(make(&(weft_pool_options){ .route_function = first }), -EINVAL);
}

static void defaults_make_a_pool(void **state)
{
	weft_pool *pool = make_pool(NULL);
	weft_task *task;
	int result = 0;

	(void)state;
	assert_true(stats_of(pool).workers >= 1);
	assert_int_equal(weft_pool_submit(pool, return_it, (void *)5, NULL, &task), 0);
	assert_int_equal(weft_task_wait(task, &result), 0);
	assert_int_equal(result, 5);
	assert_int_equal(weft_pool_destroy(pool), 0);
}

static int name_of_self(void *arg)
{
	return weft_thread_name(weft_thread_self(), arg, 32);
}

static void workers_bear_the_name(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .name = "oven", .workers = 1 });
	weft_task *task;
	char name[32];

	(void)state;
	assert_int_equal(weft_pool_submit(pool, name_of_self, name, NULL, &task), 0);
	assert_int_equal(weft_task_wait(task, NULL), 0);
	assert_string_equal(name, "oven");
	weft_pool_destroy(pool);
}

static void a_bad_submit_is_refused(void **state)
{
	weft_pool *pool = make_pool(&(weft_pool_options){ .workers = 1 });
	weft_task *task = NULL;

	(void)state;
	assert_int_equal(weft_pool_submit(pool, NULL, NULL, NULL, &task), -EINVAL);
	assert_int_equal(weft_pool_submit(pool, return_it, NULL,
					  &(weft_task_options){ .priority = 2 }, &task),
			 -EINVAL);
	assert_int_equal(weft_pool_submit(pool, return_it, NULL,
					  &(weft_task_options){ .priority = -2 }, &task),
			 -EINVAL);
	assert_null(task);
	assert_int_equal(stats_of(pool).submitted, 0);
	weft_pool_destroy(pool);
}

/* The address sanitizer needs more address space than it is left here. */
extern void __asan_init(void) __attribute__((weak));

static unsigned count_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(tasks);
	while ((entry = readdir(tasks)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(tasks);
	return count;
}

static void a_pool_that_cannot_have_its_workers_leaves_nothing(void **state)
{
	unsigned before = count_threads();

	(void)state;
	/* Each of its kernel threads is the one that cannot be started, in turn. */
	for (int n = 1; n <= 8; n++) {
		int error;

		weft__sys_force.fail_thread = n;
		error = make(&(weft_pool_options){ .workers = 8 });
		weft__sys_force.fail_thread = 0;
		assert_true(error == -EAGAIN || error == -ENOMEM);
		assert_int_equal(count_threads(), before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(impossible_options_are_refused),
		cmocka_unit_test(defaults_make_a_pool),
		cmocka_unit_test(workers_bear_the_name),
		cmocka_unit_test(a_bad_submit_is_refused),
		cmocka_unit_test(a_pool_that_cannot_have_its_workers_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
