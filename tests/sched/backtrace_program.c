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
	weft_sem sem = WEFT_SEM_INIT(0);
	weft_thread *thread, *parked;
	struct weft_sched *sched = weft__self()->sched;

	if (weft_thread_spawn(weft_test_park, &sem, NULL, &parked) != 0)
		return 1;
	while (__atomic_load_n(&parked->reason, __ATOMIC_RELAXED) == NULL ||
	       __atomic_load_n(&sched->idle, __ATOMIC_RELAXED) == 0)
		weft_yield();
	if (weft_thread_spawn(weft_test_thread, NULL, NULL, &thread) != 0)
		return 1;
	weft_thread_join(thread, NULL);
	weft_sem_wake(&sem);
	return weft_thread_join(parked, NULL);
}

int main(void)
{
	return weft_run(app, NULL, &(weft_sched_options){ .processors = 2 });
}
