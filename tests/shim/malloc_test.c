/* SPDX-License-Identifier: MIT */
/*
 * libweft-malloc.so before an allocator that tells of each call (witness.c): inside of one nobody
 * is switched away. Run with both preloaded; and, with the argument "without", without the library,
 * where everybody is: so the test can tell.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <weft/weft.h>

#define SLICE_NS (200 * WEFT_US)
#define THREADS 16
#define ROUNDS 300
#define CALLS 12

#define check(condition)                                                                  \
	do {                                                                              \
		if (!(condition)) {                                                       \
			fprintf(stderr, "%s:%d: %s does not hold (errno %d)\n", __FILE__, \
				__LINE__, #condition, errno);                             \
			abort();                                                          \
		}                                                                         \
	} while (0)

static void (**hook)(const char *name);
static bool is_without; /* the library is not there */

static weft_kind kind;
static int stop;       /* atomic */
static uint64_t turns; /* atomic: of the rival */

/* ---- inside of a call, on one processor, beside a thread that computes */

static const char *inside[CALLS]; /* what was called */
static bool was_kept[CALLS];      /* the rival did not run until ticks were put off */
static int calls;

static uint64_t deferrals(void)
{
	weft_sched_stats stats;

	weft_sched_stats_get(weft_sched_self(), &stats);
	return stats.deferrals;
}

/* Until ticks were put off here, or it was switched away. */
static void stay_inside(const char *name)
{
	uint64_t rival = __atomic_load_n(&turns, __ATOMIC_RELAXED), before;

	if (calls == CALLS)
		return;
	*hook = NULL; /* what is called from here is not told of */
	before = deferrals();
	inside[calls] = name;
	while (__atomic_load_n(&turns, __ATOMIC_RELAXED) == rival) {
		if (deferrals() >= before + 3) {
			was_kept[calls] = __atomic_load_n(&turns, __ATOMIC_RELAXED) == rival;
			break;
		}
	}
	calls++;
}

static int spin(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		__atomic_add_fetch(&turns, 1, __ATOMIC_RELAXED);
	return 0;
}

#define TOLD(call) (*hook = stay_inside, (call))

/* The allocator's own answers come back. */
static int call_each(void *arg)
{
	void *at, *other;

	(void)arg;
	at = TOLD(malloc(100));
	check(at != NULL);
	at = TOLD(realloc(at, 200));
	check(at != NULL);
	at = TOLD(reallocarray(at, 10, 30));
	check(at != NULL);
	memset(at, 1, 300);
	check(TOLD(malloc_usable_size(at)) == 4711);
	TOLD(free(at));
	at = TOLD(calloc(10, 10));
	check(at != NULL && ((char *)at)[99] == 0);
	free(at);
	at = TOLD(memalign(256, 10));
	check(at != NULL && (uintptr_t)at % 256 == 0);
	free(at);
	at = TOLD(aligned_alloc(512, 512));
	check(at != NULL && (uintptr_t)at % 512 == 0);
	free(at);
	check(TOLD(posix_memalign(&other, 1024, 10)) == 0 && (uintptr_t)other % 1024 == 0);
	free(other);
	at = TOLD(valloc(10));
	check(at != NULL && (uintptr_t)at % 4096 == 0);
	free(at);
	at = TOLD(pvalloc(10));
	check(at != NULL && (uintptr_t)at % 4096 == 0);
	free(at);
	check(TOLD(malloc_trim(5)) == 6);
	*hook = NULL;
	return 0;
}

static int call_beside_rival(void *arg)
{
	weft_thread_options options = { .kind = kind };
	weft_thread *rival, *caller;

	check(weft_thread_spawn(spin, NULL, &options, &rival) == 0);
	check(weft_thread_spawn(call_each, arg, &options, &caller) == 0);
	check(weft_thread_join(caller, NULL) == 0);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	return weft_thread_join(rival, NULL);
}

