/* SPDX-License-Identifier: MIT */
/*
 * A place is a thread's seat. Whoever sits there draws operations one by one, lives for a few of
 * them, and then starts its successor; so threads end and are made all the time, and what a thread
 * leaves behind in memory that the next one gets is seen.
 */
#include "crowd.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/weft.h>

#include "base/atomic.h"

enum { LIFE_MAX = 32, PRINTED_MAX = 30, LIGHT_STACK = 256 << 10 };

struct soak_place {
	struct soak_crowd *crowd;
	unsigned index;
	struct soak_run draw;             /* only its random numbers */
	const struct soak_operation *now; /* NULL: between two; any thread reads */
};

void soak_crowd_differ(struct soak_crowd *crowd, const char *operation, const char *format, ...)
{
	uint64_t before = atomic_add_relaxed(&crowd->differences, 1);
	char text[512];
	va_list arguments;
	int bytes;

	if (before >= PRINTED_MAX)
		return;
	va_start(arguments, format);
	bytes = snprintf(text, sizeof text, "weft soak: DIFFERENCE in %s: ", operation);
	vsnprintf(text + bytes, sizeof text - (size_t)bytes, format, arguments);
	va_end(arguments);
	/* Past stdio, which is soaked itself. */
	dprintf(STDERR_FILENO, "%s\n", text);
	if (before + 1 == PRINTED_MAX)
		fputs("weft soak: further ones are only counted\n", stderr);
}

static uint64_t seed_of(const struct soak_crowd *crowd, unsigned operation, unsigned seed)
{
	struct soak_run draw;

	soak_begin(&draw, crowd->options->seed);
	for (const char *c = crowd->options->operations[operation]->name; *c != '\0'; c++)
		draw.random = soak_random(&draw) + (unsigned char)*c;
	draw.random += seed;
	return soak_random(&draw);
}

/* ---- the plain run */

static void expect_one(struct soak_crowd *crowd, unsigned operation)
{
	const struct soak_operation *what = crowd->options->operations[operation];
	int64_t begun = weft_now();

	for (unsigned seed = 0; seed < SOAK_SEEDS; seed++) {
		struct soak_run run;

		soak_begin(&run, seed_of(crowd, operation, seed));
		what->run(&run);
		if (run.note[0] != '\0') {
			soak_crowd_differ(crowd, what->name, "seed %u, on a plain thread: %s", seed,
					  run.note);
			return;
		}
		crowd->expected[operation][seed] = run.digest;
	}
	crowd->plain_ns[operation] = (weft_now() - begun) / SOAK_SEEDS;
}

static void *expect_all(void *arg)
{
	struct soak_crowd *crowd = arg;

	for (unsigned i = 0; i < crowd->options->operation_count; i++)
		expect_one(crowd, i);
	return NULL;
}

int soak_crowd_expect(struct soak_crowd *crowd)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, expect_all, crowd) != 0) {
		fputs("weft soak: no thread for the plain run\n", stderr);
		return -1;
	}
	pthread_join(thread, NULL);
	return crowd->differences == 0 ? 0 : -1;
}

/* ---- a thread's life */

static void work(struct soak_place *place, unsigned operation)
{
	struct soak_crowd *crowd = place->crowd;
	const struct soak_operation *what = crowd->options->operations[operation];
	unsigned seed = soak_below(&place->draw, SOAK_SEEDS);
	unsigned long long id = weft_thread_id(weft_thread_self());
	struct soak_run run;

	soak_begin(&run, seed_of(crowd, operation, seed));
	atomic_store_relaxed(&place->now, what);
	what->run(&run);
	atomic_store_relaxed(&place->now, NULL);
	if (run.note[0] != '\0')
		soak_crowd_differ(crowd, what->name, "seed %u, thread %llu: %s", seed, id,
				  run.note);
	else if (run.digest != crowd->expected[operation][seed])
		soak_crowd_differ(crowd, what->name,
				  "seed %u, thread %llu: digest %016llx instead of %016llx", seed,
				  id, (unsigned long long)run.digest,
				  (unsigned long long)crowd->expected[operation][seed]);
	atomic_add_relaxed(&crowd->done[operation], 1);
}

/* Draws an operation that has room for one more, and does it. */
static void turn(struct soak_place *place)
{
	struct soak_crowd *crowd = place->crowd;
	unsigned operation = soak_below(&place->draw, crowd->options->operation_count);
	unsigned most = crowd->options->operations[operation]->at_once;

	if (atomic_add_acq_rel(&crowd->inside[operation], 1) < most || most == 0)
		work(place, operation);
	else
		weft_yield();
	atomic_sub_acq_rel(&crowd->inside[operation], 1);
	if (crowd->options->kind == WEFT_LIGHT)
		weft_yield();
}

static int live(void *arg);

static int start(struct soak_place *place)
{
	struct soak_crowd *crowd = place->crowd;
	weft_thread_options options = {
		.kind = crowd->options->kind,
		.sched = crowd->sched,
		.stack_bytes = crowd->options->kind == WEFT_LIGHT ? LIGHT_STACK : 0,
	};

	return weft_thread_spawn(live, place, &options, NULL);
}

static int live(void *arg)
{
	struct soak_place *place = arg;
	struct soak_crowd *crowd = place->crowd;

	atomic_add_relaxed(&crowd->lives, 1);
	for (;;) {
		unsigned turns = 1 + soak_below(&place->draw, LIFE_MAX);

		while (turns-- > 0 && !atomic_load_relaxed(&crowd->stop))
			turn(place);
		if (atomic_load_relaxed(&crowd->stop))
			break;
		if (start(place) == 0)
			return 0; /* the place is the successor's */
		atomic_add_relaxed(&crowd->refused, 1);
	}
	atomic_sub_acq_rel(&crowd->alive, 1);
	return 0;
}

int soak_crowd_start(struct soak_crowd *crowd)
{
	unsigned threads = crowd->options->threads;

	crowd->places = calloc(threads, sizeof *crowd->places);
	if (crowd->places == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < threads; i++) {
		struct soak_place *place = &crowd->places[i];
		int error;

		place->crowd = crowd;
		place->index = i;
		soak_begin(&place->draw, crowd->options->seed + i * UINT64_C(0x632be59bd9b4e019));
		atomic_add_acq_rel(&crowd->alive, 1);
		error = start(place);
		if (error < 0) {
			atomic_sub_acq_rel(&crowd->alive, 1);
			return error;
		}
	}
	return 0;
}

/* ---- from outside */

void soak_crowd_stop(struct soak_crowd *crowd)
{
	atomic_store_relaxed(&crowd->stop, true);
}

unsigned soak_crowd_alive(struct soak_crowd *crowd)
{
	return atomic_load_acquire(&crowd->alive);
}

uint64_t soak_crowd_done(struct soak_crowd *crowd)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < crowd->options->operation_count; i++)
		sum += atomic_load_relaxed(&crowd->done[i]);
	return sum;
}

void soak_crowd_print_alive(struct soak_crowd *crowd)
{
	fprintf(stderr, "weft soak: %u threads have not ended; inside:", soak_crowd_alive(crowd));
	for (unsigned i = 0; i < crowd->options->operation_count; i++) {
		const struct soak_operation *what = crowd->options->operations[i];
		unsigned count = 0;

		for (unsigned k = 0; k < crowd->options->threads; k++)
			count += atomic_load_relaxed(&crowd->places[k].now) == what;
		if (count > 0)
			fprintf(stderr, " %s %u", what->name, count);
	}
	fputc('\n', stderr);
}

void soak_crowd_free(struct soak_crowd *crowd)
{
	free(crowd->places);
}
