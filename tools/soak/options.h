/* SPDX-License-Identifier: MIT */
/* What a soak was asked for. */
#ifndef WEFT_SOAK_OPTIONS_H
#define WEFT_SOAK_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/thread.h>

#include "soak.h"

enum { SOAK_OPERATIONS_MAX = 32 };

struct soak_options {
	weft_kind kind;
	unsigned seconds, threads, slice_us, carriers;
	uint64_t seed;
	bool json, quiet;
	/* those that were chosen */
	const struct soak_operation *operations[SOAK_OPERATIONS_MAX];
	unsigned operation_count;
};

const char *soak_kind_name(weft_kind kind);

/* 0; -1: what was asked for is done (a list, help); 2: there is no such thing, and that was
 * said. */
int soak_options_read(int argc, char **argv, struct soak_options *out_options);

#endif