static void nobody_is_switched_away_inside(void **state)
{
	static const char *const names[CALLS] = {
		"malloc",         "realloc", "reallocarray", "malloc_usable_size",
		"free",           "calloc",  "memalign",     "aligned_alloc",
		"posix_memalign", "valloc",  "pvalloc",      "malloc_trim",
	};
	weft_sched_options options = { .processors = 1, .slice_ns = SLICE_NS };

	(void)state;
	for (kind = WEFT_USER; kind <= WEFT_LIGHT; kind++) {
		stop = 0;
		calls = 0;
		memset(was_kept, 0, sizeof was_kept);
		assert_int_equal(weft_run(call_beside_rival, NULL, &options), 0);
		assert_int_equal(calls, CALLS);
		for (int i = 0; i < CALLS; i++) {
			assert_string_equal(inside[i], names[i]);
			if (was_kept[i] == is_without)
				fail_msg("%s: %s", names[i],
					 is_without ? "kept all the same" : "switched away");
		}
	}
}

/* ---- failures are the allocator's */

static void failures_and_errno_come_back(void **state)
{
	volatile size_t huge = SIZE_MAX / 2;
	void *at = &at, *volatile some = malloc(10);

	(void)state;
	errno = 0;
	assert_null(malloc(huge));
	assert_int_equal(errno, ENOMEM);
	errno = 0;
	assert_null(calloc(huge, 4));
	assert_int_equal(errno, ENOMEM);
	errno = 0;
	assert_null(realloc(some, huge));
	assert_int_equal(errno, ENOMEM);
	errno = 0;
	assert_null(reallocarray(some, huge, 4));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(posix_memalign(&at, 3, 10), EINVAL);
	assert_ptr_equal(at, &at);
	free(some);
	errno = EDOM;
	free(NULL);
	assert_int_equal(errno, EDOM);
}

/* ---- many, with short slices */

static int allocate_often(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg + 1;
	unsigned char *pieces[16] = { 0 };
	size_t bytes[16] = { 0 };

	for (int i = 0; i < ROUNDS * 16; i++) {
		unsigned slot = (seed = seed * 1664525u + 1013904223u) >> 28;

		for (size_t k = 0; k < bytes[slot]; k++)
			check(pieces[slot][k] == (unsigned char)slot);
		bytes[slot] = (seed >> 8) % 2000 + 1;
		pieces[slot] = realloc(pieces[slot], bytes[slot]);
		check(pieces[slot] != NULL);
		memset(pieces[slot], (int)slot, bytes[slot]);
	}
	for (int i = 0; i < 16; i++)
		free(pieces[i]);
	return 0;
}

static int allocate_in_many(void *arg)
{
	weft_thread *threads[THREADS];

	(void)arg;
	for (intptr_t i = 0; i < THREADS; i++)
		check(weft_thread_spawn(allocate_often, (void *)i, NULL, &threads[i]) == 0);
	for (int i = 0; i < THREADS; i++)
		check(weft_thread_join(threads[i], NULL) == 0);
	return 0;
}

static void many_threads_allocate(void **state)
{
	(void)state;
	for (unsigned processors = 1; processors <= 2; processors++)
		assert_int_equal(weft_run(allocate_in_many, NULL,
					  &(weft_sched_options){ .processors = processors,
								 .slice_ns = SLICE_NS }),
				 0);
}

/* ---- a program that knows nothing of weft */

static void another_program_runs_with_it(void **state)
{
	char line[16] = "";
	FILE *pipe;

	(void)state;
	assert_non_null(strstr(getenv("LD_PRELOAD"), "weft-malloc"));
	pipe = popen("echo $((6 * 7)) | cat", "r");
	assert_non_null(pipe);
	assert_non_null(fgets(line, sizeof line, pipe));
	assert_int_equal(pclose(pipe), 0);
	assert_string_equal(line, "42\n");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(nobody_is_switched_away_inside),
		cmocka_unit_test(failures_and_errno_come_back),
		cmocka_unit_test(many_threads_allocate),
		cmocka_unit_test(another_program_runs_with_it),
	};
	const struct CMUnitTest without[] = {
		cmocka_unit_test(nobody_is_switched_away_inside),
	};

	hook = dlsym(RTLD_DEFAULT, "witness_hook");
	if (hook == NULL) {
		fprintf(stderr, "witness.c is not preloaded\n");
		return 1;
	}
	is_without = argc > 1 && strcmp(argv[1], "without") == 0;
	alarm(50); /* a hang is a failure */
	return is_without ? cmocka_run_group_tests(without, NULL, NULL)
			  : cmocka_run_group_tests(all, NULL, NULL);
}
