/* SPDX-License-Identifier: MIT */
/* On a real machine nothing happens before an atomic operation; the simulated one switches kernel
 * threads there. */
#ifndef WEFT_BASE_ATOMIC_POINT_H
#define WEFT_BASE_ATOMIC_POINT_H

#define weft__atomic_point() ((void)0)

#endif
