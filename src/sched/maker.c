/* SPDX-License-Identifier: MIT */
/*
 * Maker: the monitor's helper. It makes carriers, sees them end, and tells pools that a worker of
 * theirs is blocked, for which they may make a thread.
 *
 * Why not the monitor itself: pthread_create, pthread_join and malloc wait for locks of the C
 * library. A user-level thread may hold one that was switched away in the middle, and only the
 * monitor can see to it that this thread runs again, if those that wait for the lock block all
 * carriers. So the monitor waits for nobody, and the maker may.
 */
#include "sched/monitor.h"
#include "sys/spin.h"

static struct {
	uint32_t rings; /* atomic: counted */
	uint32_t stopping;
	weft__sys_thread thread;
} maker;

void weft__maker_ring(void)
{
	atomic_add_acq_rel(&maker.rings, 1u); /* RUNG: what is asked for before it */
	weft__sys_wake(&maker.rings, 1);
}

bool weft__maker_ask(struct weft_sched *sched)
{
	uint32_t nobody = WEFT__SPARE_UNASKED;

	if (atomic_load_relaxed(&sched->carrier_count) >= sched->carriers_max)
		return false;
	if (atomic_cas_acq_rel(&sched->spare_asked, &nobody, WEFT__SPARE_ASKED))
		weft__maker_ring();
	return nobody != WEFT__SPARE_FAILED;
}

/* From asked to made it stays asked: the carrier itself says when it is there. */
static void make_spare(struct weft_sched *sched)
{
	uint32_t asked = WEFT__SPARE_ASKED;

	if (!atomic_cas_acq_rel(&sched->spare_asked, &asked, WEFT__SPARE_MADE))
		return;
	if (weft__carrier_start(sched, NULL, NULL) < 0)
		atomic_store_release(&sched->spare_asked, WEFT__SPARE_FAILED);
}

static void bury_all(struct weft_sched *sched)
{
	for (;;) {
		struct weft__list *link;

		weft__spin_lock(&sched->lock);
		link = weft__list_pop(&sched->dying);
		weft__spin_unlock(&sched->lock);
		if (link == NULL)
			return;
		weft__carrier_bury(container_of(link, struct weft__carrier, all));
	}
}

/* The next carrier of that scheduler whose thread is to be told of. */
static void *take_seen(struct weft_sched *sched, const struct weft__blocking_table **out_table)
{
	void *arg = NULL;

	weft__spin_lock(&sched->lock);
	weft__list_for(link, &sched->carriers) {
		struct weft__carrier *carrier = container_of(link, struct weft__carrier, all);

		if (atomic_load_relaxed(&carrier->seen_arg) == NULL)
			continue;
		arg = atomic_swap_acq_rel(&carrier->seen_arg, (void *)NULL);
		if (arg != NULL) {
			/* Perhaps of one that was seen since: there is one table. */
			*out_table = atomic_load_relaxed(&carrier->seen_table);
			break;
		}
	}
	weft__spin_unlock(&sched->lock);
	return arg;
}

static void tell_all(struct weft_sched *sched)
{
	const struct weft__blocking_table *table = NULL;
	void *arg;

	while ((arg = take_seen(sched, &table)) != NULL)
		table->seen(arg);
}

static void *maker_main(void *arg)
{
	(void)arg;
	for (;;) {
		/* before the looks: who asks after one of them rings after this */
		uint32_t rings = atomic_load_acquire(&maker.rings); /* RUNG */
		struct weft_sched *sched = NULL;

		if (atomic_load_acquire(&maker.stopping) != 0)
			return NULL;
		while ((sched = weft__watched_next(WEFT__WALKER_MAKER, sched)) != NULL) {
			tell_all(sched);
			make_spare(sched);
			bury_all(sched);
		}
		weft__sys_wait(&maker.rings, rings, WEFT_FOREVER);
	}
}

int weft__maker_begin(void)
{
	atomic_store_relaxed(&maker.stopping, 0u);
	return weft__sys_thread_start(maker_main, NULL, (size_t)128 << 10, "weft maker",
				      &maker.thread);
}

void weft__maker_end(void)
{
	atomic_store_release(&maker.stopping, 1u);
	weft__maker_ring();
	weft__sys_thread_join(maker.thread);
}
