/* SPDX-License-Identifier: MIT */
/* What workers can be on this machine. */
#ifndef WEFT_TESTS_SERVE_KINDS_H
#define WEFT_TESTS_SERVE_KINDS_H

#include <stdbool.h>

#include <weft/pool.h>

static inline bool has_user_threads(void)
{
	weft_pool *pool;

	if (weft_pool_create(&(weft_pool_options){ .kind = WEFT_USER, .workers = 1 }, &pool) < 0)
		return false;
	weft_pool_destroy(pool);
	return true;
}

#endif
