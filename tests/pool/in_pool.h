/* SPDX-License-Identifier: MIT */
/* What the tests of the pool share: pools that must come to be, tasks that wait at a gate. */
#ifndef TESTS_POOL_IN_POOL_H
#define TESTS_POOL_IN_POOL_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <weft/weft.h>

#include "base/atomic.h"

#define SECONDS_MAX (20 * WEFT_SECOND)

/* Tasks wait until it is opened, and say that they have come. */
struct gate {
	weft_sem come, open;
};

static inline int wait_at_gate(void *arg)
{
	struct gate *gate = arg;

	weft_sem_wake(&gate->come);
	weft_sem_wait(&gate->open);
	return 0;
}

static inline void await(weft_sem *sem, unsigned count)
{
	while (count-- > 0)
		assert_int_equal(weft_sem_wait_until(sem, weft_now() + SECONDS_MAX), 0);
}

static inline void wake(weft_sem *sem, unsigned count)
{
	while (count-- > 0)
		weft_sem_wake(sem);
}

static inline weft_pool *make_pool(const weft_pool_options *options)
{
	weft_pool *pool = NULL;

	assert_int_equal(weft_pool_create(options, &pool), 0);
	assert_non_null(pool);
	return pool;
}

/* Puts tasks at the gate, one after the other. */
static inline void hold_workers(weft_pool *pool, struct gate *gate, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(weft_pool_submit(pool, wait_at_gate, gate, NULL, NULL), 0);
		await(&gate->come, 1);
	}
}

/* What workers can be, as far as this machine has it. */
static const struct worker_kind {
	weft_kind kind;
	const char *name;
} worker_kinds[] = {
	{ WEFT_KERNEL, "kernel workers" },
	{ WEFT_LIGHT, "light workers" },
	{ WEFT_USER, "user workers" },
};

static inline unsigned worker_kind_count(void)
{
	weft_pool *pool;
	int error =
		weft_pool_create(&(weft_pool_options){ .kind = WEFT_USER, .workers = 1 }, &pool);

	if (error < 0) {
		assert_int_equal(error, -ENOTSUP);
		print_message("no user threads here: not tested\n");
		return 2;
	}
	weft_pool_destroy(pool);
	return 3;
}

#define RUN_FOR_EVERY_KIND(kind, tests)                                                            \
	({                                                                                         \
		int run_failed = 0;                                                                \
		for (unsigned run_i = 0; run_i < worker_kind_count(); run_i++) {                   \
			(kind) = worker_kinds[run_i].kind;                                         \
			run_failed += cmocka_run_group_tests_name(worker_kinds[run_i].name, tests, \
								  NULL, NULL);                     \
		}                                                                                  \
		run_failed;                                                                        \
	})

static inline int count_one(void *arg)
{
	atomic_add_acq_rel((long *)arg, 1);
	return 0;
}

static inline int return_it(void *arg)
{
	return (int)(intptr_t)arg;
}

static inline weft_pool_stats stats_of(weft_pool *pool)
{
	weft_pool_stats stats;

	weft_pool_stats_get(pool, &stats);
	return stats;
}

#endif
