/* SPDX-License-Identifier: MIT */
/* Which poller reports a descriptor's events; see register.c. */
#ifndef WEFT_IO_REGISTER_H
#define WEFT_IO_REGISTER_H

#include <stdint.h>

#include "io/table.h"

/* Somebody changes it at this moment. */
#define WEFT__FD_MOVING ((struct weft__poller *)1)

/*
 * Sees to it that events of an owned descriptor are reported, by that poller if nobody needs
 * another. Returns 0, also when somebody else is just about to do so; -EPERM: always ready;
 * -ENOMEM, -ENOSPC.
 */
int weft__fd_register(struct weft__use *use, struct weft__poller *poller);

/* Ends the reports, before close(2). */
void weft__fd_unregister(struct weft__fd *entry, int fd);

/* Orders one report of a descriptor that weft does not own, for all that wait for it. Returns as
 * weft__fd_register. */
int weft__fd_order(struct weft__use *use, struct weft__poller *poller);

#endif
