/* SPDX-License-Identifier: MIT */
/*
 * errno and thread_local: a thread finds in them what it left there, however long it was away.
 * Addresses of them are kept all the time, as compilers do.
 */
#include "soak.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NUMBERS = 128 };

static _Thread_local uint64_t numbers[NUMBERS];
static _Thread_local const void *me;

static int provoke(unsigned which)
{
	static char nothing[1];

	switch (which) {
	case 0:
		return open("/nowhere/at/all", O_RDONLY | O_CLOEXEC) < 0 ? ENOENT : 0;
	case 1:
		return close(-1) < 0 ? EBADF : 0;
	case 2:
		return lseek(-1, 0, SEEK_SET) < 0 ? EBADF : 0;
	case 3:
		return rmdir("/") < 0 ? EBUSY : 0;
	case 4:
		return chdir("/proc/self/status") < 0 ? ENOTDIR : 0;
	default:
		return readlink("/", nothing, sizeof nothing) < 0 ? EINVAL : 0;
	}
}

static uint64_t compute(struct soak_run *run, unsigned steps)
{
	uint64_t sum = 0;

	while (steps-- > 0)
		sum += soak_random(run) >> 7;
	return sum;
}

static void keep_errno(struct soak_run *run)
{
	int *where = &errno;

	for (unsigned i = 0; i < 12; i++) {
		int expected = provoke(soak_below(run, 6));

		soak_add_number(run, (uint64_t)expected);
		soak_add_number(run, compute(run, 4000));
		if (errno != expected)
			soak_fail(run, "errno is %d instead of %d", errno, expected);
		if (where != &errno)
			soak_fail(run, "errno lies elsewhere");
	}
}

static void keep_own(struct soak_run *run)
{
	uint64_t first = soak_random(run);
	uint64_t *own = numbers;

	me = run;
	for (unsigned i = 0; i < NUMBERS; i++)
		own[i] = first + i;
	for (unsigned round = 0; round < 20; round++) {
		soak_add_number(run, compute(run, 1000));
		for (unsigned i = 0; i < NUMBERS; i++)
			if (numbers[i]++ != first + i + round)
				soak_fail(run, "its own number %u is another's", i);
	}
	if (me != run)
		soak_fail(run, "it is another thread");
}

static void say(struct soak_run *run)
{
	char text[64];

	for (int i = 0; i < 8; i++) {
		int number = 5000 + (int)soak_below(run, 5000);
		const char *unknown = strerror(number); /* kept in memory of the thread's own */
		uint64_t sum = compute(run, 500);

		if (strtol(unknown + strlen("Unknown error "), NULL, 10) != number)
			soak_fail(run, "error %d is '%.40s'", number, unknown);
		soak_add(run, unknown, strlen(unknown));
		soak_add_number(run, sum);
		unknown = strerror_r(1 + number % 100, text, sizeof text);
		soak_add(run, unknown, strlen(unknown));
	}
}

static void work(struct soak_run *run)
{
	keep_errno(run);
	keep_own(run);
	say(run);
}

const struct soak_operation soak_errno = { "errno", "errno, strerror and thread_local numbers",
					   .run = work };
