/* SPDX-License-Identifier: MIT */
/* Semaphore: a count of permits. All-zero has none. First come, first served: a permit that is
 * posted while threads wait goes to the one that has waited longest. */
#ifndef WEFT_SEM_H
#define WEFT_SEM_H

#include <stdint.h>

#include <weft/api.h>
#include <weft/mutex.h>

WEFT_API_BEGIN

typedef struct weft_sem {
	int32_t permits; /* free ones; -1: none, and somebody may wait */
	uint32_t reserved;
	weft__waitq waiters;
} weft_sem;

#define WEFT_SEM_INIT(permits) { (permits), 0, { 0, 0, 0 } }

/* Sets the number of free permits, before anybody uses it; 0 to INT32_MAX. Returns 0; -EINVAL:
 * negative. */
WEFT_API int weft_sem_init(weft_sem *sem, int32_t permits);

/* Takes a permit, waits for one. Returns 0; _try: -EAGAIN: none is free; _until: -ETIMEDOUT. Order:
 * acquires what was released by the posts so far. */
WEFT_API int weft_sem_wait(weft_sem *sem);
WEFT_API int weft_sem_wait_try(weft_sem *sem);
WEFT_API int weft_sem_wait_until(weft_sem *sem, int64_t deadline_ns);

/* Gives a permit. Returns 0; -EOVERFLOW: INT32_MAX are free already. Order: releases. Cost: bench
 * semaphore. */
WEFT_API int weft_sem_wake(weft_sem *sem);

WEFT_API_END

#endif
