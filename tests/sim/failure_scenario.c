/* SPDX-License-Identifier: MIT */
/* The kernel refuses now and then: the call fails, nothing is left over, and what runs goes on. */
#include <errno.h>

#include "engine.h"

#define TRIES 12

static bool is_refusal(int code)
{
	return code == -ENOMEM || code == -EAGAIN || code == -EMFILE || code == -ENFILE ||
	       code == -ENOSPC;
}

struct tally {
	int32_t ran; /* atomic */
};

static int run_once(void *arg)
{
	struct tally *tally = arg;

	engine_dawdle();
	weft_blocking_begin();
	engine_dawdle();
	weft_blocking_end();
	atomic_add_relaxed(&tally->ran, 1);
	return 5;
}

static int spawn_what_goes(void *arg)
{
	static const size_t sizes[] = { 0, 0, 16384, 200000 };
	struct tally *tally = arg;
	weft_thread *threads[TRIES];
	int32_t count = 0;

	for (int i = 0; i < TRIES; i++) {
		const weft_thread_options options = {
			.kind = weft__sim_choose(4) == 0 ? WEFT_KERNEL : WEFT_LIGHT,
			.stack_bytes = sizes[weft__sim_choose(4)],
		};
		int code = weft_thread_spawn(run_once, tally, &options, &threads[count]);

		weft__sim_check(code == 0 || is_refusal(code));
		if (code == 0)
			count++;
	}
	for (int32_t i = 0; i < count; i++)
		engine_join(threads[i], 5);
	weft__sim_check(tally->ran == count);
	return 0;
}

/* A scheduler that cannot be made leaves nothing; one that is made runs. */
static void spawn_or_refuse(void *arg)
{
	(void)arg;
	engine_watch();
	for (int i = 0; i < 2; i++) {
		const weft_sched_options options = { .processors = 1 + weft__sim_choose(3) };
		weft_thread_options inside = { .kind = WEFT_LIGHT };
		struct tally tally = { 0 };
		weft_thread *thread;
		weft_sched *sched;
		int code = weft_sched_create(&options, &sched);

		weft__sim_check(code == 0 || is_refusal(code));
		if (code == 0) {
			inside.sched = sched;
			code = weft_thread_spawn(spawn_what_goes, &tally, &inside, &thread);
			weft__sim_check(code == 0 || is_refusal(code));
			if (code == 0)
				engine_join(thread, 0);
			weft__sim_check(weft_sched_destroy(sched) == 0);
		}
		engine_check_clean();
	}
}

/* ---- descriptors */

#define BYTES 8
#define READERS 3

struct ends {
	int fds[2];
	int32_t got; /* atomic */
};

static int read_bytes(void *arg)
{
	struct ends *ends = arg;
	char byte;

	while (atomic_load_acquire(&ends->got) < BYTES) {
		ssize_t n = weft_read_until(ends->fds[0], &byte, 1, weft_now() + 10 * WEFT_SECOND);

		weft__sim_check(n == 1 || n == 0 || is_refusal((int)n));
		if (n == 0)
			break;
		if (n == 1)
			atomic_add_acq_rel(&ends->got, 1);
	}
	return 0;
}

/* Several wait for the same descriptor: when adding it to the poller is refused to one, the rest
 * must not be forgotten. */
static int pass_bytes(void *arg)
{
	static const weft_thread_options kernel = { .kind = WEFT_KERNEL };
	struct ends ends = { 0 };
	weft_thread *threads[READERS];
	unsigned count = 0;
	int code = weft_pipe(ends.fds);

	(void)arg;
	weft__sim_check(code == 0 || is_refusal(code));
	if (code < 0)
		return 0;
	for (int i = 0; i < READERS; i++)
		if (weft_thread_spawn(read_bytes, &ends, weft__sim_choose(3) ? NULL : &kernel,
				      &threads[count]) == 0)
			count++;
	for (int i = 0; count > 0 && i < BYTES; i++) {
		engine_dawdle();
		weft__sim_check(weft_write(ends.fds[1], "x", 1) == 1);
	}
	weft__sim_check(weft_close(ends.fds[1]) == 0);
	for (unsigned i = 0; i < count; i++)
		engine_join(threads[i], 0);
	weft__sim_check(count == 0 || ends.got == BYTES);
	weft__sim_check(weft_close(ends.fds[0]) == 0);
	return 0;
}

static void read_or_refuse(void *arg)
{
	const weft_sched_options options = { .processors = 1 + weft__sim_choose(3) };
	int code;

	(void)arg;
	engine_watch();
	code = weft_run(pass_bytes, NULL, &options);
	weft__sim_check(code == 0 || is_refusal(code));
	engine_check_clean();
}

const struct scenario failure_scenarios[] = {
	{ .name = "spawn-or-refuse",
	  .run = spawn_or_refuse,
	  .options = { .fail_reserve = 50,
		       .fail_guard = 100,
		       .fail_thread = 100,
		       .fail_poller = 20,
		       .fail_open = 20 } },
	{ .name = "read-or-refuse",
	  .run = read_or_refuse,
	  .options = { .fail_reserve = 10,
		       .fail_thread = 50,
		       .fail_poller = 350,
		       .fail_open = 50 } },
	{ 0 },
};
