/* SPDX-License-Identifier: MIT */
#ifndef WEFT_SYS_LINUX_SETXID_H
#define WEFT_SYS_LINUX_SETXID_H

/* For tls.c, when there can be blocks, after the library's first thread: makes setuid and its kin
 * end while user threads run. Once; later calls do nothing. */
void weft__setxid_wrap(void);

#endif
