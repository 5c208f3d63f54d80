/* SPDX-License-Identifier: MIT */
/*
 * Ways to block in the kernel that weft does not know of: about 5 ms each time, and who ends it is
 * a kernel thread that weft did not make.
 */
#ifndef WEFT_BENCH_BLOCKERS_H
#define WEFT_BENCH_BLOCKERS_H

#include "harness.h"

struct bench_blocker {
	void (*open)(void);  /* once; starts the other side, which never ends */
	void (*block)(void); /* by one thread at a time */
};

extern const struct bench_blocker bench_blocker_pipe;  /* read of an empty pipe */
extern const struct bench_blocker bench_blocker_mutex; /* a pthread mutex that another holds */
/* a page that is not there; whoever brings it takes its time (userfaultfd) */
extern const struct bench_blocker bench_blocker_fault;
extern const struct bench_blocker bench_blocker_usleep;

#endif
