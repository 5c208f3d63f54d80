/* SPDX-License-Identifier: MIT */
/* SIGINT and SIGTERM as something to wait for: the first asks for an orderly end, the second for
 * one at once. */
#ifndef WEFT_SERVE_SIGNALS_H
#define WEFT_SERVE_SIGNALS_H

/* Catches both from now on. One user at a time. Returns 0; -EBUSY; -EMFILE. */
int weft__signals_open(void);

/* Waits until there have been at least `count`, or weft__signals_wake was called. Returns how many
 * there have been; -ECANCELED. */
int weft__signals_wait(int count);

/* Makes the wait return. Any thread. */
void weft__signals_wake(void);

/* What handled them before does so again. */
void weft__signals_close(void);

#endif
