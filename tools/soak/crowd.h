/* SPDX-License-Identifier: MIT */
/* Crowd: the threads of a soak, what they have done, and what was wrong. */
#ifndef WEFT_SOAK_CROWD_H
#define WEFT_SOAK_CROWD_H

#include <weft/sched.h>

#include "options.h"

enum { SOAK_SEEDS = 64 };

struct soak_crowd {
	const struct soak_options *options;
	weft_sched *sched; /* NULL: kernel threads */
	struct soak_place *places;

	/* written by the plain run */
	uint64_t expected[SOAK_OPERATIONS_MAX][SOAK_SEEDS];
	int64_t plain_ns[SOAK_OPERATIONS_MAX]; /* one run, in the mean */

	/* any thread; atomic */
	uint64_t done[SOAK_OPERATIONS_MAX];
	unsigned inside[SOAK_OPERATIONS_MAX];
	uint64_t differences, lives, refused;
	unsigned alive;
	bool stop;
};

/* Works out what every operation gives for every seed, on a plain kernel thread. 0, or -1: it
 * failed even there, and that was said. */
int soak_crowd_expect(struct soak_crowd *crowd);

/* Starts the threads. 0, or a negative errno: some may run, and end when told to stop. */
int soak_crowd_start(struct soak_crowd *crowd);

void soak_crowd_stop(struct soak_crowd *crowd);
unsigned soak_crowd_alive(struct soak_crowd *crowd);
uint64_t soak_crowd_done(struct soak_crowd *crowd);

/* To standard error: what those do that have not ended. */
void soak_crowd_print_alive(struct soak_crowd *crowd);

/* Prints a difference, unless there were many. */
void soak_crowd_differ(struct soak_crowd *crowd, const char *operation, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void soak_crowd_free(struct soak_crowd *crowd);

#endif
