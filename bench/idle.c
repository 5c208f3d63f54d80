/* SPDX-License-Identifier: MIT */
/* What a scheduler of two processors costs that has nothing to do: CPU time by time. */
#include <unistd.h>

#include "harness.h"

static int wait_for_post(void *arg)
{
	return weft_sem_wait(arg);
}

/* One thread lives, and waits: a scheduler without any would be asked to do even less. */
static int run(weft_kind kind, long milliseconds, double *out)
{
	weft_sem end = WEFT_SEM_INIT(0);
	weft_thread *thread;
	weft_sched *sched;
	int64_t cpu_ns, start_ns;

	(void)kind;
	bench_must(weft_sched_create(&(weft_sched_options){ .processors = 2 }, &sched), "sched");
	bench_must(weft_thread_spawn(wait_for_post, &end,
				     &(weft_thread_options){ .kind = WEFT_LIGHT, .sched = sched },
				     &thread),
		   "spawn");
	usleep(10 * 1000); /* until it has come to rest */
	cpu_ns = bench_cpu_ns();
	start_ns = weft_now();
	usleep((useconds_t)milliseconds * 1000);
	out[0] = (double)(bench_cpu_ns() - cpu_ns) * 100 / (double)(weft_now() - start_ns);
	weft_sem_wake(&end);
	weft_thread_join(thread, NULL);
	return weft_sched_destroy(sched);
}

static const struct bench_row rows[] = {
	{ .cases = { { "", "%" } },
	  .run = run,
	  .count = 2000,
	  .quick_count = 50,
	  .kinds = BENCH_LIGHT,
	  .usual = BENCH_LIGHT },
	{ .run = NULL },
};

const struct bench bench_idle = { "idle", "CPU time of 2 processors that have nothing to do",
				  rows };
