/* SPDX-License-Identifier: MIT */
/* Under the simulated kernel every atomic operation is a place where another kernel thread may
 * run. */
#ifndef WEFT_SIM_ATOMIC_POINT_H
#define WEFT_SIM_ATOMIC_POINT_H

void weft__sim_point(void);

#define weft__atomic_point() weft__sim_point()

#endif
