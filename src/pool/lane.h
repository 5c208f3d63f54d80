/* SPDX-License-Identifier: MIT */
/*
 * Lanes: in a pool that routes by key, the tasks of one key, in order. A lane exists while a task
 * of its key waits or runs.
 *
 *	READY    tasks wait, none runs; the lane is in the list of its key's seat
 *	RUNNING  one of its tasks runs; others may wait
 *
 *	(none) -> READY		submit
 *	READY -> RUNNING	a worker takes its first task; or a thread that waits for one of its
 *tasks does
 *	RUNNING -> READY	the task has ended, others wait
 *	RUNNING -> (none)	the task has ended, none waits
 *	READY -> (none)		the last one that waits is cancelled
 *
 * So one at a time and in order is a property of the lane and not of the worker, which may be
 * replaced while its task waits or blocks. A task that waits for a later one of its own key runs
 * those up to that one, within itself.
 *
 * Every task in a lane has a record. Everything is guarded by one lock of the pool, keys.lock,
 * inside shared.lock.
 *
 * Under a spin lock nothing may be allocated, so each record brings a lane along. The first task of
 * a key lends it; the others put theirs among its spares. Whoever leaves takes a spare, the last
 * one the lane itself: so a record that is in no lane always has one.
 */
#ifndef WEFT_POOL_LANE_H
#define WEFT_POOL_LANE_H

#include "pool/pool.h"

struct weft__lane {
	struct weft__lane *next; /* in its bucket, or among the spares */
	struct weft__lane *spares;
	uint64_t key;
	struct weft__list tasks;    /* those that wait */
	struct weft__list ready;    /* in a seat's list; READY */
	struct weft__seat *seat;    /* whose list that is */
	unsigned running;           /* 0; 1: RUNNING; more: tasks of it run within one another */
	struct weft_thread *runner; /* RUNNING: by whom, a worker or a submitter */
};

/* With shared.lock held. */
void weft__lane_push(weft_pool *pool, struct weft__seat *seat, struct weft_task *task,
		     uint64_t key);

/* The next of the seat's list, for that worker, which calls. NULL: none. */
struct weft_task *weft__lane_take(struct weft__worker *worker, struct weft__seat *seat);

/*
 * For one who waits for that task, or for room in its lane: the first task of the lane, if the
 * caller runs it already, or none runs and the caller is that worker. NULL: it has begun, or
 * another of its key runs.
 */
struct weft_task *weft__lane_help(struct weft__worker *worker, struct weft_task *task);

/* Removes it, as CANCELLED. False: it has begun. */
bool weft__lane_cancel(struct weft_task *task);

/* A task of a lane has run. */
void weft__lane_end(struct weft_task *task);

/* The lane of a key is begun with that task, which was never queued. 0: it is RUNNING; -EAGAIN: the
 * key has tasks (*out_help: the first of them, if the caller may run it; else NULL). */
int weft__lane_run(weft_pool *pool, struct weft__worker *worker, uint64_t key,
		   struct weft_task *task, struct weft_task **out_help);

/* Cancels everything. Returns how many. */
int64_t weft__lane_sweep(weft_pool *pool);

#endif
