/* SPDX-License-Identifier: MIT */
/*
 * The descriptor table: for every number that a descriptor may have one entry, which says who uses
 * it, whether weft opened it, and who waits for it. Entries are made when first needed and never go
 * away, so an entry may be looked at without a lock.
 *
 * The state word is (generation << 32 | CLOSING | OWNED | references). Legend:
 *
 *   references  calls that are using the number now. Each takes one before it touches the
 *               descriptor and gives it back when it returns. An owned entry has one more, the
 *               table's own, which weft_close gives back.
 *   OWNED       weft opened the descriptor, or was given it: it is non-blocking. Set by
 *               weft__fd_open and weft__fd_adopt; cleared together with CLOSING.
 *   CLOSING     weft_close has been called: no new references. Set once, by weft_close. Cleared
 *               by the closer when the kernel has the number back.
 *   generation  how often the number has changed hands. Events of pollers carry it; one of another
 *               generation is ignored. A call that finds another generation than it began with
 *               has lost its descriptor: -EBADF.
 *
 * Transitions of (generation, CLOSING, OWNED, references), * is any:
 *
 *   (g, -, *, n)        -> (g, -, *, n+1)          a call begins
 *   (g, *, *, n+1)      -> (g, *, *, n)            a call ends
 *   (g, -, -, n)        -> (g, -, OWNED, n+2)      weft_fd_adopt, which then ends as a call does
 *   (g, -, OWNED, n)    -> (g, CLOSING, OWNED, n)  weft_close, which then ends as a call does
 *   (g, -, -, n)        -> (g, CLOSING, -, n+1)    the same, of a number that weft does not own
 *   (g, CLOSING, *, 1)  -> (g, CLOSING, *, 0)      the last call ends: it is the closer
 *   (g, CLOSING, *, 0)  -> (g+1, -, -, 0)          the closer, after close(2)
 *   (g, CLOSING, *, 0)  -> (g+1, -, OWNED, 1)      whom the kernel has given the number anew,
 *                                                  before the closer's last word
 *   (g, *, *, n)        -> (g+1, -, OWNED, n or n+1)  the same, where somebody has closed the
 *                                                  number behind weft's back
 *
 * Why a number is never reused under a call: the kernel gives a number out again only after
 * close(2); the closer calls that when there are no references; while there are none and CLOSING
 * stands nobody can take one. A call holds its reference from before its first system call on the
 * number until after its last.
 * Why the closer's last word comes after close(2) and not before: in between, a call that came too
 * late would find an open number that seems to be nobody's. So it is the other way round, and who
 * finds CLOSING without references waits for that word, or speaks it himself, if he knows that the
 * kernel has given the number out again (weft__fd_open).
 *
 * Rejected: a lock per entry (two more atomic operations a call, and a holder that is preempted
 * stops the rest); a hash table of the numbers in use (numbers are small and dense); waiting in
 * weft_close until the others have left (a close that waits).
 */
#ifndef WEFT_IO_TABLE_H
#define WEFT_IO_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/mutex.h>

#include "base/atomic.h"
#include "base/compiler.h"

struct weft__poller;
struct weft__watch;

#define WEFT__FD_REFERENCES UINT64_C(0xffffff)
#define WEFT__FD_OWNED UINT64_C(0x1000000)
#define WEFT__FD_CLOSING UINT64_C(0x2000000)
#define WEFT__FD_GENERATION(state) ((uint32_t)((state) >> 32))

/* One direction. */
struct weft__fd_side {
	weft__waitq waiters;
	/* atomic; grows with every event, under the lock of `waiters`: see wait.h */
	uint32_t sequence;
};

enum weft__fd_kind {
	WEFT__FD_UNKNOWN,
	WEFT__FD_SOCKET,
	WEFT__FD_STREAM, /* a pipe, a terminal … */
	WEFT__FD_FILE,   /* regular: always ready */
};

struct weft__fd {
	uint64_t state;              /* atomic, see above */
	struct weft__poller *poller; /* atomic, see register.c */
	struct weft__watch *watch;   /* see watch.c */
	uint32_t watch_word;         /* atomic, see watch.c */
	/* atomic: calls that wait for either direction, on the reading side */
	uint32_t both;
	struct weft__fd_side sides[2];
	/* spin lock: reports of a descriptor that weft does not own are being ordered */
	uint32_t arming;
	uint8_t kind; /* atomic; of an owned descriptor: enum weft__fd_kind */
	/* atomic; of a listener: what it accepts has TCP_NODELAY without being told */
	uint8_t inherits;
} weft__aligned(2 * WEFT__CACHE_LINE);

_Static_assert(sizeof(struct weft__fd) == 128,
	       "an entry of the table is small: there is one per connection");

/* A call's hold on a descriptor. */
struct weft__use {
	struct weft__fd *entry;
	int fd;
	uint32_t generation;
	bool owned;
	bool plain; /* make the plain call, even if it may wait: there is nothing to wait for */
	uint8_t kind;
};

/* Begins to use a number. Returns 0; -EBADF: out of range, or being closed; -ENOMEM: no memory for
 * its entry. */
int weft__fd_begin(int fd, struct weft__use *out_use);

/* Ends it; the last user of a closing descriptor closes it. Returns 0, or what close(2) said. */
int weft__fd_end(const struct weft__use *use);

/* What kind of descriptor it is; asks the kernel if weft does not own it, once per call. */
enum weft__fd_kind weft__fd_kind(struct weft__use *use);

/* Whether the number is still what it was when the call began: 0 (`owned` is brought up to date),
 * -EBADF. */
int weft__fd_check(struct weft__use *use);

/* Owns a number that the kernel has given to weft this moment. Returns it; on failure it has been
 * closed: -ENOMEM, -EMFILE. */
int weft__fd_open(int fd, enum weft__fd_kind kind);

/* Owns a number of the program's. Returns 0; -EBADF; -EEXIST: owned already; -ENOMEM. */
int weft__fd_adopt(int fd);

/* Its entry, for events: NULL if it has none. */
struct weft__fd *weft__fd_find(int fd);

/* In fork's child: the calls of other threads are over, nobody waits, no poller has any. What was
 * about to be closed is nobody's; it may be closed already. */
void weft__fd_forked(void);

#endif
