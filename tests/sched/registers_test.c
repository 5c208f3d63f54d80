/* SPDX-License-Identifier: MIT */
/* Every register that a thread has, with a value of its own in each, while ticks fall. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "in_sched.h"
#include "values.h"

#define THREADS 6
#define PREEMPTIONS 60

uint32_t registers_stop;

static weft_kind kind;

struct part {
	struct registers in, out;
};

static int hold(void *arg)
{
	struct part *part = arg;

	hold_registers(&part->in, &part->out);
	return memcmp(&part->in, &part->out, sizeof part->in) == 0 ? 0 : -1;
}

static uint64_t preemptions(void)
{
	weft_sched_stats stats;

	weft_sched_stats_get(weft_sched_self(), &stats);
	return stats.preemptions;
}

static int hold_under_ticks(void *arg)
{
	weft_thread_options options = { .kind = kind };
	weft_thread *threads[THREADS];
	static struct part parts[THREADS];
	uint64_t *seed = arg;
	int result;

	atomic_store_relaxed(&registers_stop, 0u);
	for (int i = 0; i < THREADS; i++) {
		memset(&parts[i], 0, sizeof parts[i]);
		registers_fill(&parts[i].in, (*seed)++);
		check(weft_thread_spawn(hold, &parts[i], &options, &threads[i]) == 0);
	}
	while (preemptions() < PREEMPTIONS)
		weft_sleep(WEFT_MS);
	atomic_store_release(&registers_stop, 1u);
	for (int i = 0; i < THREADS; i++) {
		check(weft_thread_join(threads[i], &result) == 0);
		check(result == 0);
	}
	return 0;
}

static void every_register_survives(void **state)
{
	uint64_t seed = (uint64_t)weft_now();

	(void)state;
	print_message("seed %" PRIu64 "\n", seed);
	for (kind = WEFT_USER; kind <= WEFT_LIGHT; kind++)
		for (unsigned processors = 1; processors <= 2; processors++)
			assert_int_equal(
				weft_run(hold_under_ticks, &seed,
					 &(weft_sched_options){ .processors = processors,
								.slice_ns = 200 * WEFT_US }),
				0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_register_survives),
	};

	alarm(100); /* a hang is a failure */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
