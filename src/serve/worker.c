/* SPDX-License-Identifier: MIT */
/*
 * What a worker does with a connection: serves it, and goes on while requests are there, a few at
 * most, so that one that never stops sending starves nobody. Then it lets it go by itself, if
 * nothing is left to do; else it hands it back to the dispatcher.
 */
#include <weft/io.h>
#include <weft/sem.h>
#include <weft/time.h>

#include "base/atomic.h"
#include "serve/server.h"

#define ROUNDS_MAX 4

static void leave(struct weft_server *server)
{
	uint32_t serving = atomic_sub_acq_rel(&server->serving, 1) - 1; /* STALL */

	while ((serving & WEFT__SERVER_STALLED) &&
	       (serving & ~WEFT__SERVER_STALLED) <= server->serving_max / 2)
		if (atomic_cas_acq_rel(&server->serving, &serving,
				       serving & ~WEFT__SERVER_STALLED)) {
			weft__server_ring(server);
			return;
		}
}

static void hand_back(struct weft__conn *conn, enum weft__conn_turn turn)
{
	struct weft_server *server = conn->server;

	conn->turn = (uint8_t)turn;
	/* A full buffer is for those who are being served. */
	weft__conn_shrink(conn);
	weft__server_hand_over(conn);
	leave(server);
}

/* What is next for a connection that is kept. True: the worker serves it again. */
static bool find_more(struct weft__conn *conn, bool may_go_on, enum weft__conn_turn *out_turn)
{
	*out_turn = WEFT__TURN_SERVE;
	if (weft__conn_has_request(conn))
		return may_go_on;
	*out_turn = conn->public.input_bytes > 0 ? WEFT__TURN_HOLD : WEFT__TURN_READ;
	if (!may_go_on || !(atomic_load_relaxed(&conn->state) & WEFT__CONN_READ))
		return false;
	/* More came meanwhile: no need for a way round by the dispatcher. */
	switch (weft__conn_read(conn)) {
	case WEFT__READ_WHOLE:
		return true;
	case WEFT__READ_NOTHING:
		*out_turn = WEFT__TURN_READ;
		break;
	case WEFT__READ_PART:
		*out_turn = WEFT__TURN_HOLD;
		break;
	case WEFT__READ_FULL:
		*out_turn = WEFT__TURN_READ; /* the dispatcher reads in vain, and refuses it */
		break;
	case WEFT__READ_END:
		*out_turn = WEFT__TURN_CLOSE;
		break;
	}
	return false;
}

/* The same without frame: whether there is input is all that is known. */
static bool find_input(struct weft__conn *conn, bool may_go_on, enum weft__conn_turn *out_turn)
{
	*out_turn = WEFT__TURN_SERVE;
	if (!may_go_on)
		return false;
	weft__conn_begin_read(conn);
	if (weft_fd_wait_try(conn->public.fd, WEFT_READABLE) != 0)
		return true;
	*out_turn = WEFT__TURN_READ;
	return false;
}

static void let_go(struct weft__conn *conn)
{
	struct weft_server *server = conn->server;

	weft__conn_shrink(conn);
	atomic_store_relaxed(&conn->served_ns, weft_now());
	conn->turn = WEFT__TURN_READ;
	if (weft__conn_release(conn))
		leave(server); /* the connection is another's by now */
	else
		hand_back(conn, WEFT__TURN_READ);
}

static weft_served serve_once(struct weft__conn *conn)
{
	struct weft_server *server = conn->server;
	weft_served served;

	if (atomic_load_relaxed(&server->phase) == WEFT__SERVER_STOPS)
		return WEFT_SERVED_CLOSE;
	served = server->serve(&conn->public);
	atomic_add_relaxed(&server->served, 1);
	if (served == WEFT_SERVED_KEEP && conn->public.draining)
		return WEFT_SERVED_CLOSE;
	return served;
}

int weft__worker_serve(void *arg)
{
	struct weft__conn *conn = arg;
	struct weft_server *server = conn->server;
	enum weft__conn_turn turn = WEFT__TURN_READ;
	bool goes_on = true;

	for (int round = 1; goes_on; round++) {
		switch (serve_once(conn)) {
		case WEFT_SERVED_KEEP:
			goes_on = server->options.frame != NULL
					  ? find_more(conn, round < ROUNDS_MAX, &turn)
					  : find_input(conn, round < ROUNDS_MAX, &turn);
			break;
		case WEFT_SERVED_WRITE:
			hand_back(conn, WEFT__TURN_WRITE);
			return 0;
		case WEFT_SERVED_LINGER:
			hand_back(conn, WEFT__TURN_LINGER);
			return 0;
		case WEFT_SERVED_CLOSE:
		default:
			hand_back(conn, WEFT__TURN_CLOSE);
			return 0;
		}
	}
	if (turn == WEFT__TURN_READ)
		let_go(conn);
	else
		hand_back(conn, turn);
	return 0;
}

/*
 * ---- Which worker gets a task is chance, and one that gets its first takes pages for its stack.
 * All of them take theirs at the start: what a server needs then does not creep up with its age.
 */

#define WARM_BYTES 8192
#define WARM_MAX 64u

struct warmth {
	weft_sem arrived, go_on;
};

static int warm_up(void *arg)
{
	struct warmth *warmth = arg;
	volatile char stack[WARM_BYTES];

	for (size_t at = 0; at < sizeof stack; at += 1024)
		stack[at] = 0;
	/* One that waits here takes no second task: another worker gets it. */
	weft_sem_wake(&warmth->arrived);
	weft_sem_wait(&warmth->go_on);
	return stack[0];
}

void weft__workers_warm_up(struct weft_server *server)
{
	struct warmth warmth = { WEFT_SEM_INIT(0), WEFT_SEM_INIT(0) };
	unsigned wanted = server->options.workers < WARM_MAX ? server->options.workers : WARM_MAX;
	unsigned count = 0;
	weft_batch *batch;

	if (weft_batch_create(&batch) < 0)
		return;
	while (count < wanted &&
	       weft_pool_submit(server->pool, warm_up, &warmth,
				&(weft_task_options){ .batch = batch }, NULL) == 0)
		count++;
	for (unsigned i = 0; i < count; i++)
		weft_sem_wait(&warmth.arrived);
	for (unsigned i = 0; i < count; i++)
		weft_sem_wake(&warmth.go_on);
	weft_batch_destroy(batch);
}
