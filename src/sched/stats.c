/* SPDX-License-Identifier: MIT */
/* Counters of a scheduler: each has one writer, a processor, a carrier or the monitor. */
#include <string.h>

#include "sched/engine.h"
#include "sys/spin.h"

static void add_processors(struct weft_sched *sched, weft_sched_stats *out)
{
	for (unsigned i = 0; i < sched->processor_count; i++) {
		struct weft__processor *processor = sched->processors[i];

		out->switches += atomic_load_relaxed(&processor->switches);
		out->steals += atomic_load_relaxed(&processor->steals);
		out->declared += atomic_load_relaxed(&processor->hand_offs);
	}
}

static void add_carrier(const struct weft__carrier *carrier, weft_sched_stats *out)
{
	out->ticks += atomic_load_relaxed(&carrier->ticks);
	out->preemptions += atomic_load_relaxed(&carrier->preemptions);
	out->deferrals += atomic_load_relaxed(&carrier->deferrals);
	out->migrations += atomic_load_relaxed(&carrier->migrations);
	out->calls_broken += atomic_load_relaxed(&carrier->calls_broken);
	out->extra_runners += atomic_load_relaxed(&carrier->extra_runs);
}

/* The means of any carrier: mostly all have the same. */
static void note_means(const struct weft__carrier *carrier, weft_sched_stats *out)
{
	static const char *const ticks[] = { "none", "perf", "timer" };
	static const char *const watches[] = { "none", "perf", "clock", "proc" };

	if (carrier->watch == NULL)
		return;
	out->tick_means = ticks[weft__sys_watch_tick_means(carrier->watch)];
	out->watch_means = watches[weft__sys_watch_means(carrier->watch)];
}

void weft_sched_stats_get(weft_sched *sched, weft_sched_stats *out_stats)
{
	memset(out_stats, 0, sizeof *out_stats);
	out_stats->tick_means = "none";
	out_stats->watch_means = "none";
	add_processors(sched, out_stats);
	out_stats->hand_offs = atomic_load_relaxed(&sched->hand_offs);
	weft__spin_lock(&sched->lock);
	weft__list_for(link, &sched->carriers) {
		const struct weft__carrier *carrier = container_of(link, struct weft__carrier, all);

		add_carrier(carrier, out_stats);
		note_means(carrier, out_stats);
	}
	weft__list_for(link, &sched->retired)
		add_carrier(container_of(link, struct weft__carrier, all), out_stats);
	out_stats->carriers = sched->carrier_count;
	out_stats->spares = sched->spare_count;
	out_stats->carriers_max = sched->carriers_most;
	weft__spin_unlock(&sched->lock);
}
