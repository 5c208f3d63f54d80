/* SPDX-License-Identifier: MIT */
/* System calls that may block and that younger processors never had, for sys/linux/watch_call.c. */
#ifndef WEFT_ARCH_OLD_CALLS_H
#define WEFT_ARCH_OLD_CALLS_H

#define WEFT__ARCH_OLD_CALLS(name) \
	name(open) name(poll) name(select) name(pause) name(epoll_wait) name(fork) name(vfork)

#endif
