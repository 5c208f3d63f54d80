/* SPDX-License-Identifier: MIT */
#ifndef WEFT_SCHED_OVERFLOW_H
#define WEFT_SCHED_OVERFLOW_H

/* Switches reports of stack overflow on, for the process, once. 0, or -errno of the kernel. */
int weft__overflow_report(void);

#endif
