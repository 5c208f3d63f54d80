/* SPDX-License-Identifier: MIT */
/* The C library's allocator: blocks of every size, each with a pattern of its own, in random
 * order. */
#include "soak.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 64, STEPS = 600 };

struct block {
	unsigned char *at;
	size_t bytes;
	unsigned char pattern;
};

static size_t draw_size(struct soak_run *run)
{
	unsigned draw = soak_below(run, 1000);

	if (draw == 0)
		return 160 << 10; /* a mapping of its own */
	if (draw < 50)
		return 1 + soak_below(run, 20000);
	return 1 + soak_below(run, 600);
}

static void check(struct soak_run *run, const struct block *block)
{
	/* The ends of a long one: it is the headers between blocks that go wrong. */
	size_t stride = block->bytes < 1024 ? 1 : block->bytes / 512;

	for (size_t i = 0; i < block->bytes; i += stride)
		/* NOLINTNEXTLINE(clang-analyzer-core.*): what realloc copied is not garbage */
		if (block->at[i] != block->pattern) {
			soak_fail(run, "byte %zu of %zu is %u instead of %u", i, block->bytes,
				  block->at[i], block->pattern);
			return;
		}
}

static void fill(struct soak_run *run, struct block *block, size_t bytes)
{
	block->bytes = bytes;
	block->pattern = (unsigned char)soak_random(run);
	if (block->at == NULL) {
		soak_fail(run, "no memory");
		block->bytes = 0;
		return;
	}
	memset(block->at, block->pattern, bytes);
}

static void step(struct soak_run *run, struct block *block)
{
	size_t bytes = draw_size(run);
	void *at;

	check(run, block);
	switch (soak_below(run, 6)) {
	case 0:
		at = realloc(block->at, bytes);
		if (at == NULL)
			break;
		block->at = at;
		if (block->bytes > bytes)
			block->bytes = bytes;
		check(run, block);
		fill(run, block, bytes);
		break;
	case 1:
		free(block->at);
		block->at = calloc(1, bytes);
		block->bytes = block->at != NULL ? bytes : 0;
		block->pattern = 0;
		check(run, block);
		break;
	case 2:
		free(block->at);
		block->at = NULL;
		if (posix_memalign((void **)&block->at, 256, bytes) == 0 &&
		    (uintptr_t)block->at % 256 != 0)
			soak_fail(run, "%p is not aligned", (void *)block->at);
		fill(run, block, bytes);
		break;
	default:
		free(block->at);
		block->at = malloc(bytes);
		fill(run, block, bytes);
		break;
	}
	if (malloc_usable_size(block->at) < block->bytes)
		soak_fail(run, "a block of %zu bytes is smaller", block->bytes);
}

static void work(struct soak_run *run)
{
	struct block blocks[BLOCKS] = { { NULL, 0, 0 } };

	for (int i = 0; i < STEPS; i++)
		step(run, &blocks[soak_below(run, BLOCKS)]);
	for (int i = 0; i < BLOCKS; i++) {
		check(run, &blocks[i]);
		soak_add_number(run, blocks[i].bytes << 8 | blocks[i].pattern);
		free(blocks[i].at);
	}
}

const struct soak_operation soak_malloc = { "malloc", "blocks of every size, each with a pattern",
					    .run = work };
