/* SPDX-License-Identifier: MIT */
/* One submission on its way: submit.c brings it into a queue, full.c does what there is to do when
 * that is full. */
#ifndef WEFT_POOL_SUBMIT_H
#define WEFT_POOL_SUBMIT_H

#include "pool/pool.h"

struct weft__submission {
	weft_pool *pool;
	struct weft__worker *worker; /* NULL: from outside */
	weft_function *function;     /* as in a job */
	void *arg;
	struct weft_task *task; /* its record, or NULL */
	unsigned level;
	uint64_t key;
	weft_batch *batch;
	weft_pool_full when_full;
	int64_t deadline_ns;
};

/* With shared.lock held. */
bool weft__submit_is_closed(const struct weft__submission *submission);
/* -EAGAIN: full. With shared.lock held, which it drops, unless it is full. */
int weft__submit_admit(struct weft__submission *submission);

/* ---- full.c */
/* The submitter is a task of the pool that runs the new one itself when there is no room. */
bool weft__submit_runs_here(const struct weft__submission *submission);
int weft__submit_run_here(struct weft__submission *submission);
/* Through the shared lock, and whatever the pool does when it is full. */
int weft__submit_slow(struct weft__submission *submission);

#endif
