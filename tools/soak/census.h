/* SPDX-License-Identifier: MIT */
/* What the process has, as the kernel counts it. */
#ifndef WEFT_SOAK_CENSUS_H
#define WEFT_SOAK_CENSUS_H

struct soak_census {
	int threads, fds;
	long resident_kb;
};

void soak_census_take(struct soak_census *out_census);

#endif
