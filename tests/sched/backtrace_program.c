/* SPDX-License-Identifier: MIT */
/*
 * For backtrace_test.sh: a thread of the kind that argv[1] names ("light", "user") that stops in
 * weft_test_stop, with a frame for each function above it, when another has parked and the other
 * carriers sleep. Where threads are preempted it has been before, and another of its kind is at
 * that moment.
 */
#include <string.h>

#include <weft/weft.h>

#include "base/compiler.h"
#include "sched/engine.h"

#define PREEMPTIONS 10

#define KEEP_FRAME() __asm__ volatile("" : : : "memory")

weft__noinline int weft_test_stop(int number);
weft__noinline int weft_test_middle(int number);
weft__noinline int weft_test_thread(void *arg);
weft__noinline int weft_test_park(void *arg);

static uint64_t count_preemptions(void)
{
	weft_sched_stats stats;

	weft_sched_stats_get(weft_sched_self(), &stats);
	return stats.preemptions;
}

weft__noinline int weft_test_stop(int number)
{
	KEEP_FRAME();
	return number;
}

weft__noinline int weft_test_middle(int number)
{
	int result = weft_test_stop(number);

	KEEP_FRAME();
	return result + 1;
}

weft__noinline int weft_test_thread(void *arg)
{
	int result;

	while (count_preemptions() < PREEMPTIONS)
		;
	result = weft_test_middle(arg != NULL);

	KEEP_FRAME();
	return result;
}

weft__noinline int weft_test_park(void *arg)
{
	int result = weft_sem_wait(arg);

	KEEP_FRAME();
	return result;
}

static int spin(void *arg)
{
	while (!__atomic_load_n((int *)arg, __ATOMIC_RELAXED))
		;
	return 0;
}

static int app(void *arg)
{
	const weft_thread_options options = { .kind = *(weft_kind *)arg };
	weft_thread *thread, *spinner;
	int stop = 0, failed;

	if (weft_thread_spawn(weft_test_thread, NULL, &options, &thread) != 0 ||
	    weft_thread_spawn(spin, &stop, &options, &spinner) != 0)
		return 1;
	failed = weft_thread_join(thread, NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	return failed | weft_thread_join(spinner, NULL);
}

int main(int argc, char **argv)
{
	const weft_sched_options one = { .processors = 1, .slice_ns = WEFT_MS };
	weft_kind kind = argc > 1 && strcmp(argv[1], "user") == 0 ? WEFT_USER : WEFT_LIGHT;
	weft_thread_options options = { .kind = kind };
	weft_sem sem = WEFT_SEM_INIT(0);
	weft_thread *parked;

	/* A scheduler of which one thread waits and the carrier sleeps; and another that runs. */
	if (weft_sched_create(&one, &options.sched) != 0 ||
	    weft_thread_spawn(weft_test_park, &sem, &options, &parked) != 0)
		return 1;
	while (__atomic_load_n(&parked->reason, __ATOMIC_RELAXED) == NULL ||
	       __atomic_load_n(&options.sched->idle, __ATOMIC_RELAXED) == 0)
		weft_yield();
	if (weft_run(app, &kind, &one) != 0)
		return 1;
	weft_sem_wake(&sem);
	return weft_thread_join(parked, NULL) != 0 || weft_sched_destroy(options.sched) != 0;
}
