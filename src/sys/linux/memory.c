/* SPDX-License-Identifier: MIT */
/*
 * Address space for stacks. MAP_NORESERVE: a reservation of gigabytes is no promise to use them.
 * MADV_NOHUGEPAGE: one touched page would become 2 MiB. What can be discarded is discarded by
 * process_madvise on oneself, 32 ranges a call, at a quarter of the price; PIDFD_SELF names oneself
 * without a descriptor, which fork's child would inherit and which would then name its parent.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/panic.h"
#include "sys/linux/force.h"
#include "sys/sys.h"

/* Younger than the C library's headers. */
#define PIDFD_SELF_GROUP (-10001)
#define ADVICE_DONTNEED_LOCKED 24

static void *map(size_t bytes)
{
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
}

int weft__sys_reserve(size_t bytes, size_t align, void **out_at)
{
	size_t slack = align > WEFT__PAGE ? align - WEFT__PAGE : 0;
	size_t before;
	char *at;

	weft__assert(bytes > 0 && bytes % WEFT__PAGE == 0 && (align & (align - 1)) == 0);
	if (weft__sys_force_fails(&weft__sys_force.fail_reserve))
		return -ENOMEM;
	at = map(bytes + slack);
	if (at == MAP_FAILED)
		return -errno;
	before = -(uintptr_t)at & slack;
	if (before != 0)
		munmap(at, before);
	if (before != slack)
		munmap(at + before + bytes, slack - before);
	at += before;
	(void)madvise(at, bytes, MADV_NOHUGEPAGE); /* EINVAL: a kernel that has none */
	*out_at = at;
	return 0;
}

void weft__sys_unreserve(void *at, size_t bytes)
{
	munmap(at, bytes);
}

/* Locked memory (mlockall) is not given back by MADV_DONTNEED. */
void weft__sys_discard(void *at, size_t bytes)
{
	if (madvise(at, bytes, MADV_DONTNEED) == 0)
		return;
	if (!weft__sys_force.no_discard_locked && madvise(at, bytes, ADVICE_DONTNEED_LOCKED) == 0)
		return;
	memset(at, 0, bytes);
}

/* Returns how many ranges, from the first, are done. */
static int discard_many(void *const at[], size_t bytes, int count)
{
	struct iovec range[WEFT__DISCARD_MAX];
	long done;

	if (count < 2 || weft__sys_force.no_madvise_many)
		return 0;
	for (int i = 0; i < count; i++)
		range[i] = (struct iovec){ .iov_base = at[i], .iov_len = bytes };
	done = syscall(SYS_process_madvise, PIDFD_SELF_GROUP, range, (unsigned long)count,
		       MADV_DONTNEED, 0u);
	return done > 0 ? (int)((size_t)done / bytes) : 0;
}

void weft__sys_discard_each(void *const at[], size_t bytes, int count)
{
	weft__assert(count <= WEFT__DISCARD_MAX);
	for (int i = discard_many(at, bytes, count); i < count; i++)
		weft__sys_discard(at[i], bytes);
}
