/* SPDX-License-Identifier: MIT */
/*
 * The heavy barrier: membarrier(2), private and expedited, makes every CPU that runs a kernel
 * thread of this process execute a full fence. The other side then needs to restrain its compiler
 * only.
 *
 * Registration happens before main: while there is one kernel thread it costs nothing, later it
 * waits for an RCU grace period. fork's child inherits it.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/panic.h"
#include "sys/sys.h"

bool weft__sys_has_heavy_barrier;

static int membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0u, 0) == 0 ? 0 : -errno;
}

static __attribute__((constructor)) void register_intent(void)
{
	weft__sys_has_heavy_barrier = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

void weft__sys_full_fence(void)
{
	atomic_full_fence();
}

void weft__sys_heavy_barrier(void)
{
	int rc;

	if (!weft__sys_has_heavy_barrier) {
		weft__sys_full_fence();
		return;
	}
	rc = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
	if (unlikely(rc != 0))
		weft__panic("membarrier: error %d", -rc); /* going on would lose wake-ups */
}
