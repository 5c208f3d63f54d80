/* SPDX-License-Identifier: MIT */
/* Report: the figures of a soak, for people and for programs. */
#ifndef WEFT_SOAK_REPORT_H
#define WEFT_SOAK_REPORT_H

#include <weft/sched.h>

#include "census.h"
#include "crowd.h"

struct soak_result {
	weft_sched_stats stats;
	/* before the threads; after a quarter of the time; before they were told to stop; at
	 * last */
	struct soak_census before, warm, end, after;
	unsigned processors;
	int64_t ns;
};

void soak_report_print(struct soak_crowd *crowd, const struct soak_result *result);

#endif
