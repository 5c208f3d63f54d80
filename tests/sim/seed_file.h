/* SPDX-License-Identifier: MIT */
/* A failing run as a file: the scenario, its seed and options, and the first line of the
 * failure. */
#ifndef WEFT_TEST_SEED_FILE_H
#define WEFT_TEST_SEED_FILE_H

#include "sys/sim/sim.h"

struct seed_file {
	char scenario[64];
	uint64_t seed;
	struct weft__sim_options options;
	char failure[256];
};

/* Into seeds/SCENARIO-SEED.seed; the name goes to out_path. 0, or -errno. */
int seed_file_write(const struct seed_file *file, char *out_path, size_t out_bytes);
int seed_file_read(const char *path, struct seed_file *out_file);

#endif
