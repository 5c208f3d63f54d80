/* SPDX-License-Identifier: MIT */
/* System calls that may block and that younger processors never had, for sys/linux/watch_call.c:
 * none here. */
#ifndef WEFT_ARCH_OLD_CALLS_H
#define WEFT_ARCH_OLD_CALLS_H

#define WEFT__ARCH_OLD_CALLS(name)

#endif
