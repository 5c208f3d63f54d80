/* SPDX-License-Identifier: MIT */
/* Which worker a task goes to, in pools that route; in the thread that submits. */
#include "pool/pool.h"

uint64_t weft__route_mix(uint64_t key)
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

static unsigned least_loaded(weft_pool *pool, unsigned width)
{
	uint32_t least = load_of(pool->seats[0]);
	unsigned best = 0;

	for (unsigned i = 1; least != 0 && i < width; i++) {
		uint32_t load = load_of(pool->seats[i]);

		if (load < least) {
			least = load;
			best = i;
		}
	}
	return best;
}

struct weft__seat *weft__route_key(weft_pool *pool, uint64_t key)
{
	return pool->seats[weft__route_mix(key) % atomic_load_acquire(&pool->width)];
}

static struct weft__seat *route(weft_pool *pool, uint64_t key)
{
	unsigned width = atomic_load_acquire(&pool->width);

	switch (pool->route) {
	case WEFT_ROUTE_ROUND_ROBIN:
		return pool->seats[pool->turn++ % width];
	case WEFT_ROUTE_LEAST_LOADED:
		return pool->seats[least_loaded(pool, width)];
	case WEFT_ROUTE_KEY:
		return weft__route_key(pool, key);
	case WEFT_ROUTE_FUNCTION: /* it was asked before */
		return pool->seats[key % width];
	case WEFT_ROUTE_SHARED:
		break;
	}
	return pool->seats[0];
}

static bool is_free(const struct weft__seat *seat)
{
	return atomic_load_relaxed(&seat->is_idle) && !weft__seat_has_work(seat);
}

struct weft__seat *weft__route(weft_pool *pool, uint64_t key)
{
	struct weft__seat *seat = route(pool, key);
	unsigned width = atomic_load_relaxed(&pool->width);

	/* An elastic pool in which the task would have to wait: one more, and ask again. */
	if (unlikely(width < atomic_load_relaxed(&pool->limit)) && !is_free(seat) &&
	    pool->route != WEFT_ROUTE_FUNCTION) {
		if (pool->route == WEFT_ROUTE_ROUND_ROBIN)
			pool->turn = width;
		atomic_store_release(&pool->width, width + 1);
		seat = route(pool, key);
	}
	return seat;
}

static unsigned ask(weft_pool *pool, uint64_t key, unsigned width)
{
	return pool->route_function(pool->route_arg, key, width) % width;
}

unsigned weft__route_ask(weft_pool *pool, uint64_t key)
{
	unsigned width = atomic_load_acquire(&pool->width);
	unsigned index = ask(pool, key, width);

	if (likely(width >= atomic_load_relaxed(&pool->limit)) || is_free(pool->seats[index]))
		return index;
	/* Several at once may widen it by one. */
	atomic_store_release(&pool->width, width + 1);
	return ask(pool, key, width + 1);
}
