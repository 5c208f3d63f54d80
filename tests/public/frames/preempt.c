/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <weft/weft.h>

#include "preempt.example"

static atomic_flag busy = ATOMIC_FLAG_INIT;
static long sum;

static int add_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10000; i++)
		add_quickly(&busy, &sum, 2);
	return 0;
}

static int app(void *arg)
{
	(void)arg;
	for (int i = 0; i < 8; i++)
		if (weft_thread_spawn(add_often, NULL, NULL, NULL) < 0)
			return 1;
	return 0;
}

int main(void)
{
	return weft_run(app, NULL, &(weft_sched_options){ .processors = 2 }) || sum != 160000;
}
