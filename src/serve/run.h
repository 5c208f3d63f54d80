/* SPDX-License-Identifier: MIT */
/* A server from its start to the signal that ends it. */
#ifndef WEFT_SERVE_RUN_H
#define WEFT_SERVE_RUN_H

#include <weft/server.h>

/* With the signals open: waits for the first, drains, stops at the second. notice: NULL, or told of
 * each. A caller that is cancelled drains too. Returns 0; -ECANCELED. */
int weft__server_run_until_signal(weft_server *server, void (*notice)(int count));

#endif
