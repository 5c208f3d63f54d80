/* SPDX-License-Identifier: MIT */
/* What operations are made of: random numbers, digests, text. */
#include "soak.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The finalizer of MurmurHash3: every bit of the input moves every bit of the result. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

void soak_begin(struct soak_run *run, uint64_t seed)
{
	run->random = seed;
	run->digest = 0;
	run->note[0] = '\0';
}

uint64_t soak_random(struct soak_run *run)
{
	run->random += UINT64_C(0x9e3779b97f4a7c15);
	return mix(run->random);
}

unsigned soak_below(struct soak_run *run, unsigned bound)
{
	return (unsigned)(soak_random(run) >> 33) % bound;
}

void soak_add_number(struct soak_run *run, uint64_t number)
{
	run->digest = mix(run->digest ^ number) + UINT64_C(0x9e3779b97f4a7c15);
}

void soak_add(struct soak_run *run, const void *bytes, size_t count)
{
	const unsigned char *from = bytes;
	uint64_t word;

	soak_add_number(run, count);
	for (; count >= sizeof word; from += sizeof word, count -= sizeof word) {
		memcpy(&word, from, sizeof word);
		soak_add_number(run, word);
	}
	word = 0;
	memcpy(&word, from, count);
	soak_add_number(run, word);
}

void soak_fail(struct soak_run *run, const char *format, ...)
{
	va_list arguments;

	if (run->note[0] != '\0')
		return;
	va_start(arguments, format);
	vsnprintf(run->note, sizeof run->note, format, arguments);
	va_end(arguments);
}

void soak_text(struct soak_run *run, char *out_text, size_t bytes)
{
	static const char *const words[] = { "warp",  "weft", "shuttle", "loom", "thread",
					     "heald", "reed", "selvage", "pick", "beam" };
	size_t used = 0;

	while (used + 12 < bytes) {
		unsigned draw = soak_below(run, 64);

		if (draw < 10)
			used += (size_t)snprintf(out_text + used, bytes - used, "%s ", words[draw]);
		else if (draw < 12)
			used += (size_t)snprintf(out_text + used, bytes - used, "%u\n",
						 soak_below(run, 100000));
		else
			out_text[used++] = (char)('a' + draw % 26);
	}
	memset(out_text + used, '\0', bytes - used);
}
