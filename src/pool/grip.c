/* SPDX-License-Identifier: MIT */
/* Grip; see grip.h. */
#include "pool/grip.h"

#include "pool/pool.h"

void weft__grip_regain(struct weft__worker *worker, struct weft__grip *grip)
{
	weft_pool *pool = worker->pool;
	uint32_t word;

	weft__spin_lock(&pool->lock);
	word = atomic_load_acquire(&grip->word);
	if (WEFT__GRIP_STATE(word) == WEFT__GRIP_TAKEN) {
		pool->away--;
		weft__seat_take_back(worker);
	}
	atomic_store_release(&grip->word, word & ~3u);
	weft__spin_unlock(&pool->lock);
}

/* With pool->lock held. False: it is the worker's again. */
static bool take_seat(weft_pool *pool, struct weft__worker *worker, uint32_t revoked)
{
	struct weft__grip *grip = &worker->grip;
	struct weft__seat *seat = worker->seat;

	if (!atomic_cas_acq_rel(&grip->word, &revoked,
				revoked + WEFT__GRIP_TAKEN - WEFT__GRIP_REVOKED))
		return false;
	if (seat == NULL) { /* it has none, and needs none */
		atomic_store_release(&grip->word, revoked & ~3u);
		return false;
	}
	pool->away++;
	weft__seat_vacate(worker);
	return true;
}

static bool take_from(weft_pool *pool, struct weft__worker *worker)
{
	struct weft__grip *grip = &worker->grip;
	uint32_t word = atomic_load_relaxed(&grip->word);
	uint32_t revoked = word + WEFT__GRIP_EPOCH + WEFT__GRIP_REVOKED;
	bool taken = false;

	if (atomic_load_relaxed(&grip->inside) != 0 || WEFT__GRIP_STATE(word) != WEFT__GRIP_FIRM ||
	    !atomic_cas_acq_rel(&grip->word, &word, revoked))
		return false;
	weft__sys_heavy_barrier(); /* GRIP */
	word = revoked;
	if (atomic_load_acquire(&grip->inside) != 0) {
		(void)atomic_cas_acq_rel(&grip->word, &word, revoked - WEFT__GRIP_REVOKED);
		return false;
	}
	weft__spin_lock(&pool->lock);
	taken = take_seat(pool, worker, revoked);
	weft__spin_unlock(&pool->lock);
	return taken;
}

/* The worker's pool, which does not end before weft__pool_let_go. NULL: the worker has ended. */
static weft_pool *hold_pool(struct weft__grip *grip)
{
	weft_pool *pool;

	weft__spin_lock(&grip->guard);
	pool = grip->host;
	if (pool != NULL) {
		weft__spin_lock(&pool->lock);
		pool->busy++;
		weft__spin_unlock(&pool->lock);
	}
	weft__spin_unlock(&grip->guard);
	return pool;
}

void weft__grip_seen(void *arg)
{
	struct weft__worker *worker = arg;
	weft_pool *pool = hold_pool(&worker->grip);

	if (pool == NULL)
		return;
	if (take_from(pool, worker))
		weft__pool_look(pool);
	weft__pool_let_go(pool);
}
