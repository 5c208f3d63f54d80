/* SPDX-License-Identifier: MIT */
/*
 * For backtrace_test.sh: a light thread that stops in weft_test_stop, with a frame for each
 * function above it, when another has parked and the other carriers sleep.
 */
#include <weft/weft.h>

#include "base/compiler.h"
#include "sched/engine.h"

#define KEEP_FRAME() __asm__ volatile("" : : : "memory")

weft__noinline int weft_test_stop(int number);
weft__noinline int weft_test_middle(int number);
weft__noinline int weft_test_thread(void *arg);
weft__noinline int weft_test_park(void *arg);

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
	int result = weft_test_middle(arg != NULL);

	KEEP_FRAME();
	return result;
}

weft__noinline int weft_test_park(void *arg)
{
	int result = weft_sem_wait(arg);

	KEEP_FRAME();
	return result;
}

static int app(void *arg)
{
	weft_thread *thread;

	if (weft_thread_spawn(weft_test_thread, NULL, NULL, &thread) != 0)
		return 1;
	return weft_thread_join(thread, NULL);
}

int main(void)
{
	const weft_sched_options one = { .processors = 1 };
	weft_thread_options options = { .kind = WEFT_LIGHT };
	weft_sem sem = WEFT_SEM_INIT(0);
	weft_thread *parked;

	/* A scheduler of which one thread waits and the carrier sleeps; and another that runs. */
	if (weft_sched_create(&one, &options.sched) != 0 ||
	    weft_thread_spawn(weft_test_park, &sem, &options, &parked) != 0)
		return 1;
	while (__atomic_load_n(&parked->reason, __ATOMIC_RELAXED) == NULL ||
	       __atomic_load_n(&options.sched->idle, __ATOMIC_RELAXED) == 0)
		weft_yield();
	if (weft_run(app, NULL, &one) != 0)
		return 1;
	weft_sem_wake(&sem);
	return weft_thread_join(parked, NULL) != 0 || weft_sched_destroy(options.sched) != 0;
}
