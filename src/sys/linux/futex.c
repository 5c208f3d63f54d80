/* SPDX-License-Identifier: MIT */
/* Waiting on a word. FUTEX_WAIT_BITSET because its time is absolute, on CLOCK_MONOTONIC. */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <weft/time.h>

#include "sys/sys.h"

int weft__sys_wait(uint32_t *word, uint32_t expected, int64_t deadline_ns)
{
	struct timespec when = { 0 };
	struct timespec *until = NULL;

	if (deadline_ns != WEFT_FOREVER) {
		if (deadline_ns > 0) { /* the kernel refuses negative times */
			when.tv_sec = deadline_ns / WEFT_SECOND;
			when.tv_nsec = deadline_ns % WEFT_SECOND;
		}
		until = &when;
	}
	if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected, until, NULL,
		    FUTEX_BITSET_MATCH_ANY) == 0)
		return 0;
	return -errno;
}

void weft__sys_wake(uint32_t *word, int count)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}
