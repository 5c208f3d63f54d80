/* SPDX-License-Identifier: MIT */
/* Waits: weft's own, and those of the kernel that weft is not told of. */
#include "soak.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weft/weft.h>

static weft_mutex lock;
static uint64_t left, right;

static void sleep_in_kernel(struct soak_run *run, int64_t ns)
{
	struct timespec left_ns = { 0, (long)ns };

	/* A tick may end it early, as any signal may. */
	while (nanosleep(&left_ns, &left_ns) != 0)
		if (errno != EINTR) {
			soak_fail(run, "nanosleep: %s", strerror(errno));
			return;
		}
}

static void sleep_both_ways(struct soak_run *run)
{
	int64_t ns = soak_below(run, 500) * WEFT_US, until = weft_now() + ns;

	if (soak_below(run, 2) == 0)
		weft_sleep(ns);
	else
		sleep_in_kernel(run, ns);
	if (weft_now() < until)
		soak_fail(run, "it slept too short");
	soak_add_number(run, (uint64_t)ns);
}

static void hold(struct soak_run *run)
{
	weft_mutex_lock(&lock);
	left++;
	weft_yield();
	for (int i = 0; i < 2000; i++)
		soak_add_number(run, soak_random(run));
	if (++right != left)
		soak_fail(run, "two threads held a weft_mutex");
	weft_mutex_unlock(&lock);
}

static void pass_through_pipe(struct soak_run *run)
{
	char text[512], back[512];
	int ends[2];

	soak_text(run, text, sizeof text);
	if (pipe(ends) != 0) {
		soak_fail(run, "pipe: %s", strerror(errno));
		return;
	}
	if (write(ends[1], text, sizeof text) != sizeof text ||
	    read(ends[0], back, sizeof back) != sizeof back || memcmp(text, back, sizeof back) != 0)
		soak_fail(run, "a pipe gave back something else");
	close(ends[0]);
	close(ends[1]);
	soak_add(run, back, sizeof back);
}

static void work(struct soak_run *run)
{
	weft_yield();
	pass_through_pipe(run);
	sleep_both_ways(run);
	hold(run);
}

const struct soak_operation soak_wait = { "wait", "yields, sleeps, a pipe, a weft_mutex",
					  .run = work, .at_once = 256 };
