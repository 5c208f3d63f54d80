/* SPDX-License-Identifier: MIT */
/*
 * The watch: sees that everybody gets on. An actor that ends no act for a minute, be it starved or
 * stuck, or half a minute in which nobody does, ends the program; before, it is told what each
 * thread waits for. Seconds are counted as this thread lives them, so a machine that stands still
 * does not count.
 */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "stress.h"

#define ALL_STUCK_SECONDS 30
#define ONE_STUCK_SECONDS 60
#define TELLING_SECONDS 20

static int print_thread(void *arg, const weft_thread_info *thread)
{
	static const char *const kinds[] = { "", "kernel", "user", "light" };

	(void)arg;
	fprintf(stderr, "%6llu %-16s %-6s %-8s %s", (unsigned long long)thread->id, thread->name,
		kinds[thread->kind], thread->state, thread->reason);
	if (thread->since_ns != 0)
		fprintf(stderr, ", %.3f s", (double)(weft_now() - thread->since_ns) / WEFT_SECOND);
	fputc('\n', stderr);
	return 0;
}

/* Should the inspection not come to an end, the alarm ends it. */
static void tell(const unsigned still[])
{
	const struct actor *actor;

	alarm(TELLING_SECONDS);
	for (unsigned i = 0; (actor = cast_member(i)) != NULL; i++) {
		const char *doing = atomic_load_relaxed(&actor->doing);

		if (doing != NULL && still[i] > 1)
			fprintf(stderr, "stress: actor %u (thread %llu), at %s for %u s\n",
				actor->number, (unsigned long long)actor->thread_id, doing,
				still[i]);
	}
	fprintf(stderr, "stress: thread, name, kind, state, what it waits for\n");
	weft_inspect_threads(print_thread, NULL);
}

static void *watch(void *arg)
{
	uint64_t seen[CAST_MAX] = { 0 }, all_seen = 0;
	unsigned still[CAST_MAX] = { 0 }, all_still = 0;

	(void)arg;
	for (;;) {
		uint64_t all = atomic_load_relaxed(&stress_acts);
		const struct actor *actor;
		unsigned longest = 0;

		sleep(1);
		for (unsigned i = 0; (actor = cast_member(i)) != NULL; i++) {
			uint64_t acts = atomic_load_relaxed(&actor->acts);
			bool plays = atomic_load_relaxed(&actor->doing) != NULL;

			still[i] = plays && acts == seen[i] ? still[i] + 1 : 0;
			seen[i] = acts;
			longest = still[i] > longest ? still[i] : longest;
		}
		all_still = all == all_seen ? all_still + 1 : 0;
		all_seen = all;
		if (longest < ONE_STUCK_SECONDS && all_still < ALL_STUCK_SECONDS)
			continue;
		tell(still);
		must_be(all_still < ALL_STUCK_SECONDS, all);
		must_be(longest < ONE_STUCK_SECONDS, longest);
	}
	return NULL;
}

void watch_begin(void)
{
	pthread_t watcher;

	must(pthread_create(&watcher, NULL, watch, NULL) == 0);
}
