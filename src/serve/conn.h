/* SPDX-License-Identifier: MIT */
/*
 * A connection inside the server.
 *
 * The state word says who has it, and what the poller has told meanwhile. Legend:
 *
 *   OWNED       the dispatcher has it, or a worker, or the stack on the way to the dispatcher. Only
 *               the owner touches it. Set by who takes it, cleared by who lets go.
 *   READ        an edge came: it can be read, or is at its end. Cleared by the owner before it
 *               reads. Stale is legal: a read finds nothing.
 *   WRITE       the same for writing. It comes with every READ too, so it means something only
 *               with WANT_WRITE.
 *   END         the peer has sent all that it will: a short read is not the last one.
 *   WANT_WRITE  nobody owns it, and it waits for room to write; READ then wakes nobody.
 *
 *   bits        -> OWNED|bits'     the poller, which hands it over; the dispatcher, for a limit
 *   OWNED|bits  -> OWNED|bits'     the poller: the owner will see
 *   OWNED|bits  -> END             let go; not while READ stands: the owner reads once more
 *   OWNED|bits  -> WANT_WRITE|bits let go to wait for room; not while WRITE stands
 *
 * No edge is lost: it sets its bit and looks for OWNED in one step, and letting go looks for the
 * bit and clears OWNED in one.
 */
#ifndef WEFT_SERVE_CONN_H
#define WEFT_SERVE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/server.h>

#include "base/list.h"
#include "io/watch.h"

#define WEFT__CONN_OWNED 1u
#define WEFT__CONN_READ 2u
#define WEFT__CONN_WRITE 4u
#define WEFT__CONN_END 8u
#define WEFT__CONN_WANT_WRITE 16u

/* What its owner asks of the dispatcher when it hands a connection back. */
enum weft__conn_turn {
	WEFT__TURN_READ,   /* look what there is to read */
	WEFT__TURN_SERVE,  /* a request is in the input: give it to a worker */
	WEFT__TURN_HOLD,   /* a part of a request is in the input */
	WEFT__TURN_WRITE,  /* wait for room to write, then give it to a worker */
	WEFT__TURN_LINGER, /* close, after what the client still sends */
	WEFT__TURN_CLOSE,
};

/* Which time limit it is under. */
enum weft__conn_limit {
	WEFT__LIMIT_IDLE, /* silent, or with a worker */
	WEFT__LIMIT_HEAD,
	WEFT__LIMIT_WRITE,
	WEFT__LIMIT_LINGER,
	WEFT__LIMITS,
};

struct weft__conn {
	/* owner only */
	weft_conn public;
	struct weft__conn *next; /* on the way to the dispatcher; in its queue; free */
	char *buffer;            /* where the input lies; NULL: none */
	uint32_t buffer_bytes;
	uint8_t turn;
	bool is_new;     /* nothing has been read */
	bool is_refused; /* beyond connections_max */
	bool is_lingering;
	bool is_ended; /* the peer has sent its last byte */
	uint32_t lingered_bytes;
	int64_t served_ns; /* atomic: when a worker last let it go */
	/* atomic */
	uint32_t state;
	/* constant */
	struct weft_server *server;
	/* the poller's */
	struct weft__watch watch;
	/* dispatcher only */
	struct weft__list link; /* in the list of its limit */
	int64_t deadline_ns;
	uint8_t limit;
	bool is_late; /* the limit has passed while somebody had it */
};

_Static_assert(sizeof(struct weft__conn) <= 256, "an idle connection is small");

/* The poller's function for all connections. */
void weft__conn_edge(struct weft__watch *watch, uint32_t ready);

/* The owner, before it reads. Returns the bits that stood. */
uint32_t weft__conn_begin_read(struct weft__conn *conn);

/* Remembers that there is, or may be, more to read. Owner only. */
void weft__conn_set_read(struct weft__conn *conn);

/* Lets go. False: there is something to read (to write, if that is what it wants), and the caller
 * owns it still. */
bool weft__conn_release(struct weft__conn *conn);
bool weft__conn_release_to_write(struct weft__conn *conn);

/* For a time limit: takes one that nobody owns. False: somebody does. */
bool weft__conn_take(struct weft__conn *conn);

/* ---- the input. Owner only. */
enum weft__conn_read {
	WEFT__READ_NOTHING, /* no input, and none to come for now */
	WEFT__READ_PART,    /* a part of a request */
	WEFT__READ_WHOLE,   /* something for serve */
	WEFT__READ_FULL,    /* a part, and no room for more */
	WEFT__READ_END,     /* the peer has ended, or the connection broke, with no request left */
};

/* Reads once and frames. Takes a full buffer if it has none or a part of a request already; keeps
 * it if there is input. */
enum weft__conn_read weft__conn_read(struct weft__conn *conn);

/* Whether a whole request is in the input. */
bool weft__conn_has_request(struct weft__conn *conn);

/* Exchanges the full buffer for one that is as small as the input; without input, for none. */
void weft__conn_shrink(struct weft__conn *conn);

/* ---- slab.c: records and buffers */
struct weft__conn_slab {
	/* dispatcher only */
	struct weft__conn *free;
	struct weft__conn_chunk *chunks;
};

struct weft__conn *weft__conn_create(struct weft__conn_slab *slab); /* all-zero; NULL: no memory */
void weft__conn_destroy(struct weft__conn_slab *slab, struct weft__conn *conn);
void weft__conn_slab_fini(struct weft__conn_slab *slab);

#define WEFT__SMALL_BYTES 512 /* most requests are no longer */

struct weft__buffers {
	/* constant */
	size_t bytes;
	/* A spin lock, as workers that waited for it would have a buffer each. */
	uint32_t lock;
	/* guarded by lock */
	struct weft__buffer *free;
};

char *weft__buffer_create(struct weft__buffers *buffers); /* NULL: no memory */
void weft__buffer_destroy(struct weft__buffers *buffers, char *at);
void weft__buffers_fini(struct weft__buffers *buffers);
/* Makes that many free ones, as far as memory goes. */
void weft__buffers_fill(struct weft__buffers *buffers, uint32_t count);

#endif
