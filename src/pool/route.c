/* SPDX-License-Identifier: MIT */
/* Which worker a task goes to, in pools that route; in the thread that submits. */
#include "pool/pool.h"

static uint64_t mix(uint64_t key)
{
	key ^= key >> 32;
	key *= UINT64_C(0x9e3779b97f4a7c15);
	return key ^ key >> 29;
}

/* Tasks queued for the seat and running on it; an estimate while others submit. */
static uint32_t load_of(const struct weft__seat *seat)
{
	return weft__jobs_count(&seat->inbox) + atomic_load_relaxed(&seat->is_running);
}

static unsigned least_loaded(weft_pool *pool, unsigned workers)
{
	uint32_t least = load_of(pool->seats[0]);
	unsigned best = 0;

	for (unsigned i = 1; least != 0 && i < workers; i++) {
		uint32_t load = load_of(pool->seats[i]);

		if (load < least) {
			least = load;
			best = i;
		}
	}
	return best;
}

struct weft__seat *weft__route(weft_pool *pool, uint64_t key)
{
	unsigned workers = atomic_load_relaxed(&pool->limit);
	unsigned index = 0;

	switch (pool->route) {
	case WEFT_ROUTE_SHARED:
		break;
	case WEFT_ROUTE_ROUND_ROBIN:
		index = (unsigned)(atomic_add_relaxed(&pool->turn, 1) % workers);
		break;
	case WEFT_ROUTE_LEAST_LOADED:
		index = least_loaded(pool, workers);
		break;
	case WEFT_ROUTE_KEY:
		index = (unsigned)(mix(key) % workers);
		break;
	case WEFT_ROUTE_FUNCTION:
		index = pool->route_function(pool->route_arg, key, workers) % workers;
		break;
	}
	return pool->seats[index];
}
