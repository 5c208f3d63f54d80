/* SPDX-License-Identifier: MIT */
/*
 * The running thread of this kernel thread, first of what a block has of ours.  initial-exec: it
 * has its place in every thread's block from the start, so it is reached without a call and without
 * an allocation, in a signal handler too.  used: the accessors name it only inside assembly, where
 * link-time optimization cannot see.
 */
#include "arch/arch.h"

__thread struct weft__arch_local weft__arch_current
	__attribute__((aligned(32), used, tls_model("initial-exec"), visibility("hidden")));
