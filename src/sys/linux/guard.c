/* SPDX-License-Identifier: MIT */
/*
 * Guards: pages that trap.
 *
 * MADV_GUARD_INSTALL (Linux 6.13) marks the page tables and costs no mapping, so there may be a
 * million. It is believed only after its effect has been seen once: an emulator (qemu-user) answers
 * 0 and installs nothing. Under mlockall it is EINVAL, which may begin at any time, so each call
 * falls back on its own.
 *
 * mprotect makes two mappings of one. The kernel has a limit on them (vm.max_map_count, 65,530)
 * that the whole program shares: guards stop a little before half of it, near 32,000, so that the
 * rest of the program can still map memory.
 *
 * Rejected: a probe at each guard (1 us, three times the guard itself); probing by write(2) (needs
 * a descriptor; a futex wait reads the word in the kernel too, and answers EFAULT where it traps);
 * guards in batches (process_madvise: 330 ns each against 320 one by one).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/panic.h"
#include "sys/linux/force.h"
#include "sys/sys.h"

/* Younger than the C library's headers. */
#define ADVICE_GUARD_INSTALL 102
#define ADVICE_GUARD_REMOVE 103

#define MAPPINGS_DEFAULT 65530

/* atomic: what is known about MADV_GUARD_INSTALL; anybody may set it, from UNKNOWN */
enum trust { UNKNOWN, WORKS, IDLE };
static uint32_t trust;

static int mapping_count; /* atomic: guards by mprotect that stand */
static int mapping_max;   /* atomic: 0: not known yet */

static bool is_trapping(void *at)
{
	static const struct timespec at_once;

	/* Fresh memory is zero, so the wait fails with EAGAIN, unless reading it failed first. */
	return syscall(SYS_futex, at, FUTEX_WAIT_PRIVATE, 1u, &at_once, NULL, 0) != 0 &&
	       errno == EFAULT;
}

static int install(void *at, size_t bytes)
{
	if (weft__sys_force.no_madvise_guard)
		return -EINVAL;
	if (weft__sys_force.idle_madvise_guard)
		return 0;
	return madvise(at, bytes, ADVICE_GUARD_INSTALL) == 0 ? 0 : -errno;
}

static int guard_by_madvise(void *at, size_t bytes)
{
	uint32_t known = atomic_load_relaxed(&trust);
	int rc;

	if (known == IDLE)
		return -ENOTSUP;
	rc = install(at, bytes);
	if (rc == 0 && known == UNKNOWN) {
		known = is_trapping((char *)at + bytes - WEFT__PAGE) ? WORKS : IDLE;
		atomic_store_relaxed(&trust, known);
		if (known == IDLE)
			return -ENOTSUP;
	}
	return rc;
}

static int read_mapping_max(void)
{
	char text[32];
	int limit = MAPPINGS_DEFAULT;
	int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		ssize_t length = read(fd, text, sizeof text - 1);

		close(fd);
		if (length > 0) {
			text[length] = '\0';
			limit = atoi(text);
		}
	}
	return limit / 2 - limit / 64;
}

static int mapping_limit(void)
{
	int limit = weft__sys_force.mapping_max;

	if (limit == 0)
		limit = atomic_load_relaxed(&mapping_max);
	if (limit == 0) {
		limit = read_mapping_max();
		atomic_store_relaxed(&mapping_max, limit);
	}
	return limit;
}

static int guard_by_mprotect(void *at, size_t bytes)
{
	if (atomic_add_relaxed(&mapping_count, 1) < mapping_limit() &&
	    mprotect(at, bytes, PROT_NONE) == 0)
		return 1;
	atomic_add_relaxed(&mapping_count, -1);
	return -EAGAIN;
}

int weft__sys_guard(void *at, size_t bytes)
{
	int rc;

	weft__assert((uintptr_t)at % WEFT__PAGE == 0 && bytes % WEFT__PAGE == 0);
	/* larger pages: the kernel would round up, silently */
	if (bytes % getauxval(AT_PAGESZ) != 0)
		return -ENOTSUP;
	if (weft__sys_force_fails(&weft__sys_force.fail_guard))
		return -ENOMEM;
	rc = guard_by_madvise(at, bytes);
	if (rc == 0 || rc == -ENOMEM)
		return rc;
	return guard_by_mprotect(at, bytes);
}

void weft__sys_unguard(void *at, size_t bytes, int how)
{
	if (how == 0) {
		madvise(at, bytes, ADVICE_GUARD_REMOVE);
		return;
	}
	mprotect(at, bytes, PROT_READ | PROT_WRITE);
	atomic_add_relaxed(&mapping_count, -1);
}

void weft__sys_guard_forget(void)
{
	atomic_store_relaxed(&trust, (uint32_t)UNKNOWN);
	atomic_store_relaxed(&mapping_count, 0);
}
