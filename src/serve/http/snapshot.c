/* SPDX-License-Identifier: MIT */
/* See snapshot.h. Everything runs on meanwhile, so sums need not agree to the last unit. */
#include "serve/http/snapshot.h"

#include <stdint.h>
#include <unistd.h>

#include <weft/inspect.h>
#include <weft/time.h>
#include <weft/version.h>

#include "base/atomic.h"
#include "serve/http/site.h"
#include "serve/server.h"

#define SCHEDS_MAX 64

typedef unsigned long long number;

static const char *kind_name(weft_kind kind)
{
	switch (kind) {
	case WEFT_KERNEL:
		return "kernel";
	case WEFT_USER:
		return "user";
	case WEFT_LIGHT:
		return "light";
	default:
		return "";
	}
}

/* ---- the server */

static void write_server(weft_server *server, struct weft__text *text)
{
	weft_server_stats stats;
	weft_pool_stats pool;

	weft_server_stats_get(server, &stats);
	weft_pool_stats_get(server->pool, &pool);
	weft__text_print(text, "\"server\":{\"address\":");
	weft__text_quote(text, server->address);
	weft__text_print(text,
			 ",\"kind\":\"%s\",\"connections_max\":%u,\"connections\":%u,"
			 "\"waiting\":%u,\"serving\":%u,\"accepted\":%llu,\"refused\":%llu,"
			 "\"closed\":%llu,\"served\":%llu,\"timed_out\":%llu,"
			 "\"accept_errors\":%llu},\n",
			 kind_name(server->options.kind), server->options.connections_max,
			 stats.connections, stats.waiting, stats.serving, (number)stats.accepted,
			 (number)stats.refused, (number)stats.closed, (number)stats.served,
			 (number)stats.timed_out, (number)stats.accept_errors);
	weft__text_print(text,
			 "\"pool\":{\"workers\":%u,\"idle\":%u,\"blocked\":%u,\"queued\":%zu,"
			 "\"running\":%zu,\"submitted\":%llu,\"completed\":%llu,\"stolen\":%llu,"
			 "\"replaced\":%llu},\n",
			 pool.workers, pool.idle, pool.blocked, pool.queued, pool.running,
			 (number)pool.submitted, (number)pool.completed, (number)pool.stolen,
			 (number)pool.replaced);
}

static void write_site(struct weft__http_site *site, struct weft__text *text)
{
	weft__text_print(text, "\"http\":{\"requests\":%llu",
			 (number)atomic_load_relaxed(&site->requests));
	for (int i = 2; i <= 5; i++)
		weft__text_print(text, ",\"answers_%dxx\":%llu", i,
				 (number)atomic_load_relaxed(&site->answers[i]));
	weft__text_print(text, ",\"files_in_memory\":%llu,\"files_read\":%llu},\n",
			 (number)atomic_load_relaxed(&site->files.hits),
			 (number)atomic_load_relaxed(&site->files.misses));
}

/* ---- schedulers */

struct scheds {
	weft_sched_info infos[SCHEDS_MAX];
	unsigned count;
};

static int collect_sched(void *arg, const weft_sched_info *sched)
{
	struct scheds *scheds = arg;

	scheds->infos[scheds->count++] = *sched;
	return scheds->count == SCHEDS_MAX;
}

static int write_processor(void *arg, const weft_processor_info *processor)
{
	weft__text_print(arg,
			 "\n  {\"index\":%u,\"state\":\"%s\",\"thread\":%llu,\"queued\":%zu,"
			 "\"timers\":%zu,\"switches\":%llu,\"steals\":%llu,\"polls\":%llu,"
			 "\"hand_offs\":%llu},",
			 processor->index, processor->state, (number)processor->current_id,
			 processor->queued, processor->timers, (number)processor->switches,
			 (number)processor->steals, (number)processor->polls,
			 (number)processor->hand_offs);
	return 0;
}

/* Schedulers are told apart by their number in the list. */
static unsigned number_of(const struct scheds *scheds, const void *sched)
{
	unsigned i = 0;

	while (i < scheds->count && scheds->infos[i].sched != sched)
		i++;
	return i;
}

static void write_scheds(const struct scheds *scheds, struct weft__text *text)
{
	weft__text_print(text, "\"schedulers\":[");
	for (unsigned i = 0; i < scheds->count; i++) {
		const weft_sched_info *info = &scheds->infos[i];

		weft__text_print(text, "\n {\"number\":%u,\"name\":", i);
		weft__text_quote(text, info->name);
		weft__text_print(text,
				 ",\"threads\":%lld,\"carriers\":%u,\"spare_carriers\":%u,"
				 "\"global_queued\":%zu,\"strict\":%s,\"processors\":[",
				 (long long)info->threads, info->carriers, info->spare_carriers,
				 info->global_queued, info->strict ? "true" : "false");
		weft_inspect_processors(info->sched, write_processor, text);
		weft__text_end_list(text);
		weft__text_print(text, "]},");
	}
	weft__text_end_list(text);
	weft__text_print(text, "],\n");
}

/* ---- threads */

struct threads {
	struct weft__text *text;
	const struct scheds *scheds;
	int64_t now_ns;
	uint64_t count;
};

static int write_thread(void *arg, const weft_thread_info *thread)
{
	struct threads *threads = arg;
	struct weft__text *text = threads->text;
	unsigned number_of_sched = number_of(threads->scheds, thread->sched);
	int64_t age_ns = thread->since_ns != 0 ? threads->now_ns - thread->since_ns : -1;

	if (threads->count++ >= WEFT__SNAPSHOT_THREADS_MAX)
		return 0;
	weft__text_print(text, "\n {\"id\":%llu,\"name\":", (number)thread->id);
	weft__text_quote(text, thread->name);
	weft__text_print(text, ",\"kind\":\"%s\",\"state\":\"%s\",\"reason\":\"%s\",",
			 kind_name(thread->kind), thread->state, thread->reason);
	if (thread->sched != NULL && number_of_sched < threads->scheds->count)
		weft__text_print(text, "\"scheduler\":%u,", number_of_sched);
	if (age_ns >= 0)
		weft__text_print(text, "\"age_ns\":%lld,", (long long)age_ns);
	if (thread->stack_used != 0)
		weft__text_print(text, "\"stack_used\":%zu,", thread->stack_used);
	if (thread->cancelled)
		weft__text_print(text, "\"cancelled\":true,");
	weft__text_print(text, "\"stack_bytes\":%zu,\"switches\":%llu},", thread->stack_bytes,
			 (number)thread->switches);
	return 0;
}

static void write_threads(const struct scheds *scheds, struct weft__text *text)
{
	struct threads threads = { text, scheds, weft_now(), 0 };

	weft__text_print(text, "\"threads\":[");
	weft_inspect_threads(write_thread, &threads);
	weft__text_end_list(text);
	weft__text_print(text, "],\n\"thread_count\":%llu,\"threads_max\":%d\n",
			 (number)threads.count, WEFT__SNAPSHOT_THREADS_MAX);
}

void weft__snapshot_write(weft_server *server, struct weft__http_site *site,
			  struct weft__text *text)
{
	struct scheds scheds;

	scheds.count = 0;
	weft_inspect_scheds(collect_sched, &scheds);
	weft__text_print(text, "{\"version\":\"%s\",\"process\":%d,\"now_ns\":%lld,\n",
			 weft_version(), (int)getpid(), (long long)weft_now());
	write_server(server, text);
	write_site(site, text);
	write_scheds(&scheds, text);
	write_threads(&scheds, text);
	weft__text_print(text, "}\n");
}
