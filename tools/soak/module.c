/* SPDX-License-Identifier: MIT */
/* A module that is loaded and unloaded again and again; it has data of each thread's own. */
#include <stdint.h>

uint64_t module_turn(uint64_t number);
extern const uint64_t module_first;

const uint64_t module_first = 41;

static _Thread_local uint64_t turns = 41;
static _Thread_local uint64_t last[64];

/* Sum of the last 64 numbers that this thread gave, and how many it gave since it was loaded. */
uint64_t module_turn(uint64_t number)
{
	uint64_t sum = 0;

	last[turns++ % 64] = number;
	for (int i = 0; i < 64; i++)
		sum += last[i];
	return sum + turns;
}
