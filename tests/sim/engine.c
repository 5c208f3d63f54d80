/* SPDX-License-Identifier: MIT */
#include "engine.h"

#include <stdio.h>

#include "mem/stack.h"
#include "sched/engine.h"

static int print_thread(void *arg, void *control)
{
	static const char *const states[] = { "running", "armed", "parked", "notified" };
	const struct weft_thread *thread = control;

	(void)arg;
	dprintf(2, "thread %llu '%s' %s %s%s\n", (unsigned long long)thread->id, thread->name,
		states[WEFT__PARK_STATE(thread->park)],
		thread->reason != NULL ? thread->reason : "", thread->blocking ? ", blocking" : "");
	return 0;
}

static void print_processor(const struct weft__processor *processor)
{
	struct weft__runq *queue = (struct weft__runq *)&processor->queue;

	dprintf(2,
		"processor %u: owner %#lx, %u queued, hot %p, %zu timers, next %lld ns, credit %lld\n",
		processor->index, (unsigned long)processor->owner,
		(unsigned)(queue->tail - queue->head), (void *)queue->hot, processor->wheel.count,
		(long long)processor->wheel.next_ns, (long long)processor->credit);
}

static int print_sched(void *arg, struct weft_sched *sched)
{
	(void)arg;
	dprintf(2,
		"scheduler: %u idle, %u searching, %lld live, %u in the global queue, %u carriers, %u spare%s\n",
		sched->idle, sched->searching, (long long)sched->live, sched->global_count,
		sched->carrier_count, sched->spare_count, sched->ending ? ", ending" : "");
	for (unsigned i = 0; i < sched->processor_count; i++)
		if (sched->processors[i] != NULL)
			print_processor(sched->processors[i]);
	return 0;
}

static void print_engine(void)
{
	weft__stack_walk(print_thread, NULL);
	weft__sched_walk(print_sched, NULL);
}

void engine_watch(void)
{
	weft__sim_on_failure(print_engine);
}

int engine_run_on(unsigned processors, weft_function *app, void *arg)
{
	weft_sched_options options = {
		.processors = processors,
		.strict = processors == 1 && weft__sim_choose(4) == 0,
	};

	engine_watch();
	return weft_run(app, arg, &options);
}

int engine_run(weft_function *app, void *arg)
{
	return engine_run_on(1 + weft__sim_choose(3), app, arg);
}

weft_sched_options engine_ticking(unsigned processors)
{
	static const int64_t slices_ns[] = { 100 * WEFT_US, 100 * WEFT_US, 300 * WEFT_US, WEFT_MS,
					     10 * WEFT_MS };
	weft_sched_options options = { .processors = processors };

	options.slice_ns = slices_ns[weft__sim_choose(5)];
	if (weft__sim_choose(2))
		options.carriers = processors + weft__sim_choose(4);
	return options;
}

weft_kind engine_kind(void)
{
	return weft__sim_choose(2) ? WEFT_USER : WEFT_LIGHT;
}

weft_thread *engine_spawn_kind(weft_kind kind, weft_function *function, void *arg)
{
	const weft_thread_options options = { .kind = kind };
	weft_thread *thread = NULL;

	weft__sim_check(weft_thread_spawn(function, arg, &options, &thread) == 0);
	return thread;
}

/* All of its threads have ended: every carrier that lost its processor has noticed. */
static void check_stats(weft_sched *sched, const weft_sched_options *options)
{
	weft_sched_stats stats;

	/* The monitor may have to count its last hand-off yet. */
	do {
		weft__sys_thread_yield();
		weft_sched_stats_get(sched, &stats);
	} while (stats.extra_runners != stats.hand_offs);
	weft__sim_check(stats.preemptions <= stats.ticks && stats.deferrals <= stats.ticks);
	weft__sim_check(stats.spares <= stats.carriers && stats.carriers <= stats.carriers_max);
	weft__sim_check(options->carriers == 0 || stats.carriers_max <= options->carriers);
	if (options->strict)
		weft__sim_check(stats.hand_offs + stats.declared == 0 && stats.carriers_max == 1);
}

void engine_run_counted(const weft_sched_options *options, weft_kind kind, weft_function *app,
			void *arg)
{
	weft_thread_options inside = { .kind = kind };
	weft_sched *sched;
	weft_thread *thread;

	engine_watch();
	weft__sim_check(weft_sched_create(options, &sched) == 0);
	inside.sched = sched;
	weft__sim_check(weft_thread_spawn(app, arg, &inside, &thread) == 0);
	engine_join(thread, 0);
	check_stats(sched, options);
	weft__sim_check(weft_sched_destroy(sched) == 0);
}

void engine_check_clean(void)
{
	struct weft__sim_usage usage;
	struct weft__stack_counts stacks;

	weft__sim_usage(&usage);
	weft__stack_count(&stacks);
	weft__sim_check(usage.threads == 1);
	weft__sim_check(usage.fds == 0);
	weft__sim_check(usage.watches == 0);
	weft__sim_check(stacks.in_use == 0);
}

weft_thread *engine_spawn(weft_function *function, void *arg)
{
	weft_thread *thread = NULL;

	weft__sim_check(weft_thread_spawn(function, arg, NULL, &thread) == 0);
	return thread;
}

void engine_join(weft_thread *thread, int expected_result)
{
	int result = expected_result - 1;

	weft__sim_check(weft_thread_join(thread, &result) == 0);
	weft__sim_check(result == expected_result);
}

weft__sys_thread engine_foreign(void *(*function)(void *), void *arg)
{
	weft__sys_thread thread;

	weft__sim_check(weft__sys_thread_start(function, arg, 0, "foreign", &thread) == 0);
	return thread;
}

void engine_dawdle(void)
{
	switch (weft__sim_choose(6)) {
	case 0:
		weft_yield();
		break;
	case 1:
		weft_sleep(1 + weft__sim_choose(20000));
		break;
	case 2:
		(void)weft_now();
		break;
	default:
		break;
	}
}

int64_t engine_deadline(void)
{
	return weft_now() - 100 + weft__sim_choose(weft__sim_choose(2) ? 2000 : 100000);
}
